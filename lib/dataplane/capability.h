/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can this process do, and which capabilities does it give up before it starts?
 */
#ifndef DATAPLANE_CAPABILITY_H
#define DATAPLANE_CAPABILITY_H

#include <stdbool.h>

struct error;

/* What a command does to the system, and therefore which capability it needs. Measured on Linux
 * 6.1, 6.12 and 6.18 (testing/e2e/test_capabilities.py). */
enum capability_need {
	/* CAP_SYS_ADMIN: opening programs, maps and links by their ids, which is the only way to
	 * read the real state of a chain. CAP_BPF is not enough for that. */
	CAPABILITY_BPF = 1 << 0,
	/* CAP_NET_ADMIN: attaching programs to interfaces and detaching them. */
	CAPABILITY_ATTACH = 1 << 1,
	/* CAP_DAC_READ_SEARCH: rule files of other users, such as the caller of sudo. Kept if the
	 * process has it, but not required. */
	CAPABILITY_FILES = 1 << 2,
	/* CAP_SYS_PTRACE: the network namespaces of processes, to find an interface that moved to
	 * one. Kept if the process has it, but not required. */
	CAPABILITY_NAMESPACES = 1 << 3,
	/* CAP_SETUID, CAP_SETGID and CAP_KILL: programs that are run as somebody else, and ended.
	 * Such a program gets no other one. */
	CAPABILITY_CHILDREN = 1 << 4,
};

/* Gives up for good every capability that is not in `needs` (enum capability_need, or'ed), and the
 * chance to gain one by exec. Before that, lifts the limit of locked memory where the kernel counts
 * BPF memory there (before 5.11). A missing capability is no error yet: usage errors and --help
 * come first. Called before any input is read; and once more, to give up more, when the command
 * knows that it needs less. */
int capability_limit(unsigned int needs, struct error *err);

/* Returns 0, or -EPERM with a message that names the first missing capability of those that
 * capability_limit() was told to keep. */
int capability_check(struct error *err);

/* Does the process have the capability for this one need? */
bool capability_has(enum capability_need need);

/* Does a missing capability explain the failure of a BPF call: is it -EPERM, and not because of the
 * limit of locked memory? */
bool capability_explains(int code);

/* Sets the message for that: capability_check() may have found the capability, but it does not
 * count in another user namespace. Returns -EPERM; error_prefix() then names what was refused. */
int capability_refused(struct error *err);

#endif
