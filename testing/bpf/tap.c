// SPDX-License-Identifier: GPL-2.0
/*
 * Prints TAP; see tap.h.
 */
#include "tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned int ran, failed;

static void print_line(bool ok, const char *format, va_list args)
{
	printf("%sok %u - ", ok ? "" : "not ", ++ran);
	vprintf(format, args);
	if (!ok)
		failed++;
}

bool tap_ok(bool ok, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(ok, format, args);
	va_end(args);
	putchar('\n');
	return ok;
}

void tap_skip(const char *reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(true, format, args);
	va_end(args);
	printf(" # SKIP %s\n", reason);
}

void tap_note(const char *format, ...)
{
	va_list args;

	fputs("# ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

int tap_done(void)
{
	printf("1..%u\n", ran);
	if (failed)
		printf("# %u of %u failed\n", failed, ran);
	fflush(stdout);
	return failed || !ran ? EXIT_FAILURE : EXIT_SUCCESS;
}

int tap_skip_all(const char *reason)
{
	printf("1..0 # SKIP %s\n", reason);
	return EXIT_SUCCESS;
}

void tap_bail(const char *format, ...)
{
	va_list args;

	fputs("Bail out! ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	exit(EXIT_FAILURE);
}
