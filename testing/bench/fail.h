/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a program of the bench give up?
 *
 * What it made in the kernel goes with its file descriptors.
 */
#ifndef BENCH_FAIL_H
#define BENCH_FAIL_H

/* Says it on stderr, after "bench: ", and exits with 1. */
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...);

/* Fails when `error` (0 or a negative errno) is one: "WHAT: its words". */
void must(int error, const char *what);

#endif
