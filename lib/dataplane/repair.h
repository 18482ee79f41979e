/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a chain repaired that lost components?
 *
 * If pins were removed, the dispatcher stays on the interface and runs the components that are
 * left. libxdp takes such a chain for a single program and refuses to change it. So we fill its
 * positions again: running components are pinned again, programs that are still pinned are linked
 * again, and programs that do nothing fill the gaps. libxdp then recognises the chain and removes
 * those programs. The components that are left run all the time.
 */
#ifndef DATAPLANE_REPAIR_H
#define DATAPLANE_REPAIR_H

#include <dataplane/chain.h>

struct error;

/* Is the chain broken, or not pinned as libxdp needs it? Missing pins count only where pins are
 * seen: in a mount namespace with another bpffs, it is unknown whether they exist. */
bool repair_is_needed(const struct netdev *dev, const struct chain *chain);

/* 0: libxdp can work on the chain, perhaps after repair_chain(). -EXDEV with a message: this mount
 * namespace has another bpffs and does not show the pins of the chain, so a repair would do
 * harm. */
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
