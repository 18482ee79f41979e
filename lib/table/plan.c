// SPDX-License-Identifier: GPL-2.0
/*
 * How long is a family's index, and which words does it cover?
 */
#include <table/plan.h>

#include <table/word.h>

#define INDEX_MIN_BITS 4

/* A start of IPv4 counts from the first word of its bucket, and leaves room for the state and one
 * bit. */
#define BUCKET_MAX_SHIFT (32 - IPF_START_SHIFT)

static unsigned int bit_length(__u64 number)
{
	return number ? 64 - (unsigned int)__builtin_clzll(number) : 0;
}

/* Buckets and their slices begin where prefixes can begin. */
static void cover(struct ipf_space *space, __u32 first, __u32 last)
{
	space->first = first & ~(__u32)((1ull << space->bucket_shift) - 1);
	space->max_distance = last - space->first;
}

/* A rule may end after a later one, which it covers. */
static __u32 last_covered(const struct rule *rules, size_t count)
{
	__u32 last = 0;

	for (size_t i = 0; i < count; i++) {
		__u32 end = word_last(&rules[i].prefix, 0);

		if (end > last)
			last = end;
	}
	return last;
}

/* As many buckets fit into the head as two million rules need to be as fast as can be. For more
 * rules there are more, four rules to each at most, so that they share slices no more often. */
static unsigned int index_bits(size_t count)
{
	unsigned int bits = bit_length(count);

	if (bits < INDEX_MIN_BITS)
		return INDEX_MIN_BITS;
	if (bits <= IPF_INDEX_HEAD_BITS + 2)
		return bits < IPF_INDEX_HEAD_BITS ? bits : IPF_INDEX_HEAD_BITS;
	return bits - 2 < IPF_INDEX_MAX_BITS ? bits - 2 : IPF_INDEX_MAX_BITS;
}

static void divide(struct ipf_space *space, __u32 first, __u32 last, unsigned int bits)
{
	unsigned int width = bit_length(last - first);

	space->bucket_shift = width > bits + IPF_SLICES_SHIFT ? width - bits : IPF_SLICES_SHIFT;
	if (space->bucket_shift > BUCKET_MAX_SHIFT)
		space->bucket_shift = BUCKET_MAX_SHIFT;
	cover(space, first, last);
}

void plan_index(const struct rule *rules, size_t count, bool owned, struct ipf_space *space)
{
	*space = (struct ipf_space){ .rule_count = (__u32)count };
	if (!count)
		return;
	space->point_shift = owned || rules[0].prefix.family == IPF_IPV6 ? 3 : 2;
	divide(space, word_at(&rules[0].prefix.key, 0), last_covered(rules, count),
	       index_bits(count));
}

void plan_range(__u32 first, __u32 last, size_t count, struct ipf_space *space)
{
	*space = (struct ipf_space){ 0 };
	divide(space, first, last, bit_length(count) - 1);
}

void plan_coarsen(struct ipf_space *space)
{
	__u32 last = space->first + space->max_distance;

	space->bucket_shift++;
	cover(space, space->first, last);
}
