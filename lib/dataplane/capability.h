/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What may this process do, and what does it give up before it starts?
 */
#ifndef DATAPLANE_CAPABILITY_H
#define DATAPLANE_CAPABILITY_H

#include <stdbool.h>

struct error;

/* What a command does to the system, and so which capabilities it takes. Measured on Linux 6.1,
 * 6.12 and 6.18 (testing/e2e/test_capabilities.py). */
enum capability_need {
	CAPABILITY_NONE = 0,
	/* CAP_SYS_ADMIN: opening programs, maps and links by their ids, which is how the truth
	 * about a chain is read. CAP_BPF is not enough for that. */
	CAPABILITY_BPF = 1 << 0,
	/* CAP_NET_ADMIN: programs come onto interfaces and go. */
	CAPABILITY_ATTACH = 1 << 1,
	/* CAP_DAC_READ_SEARCH: files of rules that belong to other users, as those of who calls
	 * sudo. Kept where it is there, never demanded. */
	CAPABILITY_FILES = 1 << 2,
	/* CAP_SYS_PTRACE: the network namespaces of processes, to find an interface that moved to
	 * one. Kept where it is there, never demanded. */
	CAPABILITY_NAMESPACES = 1 << 3,
};

/* Gives up for good every capability that the needs (an or of the above) do not take, and the
 * chance to get one by exec. Before that it lifts the limit of locked memory where the kernel counts BPF
 * memory there (before 5.11). What they take and is not there is no error yet: usage and --help
 * come first. To be called once, before any input is read. */
int capability_limit(unsigned int needs, struct error *err);

/* 0, or -EPERM naming the first capability that capability_limit() was to keep and that is
 * missing. */
int capability_check(struct error *err);

/* Is what this one need takes there? */
bool capability_has(enum capability_need need);

#endif
