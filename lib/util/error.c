// SPDX-License-Identifier: GPL-2.0
/*
 * How does a failure reach the user?
 *
 * A message is formatted aside first, so that the old one may be among the arguments.
 */
#include <util/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <util/text.h>

/* Longer than the text of an error: what does not fit here would not be shown anyway. */
#define MESSAGE_SIZE 4096

static void set(struct error *err, enum error_kind kind, const char *format, va_list args)
{
	char message[MESSAGE_SIZE];

	if (!err)
		return;
	vsnprintf(message, sizeof(message), format, args);
	text_printable(message, err->text, sizeof(err->text));
	err->kind = kind;
}

int error_set(struct error *err, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(err, ERROR_FAILURE, format, args);
	va_end(args);
	return code;
}

int error_set_usage(struct error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(err, ERROR_USAGE, format, args);
	va_end(args);
	return -EINVAL;
}

int error_set_absent(struct error *err, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(err, ERROR_ABSENT, format, args);
	va_end(args);
	return code;
}

int error_no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

int error_set_kind(struct error *err, int code, enum error_kind kind)
{
	if (err)
		err->kind = kind;
	return code;
}

void error_clear(struct error *err)
{
	if (err)
		*err = (struct error){ 0 };
}

bool error_is(const struct error *err, enum error_kind kind)
{
	return err && err->kind == kind;
}

int error_prefix(struct error *err, int code, const char *format, ...)
{
	char message[MESSAGE_SIZE];
	va_list args;
	size_t length;

	if (!err)
		return code;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	length = strlen(message);
	snprintf(message + length, sizeof(message) - length, ": %s", err->text);
	text_printable(message, err->text, sizeof(err->text));
	return code;
}
