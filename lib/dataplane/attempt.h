/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a change of an interface tried that others may be changing too?
 *
 * Whoever loads at the same moment makes libxdp lose the race, but the interface is not lost:
 * another try finds what they left.
 */
#ifndef DATAPLANE_ATTEMPT_H
#define DATAPLANE_ATTEMPT_H

#include <signal.h>
#include <stdbool.h>

struct attempt {
	unsigned int tries_left;
	sigset_t signals; /* those that were blocked before */
};

/* Blocks all signals: one between a change and the look at its result would end the command with a
 * wrong exit code. */
void attempt_begin(struct attempt *attempt);

/* Sleeps for a moment before the next try; false: that was the last. */
bool attempt_again(struct attempt *attempt);

void attempt_end(const struct attempt *attempt);

#endif
