/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is the next line of a file?
 *
 * The file is read in large blocks, and lines are handed out inside them without a copy. A line
 * therefore costs only a search for its end.
 */
#ifndef UTIL_LINES_H
#define UTIL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct error;

#define LINES_MAX_LENGTH 4096 /* of a line, without its end */

/* Release with lines_done(). */
struct lines {
	FILE *file; /* the caller's */
	char *buffer;
	size_t next, end; /* the bytes that were read and not handed out */
	bool all_read;    /* or reading failed; then `failure` is the errno */
	int failure;
	size_t number; /* of the last line that was handed out, from 1 */
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
	LINE_FAILED, /* reading failed: ->failure says why */
};

/* Hands out the next line without its end (LF, CR LF, or the end of the file), and the first one
 * without the UTF-8 BOM that editors on Windows write. The line ends with a NUL, may be written to,
 * and is valid until the next call. If a line is too long or has a NUL byte, *length is the number
 * of good bytes before that. */
enum line_result lines_next(struct lines *lines, char **line, size_t *length);

/* The same for a file that should be text, called `name` in messages: *line is NULL at its end.
 * Returns 0; -EINVAL for a line that is too long or has a NUL byte; or -EIO; with a message. */
int lines_read(struct lines *lines, const char *name, char **line, struct error *err);

#endif
