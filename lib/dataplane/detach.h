/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is the filter taken off an interface?
 *
 * Only our programs are taken off. A broken chain is repaired first: otherwise, libxdp removes
 * nothing from it.
 */
#ifndef DATAPLANE_DETACH_H
#define DATAPLANE_DETACH_H

#include <dataplane/netdev.h>
#include <linux/types.h>

struct error;

/* Both return 0, or with a message -ENOENT (not loaded there), -EEXIST (an interface above it has a
 * program), or another negative errno. */

/* Takes this program of ours off. */
int detach_program(const struct netdev *dev, __u32 program_id, struct error *err);

/* Takes off all filters that are there when it is called. One that somebody loads meanwhile
 * stays. */
int detach_filters(const struct netdev *dev, struct error *err);

#endif
