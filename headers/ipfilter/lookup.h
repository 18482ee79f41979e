/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which verdict does a table give an address, and which rule decides?
 *
 * The XDP program, the tool (`test`) and the unit tests run these very lines. Whoever includes this
 * file defines first how a table is reached:
 *
 *     typedef ... ipf_table;                 a number or a pointer, passed by value
 *     const struct ipf_layout *ipf_table_layout(ipf_table table);
 *     const __u8 *ipf_table_head(ipf_table table, __u64 offset);
 *     const __u8 *ipf_table_chunk(ipf_table table, __u64 offset);
 *     __u32 ipf_table_now(ipf_table table);
 *
 * ipf_table_head() and ipf_table_chunk() return the IPF_CHUNK_SIZE bytes that hold the table's byte
 * at `offset`. The first serves offsets below IPF_HEAD_SIZE and never fails. The second serves the
 * rest, and returns NULL where the table has no such chunk. ipf_table_now() is the current tick. It
 * is only asked when the rule found has a timeout, because the clock costs more than the search.
 *
 * The walk for IPv4:
 *
 *     (word - first) >> bucket_shift ----> index[bucket]: base, bitmap
 *     the bit of the word's slice is clear: nothing                (most misses end here)
 *     base + the number of lower bits that are set ----> the slice's point: pass, drop, one prefix,
 *     or, where rules crowd, a run of points: its last one that starts at or before the word holds
 *
 * IPv6 does the same with its first word. There a point can also hold or name the only rule below
 * its word, whose suffix is then compared, or a run for the next word. An example with three rules,
 * which compile to one bucket of 32 words, one in each slice, and the points below. Where a run
 * would have more than seven points there is an index again, with buckets and points of its own.
 *
 *     2001:db8::/32 drop      first 0x20010da0, max_distance 25, bucket_shift 5
 *     2001:db8:1::/48 pass    index[0]: base 4, bitmap 0x03000000 (slices 24 and 25)
 *     2001:db9:7::/48 drop
 *
 *     position  start       state, reference
 *     0         3           head of a run of 3 points: the second word, below 2001:db8::/32
 *     1         0x00000000  DROP
 *     2         0x00010000  PASS
 *     3         0x00020000  DROP
 *     4         24          DEEPER, run at 0        the bucket's first point, slice 24
 *     5         0x00070000  SHORT_DROP, 16 bits, 25 its second point, slice 25
 *
 *     2001:db8:1::5   0x20010db8 - first = 24: bit 24 is the lowest one set, so the point is 4 + 0.
 *                     DEEPER: the second word is 0x00010000, of which point 2 says PASS.
 *     2001:db9:7::1   25: one lower bit is set, so the point is 4 + 1. SHORT: the second word
 *                     begins with the 16 bits of the suffix: DROP. 2001:db9:8::1 does not: no rule.
 *     2001:db7::1     23: the bit is clear, so there is no rule, and no point is read.
 *     2001:dba::1     26 is beyond max_distance: no rule, and not even the index is read.
 *
 * An index of buckets with a bitmap, whose bits are counted to find what follows, is that of
 * Poptrie (Asai, Ohara: SIGCOMM 2015). Runs of sorted starts after a direct index are those of DXR
 * (Zec, Rizzo, Mikuc: "DXR: Towards a Billion Routing Lookups per Second in Software", 2012).
 */
#ifndef IPFILTER_LOOKUP_H
#define IPFILTER_LOOKUP_H

#include <ipfilter/abi.h>

#ifndef IPF_INLINE
#define IPF_INLINE static inline __attribute__((always_inline))
#endif

/* In the XDP program, a function that the verifier checks once, not once for each call. It takes
 * numbers and returns one. A call costs a packet 5 to 11 ns on processors whose returns are made
 * safe (AMD SRSO), so the first steps of a lookup are not among them. */
#ifndef IPF_OUTLINE
#define IPF_OUTLINE static inline
#endif

/* An index below the first one has 4 buckets or more, of 32 slices, so each takes 7 bits of a word:
 * each word of an IPv6 address is looked up in at most 5 of them, or in 4 and a run. */
