/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules differ from those of a large table, and what do changes make of them?
 *
 * A large table is a base, which stays as it is, and a delta. The delta has regions: prefixes,
 * disjoint and sorted. All that is inside a region is the delta's: its rules there hold, and those
 * of the base don't. Outside of regions the base's rules hold. So the table has the base's rules
 * outside of regions and the delta's rules inside of them.
 *
 * A change of a rule makes its prefix a region, unless it is in one. The region begins with what
 * the base says there: the base's rules inside of it, and its covers, which decide where no rule
 * inside does, and once such a rule has ended. The covers are copies. They are outside of all
 * regions, so they aren't the delta's to change: a change of one makes its prefix a region too,
 * which then takes in those inside of it.
 *
 *     base                      10.0.0.0/8 drop, 10.1.0.0/16 pass, 10.1.2.3 drop, 11.0.0.7 drop
 *     `add 10.1.2.4`            region  10.1.2.4
 *                               rules   10.1.2.4 drop; covers 10.0.0.0/8 drop, 10.1.0.0/16 pass
 *     `del 10.1.0.0/16`         region  10.1.0.0/16, which takes in the other one
 *                               rules   10.1.2.3 drop, 10.1.2.4 drop; cover 10.0.0.0/8 drop
 *     10.1.2.3 asks the delta:  drop, by its rule
 *     10.1.9.9 asks the delta:  drop, by the cover 10.0.0.0/8
 *     10.2.0.1 asks the base:   drop
 *     `del 11.0.0.7`            region  11.0.0.7 as well, without a rule
 *     11.0.0.7 asks the delta:  no rule
 *     `add 11.0.0.7`            the region says what the base says, and is dropped, unless the rule
 *                               has a counter, which begins again
 *
 * A delta numbers its sets as its base does, and new ones after those.
 */
#ifndef TABLE_DELTA_H
#define TABLE_DELTA_H

#include <ruleset/prefix.h>
#include <ruleset/ruleset.h>
#include <stddef.h>
#include <table/base.h>

struct error;

struct delta {
	const struct base *base;
	__u32 now;                     /* no rule in `rules` has ended by this tick */
	struct ruleset rules;          /* those in regions, and covers */
	struct prefix_list regions;    /* none: the table is its base */
	size_t replaced[IPF_FAMILIES]; /* how many rules of the base are in regions */
	struct prefix_list touched;    /* where regions may have come to say what the base says */
};

/* Makes a delta without regions over a base, which must outlive it. Returns 0 or -ENOMEM with a
 * message; release with delta_done() in any case. */
int delta_init(struct delta *delta, const struct base *base, __u32 now, struct error *err);
void delta_done(struct delta *delta);

/* Gives a delta without regions what was written of another one over the same base: its rules and
 * regions, which it takes, and how many rules its header says they replace. Drops the rules that
 * have ended. Returns 0, or -EBADMSG with a message where they don't fit the base; then nothing is
 * taken. */
int delta_take(struct delta *delta, struct ruleset *rules, struct prefix_list *regions,
	       const __u32 replaced[IPF_FAMILIES], struct error *err);

/* The changes below do to the table what their namesakes in <ruleset/ruleset.h> do to a rule set
 * without rules that have ended: *changed and counters become the same. Sets are named with
 * ruleset_name_set(&delta->rules, ...) first. A rule that is there already touches nothing. The
 * cost is that of sorting what comes in, of some searches in the base for each rule that becomes
 * different, and of a copy of the delta.
 *
 * Returns 0; -E2BIG without a message and with the delta unchanged, if it could come to have more
 * than `limit` rules and regions (the table is to be compiled anew); or -ENOMEM or -EBADMSG with a
 * message: then the delta is good for nothing but delta_done(). */
int delta_add(struct delta *delta, struct rule *incoming, size_t count, size_t limit,
	      size_t *changed, struct error *err);
int delta_remove(struct delta *delta, struct rule *incoming, size_t count, size_t limit,
		 size_t *changed, struct error *err);
/* Looks at the set of each rule of the base. Only rules that come, go or change become regions. */
int delta_replace(struct delta *delta, const bool *sets, struct rule *incoming, size_t count,
		  size_t limit, size_t *changed, struct error *err);

/* The rules of the sets that are marked (one flag for each of delta->rules.set_count). Looks at the
 * set of each rule of the base. Returns 0, -E2BIG without a message if there are more than `limit`,
 * or -ENOMEM or -EBADMSG with one. On success *out owns memory, and has the sets of the delta. */
int delta_read_sets(const struct delta *delta, const bool *sets, size_t limit, struct ruleset *out,
		    struct error *err);

/* Makes of the base's rules those of the table: `rules` has the former, and becomes the latter,
 * with the delta's sets. ruleset_tidy() makes them canonical. Returns 0, or -ENOMEM with `rules`
 * unchanged. The delta's base need not be readable. */
int delta_merge(const struct delta *delta, struct ruleset *rules);

/* How many rules the table has. Those of the base that have ended are among them. */
size_t delta_count_family(const struct delta *delta, enum ipf_family family);

/* The same for each set: makes of what base_tally_sets() says of the base (zero for the delta's own
 * sets) what the table has; one for each of delta->rules.set_count. Reads the base's rules inside
 * of regions. Returns 0, or -EBADMSG with a message. */
int delta_tally_sets(const struct delta *delta, struct base_tally *sets, struct error *err);

/* The rule that decides for the address at tick delta->now. Returns 1 with *out, 0 where none does,
 * or -EBADMSG with a message. */
int delta_decide(const struct delta *delta, const struct address *address, struct rule *out,
		 struct error *err);

#endif
