/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Address and table -> the verdict, and the rule that decides.
 *
 * The XDP program, the tool (`test`) and the unit tests run these very lines. Who includes this
 * file says first how a table is reached:
 *
 *     typedef ... ipf_table;                 a number or a pointer, passed by value
 *     const struct ipf_layout *ipf_table_layout(ipf_table table);
 *     const __u8 *ipf_table_head(ipf_table table, __u64 offset);
 *     const __u8 *ipf_table_chunk(ipf_table table, __u64 offset);
 *     __u32 ipf_table_now(ipf_table table);
 *
 * ipf_table_head() and ipf_table_chunk() return the IPF_CHUNK_SIZE bytes in which the table's byte at
 * `offset` lies: of the first IPF_HEAD_SIZE bytes, which are always there, and of those behind them, or
 * NULL where the table has no such chunk. ipf_table_now() is the current tick; it is asked only on
 * the way through a rule with a timeout, because the clock costs more than the search.
 *
 * The walk, for IPv4:
 *
 *     (word - first) >> shift ----> index[group]: base, parts
 *     the word's part has no bit in `parts`: no rule               (most misses end here)
 *     base + the number of bits below the part's ----> the part's point: pass, drop, this host only,
 *     or, where rules crowd, a run of points, of which the last that starts at or before the word holds
 *
 * and for IPv6 the same with the upper 32 bits. A point there can name the only rule below its word,
 * the rest of whose prefix is then compared, or a run for the next 32 bits.
 *
 * An index of groups with a bit map that counts as an index into what follows is that of Poptrie
 * (Asai, Ohara: SIGCOMM 2015); runs of sorted starts behind a direct index are those of DXR (Zec,
 * Rizzo, Mikuc: "DXR: Towards a Billion Routing Lookups per Second in Software", 2012).
 */
#ifndef IPFILTER_LOOKUP_H
#define IPFILTER_LOOKUP_H

#include <ipfilter/abi.h>

#ifndef IPF_INLINE
#define IPF_INLINE static inline __attribute__((always_inline))
#endif

/* For the XDP program a function that the verifier looks at once, whoever calls it; it takes numbers
 * and returns one. */
#ifndef IPF_OUTLINE
#define IPF_OUTLINE static inline
#endif

/* Each word of an IPv6 address is looked up in one run, or in two where it was split. */
#define IPF_MAX_RUNS (2 * IPF_WORDS - 1)

/* The record at this offset, in the chunk that holds it. The mask also tells the verifier that the
 * record ends within the chunk. */
#define ipf_in_chunk(chunk, offset, type) \
	((const type *)((chunk) + ((offset) & (IPF_CHUNK_SIZE - sizeof(type)))))

/* The IPF_CHUNK_SIZE bytes in which the table's byte at `offset` lies, or NULL. Most tables lie in the
 * head whole. */
IPF_INLINE const __u8 *ipf_table_bytes(ipf_table table, __u64 offset)
{
	if (offset < IPF_HEAD_SIZE)
		return ipf_table_head(table, offset);
	return ipf_table_chunk(table, offset);
}

/* All ones where a >= b, else 0; of numbers below 2^63. Without a branch: each would double the
 * verifier's work per step, and cost the processor a guess. */
IPF_INLINE __u64 ipf_reaches(__u64 a, __u64 b)
{
	return ((a - b) >> 63) - 1;
}

/* How many bits are set. BPF has no instruction for it. */
IPF_INLINE __u32 ipf_count_bits(__u32 bits)
{
	bits -= bits >> 1 & 0x55555555;
	bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f;
	return bits * 0x01010101 >> 24;
}

/* The position of the point for the word, and the word within its group. Returns 0 where no rule
 * covers anything near it. */
IPF_INLINE int ipf_find_point(ipf_table table, const struct ipf_space *space, __u32 word,
			      __u64 *position, __u32 *within)
{
	__u32 distance = word - space->first;
	__u32 shift = space->shift & 31;
	__u64 offset = space->index + (__u64)(distance >> shift) * sizeof(struct ipf_group);
	const struct ipf_group *group;
	__u32 part, own, covered;

	if (!space->rule_count || distance > space->span)
		return 0;
	group = ipf_in_chunk(ipf_table_head(table, offset), offset, struct ipf_group);
	*within = distance & ((1u << shift) - 1);
	part = *within >> ((shift - IPF_PARTS_SHIFT) & 31) & (IPF_PARTS - 1);
	own = group->parts >> part & 1;
	covered = group->base >> IPF_COVERED_SHIFT;
	if (!(own | covered))
		return 0;
	/* By a mask, for which of the two it is can't be guessed. */
	*position = (group->base & ~(1u << IPF_COVERED_SHIFT)) +
		    ((covered + ipf_count_bits(group->parts & ((1u << part) - 1))) & -own);
	return 1;
}

/* The offset of the last point of the run at `head` whose start is at or below `bound`, or of its
 * first. Points have 2^shift bytes, a __u32 with the start first. */
