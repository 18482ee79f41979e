/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does the screen of top show?
 *
 * From above: what is looked at and the totals; lines that warn; the totals over time; a table of
 * sources; the keys. Whatever a narrow screen has no room for is left out as a whole, what matters
 * least first.
 */
#ifndef SCREEN_TOP_VIEW_H
#define SCREEN_TOP_VIEW_H

#include <ipfilter/abi.h>
#include <screen/canvas.h>
#include <screen/top_table.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* On less, top_view_draw() only says so. */
#define TOP_VIEW_MIN_ROWS 10u
#define TOP_VIEW_MIN_COLUMNS 40u

struct top_view {
	/* What is looked at. */
	const char *const *ifnames;
	size_t ifname_count;
	const char *only; /* "drop", "pass"; NULL: all */
	unsigned int bits[IPF_FAMILIES];
	unsigned int interval_ms;
	/* In the last round; not before one is over. */
	bool is_measured;
	uint64_t packets, bytes, dropped; /* in a second, of all verdicts; packets dropped */
	unsigned int sample;
	uint64_t samples, skipped, lost;
	const uint64_t *history; /* packets in a second, of the verdicts asked for; newest last */
	size_t history_count;
	const struct top_table_source *sources; /* the one with the most packets first */
	size_t source_count;
	/* Lines that nobody must miss, such as "f0: observing"; and others. */
	const char *const *alarms;
	size_t alarm_count;
	/* How it is shown. */
	size_t first; /* of the sources, in the first line of the table */
	bool is_paused, shows_help, is_utf8;
};

/* Draws all of a canvas that is blank. */
void top_view_draw(const struct top_view *view, struct canvas *canvas);

/* How many sources has a canvas of this size room for? At least 1. */
size_t top_view_room(const struct top_view *view, unsigned int rows, unsigned int columns);

#endif
