/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is different between two rule sets?
 */
#ifndef RULESET_DIFF_H
#define RULESET_DIFF_H

#include <ruleset/ruleset.h>
#include <stddef.h>

/* Called for each difference: a rule that only one of the rule sets has (the other one is NULL), or
 * one whose verdict or end is another (both are given). Each rule's `set` indexes the names of its
 * own rule set. */
typedef void (*diff_callback)(const struct rule *before, const struct rule *after, void *context);

/* Compares two tidied rule sets (ruleset_tidy()): a rule is known by its prefix and the name of its
 * set; counters and origins don't matter. Differences are reported by prefix, in the order of the
 * rules; for a prefix, rules that are gone or changed come first. Returns the number of rules that
 * are the same. */
size_t diff_rulesets(const struct ruleset *before, const struct ruleset *after, diff_callback call,
		     void *context);

#endif
