/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a chain become whole that lost components?
 *
 * Where pins were removed, the dispatcher stays on the interface and runs what is left. libxdp
 * takes such a chain for a single program and refuses to touch it, so it is made whole in its
 * places: what runs is pinned again, programs that are still pinned are linked again, then
 * programs that do nothing fill the gaps, and libxdp, which now knows the chain again, takes those
 * out. All the while the components that are left run.
 */
#ifndef DATAPLANE_REPAIR_H
#define DATAPLANE_REPAIR_H

#include <dataplane/chain.h>

struct error;

/* Is the chain broken, or not pinned as libxdp needs it? Of pins only where they are seen: in a mount
 * namespace with another bpffs nobody can tell. */
bool repair_is_needed(const struct netdev *dev, const struct chain *chain);

/* -EXDEV in a mount namespace with another bpffs, where the pins of the chain are not seen and mending would
 * do harm. Else 0: libxdp can work on the chain, perhaps after mend(). */
int repair_check_pins(const struct netdev *dev, const struct chain *chain, struct error *err);

/* Makes the chain of this interface whole. On failure the components that ran run still. */
int repair_chain(const struct netdev *dev, struct error *err);

/* Brings the chain back that somebody turned off and whose dispatcher pins still hold
 * (chain->held.dispatcher_id), with all programs that were in it, onto an interface that has none. What it
 * lost meanwhile is mended. *chain is what it was when it was back, before that. */
int repair_turn_on(const struct netdev *dev, enum attach_mode mode, struct chain *chain,
		   struct error *err);

/* Warns, by name, of each program that is pinned in that other chain of the interface and does not run in
 * this one. */
void repair_name_missing(const struct netdev *dev, __u32 main_id, const struct chain *now);

#endif
