/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a filter come back to an interface that lost it, or becomes one of this version?
 *
 * It comes back with its rules and counters, as long as the kernel still has them. The caller holds
 * the lock.
 */
#ifndef CONTROL_RECOVERY_H
#define CONTROL_RECOVERY_H

#include <control/iface.h>
#include <dataplane/attach.h>
#include <stdbool.h>

struct error;

/* Zeroed is empty; release with recovery_done(). */
struct recovery {
	struct iface *iface;
	struct attachment *attachment; /* NULL: our program is there, or comes back by itself */
	bool takes_off;                /* one of an older version, besides one of this version */
	bool turn_on; /* its whole chain was turned off, and is still in the kernel */
};
void recovery_done(struct recovery *recovery);

/* Reads the rules of the lost filter into iface->rules and prepares what brings it back. The chain
 * of the iface was read, and shows a filter that is held (chain.held). Returns 0, or a negative
 * errno and sets *err. */
int recovery_prepare(struct recovery *recovery, struct iface *iface, struct error *err);

/* Prepares a filter with these options for an interface that has none, or whose rules are lost:
 * iface->rules, which get their counters. Returns as attach_prepare(). */
int recovery_prepare_anew(struct recovery *recovery, struct iface *iface,
			  const struct attach_options *options, struct error *err);

/* Prepares a filter of this version with the rules and options of one of an older version
 * (iface->outdated_id), or the end of that one where both are there. The iface was opened by
 * ifaces_open_or_older(). Counters begin anew. Returns as attach_prepare(). */
int recovery_prepare_upgrade(struct recovery *recovery, struct iface *iface, struct error *err);

/* Brings it back, or repairs the chain of a filter that runs. On success iface->chain is what runs
 * now; warns of each neighbour that is gone and has to be loaded again, and removes what killed
 * commands left. Returns 0, or a negative errno and sets *err. */
int recovery_commit(struct recovery *recovery, struct error *err);

#endif
