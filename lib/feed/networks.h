/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which network does a line of a table of countries, continents or AS numbers name?
 *
 * The header line says what the columns are. input->where chooses the networks.
 */
#ifndef FEED_NETWORKS_H
#define FEED_NETWORKS_H

#include <feed/where.h>
#include <stdbool.h>

struct error;
struct line;

#define NETWORKS_COLUMNS 64
#define NETWORKS_NONE (-1)

/* What a file's first line says. Zeroed before it. */
struct networks {
	bool known; /* the members below are */
	int columns;
	int network; /* the column of a prefix; or NETWORKS_NONE, and these two */
	int first, last;
	int place;                  /* that of the number of a place; or NETWORKS_NONE */
	bool are_places;            /* the lines are places, not networks */
	int keys[WHERE_CONDITIONS]; /* the column of each condition; NETWORKS_NONE: in the place */
};

/* The functions of a struct format (format.h) whose state is a struct networks. */
bool networks_begins(const char *text);
int networks_read_line(void *state, struct line *line, char *text, struct error *err);
int networks_finish(const void *state, const struct line *line, struct error *err);

#endif
