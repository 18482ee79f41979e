/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a chain that lost components repaired?
 *
 * If pins were removed, the dispatcher stays on the interface and runs the components that are
 * left. libxdp takes such a chain for a single program and refuses to change it. We therefore fill
 * its positions again: we pin running components, link programs that are still pinned, and fill the
 * gaps with programs that do nothing. libxdp then recognises the chain and removes those programs.
 * The components that are left run all the time.
 */
#ifndef DATAPLANE_REPAIR_H
#define DATAPLANE_REPAIR_H

#include <dataplane/chain.h>

struct error;

/* Is the chain broken, or not pinned as libxdp needs it? Missing pins count only where pins are
 * seen: in a mount namespace with another bpffs, it is unknown whether they exist. */
bool repair_is_needed(const struct netdev *dev, const struct chain *chain);

/* Returns 0 if libxdp can work on the chain, perhaps after repair_chain(). Returns -EXDEV with a
 * message if this mount namespace has another bpffs, which hides the pins of the chain: a repair
 * would then do harm. */
int repair_check_pins(const struct netdev *dev, const struct chain *chain, struct error *err);

/* Repairs the chain of this interface. On failure, the components that ran before still run. */
int repair_chain(const struct netdev *dev, struct error *err);

/* Brings back the chain that somebody turned off and whose dispatcher pins still hold
 * (chain->held.dispatcher_id), with all its programs, onto an interface that has none. Then repairs
 * what it has lost meanwhile. *chain is the chain before that repair. */
int repair_turn_on(const struct netdev *dev, enum attach_mode mode, struct chain *chain,
		   struct error *err);

/* Warns, by name, of each program that is pinned in the chain of dispatcher `main_id` of this
 * interface and does not run in this one. */
void repair_name_missing(const struct netdev *dev, __u32 main_id, const struct chain *now);

#endif
