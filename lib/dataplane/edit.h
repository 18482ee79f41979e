/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a large table change a little?
 *
 * Its base stays where it is, and is only read where the change needs it. Its delta is read whole,
 * is changed here (<table/delta.h>), and goes back by table_prepare_edit().
 *
 * Nothing is claimed meanwhile: another command may make another table live. So whatever is found
 * here, faults too, counts only if edit_check() or table_prepare_edit() succeeds afterwards.
 */
#ifndef DATAPLANE_EDIT_H
#define DATAPLANE_EDIT_H

#include <dataplane/filter.h>
#include <dataplane/half.h>
#include <stdbool.h>
#include <stddef.h>
#include <table/base.h>
#include <table/delta.h>
#include <table/records.h>

struct error;

/* The live table. Must stay where it is in memory: its parts refer to each other. */
struct edit {
	const struct filter *filter;
	struct ipf_root *root;   /* the filter's, mapped to read */
	struct ipf_slots *slots; /* likewise */
	__u32 generation;
	struct half_part part; /* the base */
	struct records records;
	struct base whole; /* what is read if all of the image is there */
	struct base base;  /* the same, read when it is needed */
	struct delta delta;
	__u32 counter_end; /* the table's counter slots in use are below it */
	__u32 *counters;   /* those of the delta as it was opened */
	size_t counter_count;
};

/* Opens the live table without the delta's rules that have ended by tick `now`. Returns 0; -E2BIG
 * without a message if it can only change as a whole; or another negative errno with a message:
 * -EBADMSG, it is damaged; -EAGAIN, another command made another one live. On success `filter` must
 * stay until edit_done(). */
int edit_open(const struct filter *filter, __u32 now, struct edit *out, struct error *err);
void edit_done(struct edit *edit); /* also after zeroing */

/* Of the base: two that are the same have the same rules. A change by a delta leaves it. */
struct edit_identity {
	__u64 size;
	__u64 sum;
};
struct edit_identity edit_identity(const struct edit *edit);

/* How large the delta may become (as the changes in <table/delta.h> count) by a change of `count`
 * rules, before it is better to compile the table anew. */
size_t edit_limit(const struct edit *edit, size_t count);

/* Is the table that was opened still live? Returns 0, or -EAGAIN with a message. */
int edit_check(const struct edit *edit, struct error *err);

/* The counter slots of a table whose rules are counted, as it was opened, in any order. The base's
 * are all read. Returns 0, or a negative errno with a message. The caller frees *out. */
int edit_read_counters(const struct edit *edit, __u32 **out, size_t *count, struct error *err);

/* Does a rule pass packets? Reads all rules of the base, until one does. Returns 0 or -EBADMSG with
 * a message. */
int edit_find_pass(const struct edit *edit, bool *passes, struct error *err);

#endif
