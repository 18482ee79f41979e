// SPDX-License-Identifier: GPL-2.0
/*
 * What is printed on stderr?
 *
 * Each line is written in one piece, so that lines of several processes on one terminal don't mix.
 */
#include <util/log.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <util/auto.h>
#include <util/program.h>
#include <util/text.h>

static enum log_level current_level = LOG_WARNINGS;

void log_set_level(enum log_level level)
{
	current_level = level;
}

enum log_level log_level(void)
{
	return current_level;
}

/* Others may have chosen parts of the text: a line end in a file's name must not start a new
 * line. */
static void print_line(const char *kind, const char *format, va_list args)
{
	auto_free char *text = NULL;
	char printable[4096];

	if (vasprintf(&text, format, args) < 0) {
		text = NULL; /* Out of memory: the value is undefined. */
		return;
	}
	text_printable(text, printable, sizeof(printable));
	fprintf(stderr, PROGRAM_NAME ": %s%s\n", kind, printable);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("warning: ", format, args);
	va_end(args);
}

void log_notice(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("", format, args);
	va_end(args);
}

void log_verbose(const char *format, ...)
{
	va_list args;

	if (current_level < LOG_VERBOSE)
		return;
	va_start(args, format);
	print_line("", format, args);
	va_end(args);
}

void log_error(const char *text)
{
	fprintf(stderr, PROGRAM_NAME ": %s\n", text);
}
