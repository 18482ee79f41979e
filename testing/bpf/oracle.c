// SPDX-License-Identifier: GPL-2.0
/*
 * A filter that is slow and plain; see oracle.h. Includes nothing of headers/ipfilter but the
 * numbers of verdicts and totals: its own bytes, its own comparison.
 */
#include "oracle.h"

#include <string.h>

#include <ruleset/ruleset.h>

struct reading_result oracle_read(const __u8 *frame, size_t size)
{
	struct reading_result malformed = { .reading = READ_MALFORMED };
	struct reading_result other = { .reading = READ_OTHER };
	struct reading_result source = { .reading = READ_SOURCE };
	size_t position = 12; /* of the type field */
	int tags = 0;
	unsigned int type;
	size_t ip;

	for (;;) {
		if (position + 2 > size)
			return malformed;
		type = frame[position] * 256u + frame[position + 1];
		if (type != 0x8100 && type != 0x88a8 && type != 0x9100)
			break;
		tags++;
		if (tags > 4)
			return malformed;
		position += 4;
	}

	ip = position + 2;
	if (type == 0x0800) {
		if (size - ip < 20)
			return malformed;
		if (frame[ip] < 0x45 || frame[ip] > 0x4f)
			return malformed;
		source.address_size = 4;
		memcpy(source.address, frame + ip + 12, 4);
		return source;
	}
	if (type == 0x86dd) {
		if (size - ip < 40)
			return malformed;
		if (frame[ip] < 0x60 || frame[ip] > 0x6f)
			return malformed;
		source.address_size = 16;
		memcpy(source.address, frame + ip + 8, 16);
		if (frame[ip + 6] == 58 && size - ip > 40)
			switch (frame[ip + 40]) {
			case 133: /* router solicitation */
			case 134: /* router advertisement */
			case 135: /* neighbour solicitation */
			case 136: /* neighbour advertisement */
			case 137: /* redirect */
				source.discovery = true;
			}
		return source;
	}
	return other;
}

static bool covers(const struct rule *rule, const __u8 *address, unsigned int address_size)
{
	if ((rule->prefix.family == IPF_IPV4) != (address_size == 4))
		return false;
	for (unsigned int bit = 0; bit < rule->prefix.bits; bit++) {
		__u64 word = bit < 64 ? rule->prefix.key.high : rule->prefix.key.low;
		unsigned int wanted = word >> (63 - bit % 64) & 1;
		unsigned int have = address[bit / 8] >> (7 - bit % 8) & 1;

		if (wanted != have)
			return false;
	}
	return true;
}

struct decision oracle_decide(const struct ruleset *rules, enum ipf_verdict policy, __u32 now,
			      const __u8 *frame, size_t size)
{
	struct reading_result read = oracle_read(frame, size);
	const struct rule *best = NULL;
	struct decision decision = { policy, IPF_MALFORMED, IPF_NO_COUNTER };

	if (read.reading == READ_MALFORMED)
		return decision;
	if (read.reading == READ_OTHER)
		return (struct decision){ IPF_PASS, IPF_OTHER, IPF_NO_COUNTER };

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];

		if (rule->expires != IPF_NEVER && rule->expires <= now)
			continue;
		if (!covers(rule, read.address, read.address_size))
			continue;
		/* The longest; of two as long, the one that passes. */
		if (!best || rule->prefix.bits > best->prefix.bits ||
		    (rule->prefix.bits == best->prefix.bits && rule->verdict == IPF_PASS &&
		     best->verdict == IPF_DROP))
			best = rule;
	}
	if (best) {
		decision.verdict = best->verdict;
		decision.counter = best->counter;
	} else if (read.discovery) {
		decision.verdict = IPF_PASS;
	}
	decision.total = decision.verdict == IPF_DROP ? IPF_DROPPED : IPF_PASSED;
	return decision;
}
