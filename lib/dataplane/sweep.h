/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What did killed commands and others leave in bpffs, and may it go?
 *
 * libxdp pins a chain's programs before it attaches the chain, and removes the pins of the old one
 * after. A loader that is killed between, and a chain that is taken off the interface by another
 * hand ('ip link set IFNAME xdp off'), leave pins that keep programs and maps in the kernel for
 * ever.
 */
#ifndef DATAPLANE_SWEEP_H
#define DATAPLANE_SWEEP_H

#include <linux/types.h>
#include <stdbool.h>

struct netdev;

/* Removes the pins of chains that surely were this interface's and surely are no more:
 * - it has another main program, and
 * - nothing was pinned there for SWEEP_AGE_S seconds (a loader at work is past that long before), and
 * - a component of it is in the interface's live chain, or is ours and was loaded on this very
 *   interface, or there is none yet.
 * An interface that was moved to another network namespace keeps its chain and its pins: what may
 * be that is left alone. Says with -v what it removed. Never fails: what is left is for the next. */
#define SWEEP_AGE_S 10
void sweep(const struct netdev *dev);

/* Removes the pins of chains that this interface does not run and in which a filter is that was loaded on this
 * very interface, whatever their age: this program, or with 0 any. A loader at work on such a
 * chain began before the last change of the interface, so its attach fails, and it starts again. Our pins go last:
 * by them the next call finds what a killed one left. Says whether there were any. */
bool sweep_filter(const struct netdev *dev, __u32 program_id);

/* Says with -v which chains are pinned that no interface of this network namespace runs, and how they
 * are removed: nobody can tell whether their interfaces are gone or only in another namespace. Of a filter that
 * repair can bring back it says nothing: status names that. */
void sweep_report(void);

#endif
