/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a MaxMind DB file read as a table of text?
 *
 * A program of its own reads it (xdp-ipfilter-mmdb), so that the commands do without its library.
 */
#ifndef CONTROL_DATABASE_H
#define CONTROL_DATABASE_H

#include <cli/options.h>
#include <stdio.h>
#include <sys/types.h>

struct error;

/* A table that is read. */
struct database {
	FILE *table; /* as lib/feed reads the format mmdb */
	pid_t program;
};

/* Copies the file, and starts the program. `where`: what it is asked for. Returns 0, or a negative
 * errno and sets *err. End it with database_close(). */
int database_open(struct database *database, FILE *file, const char *name,
		  const struct option_texts *where, struct error *err);

/* Waits for the program. `ret` is what reading the table returned. Returns that, or a negative
 * errno if the program failed: then *err has no message where the program has printed one. */
int database_close(struct database *database, const char *name, int ret, struct error *err);

#endif
