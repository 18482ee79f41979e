// SPDX-License-Identifier: GPL-2.0
/*
 * How are the points of a family written, with the suffixes that they refer to?
 */
#include <table/points.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <table/word.h>
#include <util/array.h>

void points_done(struct points *points)
{
	free(points->points4);
	free(points->owners);
	free(points->points6);
	free(points->indexes);
	*points = (struct points){ 0 };
}

/* --- Room ------------------------------------------------------------------------------------- */

static int reserve(struct points *points, size_t count)
{
	size_t owners = points->capacity;

	if (count > 1ull << IPF_REFERENCE_BITS)
		return -E2BIG;
	if (points->family == IPF_IPV6)
		return array_reserve(&points->points6, &points->capacity, count,
				     sizeof(*points->points6));
	if (points->owner != POINT_OWNER_NONE &&
	    array_reserve(&points->owners, &owners, count, sizeof(*points->owners)))
		return -ENOMEM;
	return array_reserve(&points->points4, &points->capacity, count, sizeof(*points->points4));
}

static void write_point(const struct points *points, __u32 position, struct point point);

#define LINE_POINTS6 (64 / sizeof(struct ipf_point6)) /* of a cache line */

/* How many points are left before the next multiple of `unit`, a power of two. */
static __u32 left_of(const struct points *points, __u32 unit)
{
	return unit - ((points->phase + points->count) & (unit - 1));
}

/* Makes room for so many points in one chunk, after padding if need be; `together` in one line, if
 * that is enough for them. Returns their position. */
static __u32 make_room(struct points *points, size_t count, bool together)
{
	bool small = points->family == IPF_IPV4 && points->owner == POINT_OWNER_NONE;
	__u32 in_chunk = IPF_CHUNK_SIZE / (small ? sizeof(ipf_point4) : sizeof(struct ipf_point6));
	__u32 unit = together && count <= LINE_POINTS6 ? LINE_POINTS6 : in_chunk;
	__u32 first = points->count;

	if (count > left_of(points, unit))
		first += left_of(points, unit);
	if (!points->error)
		points_fail(points, reserve(points, first + count));
	if (points->error)
		return 0;
	for (; points->count < first; points->count++)
		write_point(points, points->count, (struct point){ 0, value_none });
	points->count += (__u32)count;
	return first;
}

static bool refers_to_index(const struct value *value)
{
	return (value->state == IPF_STATE_RUN || value->state == IPF_STATE_DEEPER) &&
	       value->reference & VALUE_INDEX;
}

/* How many points the suffix takes that the value refers to, or the head of the index. */
static size_t suffix_size(const struct points *points, const struct value *value)
{
	if (refers_to_index(value))
		return 2;
	if (value->state != IPF_STATE_RULE)
		return 0;
	return 1u + (points->owner != POINT_OWNER_NONE) +
	       (points->rules[value->reference].prefix.bits > 64);
}

static size_t suffixes_size(const struct points *points, const struct point *list, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += suffix_size(points, &list[i].value);
	return size;
}

/* --- Writing; there is room ------------------------------------------------------------------- */

static __u32 owner_of(const struct points *points, __u32 rule)
{
	return points->owner == POINT_OWNER_RULE ? rule : points->rules[rule].counter;
}

/* The rule's prefix ends in the word after the point's. */
static struct ipf_point6 short_point(const struct points *points, struct point point)
{
	const struct prefix *prefix = &points->rules[point.value.reference].prefix;
	unsigned int level = (prefix->bits - 1) / WORD_BITS;

	return (struct ipf_point6){
		word_at(&prefix->key, level),
		(__u32)point.value.state << IPF_REFERENCE_BITS |
			(prefix->bits - 1u) % WORD_BITS << IPF_SHORT_START_BITS |
			(point.start & ((1u << IPF_SHORT_START_BITS) - 1)),
	};
}

