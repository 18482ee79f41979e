/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a rule set become a table image?
 */
#ifndef TABLE_COMPILE_H
#define TABLE_COMPILE_H

#include <ipfilter/abi.h>
#include <stddef.h>

struct image;
struct prefix_list;
struct ruleset;

/* Compiles the rule set, sorted as <ruleset/ruleset.h> says. Rules that have ended take part:
 * packets skip them. Rules are counted if at least one has a counter. Equal rule sets make equal
 * images, byte for byte. Returns 0, -ENOMEM, or -E2BIG beyond what the layout can number. On
 * success *out owns memory: release it with image_done(); on failure it is unchanged. */
int compile_rules(const struct ruleset *rules, struct image *out);

/* The same of a delta: the rules in its regions, and those that cover its regions. The regions are
 * sorted and disjoint; there is one or more. `replaced`: how many rules the base has in them, of
 * each family. -E2BIG also if the image is larger than a delta can be. */
int compile_delta(const struct ruleset *rules, const struct prefix_list *regions,
		  const size_t replaced[IPF_FAMILIES], struct image *out);

#endif
