/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules does a list say, and how are they delivered?
 *
 * A list is a text in any format of <feed/format.h>, packed with gzip or not: what a file has, or a
 * URL answers. It fills one set. `set NAME` lines may name that one; ipsets all go to it, because
 * an ipset is one family, and a source is both.
 */
#ifndef SOURCE_LIST_H
#define SOURCE_LIST_H

#include <feed/input.h>
#include <source/job.h>
#include <stdio.h>

struct error;

/* Reads all of the list from `fd`. `name` is its name in messages, and must live as long as the
 * input, which is zeroed. Returns 0; or a negative errno and sets *err: a list with one bad line is
 * refused whole. So is one with a line that covers a third of the addresses in use, unless it
 * passes, or with a last line that may have lost digits. Release with input_done() in both
 * cases. */
int list_read(const struct job *job, int fd, const char *name, struct input *input,
	      struct error *err);

/* The same for a list that cannot have been cut off: its last line needs no line end. */
int list_read_whole(const struct job *job, int fd, const char *name, struct input *input,
		    struct error *err);

/* Delivers what was read. Returns 0, or a negative errno and sets *err. */
int list_deliver(const struct input *input, const char *validator, FILE *out, struct error *err);

#endif
