/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do the filters and sync of this network namespace say at one moment?
 *
 * What is read costs the same with ten rules and with a million: of a large table only the header
 * and the delta are read.
 */
#ifndef METRICS_FACTS_H
#define METRICS_FACTS_H

#include <control/iface.h>
#include <control/snapshot.h>
#include <ipfilter/abi.h>
#include <stddef.h>
#include <sync/state.h>

struct error;

/* Of one interface. */
struct facts_rules {
	size_t count[IPF_FAMILIES]; /* of a large table, with those that have ended */
	struct ipf_set *sets;       /* their names */
	size_t set_count;
};

/* Zeroed is empty. */
struct facts {
	struct ifaces ifaces;       /* all that have the filter or lost it, each once */
	struct snapshots snapshots; /* of each, the totals of its first filter */
	struct facts_rules *rules;  /* of each */
	struct state sync;
};

/* Reads them; once more if an interface goes or a table changes meanwhile. Returns 0, or a negative
 * errno and sets *err, with nothing to release. Release with facts_done(). */
int facts_read(struct facts *out, struct error *err);
void facts_done(struct facts *facts);

#endif
