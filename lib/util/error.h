/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a failure reach the user?
 *
 * Functions return 0 or a negative errno; the one that knows the facts adds the words. main()
 * prints them once, behind "xdp-ipfilter: ".
 */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

struct error {
	char text[1024]; /* one line without its end; empty while nothing failed */
};

/* Writes the words and returns `code` (a negative errno), so callers can `return error_set(...)`.
 * Bytes that a terminal would act on are written as \xNN. `err` may be NULL: nobody reads it. */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the words that are there, and returns `code`. */
int error_prefix(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
