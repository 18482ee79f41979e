/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which system calls can a source program make?
 */
#ifndef SOURCE_SANDBOX_CALLS_H
#define SOURCE_SANDBOX_CALLS_H

struct error;

/* From now on it runs no program, makes threads but no processes, signals and traces nobody, opens
 * nothing for writing, accepts no connection, types nothing into the terminal, and reaches no part
 * of the kernel that neither libcurl nor libmnl needs. On x86-64, arm64 and 64-bit RISC-V, where
 * the kernel has filters of system calls; elsewhere, nothing changes. Needs no_new_privs. Returns
 * 0, or a negative errno and sets *err. */
int sandbox_calls_limit(struct error *err);

#endif
