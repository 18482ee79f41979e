/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which system calls can a program in the sandbox make?
 */
#ifndef SANDBOX_SANDBOX_CALLS_H
#define SANDBOX_SANDBOX_CALLS_H

#include <sandbox/sandbox.h>

/* From now on it runs no program, makes threads but no processes, signals and traces nobody, opens
 * nothing for writing, types nothing into the terminal, and reaches no part of the kernel that its
 * libraries do without. A program that asks accepts no connection; one that answers makes none,
 * and no socket, and opens nothing. On x86-64, arm64 and 64-bit RISC-V, where
 * the kernel has filters of system calls; elsewhere, nothing changes. Needs no_new_privs. Returns
 * 0, or a negative errno and sets *err. */
int sandbox_calls_limit(enum sandbox_use use, struct error *err);

#endif
