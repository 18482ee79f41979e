/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a rule set become a table image?
 */
#ifndef TABLE_COMPILE_H
#define TABLE_COMPILE_H

struct image;
struct ruleset;

/* Compiles the rule set, sorted as <ruleset/ruleset.h> says. Rules that have ended take part:
 * packets skip them. Rules are counted if at least one has a counter. Equal rule sets make equal
 * images, byte for byte. Returns 0, -ENOMEM, or -E2BIG beyond what the layout can number. On
 * success *out owns memory: release it with image_done(); on failure it is unchanged. */
int compile_rules(const struct ruleset *rules, struct image *out);

#endif
