/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is there a BPF file system for libxdp's pins?
 *
 * The chain lives by its pins: a bpffs that goes away takes the filter with it. So it is mounted
 * by us only in the mount namespace of PID 1, where it stays.
 */
#ifndef DATAPLANE_BPFFS_H
#define DATAPLANE_BPFFS_H

#include <stdbool.h>

struct error;

#define BPFFS_PATH "/sys/fs/bpf"

/* Mounts bpffs where that is safe and it is missing. 0, or -ENOENT with the command to run. */
int bpffs_ensure(struct error *err);

/* Does what is pinned there stay when this process has ended? Not in a mount namespace of its own. */
bool bpffs_lasts(void);

/* Can pins be made there? False for a read-only one. */
bool bpffs_writable(void);

#endif
