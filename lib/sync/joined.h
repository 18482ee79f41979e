/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules does a set have, where several filters have it?
 *
 * Those of all of them: a filter that missed a change must not take a rule from the others. Where
 * ends differ, the later one counts. A filter has the verdict that a rule got by its policy, and
 * does not say whether the rule named it. Other filters, and the copy on disk, tell more; else the
 * rule named it, so that it does not become the opposite under another policy.
 */
#ifndef SYNC_JOINED_H
#define SYNC_JOINED_H

#include <ipfilter/abi.h>
#include <ruleset/rule.h>
#include <stddef.h>

struct ruleset;

/* Zeroed is empty; release with joined_done(). */
struct joined {
	struct rule *rules; /* in order, each prefix once */
	size_t count;
};
void joined_done(struct joined *joined);

/* Adds what a filter with this policy has in the set. The rule set is in order. Returns 0, or
 * -ENOMEM with nothing changed. */
int joined_add(struct joined *joined, const struct ruleset *rules, const char *set,
	       enum ipf_verdict policy);

/* After the last one: the rules get an enum verdict, and are for following.h. `known` is what the
 * set had before, in order. */
void joined_decide(struct joined *joined, const struct rule *known, size_t count);

#endif
