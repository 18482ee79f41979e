/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a failure reach the user?
 *
 * A function returns 0 or a negative errno. The one that knows the facts writes the message and
 * says what kind of failure it is. main() prints the message once and makes the exit code from the
 * kind.
 */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

#include <stdbool.h>

enum error_kind {
	ERROR_FAILURE, /* all that is not one of the others */
	ERROR_USAGE,   /* a wrong command line or bad input */
	ERROR_ABSENT,  /* what the command is to work on is not there */
};

struct error {
	char text[1024]; /* one line without its end; empty: success, or the output says it */
	enum error_kind kind;
};

/* Each function here accepts NULL for `err`: the caller does not read it. Those that fail return
 * `code`, a negative errno, so that callers can `return error_set(...)`. */

/* Writes the message of a failure. Bytes that a terminal would act on are written as \xNN. */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for ERROR_USAGE. Returns -EINVAL. */
int error_set_usage(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same for ERROR_ABSENT. */
int error_set_absent(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "out of memory". Returns -ENOMEM. */
int error_no_memory(struct error *err);

/* Sets the kind and keeps the message, if there is one. */
int error_set_kind(struct error *err, int code, enum error_kind kind);

/* Forgets a failure that turned out to be none. */
void error_clear(struct error *err);

/* Is the failure of this kind? */
bool error_is(const struct error *err, enum error_kind kind);

/* Puts "context: " in front of the message and keeps the kind. */
int error_prefix(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
