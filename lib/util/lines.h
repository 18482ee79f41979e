/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a text cut into lines, fast, and with a limit?
 *
 * A file is read in large blocks and its lines are handed out where they lie, so a line costs a
 * search for its end and nothing else.
 */
#ifndef UTIL_LINES_H
#define UTIL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define LINES_MAX_LENGTH 4096 /* of a line, without its end */

/* Release with lines_done(). */
struct lines {
	FILE *file; /* the caller's */
	char *buffer;
	size_t next, end; /* what was read and not handed out */
	bool all_read;    /* or failed; then `failure` is the errno */
	int failure;
	size_t number; /* of the line handed out last, from 1 */
	bool unended;  /* that line is the last one, and has no LF */
};
/* Returns 0 or -ENOMEM; then there is nothing to release. */
int lines_init(struct lines *lines, FILE *file);
void lines_done(struct lines *lines);

enum line_result {
	LINE_READ,
	LINE_END_OF_FILE,
	LINE_TOO_LONG,
	LINE_HAS_NUL,
	LINE_FAILED, /* to be read; ->failure says why */
};

/* Hands out the next line without its end (LF, CR LF, or the file's end) and without the UTF-8 BOM
 * in front of the first one, which editors on Windows write. It ends with a NUL, may be written
 * to, and is there until the next call. Of a line that is too long or has a NUL byte, *length says
 * how many good bytes come first. */
enum line_result lines_next(struct lines *lines, char **line, size_t *length);

#endif
