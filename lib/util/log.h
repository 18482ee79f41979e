/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is said on stderr besides the final error?
 *
 * Each call writes one whole line, behind "xdp-ipfilter: ". Results never come this way.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdarg.h>

enum log_level { LOG_WARNINGS, LOG_VERBOSE };

void log_set_level(enum log_level level);
enum log_level log_level(void);

/* "xdp-ipfilter: warning: ..." */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Only with -v. */
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_verbose_v(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* The final message of a command that failed. */
void log_error(const char *text);

#endif
