/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a program of the bench give up?
 *
 * What it made in the kernel ends with its file descriptors.
 */
#ifndef BENCH_FAIL_H
#define BENCH_FAIL_H

/* Prints the message on stderr, after "bench: ", and exits with 1. */
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...);

/* Fails if `error` is a negative errno, with the message "WHAT: text of the error". */
void must(int error, const char *what);

#endif
