/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is an interface changed while others may be changing it too?
 *
 * If another process loads a program at the same moment, libxdp loses the race. Another try then
 * starts from what that process left.
 */
#ifndef DATAPLANE_ATTEMPT_H
#define DATAPLANE_ATTEMPT_H

#include <signal.h>
#include <stdbool.h>

struct attempt {
	unsigned int tries_left;
	sigset_t signals; /* those that were blocked before */
};

/* Blocks all signals: one between a change and the check of its result would end the command with a
 * wrong exit code. */
void attempt_begin(struct attempt *attempt);

/* Sleeps for a moment before the next try. Returns false after the last one. */
bool attempt_again(struct attempt *attempt);

void attempt_end(const struct attempt *attempt);

#endif