#define IPF_MAX_STEPS (5 * IPF_WORDS)

/* The record at this offset, in the chunk that holds it. The mask also proves to the verifier that
 * the record ends within the chunk. */
#ifndef ipf_in_chunk /* a test counts by it */
#define ipf_in_chunk(chunk, offset, type) \
	((const type *)((chunk) + ((offset) & (IPF_CHUNK_SIZE - sizeof(type)))))
#endif

/* The IPF_CHUNK_SIZE bytes that hold the table's byte at `offset`, or NULL. Most tables are small
 * enough for the head. */
IPF_INLINE const __u8 *ipf_table_bytes(ipf_table table, __u64 offset)
{
	if (offset < IPF_HEAD_SIZE)
		return ipf_table_head(table, offset);
	return ipf_table_chunk(table, offset);
}

/* All ones if a >= b, else 0; both below 2^63. Without a branch, which would double the verifier's
 * work for each step and cost the processor a guess. */
IPF_INLINE __u64 ipf_reaches(__u64 a, __u64 b)
{
	return ((a - b) >> 63) - 1;
}

/* How many bits are set; BPF has no instruction for it. */
IPF_INLINE __u32 ipf_count_bits(__u32 bits)
{
	bits -= bits >> 1 & 0x55555555;
	bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f;
	return bits * 0x01010101 >> 24;
}

/* Where the buckets of an index are, and which words they cover. */
struct ipf_index {
	__u64 offset;
	__u32 first;
	__u32 max_distance;
	__u32 shift;
};

IPF_INLINE struct ipf_index ipf_index_of(const struct ipf_space *space)
{
	return (struct ipf_index){ space->index, space->first, space->max_distance,
				   space->bucket_shift };
}

/* Finds the point for the word: its position, and the word within its bucket. Returns 0 if no rule
 * touches the word's slice. */
IPF_INLINE int ipf_find_point(ipf_table table, const struct ipf_index *index, __u32 word,
			      __u64 *position, __u32 *within)
{
	__u32 distance = word - index->first;
	__u32 shift = index->shift & 31;
	__u64 offset = index->offset + (__u64)(distance >> shift) * sizeof(struct ipf_bucket);
	const struct ipf_bucket *bucket;
	__u32 slice, own, covered;
	const __u8 *chunk;

	if (distance > index->max_distance)
		return 0;
	chunk = ipf_table_bytes(table, offset);
	if (!chunk)
		return 0;
	bucket = ipf_in_chunk(chunk, offset, struct ipf_bucket);
	*within = distance & ((1u << shift) - 1);
	slice = *within >> ((shift - IPF_SLICES_SHIFT) & 31) & (IPF_SLICES - 1);
	own = bucket->bitmap >> slice & 1;
	covered = bucket->base >> IPF_COVERED_SHIFT;
	if (!(own | covered))
		return 0;
	/* By a mask: no branch could be predicted here. */
	*position = (bucket->base & ~(1u << IPF_COVERED_SHIFT)) +
		    ((covered + ipf_count_bits(bucket->bitmap & ((1u << slice) - 1))) & -own);
	return 1;
}

/* Is the word, counted from the bucket's first one, outside of the lone prefix with this start? */
IPF_INLINE int ipf_is_beside(__u32 start, __u32 within)
{
	__u32 size = start & -start;

	return ((within << 1 ^ start) & -(size << 1)) != 0;
}

/* The offset of the last point of the run at `head` that starts at or below `bound`, or of its
 * first point. The run has fewer than 2^max_shift points of 2^shift bytes, the start in the first
 * __u32. */
IPF_INLINE __u64 ipf_search(const __u8 *chunk, __u64 head, __u32 shift, int max_shift, __u64 count,
			    __u64 bound)
{
	__u64 from = head + (1u << shift);

	for (int step = 0; step < max_shift && count > 1; step++) {
		__u64 half = count >> 1;
		__u64 middle = from + (half << shift);

		from += half << shift & ipf_reaches(bound, *ipf_in_chunk(chunk, middle, __u32));
		count -= half;
	}
	return from;
}

