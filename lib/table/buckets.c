// SPDX-License-Identifier: GPL-2.0
/*
 * How do intervals of first words become buckets, each with its bitmap and its points?
 *
 * The intervals of one bucket are collected. Then each of its slices gets what it needs: nothing, a
 * point, or a run. Instead of a long run there is an index again. If one value fills more than half
 * of the slices, the bucket is covered: one point serves them all, and the other slices get points
 * of their own, the empty ones too.
 */
#include <table/buckets.h>

#include <errno.h>
#include <stdlib.h>

#include <table/plan.h>
#include <table/run.h>
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

static __u32 last_of(const struct slices *slices, __u32 slice)
{
	return (slice << slices->shift) | ((1u << slices->shift) - 1);
}

/* The part of the interval from `first` to `last`. */
static struct value_interval cut(const struct value_interval *interval, __u32 first, __u32 last)
{
	return (struct value_interval){ interval->first > first ? interval->first : first,
					interval->last < last ? interval->last : last,
					interval->value };
}

/* Does the interval have the words of a prefix? */
static bool is_prefix(const struct value_interval *interval)
{
	__u32 size = interval->last - interval->first + 1;

	return !(size & (size - 1)) && !(interval->first & (size - 1));
}

/* The point of a slice from `first` to `last` with only this interval. Returns false if it takes
 * more than a point. */
static bool one_point(const struct buckets *buckets, const struct value_interval *interval,
		      __u32 first, __u32 last, struct point *out)
{
	struct value_interval piece = cut(interval, first, last);

	*out = (struct point){ piece.first, piece.value };
	if (value_is_short(&piece.value) && buckets->space->bucket_shift > IPF_SHORT_START_BITS)
		out->value.state = IPF_STATE_RULE;
	if (value_is_lone(&piece.value))
		out->start = value_lone_start(piece.first, 1);
	if (value_is_exact(&piece.value))
		return true;
	if (piece.first == first && piece.last == last) {
		out->start = 0;
		return true;
	}
	out->start = value_lone_start(piece.first, piece.last - piece.first + 1);
	out->value = value_lone(piece.value);
	return is_prefix(&piece);
}

/* `count` intervals, from `at` on, reach into the slice. */
static void fill_slice(struct buckets *buckets, struct slices *slices, __u32 slice,
		       const struct value_interval *at, size_t count)
{
	__u32 first = slice << slices->shift, last = last_of(slices, slice);
	struct point *point = &slices->points[slice];

	slices->used |= 1u << slice;
	if (count == 1 && one_point(buckets, at, first, last, point)) {
		if (!value_is_exact(&point->value))
			slices->full |= 1u << slice;
		return;
	}
	*point = (struct point){
		0, { IPF_STATE_RUN, buckets_write_range(buckets->points, at, count, first, last) }
	};
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

	if (before && points_are_one(buckets->points, before, interval)) {
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

/* --- Ranges of words -------------------------------------------------------------------------- */

static __u32 write_index(struct points *points, const struct value_interval *intervals,
			 size_t count, __u32 first, __u32 last)
{
	struct buckets buckets;
	struct ipf_space plan;
	__u32 reference = 0;

	plan_range(cut(&intervals[0], first, last).first,
		   cut(&intervals[count - 1], first, last).last, count, &plan);
	if (buckets_init(&buckets, &plan, points)) {
		points_fail(points, -ENOMEM);
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		struct value_interval piece = cut(&intervals[i], first, last);

		buckets_add(&buckets, &piece);
	}
	buckets_close(&buckets);
	if (!points->error)
		reference = points_add_index(points, &plan, buckets.index);
	buckets_done(&buckets);
	return reference;
}

static int make_run(struct run *run, const struct value_interval *intervals, size_t count,
		    __u32 first, __u32 last)
{
	int ret = 0;

	for (size_t i = 0; i < count && !ret; i++) {
		struct value_interval piece = cut(&intervals[i], first, last);

		ret = run_add(run, first, &piece);
	}
	return ret ? ret : run_end(run, last);
}

__u32 buckets_write_range(struct points *points, const struct value_interval *intervals,
			  size_t count, __u32 first, __u32 last)
{
	size_t most = points->family == IPF_IPV6 ? IPF_RUN6_MAX : IPF_RUN_MAX;
	struct run run = { 0 };
	__u32 reference = 0;

	if (count <= most)
		points_fail(points, make_run(&run, intervals, count, first, last));
	if (!points->error && count <= most && run.count <= most)
		reference = points_append_run(points, run.points, run.count);
	else if (!points->error && points->family == IPF_IPV6)
		reference = write_index(points, intervals, count, first, last);
	else
		points_fail(points, -E2BIG); /* of IPv4 none is so long: see <ipfilter/abi.h> */
	run_done(&run);
	return reference;
}
