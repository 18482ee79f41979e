/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When does a command that goes on print again, and what ends it?
 */
#ifndef ROUNDS_H
#define ROUNDS_H

#include <stdbool.h>
#include <time.h>
#include <util/signals.h>

#define ROUNDS_INTERVAL_MS 2000
#define ROUNDS_MAX_INTERVAL_MS 86400000u

struct rounds {
	unsigned int interval_ms;
	unsigned int count; /* rounds left; 0: no end */
	struct timespec next;
};

/* The first round comes after the first interval. Call signals_hold() before. */
void rounds_start(struct rounds *rounds, unsigned int interval_ms, unsigned int count);

/* Waits for the next round. False: a signal came, or there was the last round already. */
bool rounds_wait(struct rounds *rounds);

#endif
