/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long is something that failed left alone before the next try?
 */
#ifndef UTIL_BACKOFF_H
#define UTIL_BACKOFF_H

#include <stdint.h>

/* Zeroed: nothing has failed yet. */
struct backoff {
	uint64_t ms; /* the last pause, without its jitter */
};

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_LONGEST_MS (5 * 60 * 1000)

/* The next pause: twice the last one, up to the longest, and up to a quarter more or less of it, so
 * that many hosts that lost one server do not come back at the same moment. */
uint64_t backoff_next_ms(struct backoff *backoff);

/* It worked. */
void backoff_reset(struct backoff *backoff);

/* `ms`, up to a quarter more or less. */
uint64_t backoff_jitter_ms(uint64_t ms);

#endif
