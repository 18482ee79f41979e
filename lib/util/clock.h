/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much time has passed?
 *
 * None of these can fail.
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_S UINT64_C(1000000000)
#define CLOCK_NS_PER_MS UINT64_C(1000000)

/* Never set back. Since an arbitrary moment, without the time that the machine slept. For intervals
 * and time-outs. */
uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_ms(void);

/* Never set back. Since boot, including the time that the machine slept, plus the offset of this
 * process's time namespace. The clock that the XDP program reads, but for that offset. */
uint64_t clock_boot_ns(void);

/* How long this thread has worked. */
uint64_t clock_work_ns(void);

/* The time of day, since 1970. It may be set, back too. */
uint64_t clock_unix_ns(void);

/* Of two times, or lengths of time. */
static inline uint64_t clock_later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint64_t clock_earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

#endif
