/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Address and table -> the rule that decides.
 *
 * The XDP program, the tool (`test`) and the unit tests run these very lines. Who includes this
 * file says first how a table is reached:
 *
 *     struct ipf_table;
 *     const void *ipf_table_at(const struct ipf_table *table, __u64 offset, __u32 size);
 *     __u32 ipf_table_now(const struct ipf_table *table);
 *
 * ipf_table_at() returns `size` bytes (a power of two that divides `offset`), or NULL where the
 * table has no such bytes. ipf_table_now() is the current tick; it is asked only on the way
 * through a rule with a timeout, because the clock costs more than the search.
 */
#ifndef IPFILTER_LOOKUP_H
#define IPFILTER_LOOKUP_H

#include <ipfilter/abi.h>

#ifndef IPF_INLINE
#define IPF_INLINE static inline __attribute__((always_inline))
#endif

/* A block of the index spans at most all points of a table: 2^31 of them, halved each step. */
#define IPF_SEARCH_STEPS 32

/* 1 where a < b, without a branch: each branch here doubles the verifier's work per step. */
IPF_INLINE __u64 ipf_less(__u64 a, __u64 b)
{
	return ((~a & b) | ((~a | b) & (a - b))) >> 63;
}

IPF_INLINE __u64 ipf_key_less(const struct ipf_key *a, const struct ipf_key *b)
{
	__u64 differ = a->high ^ b->high;
	__u64 equal = ~((differ | (0 - differ)) >> 63) & 1;

	return ipf_less(a->high, b->high) | (equal & ipf_less(a->low, b->low));
}

/* The position of the last point at or before the key, among `count` points from `first` on, of
 * which the first is known to be at or before it. Fails (-1) where the table ends early. */
IPF_INLINE __s64 ipf_search4(const struct ipf_table *table, __u64 points, __u64 first, __u64 count,
			     __u64 address)
{
	for (int step = 0; step < IPF_SEARCH_STEPS && count > 1; step++) {
		__u64 half = count >> 1;
		const struct ipf_point4 *middle =
			ipf_table_at(table, points + (first + half) * sizeof(*middle),
				     sizeof(*middle));

		if (!middle)
			return -1;
		/* All ones where the middle is at or before the address. */
		first += half & (ipf_less(address, middle->start) - 1);
		count -= half;
	}
	return (__s64)first;
}

IPF_INLINE __s64 ipf_search6(const struct ipf_table *table, __u64 points, __u64 first, __u64 count,
			     const struct ipf_key *key)
{
	for (int step = 0; step < IPF_SEARCH_STEPS && count > 1; step++) {
		__u64 half = count >> 1;
		const struct ipf_point6 *middle =
			ipf_table_at(table, points + (first + half) * sizeof(*middle),
				     sizeof(*middle));

		if (!middle)
			return -1;
		first += half & (ipf_key_less(key, &middle->start) - 1);
		count -= half;
	}
	return (__s64)first;
}

/* The rule that owns the key's span, whether it has ended or not; IPF_NO_RULE for none. */
IPF_INLINE __u32 ipf_span_owner(const struct ipf_table *table, const struct ipf_header *header,
				enum ipf_family family, const struct ipf_key *key)
{
	const struct ipf_family_table *space = &header->family[family == IPF_IPV6];
	__u64 block = key->high >> (64 - IPF_INDEX_BITS);
	__u64 points = space->points;
	const __u32 *from, *to;
	__u64 first, count;
	__s64 found;

	if (!space->point_count)
		return IPF_NO_RULE;
	from = ipf_table_at(table, space->index + block * sizeof(*from), sizeof(*from));
	to = ipf_table_at(table, space->index + (block + 1) * sizeof(*to), sizeof(*to));
	if (!from || !to)
		return IPF_NO_RULE;
	first = *from;
	count = (__u64)*to - first + 1;

	if (family == IPF_IPV4) {
		const struct ipf_point4 *point;

		found = ipf_search4(table, points, first, count, key->high >> 32);
		if (found < 0)
			return IPF_NO_RULE;
		point = ipf_table_at(table, points + (__u64)found * sizeof(*point), sizeof(*point));
		return point ? point->rule : IPF_NO_RULE;
	} else {
		const struct ipf_point6 *point;

		found = ipf_search6(table, points, first, count, key);
		if (found < 0)
			return IPF_NO_RULE;
		point = ipf_table_at(table, points + (__u64)found * sizeof(*point), sizeof(*point));
		return point ? point->rule : IPF_NO_RULE;
	}
}

/* The rule that decides for the key now: the longest prefix over it whose time has not ended; of
 * one prefix with both verdicts, pass. NULL: no rule, the policy decides. */
IPF_INLINE const struct ipf_rule *ipf_lookup(const struct ipf_table *table, enum ipf_family family,
					     const struct ipf_key *key)
{
	const struct ipf_header *header = ipf_table_at(table, 0, sizeof(*header));
	const struct ipf_rule *rule;
	__u64 rules;
	__u32 owner;
	__u32 now;

	if (!header)
		return NULL;
	rules = header->rules;
	owner = ipf_span_owner(table, header, family, key);
	if (owner == IPF_NO_RULE)
		return NULL;
	rule = ipf_table_at(table, rules + (__u64)owner * sizeof(*rule), sizeof(*rule));
	if (!rule || rule->expires == IPF_NEVER)
		return rule;

	now = ipf_table_now(table);
	for (int link = 0; link < IPF_MAX_CHAIN; link++) {
		if (rule->expires == IPF_NEVER || now < rule->expires)
			return rule;
		owner = rule->next;
		if (owner == IPF_NO_RULE)
			return NULL;
		rule = ipf_table_at(table, rules + (__u64)owner * sizeof(*rule), sizeof(*rule));
		if (!rule)
			return NULL;
	}
	return NULL;
}

#endif