/* The table says nothing. */
IPF_INLINE struct ipf_match ipf_no_match(void)
{
	return (struct ipf_match){ IPF_ASK_BASE, IPF_NO_RULE };
}

/* A match as one number, which a function that the verifier checks once can return. */
IPF_INLINE __u64 ipf_pack(struct ipf_match match)
{
	return (__u64)match.verdict << 32 | match.owner;
}

IPF_INLINE struct ipf_match ipf_unpack(__u64 packed)
{
	return (struct ipf_match){ (__u32)(packed >> 32), (__u32)packed };
}

/* Computed: choosing between constants would give the verifier more cases to follow. Of NONE it is
 * IPF_ASK_BASE, of CLEAR IPF_NO_VERDICT. */
IPF_INLINE __u32 ipf_state_verdict(__u32 state)
{
	return (state - IPF_STATE_PASS) & 3;
}

/* The point of an IPv4 run that holds for the word. With owners (points of 2^3 bytes), the point's
 * owner is in the upper half. */
IPF_OUTLINE __u64 ipf_run_point4(ipf_table table, __u64 offset, __u64 shift, __u64 word)
{
	const __u8 *chunk = ipf_table_bytes(table, offset);
	__u64 point;

	if (!chunk)
		return IPF_STATE_NONE;
	shift &= 3;
	offset = ipf_search(chunk, offset, (__u32)shift, IPF_RUN_MAX_SHIFT,
			    *ipf_in_chunk(chunk, offset, ipf_point4) >> IPF_START_SHIFT,
			    word << IPF_START_SHIFT | ((1u << IPF_START_SHIFT) - 1));
	point = *ipf_in_chunk(chunk, offset, ipf_point4);
	if (shift > 2)
		point |= (__u64)ipf_in_chunk(chunk, offset, struct ipf_owned_point4)->owner << 32;
	return point;
}

IPF_INLINE struct ipf_match ipf_match4(ipf_table table, __u32 word)
{
	const struct ipf_space *space = &ipf_table_layout(table)->space[IPF_IPV4];
	const struct ipf_index index = ipf_index_of(space);
	__u32 within = 0, shift = space->point_shift & 3, state, owner = IPF_NO_RULE;
	__u64 position = 0, offset, found;
	const __u8 *chunk;
	ipf_point4 point;

	if (!space->rule_count || !ipf_find_point(table, &index, word, &position, &within))
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
	if (state >= IPF_STATE_LONE_PASS && ipf_is_beside(point >> IPF_STATE_BITS, within))
		return ipf_no_match();
	return (struct ipf_match){ ipf_state_verdict(state), owner };
}

