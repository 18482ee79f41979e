// SPDX-License-Identifier: GPL-2.0
/*
 * Gives up; see fail.h.
 */
#include "fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *format, ...)
{
	va_list args;

	fputs("bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

void must(int error, const char *what)
{
	if (error)
		fail("%s: %s", what, strerror(-error));
}
