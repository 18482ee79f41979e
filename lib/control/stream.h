/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a file that the user names opened?
 */
#ifndef CONTROL_STREAM_H
#define CONTROL_STREAM_H

#include <stdio.h>

struct error;

/* Opens the file to read; "-" is standard input. Returns NULL and sets *err. */
FILE *stream_open(const char *name, struct error *err);

/* Closes it, unless it is standard input. */
void stream_close(FILE *stream);

#endif
