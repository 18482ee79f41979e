/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a file change as a whole, for the textfile collector of Prometheus' node exporter?
 */
#ifndef METRICS_TEXTFILE_H
#define METRICS_TEXTFILE_H

#include <stdio.h>

struct error;

/* A file that takes the place of another one. */
struct textfile {
	const char *path; /* the caller's */
	char *fresh;      /* its name until then: the collector reads only *.prom */
	FILE *file;
};

/* Begins a new file, PATH.tmp, that everybody may read. Whatever has that name is removed, never
 * followed: the folder may belong to another user. Returns 0, or a negative errno and sets *err.
 * End it with textfile_finish(). */
int textfile_begin(const char *path, struct textfile *out, struct error *err);

/* Renames it to PATH if all was written. Else removes it, and leaves PATH as it is. Returns 0, or a
 * negative errno and sets *err. */
int textfile_finish(struct textfile *textfile, struct error *err);

#endif
