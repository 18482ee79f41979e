// SPDX-License-Identifier: GPL-2.0
/*
 * How does a failure reach the user?
 *
 * Words are formatted aside first, so that the old text may be among the arguments.
 */
#include <util/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <util/text.h>

/* Longer than the text: bytes cut here would not have been seen anyway. */
#define WORDS_SIZE 4096

int error_set(struct error *err, int code, const char *format, ...)
{
	char words[WORDS_SIZE];
	va_list args;

	if (!err)
		return code;
	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	text_printable(words, err->text, sizeof(err->text));
	return code;
}

int error_prefix(struct error *err, int code, const char *format, ...)
{
	char words[WORDS_SIZE];
	va_list args;
	size_t length;

	if (!err)
		return code;
	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	length = strlen(words);
	snprintf(words + length, sizeof(words) - length, ": %s", err->text);
	text_printable(words, err->text, sizeof(err->text));
	return code;
}
