/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules does a text (a file, standard input, arguments) ask for?
 *
 * How files are written is told by feed.h. CR LF, a UTF-8 BOM and blank lines are fine.
 */
#ifndef FEED_READER_H
#define FEED_READER_H

#include <feed/input.h>
#include <stdio.h>

struct error;

/* Reads lines until the end of the file. `name` is the file's name in messages ("-" for standard
 * input), and must stay as long as the input, as must an argument. Returns 0; -EINVAL with FILE:LINE:COLUMN: 'WORD': what is wrong (and the
 * format that the file was taken for, unless it was told); -EIO, -ENOMEM. Columns count bytes from 1. After a failure the input only may be released. Several calls append (a set that a
 * file opens ends with it). A line longer than 4096 bytes or with a NUL byte is refused, and so is a
 * file that by its own account is not whole; such a message has no WORD. */
int reader_read(struct input *input, FILE *file, const char *name, struct error *err);

/* One RULE from the command line; messages have no position: "'10.0.0.300': not an address, ...". */
int reader_argument(struct input *input, const char *text, struct error *err);

#endif
