/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules does a file, standard input or an argument ask for?
 *
 * Each file is of one format (format.h). CR LF, a UTF-8 BOM and blank lines are fine.
 */
#ifndef FEED_READER_H
#define FEED_READER_H

#include <feed/input.h>
#include <stdio.h>

struct error;

/* Reads the lines of a file to its end, and adds what they ask for to the input. A `set` line
 * applies no further than the end of its file. `name` is the file's name in messages ("-" for
 * standard input) and must live as long as the input.
 *
 * Refuses with -EINVAL a line that its format does not know, a line of more than 4096 bytes or with
 * a NUL byte, and a file that by its own account is not complete. The message is "FILE:LINE:COLUMN:
 * 'TOKEN': PROBLEM" (columns count bytes from 1; some have no TOKEN) and names the format in which
 * the file was read, unless the input gave it. Other failures are -EIO and -ENOMEM, with a message.
 * After a failure the input can only be released. */
int reader_read(struct input *input, FILE *file, const char *name, struct error *err);

/* Reads one RULE from the command line. Its text must live as long as the input. Returns as above;
 * messages have no position: "'10.0.0.300': not an address, ...". */
int reader_argument(struct input *input, const char *text, struct error *err);

#endif
