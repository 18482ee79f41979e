/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is the time, as rules count it?
 *
 * A tick is 2^IPF_TICK_SHIFT ns of the kernel's boot clock.
 */
#ifndef RULESET_TICK_H
#define RULESET_TICK_H

#include <ipfilter/abi.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

/* The tick now, by the kernel's own boot clock, which packets go by: in a time namespace a process sees
 * another one. And the tick `seconds` from now (rounded up: never ends early). */
__u32 tick_now(void);
__u32 tick_after(__u32 now, uint64_t seconds);
/* Whole seconds from `now` to `expires`, rounded up; 0 when it has ended. Not for IPF_NEVER. What
 * tick_after() added for the clock's grain is left out, so the seconds asked for are read back. */
uint64_t tick_seconds_left(__u32 expires, __u32 now);
static inline bool tick_ended(__u32 expires, __u32 now)
{
	return expires != IPF_NEVER && now >= expires;
}

/* Is tick_now() right? -EIO (with the words) where the time namespace's offset cannot be told: whoever
 * goes on would end rules that have time left. */
int tick_check(struct error *err);

/* The offset of the boot clock in ns out of the text of /proc/PID/timens_offsets. Returns 0 or -EINVAL. */
int tick_parse_offset(const char *text, __s64 *offset_ns);

#endif
