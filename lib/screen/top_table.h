/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are the sources of top written as a table, in as many columns as there is room for?
 *
 * Of the columns error, set, rule, bits/s, share, verdict and interface, the first ones go first. A
 * column whose cells are all empty is left out, too.
 */
#ifndef SCREEN_TOP_TABLE_H
#define SCREEN_TOP_TABLE_H

#include <ipfilter/abi.h>
#include <ruleset/prefix.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct canvas;

struct top_table_source {
	struct prefix prefix;
	enum ipf_verdict verdict;
	bool observed; /* the verdict is drop, but the filter only observes: it passed */
	bool has_rule;
	struct prefix rule;
	char set[IPF_SET_NAME_SIZE];
	const char *ifname;             /* NULL: it need not be said */
	uint64_t packets, error, bytes; /* in a second; packets may be too high by the error */
};

struct top_table {
	const struct top_table_source *sources;
	size_t count;
	uint64_t packets; /* in a second, of all that is asked for: what shares are of */
};

/* Draws the heads in that row, and the sources below. */
void top_table_draw(const struct top_table *table, struct canvas *canvas, unsigned int row);

/* Rounded to the nearest; of nothing it is 0. */
unsigned int top_table_percent(uint64_t part, uint64_t whole);

#endif
