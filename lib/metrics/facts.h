/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do the filters and sync of this network namespace say at one moment?
 *
 * Of a large table, the header and the delta are read, and of each rule which set it is in. That is
 * 8 or 16 bytes a rule, and is remembered as long as the table is only changed a little.
 */
#ifndef METRICS_FACTS_H
#define METRICS_FACTS_H

#include <control/iface.h>
#include <control/snapshot.h>
#include <ipfilter/abi.h>
#include <stddef.h>
#include <sync/state.h>

struct error;

struct facts_set {
	char name[IPF_SET_NAME_SIZE];
	size_t count[IPF_FAMILIES]; /* of a large table, with those that have ended */
};

/* Of one interface. */
struct facts_rules {
	size_t count[IPF_FAMILIES];
	struct facts_set *sets; /* those with rules; else the default one */
	size_t set_count;
};

/* What was found out about large tables. Zeroed is empty. */
struct facts_memory {
	struct facts_tally *items;
	size_t count;
};
void facts_memory_done(struct facts_memory *memory);

/* Zeroed is empty. */
struct facts {
	struct ifaces ifaces;       /* all that have the filter or lost it, each once */
	struct snapshots snapshots; /* of each, the totals of its first filter */
	struct facts_rules *rules;  /* of each */
	struct state sync;
};

/* Reads them; once more if an interface goes or a table changes meanwhile. Returns 0, or a negative
 * errno and sets *err, with nothing to release. Release with facts_done(). */
int facts_read(struct facts *out, struct facts_memory *memory, struct error *err);
void facts_done(struct facts *facts);

#endif
