/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which sources send the most packets?
 *
 * Counts them in a fixed number of counters, by the space-saving algorithm (Metwally, Agrawal, El
 * Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005): where
 * no counter is free, the source with the least packets gives up its counter, and the new source
 * goes on from that number, which is then its error. So:
 *
 * - packets - error <= the true number <= packets;
 * - each source with more than 1/capacity of all packets has a counter.
 */
#ifndef RULESET_TALKERS_H
#define RULESET_TALKERS_H

#include <ipfilter/abi.h>
#include <ruleset/prefix.h>
#include <stdbool.h>
#include <stddef.h>

struct talker {
	struct prefix prefix; /* the source, or the group that it is in */
	__u8 verdict;         /* enum ipf_verdict: a source may be dropped and pass */
	bool has_rule;        /* for callers: the rule that decided last, and its set */
	struct prefix rule;
	char set[IPF_SET_NAME_SIZE];
	__u64 packets;
	__u64 error; /* packets may be too high by this */
	__u64 bytes; /* of the packets - error that were seen */
	/* Of talkers.c: */
	__u32 next;    /* with the same hash; a position plus one */
	__u32 heap_at; /* where in the heap */
};

struct talkers {
	struct talker *items;
	__u32 count, capacity;
	__u32 *heap;    /* positions; the one with the least packets first */
	__u32 *buckets; /* positions plus one, by hash; 0: empty */
	__u32 mask;
	__u64 total; /* all packets */
};

/* `capacity` is above 0. Returns 0 or -ENOMEM. Release with talkers_done(). */
int talkers_init(struct talkers *talkers, __u32 capacity);
void talkers_done(struct talkers *talkers); /* also of a zeroed one */

/* Counts a packet. Returns its counter, valid until the next call. */
struct talker *talkers_count(struct talkers *talkers, const struct prefix *prefix,
			     enum ipf_verdict verdict, __u32 bytes);

/* The counters, the one with the most packets first. Call talkers_clear() before the next
 * packet. */
const struct talker *talkers_rank(struct talkers *talkers);
void talkers_clear(struct talkers *talkers);

#endif
