/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much CPU time and real time has passed, in ns?
 */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <sched.h>
#include <time.h>

static inline double clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* CPU time of this thread, including the interrupts that it serves. */
static inline double cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static inline double wall_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* Stays on this CPU: the caches of another one would be cold. */
static inline void clock_stay_here(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((unsigned int)sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
}

#endif
