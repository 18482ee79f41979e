/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much time has passed?
 *
 * Neither clock is ever set back, and neither can fail.
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_S UINT64_C(1000000000)
#define CLOCK_NS_PER_MS UINT64_C(1000000)

/* Since an arbitrary moment, without the time that the machine slept. For intervals and
 * time-outs. */
uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_ms(void);

/* Since boot, including the time that the machine slept, plus the offset of this process's time
 * namespace. The clock that the XDP program reads, but for that offset. */
uint64_t clock_boot_ns(void);

#endif
