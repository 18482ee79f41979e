/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is there a BPF file system for libxdp's pins?
 *
 * A chain depends on its pins: a bpffs that goes away takes the filter with it. So we mount one
 * only in the mount namespace of process 1, where it stays.
 */
#ifndef DATAPLANE_BPFFS_H
#define DATAPLANE_BPFFS_H

#include <stdbool.h>

struct error;

#define BPFFS_PATH "/sys/fs/bpf"

/* Mounts bpffs if it is missing and that is safe. Returns 0, -ENOENT with a message that names the
 * command to run, or the errno of mount(2). */
int bpffs_ensure(struct error *err);

/* Do pins stay after this process has ended? Not in a mount namespace of its own, unless the file
 * system there is that of process 1. */
bool bpffs_lasts(void);

/* Can pins be made there? Not if it is missing or read-only. */
bool bpffs_writable(void);

#endif
