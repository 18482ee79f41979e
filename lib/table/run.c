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

/* A point of a run has its whole start, so it has no room for a suffix. */
static int add_interval(struct run *run, const struct value_interval *interval)
{
	if (value_is_lone(&interval->value))
		return add_point(run, value_lone_start(interval->first, 1), interval->value);
	if (value_is_short(&interval->value))
		return add_point(run, interval->first,
				 (struct value){ IPF_STATE_RULE, interval->value.reference });
	return add_point(run, interval->first, interval->value);
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
		ret = add_interval(run, interval);
	run->covered = (__u64)interval->last + 1;
	return ret;
}

int run_end(struct run *run, __u32 last)
{
	if (run->count && !needs_none(run, (__u64)last + 1))
		return 0;
	return add_point(run, run->covered, value_none);
}
