/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do intervals of first words become buckets, each with its bitmap and its points?
 */
#ifndef TABLE_BUCKETS_H
#define TABLE_BUCKETS_H

#include <ipfilter/abi.h>
#include <stddef.h>
#include <table/points.h>
#include <table/run.h>
#include <table/value.h>

struct buckets {
	struct ipf_bucket *index; /* one for each bucket of the plan */
	const struct ipf_space *space;
	struct points *points; /* failures are noted there */

	/* The bucket that intervals are collected for, counted from its first word. */
	__u64 open;
	struct value_interval *intervals;
	size_t count;
	size_t capacity;
};

/* `space` is a plan (<table/plan.h>) with rules. It and `points` must outlive the buckets. Returns
 * 0 or -ENOMEM; release with buckets_done() in any case. */
int buckets_init(struct buckets *buckets, const struct ipf_space *space, struct points *points);
void buckets_done(struct buckets *buckets);

/* Adds an interval of words. Intervals come in order and do not overlap; in the gaps between them
 * there is no rule. */
void buckets_add(struct buckets *buckets, const struct value_interval *interval);

/* Writes the last bucket; to be called after the last interval. */
void buckets_close(struct buckets *buckets);

/* Writes the intervals of the words [first, last], as a run or, if they are many, as an
 * index of their own. Returns what a value of RUN or DEEPER has as its reference; after a failure
 * (points->error) one without meaning. */
__u32 buckets_write_range(struct points *points, const struct value_interval *intervals,
			  size_t count, __u32 first, __u32 last);

#endif
