/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do rules get to the packets, and back?
 *
 * A change is prepared, which may fail at any step, and then committed, which is one
 * compare-and-swap. The changes of several interfaces are therefore prepared one after the other,
 * and then committed together or not at all. A change builds the whole table anew or, of a large
 * table, only its delta (edit.h).
 *
 * Whenever no command is at work, the invariants of half.h and blocks.h hold. A killed command
 * leaves them true for the live table. The next command removes whatever is left in the other half.
 */
#ifndef DATAPLANE_TABLE_H
#define DATAPLANE_TABLE_H

#include <dataplane/blocks.h>
#include <dataplane/claim.h>
#include <dataplane/edit.h>
#include <dataplane/filter.h>
#include <table/image.h>
#include <ruleset/ruleset.h>

struct error;

/* A table as it was at a moment when it was live. */
struct table_snapshot {
	struct image base;
	struct image delta; /* empty: there was none */
	__u32 generation;
};
void table_snapshot_done(struct table_snapshot *table);

/* Reads the live table, checks it and rebuilds its rules; reads again if a command changed it
 * meanwhile. Rules that have ended may be among them, and sets without rules. On success *out owns
 * memory: ruleset_done(). *table (may be NULL) receives the table itself: table_snapshot_done().
 * Returns 0 or a negative errno with a message; -EBADMSG: the table is damaged. */
int table_read(const struct filter *filter, struct ruleset *out, struct table_snapshot *table,
	       struct error *err);

/* The verdict for the address at tick `now`, by the lines that the XDP program runs. */
enum ipf_verdict table_lookup(const struct table_snapshot *table, const struct address *address,
			      __u32 now);

/* A new table that is not live yet. */
struct table_change {
	const struct filter *filter;
	struct claim claim;
	struct ipf_slots *slots; /* the filter's, mapped to write */
	struct blocks blocks;
	enum claim_step step; /* what is new */
};

/* Claims the filter, assigns counters to the new rules, compiles them and builds the table in the
 * half that is not live. `live` is the table that the rules were made from, as table_read() gave
 * it. On failure nothing is owed and nothing has changed for packets: -EAGAIN, another table is
 * live by now; -EBUSY, another process has claimed the filter. Both pass soon: read again and try
 * again. On success exactly one of table_commit() and table_abort() must follow; `filter` must stay
 * open until then. */
int table_prepare(const struct filter *filter, const struct table_snapshot *live,
		  struct ruleset *rules, struct table_change *out, struct error *err);

/* The same for a table that changes a little: writes the delta, and leaves the base. -E2BIG,
 * without a message: that is not possible; read the table and prepare it as a whole. The rules of
 * edit->delta get counters. */
int table_prepare_edit(struct edit *edit, struct table_change *out, struct error *err);

/* Makes the new table live for every packet that arrives from now on. When it returns, no packet
 * uses the old table, and its memory is given back. Returns 0, or -EAGAIN with a message and
 * nothing changed: another program overwrote the claim in the filter's memory. */
int table_commit(struct table_change *change, struct error *err);

/* Discards the new table. */
void table_abort(struct table_change *change);

/* Gives a filter that no packet reaches yet its first rules. Returns 0 or a negative errno with a
 * message. */
int table_fill(const struct filter *filter, struct ruleset *rules, struct error *err);

#endif
