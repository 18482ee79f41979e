// SPDX-License-Identifier: GPL-2.0
/*
 * How do intervals of first words become buckets, each with its bitmap and its points?
 *
 * The intervals of one bucket are collected. Then each of its slices gets what it needs: nothing, a
 * point, or a run. If one value fills more than half of the slices, the bucket is covered: one
 * point serves them all, and the other slices get points of their own, the empty ones too.
 */
#include <table/buckets.h>

#include <errno.h>
#include <stdlib.h>

#include <util/array.h>

int buckets_init(struct buckets *buckets, const struct ipf_space *space, struct points *points)
{
	size_t count = ((size_t)space->max_distance >> space->bucket_shift) + 1;

	*buckets = (struct buckets){ .space = space, .points = points };
	buckets->index = calloc(count, sizeof(*buckets->index));
	return buckets->index ? 0 : -ENOMEM;
}

void buckets_done(struct buckets *buckets)
{
	free(buckets->index);
	free(buckets->intervals);
	run_done(&buckets->run);
	*buckets = (struct buckets){ 0 };
}

/* --- Slices ----------------------------------------------------------------------------------- */

/* What the slices of a bucket need. */
struct slices {
	unsigned int shift; /* a slice has 2^shift words */
	__u32 used;         /* bit n: a rule touches slice n */
	__u32 full;         /* of these, the slices that one value fills */
	struct point points[IPF_SLICES];
};

/* A run for the slice from `first` to `last`, of the intervals that reach into it. */
static __u32 write_run(struct buckets *buckets, const struct value_interval *intervals,
		       size_t count, __u32 first, __u32 last)
{
	for (size_t i = 0; i < count; i++) {
		struct value_interval piece = intervals[i];

		if (piece.first < first)
			piece.first = first;
		if (piece.last > last)
			piece.last = last;
		points_fail(buckets->points, run_add(&buckets->run, first, &piece));
	}
	return run_write(&buckets->run, last, buckets->points);
}

static __u32 last_of(const struct slices *slices, __u32 slice)
{
	return (slice << slices->shift) | ((1u << slices->shift) - 1);
}

/* `count` intervals, from `at` on, reach into the slice. */
static void fill_slice(struct buckets *buckets, struct slices *slices, __u32 slice,
		       const struct value_interval *at, size_t count)
{
	__u32 first = slice << slices->shift, last = last_of(slices, slice);
	struct point *point = &slices->points[slice];

	slices->used |= 1u << slice;
	if (count == 1 && value_is_exact(&at->value)) {
		*point = (struct point){ at->first, at->value };
	} else if (count == 1 && at->first <= first && at->last >= last) {
		slices->full |= 1u << slice;
		*point = (struct point){ 0, at->value };
	} else {
		__u32 position = write_run(buckets, at, count, first, last);

		*point = (struct point){ 0, { IPF_STATE_RUN, position } };
	}
}

static void find_slices(struct buckets *buckets, struct slices *slices)
{
	const struct value_interval *at = buckets->intervals, *end = at + buckets->count;

	slices->shift = buckets->space->bucket_shift - IPF_SLICES_SHIFT;
	slices->used = slices->full = 0;
	for (__u32 slice = 0; at < end && !buckets->points->error; slice++) {
		const struct value_interval *after;
		__u32 last;

		if (at->first >> slices->shift > slice)
			slice = at->first >> slices->shift;
		last = last_of(slices, slice);
		for (after = at; after < end && after->first <= last; after++)
			;
		fill_slice(buckets, slices, slice, at, (size_t)(after - at));
		while (at < after && at->last <= last)
			at++;
	}
}

/* --- Covered buckets -------------------------------------------------------------------------- */

/* The number of the lowest bit that is set, which is cleared: a bucket seldom has many. */
static __u32 take_bit(__u32 *bits)
{
	__u32 number = (__u32)__builtin_ctz(*bits);

	*bits &= *bits - 1;
	return number;
}

