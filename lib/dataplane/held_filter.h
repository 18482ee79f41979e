/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which filter that no longer runs on an interface do pins still hold?
 *
 * A pinned link keeps its component and the dispatcher. A chain that somebody takes off the
 * interface ('ip link set IFNAME xdp off') therefore stays whole in the kernel, with its rules,
 * positions and neighbours.
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
	bool fresh;          /* its pins may belong to a running loader: it may be about to run */
};

/* Both leave *out as it is if they find nothing. */

/* Finds a filter of ours among the components that this running chain has lost. */
void held_filter_find_lost(const struct netdev *dev, __u32 main_id, struct held_filter *out);

/* Finds the newest filter in other chains of the interface that was loaded on this very
 * interface. */
void held_filter_find_turned_off(const struct netdev *dev, __u32 main_id, struct held_filter *out);

#endif
