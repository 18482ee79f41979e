/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do rules get to the packets, and back?
 *
 * A change is prepared (everything that can fail), then committed (one store, cannot fail). So the
 * changes of several interfaces are prepared one after the other and then committed together, or
 * not at all.
 */
#ifndef DATAPLANE_TABLE_H
#define DATAPLANE_TABLE_H

#include <dataplane/filter.h>
#include <ruleset/image.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>

struct error;

/* Reads the live table back, checks it and rebuilds its rules; while commands change it meanwhile,
 * reads again. On success *out owns memory: ruleset_done(). image (may be NULL) receives the checked
 * image itself, as it was at that moment: image_done(). -EBADMSG: the table is damaged. */
int table_read(const struct filter *filter, struct ruleset *out, struct image *image,
	       struct error *err);

struct table_change {
	const struct filter *filter;
	struct ipf_root *root; /* the filter's root map, mapped */
	__u64 generation;      /* that commit makes live */
	int barrier;           /* a map, with which commit waits for packets */
	__u32 old_chunks;      /* in the live half, to be released after commit */
	bool *used_blocks;     /* of counters: which of them rules of the new table have */
	__u32 block_bound;     /* no rule, old or new, has a counter in a block from here on */
};

/* Assigns counters to the new rules, compiles, and builds the table in the half that is not live. `live`
 * is the table that is live now, as table_read() gave it. The live table is untouched. The caller
 * holds the lock since it read. On failure nothing is owed. Then exactly one of table_commit() and
 * table_abort() must follow. `filter` must stay open until then. */
int table_prepare(const struct filter *filter, const struct image *live, struct ruleset *rules,
		  struct table_change *out, struct error *err);

/* Makes the new table live for every packet that comes; when it returns, no packet uses the old one, and its
 * memory is given back. */
void table_commit(struct table_change *change);
void table_abort(struct table_change *change);

/* Gives a filter that no packet sees yet its first rules. */
int table_fill(const struct filter *filter, struct ruleset *rules, struct error *err);

#endif