static void write_point(const struct points *points, __u32 position, struct point point)
{
	bool has_owner = value_has_owner(&point.value), owned = points->owner != POINT_OWNER_NONE;
	__u32 reference = point.value.reference;

	if (value_is_short(&point.value)) {
		points->points6[position] = short_point(points, point);
		return;
	}
	if (has_owner)
		reference = owned ? owner_of(points, reference) : 0;
	if (points->family == IPF_IPV6) {
		/* Cut to 28 bits, IPF_NO_COUNTER is still larger than any counter. */
		reference &= (1u << IPF_REFERENCE_BITS) - 1;
		points->points6[position] = (struct ipf_point6){
			point.start, (__u32)point.value.state << IPF_REFERENCE_BITS | reference
		};
		return;
	}
	if (point.value.state == IPF_STATE_RUN)
		point.start = reference;
	else if (!value_is_lone(&point.value))
		point.start <<= 1;
	points->points4[position] = point.start << IPF_STATE_BITS | point.value.state;
	if (owned)
		points->owners[position] = has_owner ? reference : IPF_NO_RULE;
}

/* As <ipfilter/abi.h> draws it. */
static void write_suffix(const struct points *points, __u32 position, const struct value *value)
{
	struct ipf_point6 *out = &points->points6[position];
	bool owned = points->owner != POINT_OWNER_NONE;
	const struct rule *rule;

	if (refers_to_index(value)) {
		memcpy(out, &points->indexes[value->reference & ~VALUE_INDEX],
		       sizeof(struct points_index));
		return;
	}
	rule = &points->rules[value->reference];
	*out++ = (struct ipf_point6){ word_at(&rule->prefix.key, 1),
				      (__u32)owned << IPF_SUFFIX_OWNED_SHIFT |
					      (__u32)rule->verdict << IPF_SUFFIX_VERDICT_SHIFT |
					      rule->prefix.bits };
	if (owned)
		*out++ = (struct ipf_point6){ owner_of(points, value->reference), 0 };
	if (rule->prefix.bits > 64)
		memcpy(out, &rule->prefix.key.low, sizeof(*out));
}

/* Points from this position on, then their suffixes in the same order. */
static void write_block(const struct points *points, __u32 position, const struct point *list,
			size_t count)
{
	__u32 suffix = position + (__u32)count;

	for (size_t i = 0; i < count; i++) {
		struct point point = list[i];

		if (suffix_size(points, &point.value)) {
			write_suffix(points, suffix, &point.value);
			point.value.reference = suffix;
			suffix += (__u32)suffix_size(points, &list[i].value);
		}
		write_point(points, position++, point);
	}
}

__u32 points_append(struct points *points, const struct point *list, size_t count)
{
	bool together = false;
	__u32 first;

	for (size_t i = 0; i < count; i++)
		together |= refers_to_index(&list[i].value);
	first = make_room(points, count + suffixes_size(points, list, count), together);
	if (!points->error)
		write_block(points, first, list, count);
	return first;
}

__u32 points_append_run(struct points *points, const struct point *list, size_t count)
{
	__u32 head = make_room(points, 1 + count + suffixes_size(points, list, count),
			       points->family == IPF_IPV6);

	if (points->error)
		return 0;
	write_point(points, head, (struct point){ (__u32)count, value_none });
	write_block(points, head + 1, list, count);
	return head;
}

__u32 points_add_index(struct points *points, const struct ipf_space *plan,
		       const struct ipf_bucket *buckets)
{
	size_t count = ((size_t)plan->max_distance >> plan->bucket_shift) + 1;
	__u32 position = points->count;

	if (!points->error)
		points_fail(points, reserve(points, points->count + count));
	if (!points->error)
		points_fail(points,
			    array_reserve(&points->indexes, &points->index_capacity,
					  points->index_count + 1, sizeof(*points->indexes)));
	if (points->error)
		return 0;
	memcpy(&points->points6[position], buckets, count * sizeof(*buckets));
	points->count += (__u32)count;
	points->indexes[points->index_count] = (struct points_index){
		{ { plan->first, (__u32)IPF_STATE_INDEX << IPF_REFERENCE_BITS | position },
		  { plan->max_distance, plan->bucket_shift } }
	};
	return VALUE_INDEX | (__u32)points->index_count++;
}
