/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is printed on stderr?
 *
 * Each call writes one whole line that begins with "xdp-ipfilter: ". Bytes that a terminal would
 * act on (line ends too) are written as \xNN. Results never come this way.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

enum log_level { LOG_WARNINGS, LOG_VERBOSE };

void log_set_level(enum log_level level);
enum log_level log_level(void);

/* "xdp-ipfilter: warning: ..." */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a program that keeps running has to say: "xdp-ipfilter: ..." */
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Only with -v. */
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The final message of a command that failed. */
void log_error(const char *text);

#endif