/* The match of the only rule below the first word, if its suffix covers the key. */
IPF_INLINE struct ipf_match ipf_compare6(ipf_table table, __u64 high, __u64 low, __u32 position)
{
	__u64 offset = ipf_table_layout(table)->space[IPF_IPV6].points +
		       (__u64)position * sizeof(struct ipf_point6);
	const __u8 *chunk = ipf_table_bytes(table, offset);
	struct ipf_match match = ipf_no_match();
	const struct ipf_suffix6 *suffix;
	__u32 bits, differ;

	if (!chunk)
		return match;
	suffix = ipf_in_chunk(chunk, offset, struct ipf_suffix6);
	bits = suffix->bits & ((1u << IPF_SUFFIX_VERDICT_SHIFT) - 1);
	differ = (__u32)high ^ suffix->word;
	if (suffix->bits >> IPF_SUFFIX_OWNED_SHIFT) {
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
	match.verdict = suffix->bits >> IPF_SUFFIX_VERDICT_SHIFT & 1;
	return match;
}

/* What the point says of the word `within` its bucket or run: as a point, but NONE if it is about
 * other words, and not LONE. Of RUN its start is the word, which that goes on with. */
IPF_INLINE __u64 ipf_point_for(const struct ipf_point6 *point, __u32 within)
{
	__u32 start = point->start, reference = point->reference;
	__u32 state = reference >> IPF_REFERENCE_BITS;

	if (state >= IPF_STATE_SHORT_PASS) {
		if ((reference ^ within) & ((1u << IPF_SHORT_START_BITS) - 1))
			return IPF_STATE_NONE;
	} else if (state >= IPF_STATE_RULE) {
		if (start != within)
			return IPF_STATE_NONE;
	} else if (state >= IPF_STATE_LONE_PASS) {
		if (ipf_is_beside(start, within))
			return IPF_STATE_NONE;
		reference -= (IPF_STATE_LONE_PASS - IPF_STATE_PASS) << IPF_REFERENCE_BITS;
	} else {
		start = within;
	}
	return (__u64)start << 32 | reference;
}

/* What an index says of the word. */
IPF_INLINE __u64 ipf_index_point6(ipf_table table, const struct ipf_index *index, __u32 word)
{
	__u64 position = 0, offset;
	const __u8 *chunk;
	__u32 within = 0;

	if (!ipf_find_point(table, index, word, &position, &within))
		return IPF_STATE_NONE;
	offset = ipf_table_layout(table)->space[IPF_IPV6].points +
		 position * sizeof(struct ipf_point6);
	chunk = ipf_table_bytes(table, offset);
	if (!chunk)
		return IPF_STATE_NONE;
	return ipf_point_for(ipf_in_chunk(chunk, offset, struct ipf_point6), within);
}

/* What the run or index at the position says of the word. */
IPF_OUTLINE __u64 ipf_step6(ipf_table table, __u64 position, __u64 word)
{
	__u64 points = ipf_table_layout(table)->space[IPF_IPV6].points;
	__u64 offset = points + position * sizeof(struct ipf_point6);
	const __u8 *chunk = ipf_table_bytes(table, offset);
	const struct ipf_point6 *head, *second;
	struct ipf_index index;

	if (!chunk)
		return IPF_STATE_NONE;
	head = ipf_in_chunk(chunk, offset, struct ipf_point6);
	if (head->reference >> IPF_REFERENCE_BITS == IPF_STATE_INDEX) {
		second = ipf_in_chunk(chunk, offset + sizeof(*head), struct ipf_point6);
		index.offset =
			points + (__u64)(head->reference & ((1u << IPF_REFERENCE_BITS) - 1)) *
					 sizeof(struct ipf_bucket);
		index.first = head->start;
		index.max_distance = second->start;
		index.shift = second->reference;
		return ipf_index_point6(table, &index, (__u32)word);
	}
	offset = ipf_search(chunk, offset, 3, IPF_RUN6_MAX_SHIFT, head->start, word);
	return ipf_point_for(ipf_in_chunk(chunk, offset, struct ipf_point6), (__u32)word);
}

/* The match of a point that decides. */
IPF_INLINE __u64 ipf_point_match6(__u64 point)
{
	__u32 state = (__u32)point >> IPF_REFERENCE_BITS;
	__u32 owner = (__u32)point & ((1u << IPF_REFERENCE_BITS) - 1);

	if (state == IPF_STATE_NONE || state == IPF_STATE_CLEAR || state >= IPF_STATE_SHORT_PASS)
		owner = IPF_NO_RULE;
	return ipf_pack((struct ipf_match){ ipf_state_verdict(state), owner });
}

/* Does the point's suffix differ from the word after the point's? It is SHORT. */
IPF_INLINE int ipf_differs_short(__u64 point, __u32 next)
{
	__u32 reference = (__u32)point & ((1u << IPF_REFERENCE_BITS) - 1);

	return (next ^ (__u32)(point >> 32)) >> (31 - (reference >> IPF_SHORT_START_BITS)) != 0;
}

/* What a point that leads no further decides. `next` is the word after the point's. */
IPF_INLINE __u64 ipf_decide6(ipf_table table, __u64 high, __u64 low, __u32 next, __u64 point)
{
	__u32 state = (__u32)point >> IPF_REFERENCE_BITS;

	if (state == IPF_STATE_RULE)
		return ipf_pack(ipf_compare6(table, high, low,
					     (__u32)point & ((1u << IPF_REFERENCE_BITS) - 1)));
	/* Only a damaged table goes on beyond IPF_MAX_STEPS. */
	if (state == IPF_STATE_DEEPER)
		return ipf_pack(ipf_no_match());
	if (state >= IPF_STATE_SHORT_PASS && ipf_differs_short(point, next))
		return ipf_pack(ipf_no_match());
	return ipf_point_match6(point);
}

/* Goes on from what the first index says, through runs and more indexes. As a part of ipf_match6()
 * it would give the verifier of 6.1 three times as much to check. */
IPF_OUTLINE __u64 ipf_follow6(ipf_table table, __u64 high, __u64 low, __u64 point)
{
	__u64 left_high = high, left_low = low, word;

	for (int step = 0; step <= IPF_MAX_STEPS; step++) {
		__u32 state = (__u32)point >> IPF_REFERENCE_BITS;

		word = point >> 32;
		if (state == IPF_STATE_DEEPER) {
			left_high = left_high << 32 | left_low >> 32;
			left_low <<= 32;
			word = left_high >> 32;
		} else if (state != IPF_STATE_RUN) {
			break;
		}
		point = ipf_step6(table, (__u32)point & ((1u << IPF_REFERENCE_BITS) - 1), word);
	}
	return ipf_decide6(table, high, low, (__u32)left_high, point);
}

IPF_INLINE __u64 ipf_match6(ipf_table table, __u64 high, __u64 low)
{
	const struct ipf_space *space = &ipf_table_layout(table)->space[IPF_IPV6];
	const struct ipf_index index = ipf_index_of(space);
	__u64 point;
	__u32 state;

	if (!space->rule_count)
		return ipf_pack(ipf_no_match());
	point = ipf_index_point6(table, &index, (__u32)(high >> 32));
	state = (__u32)point >> IPF_REFERENCE_BITS;
	/* Most packets make no call. */
	if (state == IPF_STATE_RUN || state == IPF_STATE_DEEPER)
		return ipf_follow6(table, high, low, point);
	return ipf_decide6(table, high, low, (__u32)high, point);
}

/* The timer of a rule as one number: next << 32 | expires. Without one: ended long ago, and no
 * successor. The verifier follows a chain of hundreds of them, so the call must be short there. */
IPF_OUTLINE __u64 ipf_timer_of(ipf_table table, __u64 rule)
{
	__u64 offset = ipf_table_layout(table)->timers + rule * sizeof(struct ipf_timer);
	const __u8 *chunk = ipf_table_bytes(table, offset);
	const struct ipf_timer *timer;

	if (!chunk)
		return (__u64)IPF_NO_RULE << 32 | 1;
	timer = ipf_in_chunk(chunk, offset, struct ipf_timer);
	return (__u64)timer->next << 32 | timer->expires;
}

/* Of the match's rule and those that succeed it, the first that has not ended. If all have, no rule
 * is left: even of a delta the base is not asked. */
IPF_OUTLINE __u64 ipf_unexpired(ipf_table table, __u64 packed)
{
	const __u64 none = ipf_pack((struct ipf_match){ IPF_NO_VERDICT, IPF_NO_RULE });
	__u64 timer = ipf_timer_of(table, (__u32)packed);
	__u32 now;

	if ((__u32)timer == IPF_NEVER)
		return packed;
	now = ipf_table_now(table);
	for (int link = 0; link < IPF_MAX_CHAIN; link++) {
		__u32 next = (__u32)(timer >> 32);

		if ((__u32)timer == IPF_NEVER || now < (__u32)timer)
			return packed;
		if (next == IPF_NO_RULE)
			break;
		packed = (__u64)(next >> IPF_NEXT_VERDICT_SHIFT) << 32 |
			 (next & ~(1u << IPF_NEXT_VERDICT_SHIFT));
		timer = ipf_timer_of(table, (__u32)packed);
	}
	return none;
}

/* What decides for the key now: the longest prefix over it that has not ended; if that prefix has
 * both verdicts, pass. */
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
	return ipf_unpack(ipf_unexpired(table, ipf_pack(match)));
}

/* The counter slot of a match's owner, or IPF_NO_COUNTER. */
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
