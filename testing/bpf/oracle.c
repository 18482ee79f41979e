// SPDX-License-Identifier: GPL-2.0
/*
 * A slow and simple filter; see oracle.h. From headers/ipfilter, it uses only the numbers of
 * verdicts and totals. It reads and compares bytes by itself.
 */
#include "oracle.h"

#include <string.h>

#include <ruleset/ruleset.h>

static const struct reading_result malformed = { .reading = READ_MALFORMED };
static const struct reading_result other = { .reading = READ_OTHER };

static struct reading_result read_ipv4(const __u8 *ip, size_t size)
{
	struct reading_result source = { .reading = READ_SOURCE, .address_size = 4 };

	if (size < 20 || ip[0] < 0x45 || ip[0] > 0x4f)
		return malformed;
	memcpy(source.address, ip + 12, 4);
	return source;
}

static struct reading_result read_ipv6(const __u8 *ip, size_t size)
{
	struct reading_result source = { .reading = READ_SOURCE, .address_size = 16 };

	if (size < 40 || ip[0] < 0x60 || ip[0] > 0x6f)
		return malformed;
	memcpy(source.address, ip + 8, 16);
	if (ip[6] == 58 && size > 40)
		switch (ip[40]) {
		case 133: /* router solicitation */
		case 134: /* router advertisement */
		case 135: /* neighbour solicitation */
		case 136: /* neighbour advertisement */
		case 137: /* redirect */
			source.discovery = true;
		}
	return source;
}

/* Six bytes of PPPoE, then the number of a protocol, which ends with its first odd byte. */
static struct reading_result read_session(const __u8 *session, size_t size)
{
	size_t position = 6;
	unsigned int protocol = 0;

	do {
		if (position == 8)
			return other;
		if (position == size || size < 6)
			return malformed;
		protocol = protocol * 256 + session[position];
	} while (!(session[position++] & 1));
	if (protocol == 0x21)
		return read_ipv4(session + position, size - position);
	if (protocol == 0x57)
		return read_ipv6(session + position, size - position);
	return other;
}

struct reading_result oracle_read(enum ipf_link link, const __u8 *frame, size_t size)
{
	size_t position = 12; /* of the type field */
	int tags = 0;
	unsigned int type;
	size_t ip;

	if (link == IPF_LINK_IP) {
		if (!size)
			return malformed;
		return frame[0] / 16 == 6 ? read_ipv6(frame, size) : read_ipv4(frame, size);
	}
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
	if (type == 0x0800)
		return read_ipv4(frame + ip, size - ip);
	if (type == 0x86dd)
		return read_ipv6(frame + ip, size - ip);
	if (type == 0x8864)
		return read_session(frame + ip, size - ip);
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

struct decision oracle_decide(const struct ruleset *rules, const struct program_options *options,
			      __u32 now, const __u8 *frame, size_t size)
{
	struct reading_result read = oracle_read(options->link, frame, size);
	const struct rule *best = NULL;
	struct decision decision = { options->policy, IPF_MALFORMED, IPF_NO_COUNTER };

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
		/* The longest prefix; of two with the same length, the one that passes. */
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
