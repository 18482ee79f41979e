// SPDX-License-Identifier: GPL-2.0
/*
 * How do intervals become a run of sorted points?
 */
#include <table/run.h>

#include <errno.h>
#include <stdlib.h>

#include <util/array.h>

void run_done(struct run *run)
{
	free(run->points);
	*run = (struct run){ 0 };
}

static int add_point(struct run *run, __u64 start, struct value value)
{
	if (array_reserve(&run->points, &run->capacity, run->count + 1, sizeof(*run->points)))
		return -ENOMEM;
	run->points[run->count++] = (struct point){ (__u32)start, value };
	return 0;
}

/* From the word `next` on there is no rule. The first point holds from the beginning of the run,
 * and so would the last one until its end: does that have to be said? */
static bool needs_none(const struct run *run, __u64 next)
{
	return run->covered < next && !value_is_exact(&run->points[run->count - 1].value);
}

int run_add(struct run *run, __u32 first, const struct value_interval *interval)
{
	int ret = 0;

	if (run->count) {
		if (needs_none(run, interval->first))
			ret = add_point(run, run->covered, value_none);
	} else if (interval->first > first && !value_is_exact(&interval->value)) {
		ret = add_point(run, first, value_none);
	}
	if (!ret)
		ret = add_point(run, interval->first, interval->value);
	run->covered = (__u64)interval->last + 1;
	return ret;
}

/* Writes a long run piece by piece, and makes it one that refers to the pieces. */
static void split(struct run *run, struct points *points)
{
	size_t pieces = 0;

	for (size_t at = 0; at < run->count; at += IPF_RUN_MAX, pieces++) {
		size_t left = run->count - at;
		__u32 start = run->points[at].start;
		__u32 position = points_append_run(points, run->points + at,
						   left < IPF_RUN_MAX ? left : IPF_RUN_MAX);

		run->points[pieces] = (struct point){ start, { IPF_STATE_RUN, position } };
	}
	run->count = pieces;
}

__u32 run_write(struct run *run, __u32 last, struct points *points)
{
	__u32 position = 0;

	if (run->count && needs_none(run, (__u64)last + 1))
		points_fail(points, add_point(run, run->covered, value_none));
	if (run->count > IPF_RUN_MAX)
		split(run, points);
	if (!points->error)
		position = points_append_run(points, run->points, run->count);
	run->count = 0;
	return position;
}
