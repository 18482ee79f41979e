/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which networks of a table of countries or AS numbers does a source choose?
 */
#ifndef SOURCE_TABLE_H
#define SOURCE_TABLE_H

#include <feed/input.h>
#include <stdio.h>

struct error;

/* Reads the table (<feed/networks.h>), as CSV or as a MaxMind DB file, and adds the networks for
 * which the conditions hold: one in each line of `where`. `name` is the table's name in messages.
 * Returns 0; or a negative errno and sets *err, also if a condition chooses nothing. */
int table_choose(struct input *input, FILE *file, const char *name, const char *where,
		 struct error *err);

#endif
