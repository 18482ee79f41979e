/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do the rules of all sources get to all filters?
 *
 * In one transaction: what has changed of any set becomes live on every interface, or nothing does.
 * A filter that has what we left there gets the differences only. One that is new, or that somebody
 * else changed, has its sets compared with what they are to be, and put right; sets that no source
 * has are never touched.
 */
#ifndef SYNC_PUBLISH_H
#define SYNC_PUBLISH_H

#include <dataplane/netdev.h>
#include <ipfilter/abi.h>
#include <source/following.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* A set, and what it is to be. */
struct publish_set {
	const char *name;
	struct following *following;
	bool is_whole; /* what filters have of it is not known; becomes false when it is live */
};

/* Is the set for the filter on this interface? */
enum publish_scope {
	PUBLISH_HERE,
	PUBLISH_ELSEWHERE, /* what the filter has of it is left alone */
	PUBLISH_NO_LONGER, /* it was, and goes */
};
typedef enum publish_scope (*publish_scope_of)(void *context, size_t set, const struct netdev *dev);

/* What a filter had when we left it. */
struct publish_filter {
	__u32 program_id;
	__u32 generation;
	bool is_right;               /* nobody else has changed it since its sets were compared */
	bool was_as_left, was_seen;  /* by the last transaction */
	const struct ipf_root *root; /* mapped to read; NULL: it cannot be */
};

/* Zeroed is empty; release with publish_done(). */
struct publish {
	publish_scope_of scope_of;
	void *context;
	size_t count; /* to read: how many filters there are, by the last transaction */
	/* Private: */
	struct publish_filter *filters;
	size_t capacity;
	unsigned int *links; /* which interfaces ran which programs */
	size_t link_count;
	uint64_t next_compare_ms; /* comparing costs as much as the sets are long */
};
void publish_done(struct publish *publish);

/* Is a filter there that is new, or that somebody else has changed? Costs next to nothing. */
bool publish_is_needed(struct publish *publish);

/* Plans, makes the plans of all sets that are known live, and accepts them. Takes the lock for
 * that, and only if there is something to do: a plan is not empty, or `is_needed`, as
 * publish_is_needed() says. *changed: a filter got other rules. Returns 0, also where there is no
 * filter; or a negative errno and sets *err: then no set is accepted, and whatever did become live
 * is found at the next try. */
int publish_all(struct publish *publish, struct publish_set *sets, size_t count, bool is_needed,
		bool *changed, struct error *err);

#endif