/* Does this value fill more than half of the slices? */
static bool is_common(const struct slices *slices, const struct value *value)
{
	unsigned int count = 0;

	for (__u32 left = slices->full; left;)
		count += value_is_same(&slices->points[take_bit(&left)].value, value);
	return count * 2 > IPF_SLICES;
}

/* The value that fills more than half of the slices, or value_none. */
static struct value common_value(const struct slices *slices)
{
	struct value common = value_none;
	int votes = 0;

	/* By majority vote (Boyer and Moore): a value with more than half of the votes survives. */
	for (__u32 left = slices->full; left;) {
		const struct value *value = &slices->points[take_bit(&left)].value;

		if (!votes)
			common = *value;
		votes += value_is_same(value, &common) ? 1 : -1;
	}
	return is_common(slices, &common) ? common : value_none;
}

/* Which slices need points of their own in a covered bucket: all that the common value does not
 * fill. Empty ones get a point that says so. */
static __u32 uncommon_slices(struct slices *slices, const struct value *common)
{
	__u32 own = 0;

	for (unsigned int slice = 0; slice < IPF_SLICES; slice++) {
		if (!(slices->used >> slice & 1))
			slices->points[slice] = (struct point){ 0, value_none };
		else if (slices->full >> slice & 1 &&
			 value_is_same(&slices->points[slice].value, common))
			continue;
		own |= 1u << slice;
	}
	return own;
}

/* --- Buckets ---------------------------------------------------------------------------------- */

static void write_bucket(struct buckets *buckets, struct slices *slices)
{
	struct ipf_bucket *bucket = &buckets->index[buckets->open];
	struct value common = slices->full ? common_value(slices) : value_none;
	bool covered = common.state != IPF_STATE_NONE;
	struct point points[IPF_SLICES + 1];
	size_t count = 0;

	bucket->bitmap = covered ? uncommon_slices(slices, &common) : slices->used;
	if (covered)
		points[count++] = (struct point){ 0, common };
	for (__u32 left = bucket->bitmap; left;)
		points[count++] = slices->points[take_bit(&left)];
	bucket->base = points_append(buckets->points, points, count) | (__u32)covered
									       << IPF_COVERED_SHIFT;
}

void buckets_close(struct buckets *buckets)
{
	struct slices slices;

	if (!buckets->count || buckets->points->error)
		return;
	find_slices(buckets, &slices);
	if (!buckets->points->error)
		write_bucket(buckets, &slices);
	buckets->count = 0;
}

/* An interval within the open bucket, counted from its first word. */
static void collect(struct buckets *buckets, const struct value_interval *interval)
{
	struct value_interval *before = buckets->count ? &buckets->intervals[buckets->count - 1] :
							 NULL;
	const struct points *points = buckets->points;

	/* Without owners, neighbours with the same verdict are one. */
	if (before && points->owner == POINT_OWNER_NONE && points->family == IPF_IPV4 &&
	    before->last + 1 == interval->first && before->value.state == interval->value.state &&
	    !value_is_exact(&interval->value)) {
		before->last = interval->last;
		return;
	}
	if (array_reserve(&buckets->intervals, &buckets->capacity, buckets->count + 1,
			  sizeof(*buckets->intervals))) {
		points_fail(buckets->points, -ENOMEM);
		return;
	}
	buckets->intervals[buckets->count++] = *interval;
}

void buckets_add(struct buckets *buckets, const struct value_interval *interval)
{
	const struct ipf_space *space = buckets->space;
	__u64 at = interval->first - space->first, end = interval->last - space->first;
	__u64 mask = (1ull << space->bucket_shift) - 1;

	while (at <= end && !buckets->points->error) {
		__u64 last = end < (at | mask) ? end : at | mask;

		if (at >> space->bucket_shift != buckets->open) {
			buckets_close(buckets);
			buckets->open = at >> space->bucket_shift;
		}
		collect(buckets, &(struct value_interval){ (__u32)(at & mask), (__u32)(last & mask),
							   interval->value });
		at = last + 1;
	}
}