IPF_INLINE __u64 ipf_search(const __u8 *chunk, __u64 head, __u32 shift, __u64 count, __u64 bound)
{
	__u64 from = head + (1u << shift);

	for (int step = 0; step < IPF_RUN_MAX_SHIFT && count > 1; step++) {
		__u64 half = count >> 1;
		__u64 middle = from + (half << shift);

		from += half << shift & ipf_reaches(bound, *ipf_in_chunk(chunk, middle, __u32));
		count -= half;
	}
	return from;
}

IPF_INLINE struct ipf_match ipf_no_match(void)
{
	return (struct ipf_match){ IPF_NO_VERDICT, IPF_NO_RULE };
}

IPF_INLINE __u64 ipf_pack(struct ipf_match match)
{
	return (__u64)match.verdict << 32 | match.owner;
}

IPF_INLINE struct ipf_match ipf_unpack(__u64 packed)
{
	return (struct ipf_match){ (__u32)(packed >> 32), (__u32)packed };
}

/* Computed, not chosen: to the verifier a constant would be a case of its own. */
IPF_INLINE __u32 ipf_state_verdict(__u32 state)
{
	return (state - IPF_STATE_PASS) & 1;
}

/* What a run of IPv4 says of the word, if there are owners (points of 2^3 bytes) with the point's in
 * the upper half. */
IPF_OUTLINE __u64 ipf_run_point4(ipf_table table, __u64 offset, __u64 shift, __u64 word)
{
	const __u8 *chunk = ipf_table_bytes(table, offset);
	__u64 point;

	if (!chunk)
		return IPF_STATE_NONE;
	shift &= 3;
	offset = ipf_search(chunk, offset, (__u32)shift,
			    *ipf_in_chunk(chunk, offset, ipf_point4) >> IPF_STATE_BITS,
			    word << IPF_STATE_BITS | ((1u << IPF_STATE_BITS) - 1));
	point = *ipf_in_chunk(chunk, offset, ipf_point4);
	if (shift > 2)
		point |= (__u64)ipf_in_chunk(chunk, offset, struct ipf_owned_point4)->owner << 32;
	return point;
}

IPF_INLINE struct ipf_match ipf_match4(ipf_table table, __u32 word)
{
	const struct ipf_space *space = &ipf_table_layout(table)->space[IPF_IPV4];
	__u32 within = 0, shift = space->point_shift & 3, state, owner = IPF_NO_RULE;
	__u64 position = 0, offset, found;
	const __u8 *chunk;
	ipf_point4 point;

	if (!ipf_find_point(table, space, word, &position, &within))
		return ipf_no_match();
	offset = space->points + (position << shift);
	chunk = ipf_table_bytes(table, offset);
	if (!chunk)
		return ipf_no_match();
	point = *ipf_in_chunk(chunk, offset, ipf_point4);
	if (shift > 2)
		owner = ipf_in_chunk(chunk, offset, struct ipf_owned_point4)->owner;
	state = point & ((1u << IPF_STATE_BITS) - 1);
	if (state == IPF_STATE_RUN) {
		offset = space->points + ((__u64)(point >> IPF_STATE_BITS) << shift);
		found = ipf_run_point4(table, offset, shift, within);
		point = (ipf_point4)found;
		if (shift > 2)
			owner = (__u32)(found >> 32);
		state = point & ((1u << IPF_STATE_BITS) - 1);
	}
	if (state == IPF_STATE_NONE || state >= IPF_STATE_RULE ||
	    (state >= IPF_STATE_HOST_PASS && point >> IPF_STATE_BITS != within))
		return ipf_no_match();
	return (struct ipf_match){ ipf_state_verdict(state), owner };
}

/* The verdict of the only rule below the first word, if the rest of its prefix covers that of the
 * key. */
IPF_INLINE struct ipf_match ipf_compare6(ipf_table table, __u64 high, __u64 low, __u32 position)
{
	__u64 offset = ipf_table_layout(table)->space[IPF_IPV6].points +
		       (__u64)position * sizeof(struct ipf_point6);
	const __u8 *chunk = ipf_table_bytes(table, offset);
	struct ipf_match match = ipf_no_match();
	const struct ipf_rest6 *rest;
	__u32 bits, differ;

	if (!chunk)
		return match;
	rest = ipf_in_chunk(chunk, offset, struct ipf_rest6);
	bits = rest->bits & ((1u << IPF_REST_VERDICT_SHIFT) - 1);
	differ = (__u32)high ^ rest->word;
	if (rest->bits >> IPF_REST_OWNED_SHIFT) {
		offset += sizeof(struct ipf_point6);
		match.owner = ipf_in_chunk(chunk, offset, struct ipf_point6)->start;
	}
	if (bits <= 64) {
		differ >>= (64 - bits) & 31;
	} else {
		__u64 lower = low ^ *ipf_in_chunk(chunk, offset + sizeof(__u64), __u64);

		differ |= !!(lower >> ((128 - bits) & 63));
	}
	if (differ)
		return ipf_no_match();
	match.verdict = rest->bits >> IPF_REST_VERDICT_SHIFT & 1;
	return match;
}

