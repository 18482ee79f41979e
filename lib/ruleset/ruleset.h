/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules are there, in which sets, and what does each change make of them?
 *
 * A rule set holds at most one rule for a prefix and a set. It is sorted by prefix_compare(), then
 * pass before drop, then never-ending first and later end first, then by set: the first rule of a
 * prefix is the one that decides. Changes are made in bulk, by sorting what comes in and joining it
 * with what is there, so a million rules cost one sort.
 */
#ifndef RULESET_RULESET_H
#define RULESET_RULESET_H

#include <ruleset/rule.h>
#include <stdbool.h>
#include <stddef.h>

struct ruleset {
	struct rule *rules;
	size_t count;
	size_t capacity;
	struct ipf_set *sets; /* rules[i].set indexes these */
	size_t set_count;
	size_t set_capacity;
};

void ruleset_init(struct ruleset *rules);
void ruleset_done(struct ruleset *rules); /* also after zeroing */
/* Makes room for `count` rules and `sets` sets in all. Returns 0 or -ENOMEM. */
int ruleset_reserve(struct ruleset *rules, size_t count, size_t sets);

/* 1 to 31 of A-Z a-z 0-9 . _ -, the first a letter or a digit. */
bool ruleset_name_valid(const char *name);

/* Finds the set. Returns its index, or -ENOENT. */
int ruleset_find_set(const struct ruleset *rules, const char *name);
/* Finds or makes the set, whose name is valid. Returns its index, -ENOMEM, or -E2BIG beyond
 * IPF_MAX_SETS. */
int ruleset_name_set(struct ruleset *rules, const char *name);

/* Sorts incoming rules by prefix, then set, and drops all but the last one for a prefix and a set.
 * Returns 0 with how many are left in *count, or -ENOMEM with all unchanged. */
int ruleset_sort_incoming(struct rule *incoming, size_t *count);
/* The order that it sorts by, in which no two of what is left are equal: -1, 0, 1. */
int ruleset_compare_incoming(const struct rule *a, const struct rule *b);

/* The three changes below return 0, or -ENOMEM with the rule set unchanged. *changed (may be NULL)
 * is set to the number of rules added, removed, or given another verdict or end; 0 means that
 * nothing was different. Incoming rules may be in any order and have duplicates: the last one for a
 * prefix and a set counts. The caller keeps them, perhaps in another order. */

/* Adds rules, or replaces those of the same prefix and set. A rule that replaces one with the same
 * verdict keeps its counter, and so does one whose prefix and verdict are in another set. The
 * `counter` of an incoming rule is ignored. */
int ruleset_add(struct ruleset *rules, struct rule *incoming, size_t count, size_t *changed);
/* Removes the rules of these prefixes and sets, whatever their verdict and end. */
int ruleset_remove(struct ruleset *rules, struct rule *incoming, size_t count, size_t *changed);
/* Makes the sets that `sets` marks (set_count flags) exactly these rules, and adds those that are
 * for other sets. Counters are kept as by ruleset_add(). */
int ruleset_replace(struct ruleset *rules, const bool *sets, struct rule *incoming, size_t count,
		    size_t *changed);

/* Makes the rule set canonical: drops the rules that have ended by tick `now` and the sets without
 * rules, and numbers the other sets by name (as strcmp() orders them). Rule sets with the same
 * rules in sets of the same names are then equal, whatever the order in which they came, except for
 * counters and origins, which depend on their history. Looks at each rule once, and again where
 * numbers change. */
void ruleset_tidy(struct ruleset *rules, __u32 now);

/* Drops the rules that have ended by tick `now` and nothing else: no set gets another number. */
void ruleset_drop_ended(struct ruleset *rules, __u32 now);

/* The position of the first rule that does not come before the prefix. */
size_t ruleset_find_prefix(const struct ruleset *rules, const struct prefix *prefix);

/* The rule that decides for the address at tick `now`: the first that has not ended, of the longest
 * prefix over the address that has one. NULL: the policy decides. */
const struct rule *ruleset_decide(const struct ruleset *rules, const struct address *address,
				  __u32 now);

/* The number of rules in a set, and in a family. */
size_t ruleset_count_set(const struct ruleset *rules, size_t index);
size_t ruleset_count_family(const struct ruleset *rules, enum ipf_family family);

/* Slots of counters. */
struct ruleset_slots {
	__u32 *items; /* ascending; the owner frees them */
	size_t count;
};

/* Gives each rule without a counter the lowest free slot from `first` on: one that no other rule
 * has, and that is not reserved. (Reserved are the slots of the live tables, which must not be
 * cleared while packets are counted in them.) Rules with the same prefix and verdict in several
 * sets share a slot. *fresh becomes the slots newly given. Returns 0, or -ENOMEM with all
 * unchanged. */
int ruleset_assign_counters(struct ruleset *rules, __u32 first, const __u32 *reserved,
			    size_t reserved_count, struct ruleset_slots *fresh);
/* Takes all counters away. */
void ruleset_drop_counters(struct ruleset *rules);

#endif
