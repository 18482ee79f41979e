/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which regions does a change give a delta, and which does it no longer need?
 *
 * delta.h says what regions are.
 */
#ifndef TABLE_REGIONS_H
#define TABLE_REGIONS_H

#include <ruleset/prefix.h>
#include <stdbool.h>
#include <stddef.h>
#include <table/base.h>

struct delta;
struct error;
struct ruleset;

/* Makes each prefix a region, with what the base says inside of it, unless it is in one. The table
 * stays what it was. The prefixes need not be sorted, nor disjoint. Fails as the changes in delta.h
 * do. */
int regions_expand(struct delta *delta, const struct prefix *prefixes, size_t count, size_t limit,
		   struct error *err);

/* Drops the regions that say what the base says, of those that were expanded or that rules have
 * ended in; then the covers that no region needs, and new sets at the end without rules. Fails with
 * the table as it was. */
int regions_prune(struct delta *delta, struct error *err);

/* Goes through a sorted list of disjoint prefixes, such as regions, beside rules in order. */
struct regions_walk {
	const struct prefix_list *list;
	size_t at; /* the first that does not end before the last rule asked about */
};
bool regions_cover(struct regions_walk *walk, const struct prefix *prefix);

/* The rules inside a prefix, of those of a delta. */
struct base_range regions_rules_inside(const struct ruleset *rules, const struct prefix *prefix);

#endif
