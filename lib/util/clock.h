/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much time has gone by?
 *
 * Neither clock is ever set back, and neither can fail.
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdint.h>

#define CLOCK_NS_PER_S UINT64_C(1000000000)
#define CLOCK_NS_PER_MS UINT64_C(1000000)

/* Since an arbitrary moment; stands still while the machine sleeps. For intervals and time-outs. */
uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_ms(void);

/* Since the machine started, or by the offset of this process's time namespace; goes on while the
 * machine sleeps. The clock that the XDP program reads. */
uint64_t clock_boot_ns(void);

#endif
