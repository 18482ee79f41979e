/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules of a large table are inside a prefix, and which cover it?
 *
 * The answer takes a few rules from a sorted table and leaves the others alone: they are found by
 * binary search, and read one at a time where they are.
 */
#ifndef TABLE_BASE_H
#define TABLE_BASE_H

#include <ruleset/ruleset.h>
#include <stddef.h>

struct error;
struct records;

/* How many rules a set has. */
struct base_tally {
	size_t rules[IPF_FAMILIES];
};

/* A table whose rules can be read by their number: first those of IPv4, then those of IPv6, in the
 * order of a rule set. */
struct base {
	size_t count[IPF_FAMILIES];
	unsigned int shortest[IPF_FAMILIES]; /* no rule of the family has a shorter prefix */
	const struct ipf_set *sets;          /* rules' sets index these */
	size_t set_count;
	const void *context; /* for the functions */
	/* Reads rule number i. Returns 0, or -EBADMSG with a message where it is damaged. */
	int (*read)(const void *context, size_t i, struct rule *out, struct error *err);
	/* The number of the first rule from `from` on whose set is marked; that of all rules if
	 * none is. NULL: rules are read one by one instead. */
	size_t (*seek)(const void *context, size_t from, const bool *sets);
	/* Counts the rules of each set. Returns 0, or -EBADMSG with a message. NULL: rules are read
	 * one by one instead. */
	int (*tally)(const void *context, struct base_tally *sets, struct error *err);
};

/* The base that is this rule set, which must outlive it. */
void base_from_ruleset(struct base *base, const struct ruleset *rules);

/* The base is these records, which must outlive it: those of an image without regions, whose sets
 * have passed image_check_sets(). Each record is checked when it is read. Of the image, nothing
 * from the timers on is looked at but what answers need. */
void base_from_records(struct base *base, const struct records *records);

size_t base_count(const struct base *base);

/* Counts the rules of each set into zeroed `sets`, one for each set. Looks at the set of each rule.
 * Returns 0, or -EBADMSG with a message. */
int base_tally_sets(const struct base *base, struct base_tally *sets, struct error *err);

/* Rules by number, from the first to the one before `end`. */
struct base_range {
	size_t first;
	size_t end;
};

/* Each search below returns 0, the failure of a read, or -EBADMSG with a message where the rules
 * turn out not to be in order. It begins at a number that the caller gives and costs the logarithm
 * of the distance to what it finds. */

/* *at: the number of the first rule that does not come before the prefix. */
int base_find(const struct base *base, const struct prefix *prefix, size_t *at, struct error *err);

/* *range: the rules inside the prefix, those of the prefix itself among them. In: range->first is
 * where to begin. */
int base_find_inside(const struct base *base, const struct prefix *prefix, struct base_range *range,
		     struct error *err);

/* A prefix and the rules for it. */
struct base_cover {
	struct prefix prefix;
	struct base_range range;
};

/* Goes on from *cover to its closest cover: the longest prefix that has rules, is over it, shorter,
 * and has `shortest` bits or more. An empty range: there is none. At first, cover->range.first is
 * what base_find() gives for the prefix. */
int base_next_cover(const struct base *base, unsigned int shortest, struct base_cover *cover,
		    struct error *err);

/* *at: the number of the first rule from *at on whose set is marked; *out is the rule. If there is
 * none, the number of all rules. */
int base_find_set(const struct base *base, const bool *sets, size_t *at, struct rule *out,
		  struct error *err);

#endif
