/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is a rule, and when does it end?
 */
#ifndef RULESET_RULE_H
#define RULESET_RULE_H

#include <ipfilter/abi.h>
#include <ruleset/prefix.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

struct rule {
	struct prefix prefix;
	__u8 verdict;  /* enum ipf_verdict */
	__u8 column;   /* where it stands in its line, from 1; 0: not known, or too far */
	__u16 set;     /* index into the rule set's names */
	__u32 expires; /* tick of the kernel's boot clock, or IPF_NEVER */
	__u32 counter; /* slot, or IPF_NO_COUNTER while it has none */
	__u32 origin;  /* of a rule that was read, its line: rule_input_describe(); else 0 */
};

#define RULE_DEFAULT_SET "default"

const char *verdict_name(enum ipf_verdict verdict); /* "pass", "drop" */

/* What was read and names no verdict gets one by the policy of each interface: its opposite, or for
 * an exception the policy itself. Until then these stand for it. */
#define VERDICT_BY_POLICY ((enum ipf_verdict)2)
#define VERDICT_AS_POLICY ((enum ipf_verdict)3)
enum ipf_verdict verdict_opposite(enum ipf_verdict verdict); /* of those two, the other one */
enum ipf_verdict verdict_under(enum ipf_verdict verdict, enum ipf_verdict policy);

/* 1 to 31 of A-Z a-z 0-9 . _ -, the first a letter or a digit. */
bool set_name_valid(const char *name);

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