/* What a run says of the word: start << 32 | reference. */
IPF_OUTLINE __u64 ipf_run_point6(ipf_table table, __u64 position, __u64 word)
{
	const struct ipf_point6 *point;
	const __u8 *chunk;
	__u64 offset;

	offset = ipf_table_layout(table)->space[IPF_IPV6].points + position * sizeof(*point);
	chunk = ipf_table_bytes(table, offset);
	if (!chunk)
		return 0;
	offset = ipf_search(chunk, offset, 3, ipf_in_chunk(chunk, offset, struct ipf_point6)->start,
			    word);
	point = ipf_in_chunk(chunk, offset, struct ipf_point6);
	return (__u64)point->start << 32 | point->reference;
}

IPF_OUTLINE __u64 ipf_match6(ipf_table table, __u64 high, __u64 low)
{
	__u64 rest_high = high, rest_low = low, position = 0, offset, within, point;
	const struct ipf_point6 *first;
	const struct ipf_space *space;
	const __u8 *chunk;
	__u32 word = 0;

	space = &ipf_table_layout(table)->space[IPF_IPV6];
	if (!ipf_find_point(table, space, (__u32)(high >> 32), &position, &word))
		return ipf_pack(ipf_no_match());
	offset = space->points + position * sizeof(*first);
	chunk = ipf_table_bytes(table, offset);
	if (!chunk)
		return ipf_pack(ipf_no_match());
	first = ipf_in_chunk(chunk, offset, struct ipf_point6);
	point = (__u64)first->start << 32 | first->reference;
	within = word;
	for (int run = 0; run <= IPF_MAX_RUNS; run++) {
		__u32 state = (__u32)point >> IPF_REFERENCE_BITS;
		__u32 reference = (__u32)point & ((1u << IPF_REFERENCE_BITS) - 1);

		if (state == IPF_STATE_PASS || state == IPF_STATE_DROP)
			return ipf_pack((struct ipf_match){ ipf_state_verdict(state), reference });
		if (state < IPF_STATE_RULE || (state < IPF_STATE_RUN && point >> 32 != within))
			break;
		if (state == IPF_STATE_RULE)
			return ipf_pack(ipf_compare6(table, high, low, reference));
		if (state == IPF_STATE_DEEPER) {
			rest_high = rest_high << 32 | rest_low >> 32;
			rest_low <<= 32;
			within = rest_high >> 32;
		}
		point = ipf_run_point6(table, reference, within);
	}
	return ipf_pack(ipf_no_match());
}

IPF_INLINE const struct ipf_timer *ipf_timer_of(ipf_table table, __u32 rule)
{
	__u64 offset = ipf_table_layout(table)->timers + (__u64)rule * sizeof(struct ipf_timer);
	const __u8 *chunk = ipf_table_bytes(table, offset);

	if (!chunk)
		return NULL;
	return ipf_in_chunk(chunk, offset, struct ipf_timer);
}

/* From the rule of this match on, the first that has not ended. */
IPF_OUTLINE __u64 ipf_living(ipf_table table, __u64 packed)
{
	const struct ipf_timer *timer;
	__u32 now;

	timer = ipf_timer_of(table, (__u32)packed);
	if (!timer)
		return ipf_pack(ipf_no_match());
	if (timer->expires == IPF_NEVER)
		return packed;
	now = ipf_table_now(table);
	for (int link = 0; link < IPF_MAX_CHAIN; link++) {
		__u32 next;

		if (timer->expires == IPF_NEVER || now < timer->expires)
			return packed;
		next = timer->next;
		if (next == IPF_NO_RULE)
			break;
		packed = (__u64)(next >> IPF_NEXT_VERDICT_SHIFT) << 32 |
			 (next & ~(1u << IPF_NEXT_VERDICT_SHIFT));
		timer = ipf_timer_of(table, (__u32)packed);
		if (!timer)
			break;
	}
	return ipf_pack(ipf_no_match());
}

/* What decides for the key now: the longest prefix over it whose time has not ended; of one prefix
 * with both verdicts, pass. */
IPF_INLINE struct ipf_match ipf_lookup(ipf_table table, enum ipf_family family,
				       const struct ipf_key *key)
{
	struct ipf_match match;

	if (family == IPF_IPV4)
		match = ipf_match4(table, (__u32)(key->high >> 32));
	else
		match = ipf_unpack(ipf_match6(table, key->high, key->low));
	if (!ipf_table_layout(table)->timers || match.owner == IPF_NO_RULE)
		return match;
	return ipf_unpack(ipf_living(table, ipf_pack(match)));
}

/* The slot in which the owner of a match counts, or IPF_NO_COUNTER. */
IPF_INLINE __u32 ipf_counter_slot(ipf_table table, __u32 owner)
{
	const struct ipf_layout *layout = ipf_table_layout(table);
	__u64 offset = layout->counters + (__u64)owner * sizeof(__u32);
	const __u8 *chunk;

	if (!layout->counters || owner == IPF_NO_RULE)
		return IPF_NO_COUNTER;
	if (!layout->timers)
		return owner;
	chunk = ipf_table_bytes(table, offset);
	return chunk ? *ipf_in_chunk(chunk, offset, __u32) : IPF_NO_COUNTER;
}

#endif
