/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are the points of a family written, with the suffixes that they refer to?
 *
 * Points are appended in blocks. A block never crosses the border of a chunk of the image.
 */
#ifndef TABLE_POINTS_H
#define TABLE_POINTS_H

#include <ipfilter/abi.h>
#include <ruleset/rule.h>
#include <stddef.h>
#include <table/value.h>

/* What a point names as the owner of its verdict. */
enum point_owner {
	POINT_OWNER_NONE,    /* nothing: rules are neither counted nor timed */
	POINT_OWNER_COUNTER, /* the slot of the rule's counter */
	POINT_OWNER_RULE,    /* the rule, whose timer packets then look at */
};

/* A point before it is written. */
struct point {
	__u32 start; /* of a lone value, value_lone_start() */
	struct value value;
};

/* How an index among the points begins, as <ipfilter/abi.h> draws it. */
struct points_index {
	struct ipf_point6 head[2];
};

/* The caller fills in the first four fields and zeroes the others; release with points_done(). */
struct points {
	const struct rule *rules; /* of both families: what values refer to */
	enum ipf_family family;
	enum point_owner owner;
	__u32 phase; /* how many points into its chunk the first one will be */

	__u32 count;
	ipf_point4 *points4;        /* IPv4: `count` points, and unless POINT_OWNER_NONE */
	__u32 *owners;              /* as many owners */
	struct ipf_point6 *points6; /* IPv6: `count` points, suffixes and buckets */
	size_t capacity;
	struct points_index *indexes; /* that were added */
	size_t index_count;
	size_t index_capacity;
	int error; /* the first failure: -ENOMEM, or -E2BIG beyond what a reference can number.
		    * All that is written after it is thrown away */
};
void points_done(struct points *points);

/* Notes a failure (0: none), unless there was one before. */
static inline void points_fail(struct points *points, int error)
{
	if (!points->error)
		points->error = error;
}

/* Without owners, neighbours with the same verdict are one. */
static inline bool points_are_one(const struct points *points, const struct value_interval *before,
				  const struct value_interval *interval)
{
	return points->owner == POINT_OWNER_NONE && before->last + 1 == interval->first &&
	       before->value.state == interval->value.state && !value_is_exact(&interval->value);
}

/* Appends some points and their suffixes. Returns the position of the first; after a failure
 * (points->error) one without meaning. */
__u32 points_append(struct points *points, const struct point *list, size_t count);

/* The same with the head of a run before them, whose position it returns. */
__u32 points_append_run(struct points *points, const struct point *list, size_t count);

/* Appends the buckets of an index with this plan. The head will follow the point that refers to
 * it. Returns what the value of that point has as its reference. */
__u32 points_add_index(struct points *points, const struct ipf_space *plan,
		       const struct ipf_bucket *buckets);

#endif
