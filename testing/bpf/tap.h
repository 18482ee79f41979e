/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do the tests here say what they found?
 *
 * In the Test Anything Protocol on stdout: "ok N - name" or "not ok N - name", the plan at the end.
 */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include <stdbool.h>

/* One test's result; returns `ok`. */
bool tap_ok(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One test that this machine cannot run. */
void tap_skip(const char *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line for the reader. */
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the plan; returns the exit status of the process. */
int tap_done(void);
/* Nothing can run here: prints an empty plan; returns the exit status. */
int tap_skip_all(const char *reason);
/* The test itself is broken (out of memory, a map that cannot be made): says so and ends. */
void tap_bail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
