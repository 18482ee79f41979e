/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do rules get to the packets, and back?
 *
 * A change is prepared (everything that can fail), then committed (one compare-and-swap). So the
 * changes of several interfaces are prepared one after the other and then committed together, or
 * not at all.
 */
#ifndef DATAPLANE_TABLE_H
#define DATAPLANE_TABLE_H

#include <dataplane/filter.h>
#include <table/image.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>

struct error;

/* A table as it was live. */
struct table_snapshot {
	struct image image;
	__u32 generation;
};
void table_snapshot_done(struct table_snapshot *table);

/* Reads the live table back, checks it and rebuilds its rules; while commands change it meanwhile,
 * reads again. On success *out owns memory: ruleset_done(). *table (may be NULL) receives the checked
 * table itself, as it was at that moment: table_snapshot_done(). -EBADMSG: the table is damaged. */
int table_read(const struct filter *filter, struct ruleset *out, struct table_snapshot *table,
	       struct error *err);

struct table_change {
	const struct filter *filter;
	struct ipf_root *root;   /* the filter's root map, mapped */
	struct ipf_slots *slots; /* likewise */
	__u32 generation;        /* that commit makes live */
	__u32 claim;             /* by which we are known in the root */
	int ticket;              /* holds the claim while it is open */
	int barrier;             /* a map, with which commit waits for packets */
	bool *used_blocks;       /* of counters: which of them rules of the new table have */
};

/* Claims the filter, assigns counters to the new rules, compiles, and builds the table in the half that
 * is not live. `live` is the table that the rules were made from, as table_read() gave it. The live
 * table is untouched. On failure nothing is owed and nothing has changed: -EAGAIN, another table is live
 * by now; -EBUSY, another process has claimed the filter. Both are over soon: read again, try again.
 * Then exactly one of table_commit() and table_abort() must follow. `filter` must stay open until then. */
int table_prepare(const struct filter *filter, const struct table_snapshot *live,
		  struct ruleset *rules, struct table_change *out, struct error *err);

/* Makes the new table live for every packet that comes; when it returns, no packet uses the old one, and its
 * memory is given back. -EAGAIN: somebody wrote over the claim in the filter's memory; then nothing was
 * changed. */
int table_commit(struct table_change *change, struct error *err);
void table_abort(struct table_change *change);

/* Gives a filter that no packet sees yet its first rules. */
int table_fill(const struct filter *filter, struct ruleset *rules, struct error *err);

#endif
