/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When does a command that goes on print again, and what ends it?
 *
 * Signals are never handled, only fetched while waiting, so there is no moment at which one is
 * missed or comes in between.
 */
#include "rounds.h"

#include <errno.h>
#include <limits.h>

#include <util/signals.h>

#define MS_PER_S 1000
#define NS_PER_MS 1000000
#define NS_PER_S 1000000000L

static void add_ms(struct timespec *time, unsigned int ms)
{
	time->tv_sec += ms / MS_PER_S;
	time->tv_nsec += (long)(ms % MS_PER_S) * NS_PER_MS;
	if (time->tv_nsec >= NS_PER_S) {
		time->tv_sec++;
		time->tv_nsec -= NS_PER_S;
	}
}

/* From `from` to `to`, zero when that is past. */
static struct timespec time_left(const struct timespec *from, const struct timespec *to)
{
	struct timespec left = { to->tv_sec - from->tv_sec, to->tv_nsec - from->tv_nsec };

	if (left.tv_nsec < 0) {
		left.tv_sec--;
		left.tv_nsec += NS_PER_S;
	}
	return left.tv_sec < 0 ? (struct timespec){ 0, 0 } : left;
}

void rounds_start(struct rounds *rounds, unsigned int interval_ms, unsigned int count)
{
	rounds->interval_ms = interval_ms;
	rounds->count = count ? count : UINT_MAX;
	clock_gettime(CLOCK_MONOTONIC, &rounds->next);
	add_ms(&rounds->next, interval_ms);
}

bool rounds_wait(struct rounds *rounds)
{
	struct timespec now, left;
	sigset_t set;

	if (!rounds->count)
		return false;
	if (rounds->count != UINT_MAX)
		rounds->count--;
	signals_ending(&set);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = time_left(&now, &rounds->next);
		if (sigtimedwait(&set, NULL, &left) >= 0)
			return false;
	} while (errno == EINTR);

	/* Rounds that were slept through are not made up for. */
	if (time_left(&rounds->next, &now).tv_sec > (time_t)(rounds->interval_ms / MS_PER_S))
		rounds->next = now;
	add_ms(&rounds->next, rounds->interval_ms);
	return true;
}
