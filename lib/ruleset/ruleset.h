/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules are there, in which sets, and what does each change make of them?
 *
 * A rule set holds at most one rule for a prefix and a set. It is kept sorted by prefix_compare(),
 * then pass before drop, then never-ending first and later end first, then by set, so that the
 * first rule of a prefix is the one that decides. Changes are made in bulk by sorting what comes
 * in and merging, so a million rules cost one sort.
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

void ruleset_init(struct ruleset *set);
void ruleset_done(struct ruleset *set); /* also of a zeroed one */
/* Makes room for so many rules and sets in all; the counts stay. Returns 0 or -ENOMEM. */
int ruleset_reserve(struct ruleset *set, size_t rules, size_t sets);

/* 1 to 31 of A-Z a-z 0-9 . _ -, the first a letter or a digit. */
bool ruleset_name_valid(const char *name);

/* Finds the set's index, or -ENOENT. */
int ruleset_find_set(const struct ruleset *set, const char *name);
/* Finds or makes it; -ENOMEM, -E2BIG beyond IPF_MAX_SETS. The name is valid. */
int ruleset_name_set(struct ruleset *set, const char *name);

/* Each change below gives *changed (may be NULL) the number of rules added, removed, or given
 * another verdict or time; 0 with success means that all was so already. They return 0 or -ENOMEM
 * with the set unchanged. The arrays that come in may be in any order and have duplicates (of one
 * prefix and set the last one counts); they are the caller's and may be reordered. */

/* Adds rules, or replaces those of the same prefix and set. A rule that replaces one of the same
 * verdict keeps its counter; so does one whose prefix and verdict stand in another set. An
 * incoming rule's own `counter` is ignored. A rule with a time always counts as changed where it
 * moves the end. */
int ruleset_add(struct ruleset *set, struct rule *rules, size_t count, size_t *changed);
/* Removes by prefix and set; verdict, time and counter of what comes in don't matter. */
int ruleset_remove(struct ruleset *set, struct rule *rules, size_t count, size_t *changed);
/* The sets marked in `sets` (set_count flags) become exactly these rules; others stay. Counters
 * are kept as for ruleset_add(). */
int ruleset_replace(struct ruleset *set, const bool *sets, struct rule *rules, size_t count,
		    size_t *changed);
/* Makes the rule set canonical: drops the rules that have ended by `now` and the sets without rules,
 * and numbers the other sets by name (as strcmp() orders them); the rules follow. Rule sets with the
 * same rules in sets of the same names are then equal, whatever the order in which they came, but for
 * counters and origins, which tell of the past. Costs one look at each rule, and a second one where
 * numbers change. */
void ruleset_tidy(struct ruleset *set, __u32 now);

/* The rule that decides for the address at tick `now`: the first that has not ended, of the longest
 * prefix over it that has one. NULL: the policy decides. */
const struct rule *ruleset_decide(const struct ruleset *set, const struct address *address,
				  __u32 now);

/* How many rules a set, or a family, has. */
size_t ruleset_count_set(const struct ruleset *set, size_t index);
size_t ruleset_count_family(const struct ruleset *set, enum ipf_family family);

/* Slots of counters. */
struct ruleset_slots {
	__u32 *items; /* ascending; the owner frees them */
	size_t count;
};

/* Gives each rule without a counter a slot that no other rule has and that is not among the
 * `reserved` ones (those of the table that is live now, which must not be cleared under it): the
 * lowest free ones. Rules with the same prefix and verdict in several sets share one. *fresh becomes
 * the slots newly given. Returns 0, or -ENOMEM with all as it was. */
int ruleset_assign_counters(struct ruleset *set, const __u32 *reserved, size_t reserved_count,
			    struct ruleset_slots *fresh);
/* Takes all counters away. */
void ruleset_drop_counters(struct ruleset *set);

#endif
