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

/* The tick now, by the kernel's own boot clock, which decides for packets. A process in a time
 * namespace sees another clock. */
__u32 tick_now(void);
/* That clock itself, in ns: CLOCK_BOOTTIME as the XDP program reads it. */
__u64 tick_clock_ns(void);
/* The tick `seconds` after `now`, rounded up so that no rule ends early. */
__u32 tick_after(__u32 now, uint64_t seconds);
/* Whole seconds from `now` to `expires`, rounded up; 0: it has ended. Not for IPF_NEVER. Leaves out
 * what tick_after() added for rounding, and so returns the seconds that were asked for. */
uint64_t tick_seconds_left(__u32 expires, __u32 now);

/* The tick of a time of day, in seconds since 1970, where `unix_now_ns` is that of tick `now`;
 * rounded up, so that no rule ends early. `now` if that time is over. */
__u32 tick_at(uint64_t unix_s, __u32 now, uint64_t unix_now_ns);
/* The time of day of a tick, likewise, to the nearest second: that from which tick_at() made it. */
uint64_t tick_unix_s(__u32 tick, __u32 now, uint64_t unix_now_ns);

static inline bool tick_ended(__u32 expires, __u32 now)
{
	return expires != IPF_NEVER && now >= expires;
}

/* Is tick_now() right? Returns 0, or -EIO with a message where the offset of the time namespace
 * cannot be found: a command that went on would end rules that have time left. */
int tick_check(struct error *err);

/* Reads the offset of the boot clock, in ns, from the text of /proc/PID/timens_offsets. Returns 0
 * or -EINVAL. Public for tests. */
int tick_parse_offset(const char *text, __s64 *offset_ns);

#endif
