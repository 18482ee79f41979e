/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do these tests report results?
 *
 * They use the Test Anything Protocol on stdout: "ok N - name" or "not ok N - name", and the plan
 * at the end.
 */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include <stdbool.h>

/* Reports the result of a test; returns `ok`. */
bool tap_ok(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Reports a test that this machine cannot run. */
void tap_skip(const char *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints a line for the reader. */
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the plan; returns the exit status of the process. */
int tap_done(void);
/* If nothing can run here: prints an empty plan, and returns the exit status. */
int tap_skip_all(const char *reason);
/* If the test itself is broken (no memory, a map that cannot be made): says so and exits. */
void tap_bail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
