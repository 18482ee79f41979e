/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which filter of an interface do pins hold that does not run any more?
 *
 * A pinned link keeps its component and the dispatcher. So a chain that somebody takes off the
 * interface ('ip link set IFNAME xdp off') stays in the kernel whole: rules, positions and
 * neighbours too.
 */
#ifndef DATAPLANE_HELD_FILTER_H
#define DATAPLANE_HELD_FILTER_H

#include <dataplane/netdev.h>
#include <linux/types.h>
#include <stdbool.h>

struct held_filter {
	__u32 program_id;    /* 0: there is none */
	__u32 main_id;       /* the dispatcher whose chain it is pinned in */
	__u32 dispatcher_id; /* the same if the kernel still has that dispatcher, else 0 */
	bool fresh;          /* its pins may be those of a loader at work: it may be about to run */
};

/* Both leave *out as it is if they find nothing. */

/* One of ours among the components that this chain, which runs, has lost. */
void held_filter_find_lost(const struct netdev *dev, __u32 main_id, struct held_filter *out);

/* The newest of those in other chains of the interface that were loaded on this very interface. */
void held_filter_find_turned_off(const struct netdev *dev, __u32 main_id, struct held_filter *out);

#endif
