// SPDX-License-Identifier: GPL-2.0
/*
 * What is said on stderr besides the final error?
 *
 * Every line leaves in one piece, so lines of several processes on one terminal don't mix.
 */
#include <util/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <util/cleanup.h>
#include <util/text.h>

#define PROGRAM "xdp-ipfilter: "

static enum log_level current_level = LOG_WARNINGS;

void log_set_level(enum log_level level)
{
	current_level = level;
}

enum log_level log_level(void)
{
	return current_level;
}

/* Prints one line of a text that may have several; returns the next one, or NULL. */
static char *print_line(const char *kind, char *line)
{
	char *end = strchr(line, '\n');
	char printable[4096];

	if (end)
		*end = '\0';
	text_printable(line, printable, sizeof(printable));
	fprintf(stderr, PROGRAM "%s%s\n", kind, printable);
	return end && end[1] ? end + 1 : NULL;
}

/* Libraries hand over whole logs (the verifier's has thousands of lines): each line gets the
 * program's name, and a line end of their own doesn't make an empty one. */
static void print_lines(const char *kind, const char *format, va_list args)
{
	auto_free char *text = NULL;

	if (vasprintf(&text, format, args) < 0) {
		text = NULL; /* Out of memory, and the value is undefined then. */
		return;
	}
	for (char *line = text; line;)
		line = print_line(kind, line);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_lines("warning: ", format, args);
	va_end(args);
}

void log_verbose(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_verbose_v(format, args);
	va_end(args);
}

void log_verbose_v(const char *format, va_list args)
{
	if (current_level >= LOG_VERBOSE)
		print_lines("", format, args);
}

void log_error(const char *text)
{
	fprintf(stderr, PROGRAM "%s\n", text);
}
