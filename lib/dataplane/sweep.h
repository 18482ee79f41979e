/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What did killed commands and others leave in bpffs, and may it be removed?
 *
 * libxdp pins a chain's programs before it attaches the chain, and removes the pins of the old
 * chain after that. A loader that is killed in between leaves pins, and so does a chain that
 * somebody takes off the interface ('ip link set IFNAME xdp off'). They keep programs and maps in
 * the kernel for ever.
 *
 * An interface that was moved to another network namespace keeps its chain and its pins. Pins that
 * may belong to such an interface are left alone.
 */
#ifndef DATAPLANE_SWEEP_H
#define DATAPLANE_SWEEP_H

#include <linux/types.h>
#include <stdbool.h>

struct netdev;

/* A running loader is done long before that. */
#define SWEEP_AGE_S 10

/* Removes the pins of chains that certainly belonged to this interface and certainly no longer run:
 * - the interface has another main program,
 * - nothing was pinned there for SWEEP_AGE_S seconds, and
 * - a component is in the interface's live chain; or it is ours and was loaded on this very
 *   interface; or there is none yet.
 * With -v, logs what it removed. Never fails: the next call removes what this one left. */
void sweep(const struct netdev *dev);

/* The next two remove the pins of chains that this interface does not run and that hold a filter
 * which was loaded on this very interface, whatever their age. A loader that is at work on such a
 * chain began before the last change of the interface, so its attach fails and it starts again. Our
 * own pins go last: if this is killed, the next call finds the rest by them. They return whether
 * there was anything to remove. */

/* Where this program of ours is held. */
bool sweep_program(const struct netdev *dev, __u32 program_id);

/* Where any filter of ours is held. */
bool sweep_filters(const struct netdev *dev);

/* Removes the pins of chains of an interface that was certainly deleted, where they hold this
 * program of ours: nothing can run them any more. */
void sweep_deleted(unsigned int ifindex, __u32 program_id);

/* With -v, logs which pinned chains no interface of this network namespace runs, and how to remove
 * them: their interfaces may be deleted, or in another namespace. Leaves out filters that repair
 * can bring back: status reports those. */
void sweep_log_orphans(void);

#endif
