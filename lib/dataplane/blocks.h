/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which blocks of counters does a filter have for its rules?
 *
 * A rule's counter is a slot number (rule.counter). The first slots are in one map, which every
 * filter has. Each other one names a block, a per-CPU array in a slot of the filter's array of
 * blocks, and an element of it. Blocks exist only where rules count in them.
 *
 * Invariant: the counter of a live rule is never given to another rule.
 */
#ifndef DATAPLANE_BLOCKS_H
#define DATAPLANE_BLOCKS_H

#include <dataplane/filter.h>
#include <table/image.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>

struct error;

struct blocks {
	const struct filter *filter;
	struct ipf_slots *slots; /* the filter's, mapped to write */
	bool *used;              /* IPF_COUNTER_BLOCKS flags: rules of the new table count there */
};

/* Returns 0 or -ENOMEM with a message. On success release *out with blocks_done(); `filter` and
 * `slots` must stay until then. */
int blocks_open(const struct filter *filter, struct ipf_slots *slots, struct blocks *out,
		struct error *err);
void blocks_done(struct blocks *blocks);

/* Gives the rules counters, or takes them away, as the filter was loaded to do (enum ipf_counting).
 * A counter that a rule already has stays with it; a new one starts at zero. Blocks that are
 * missing are made. `base` and `delta` are the table in use, whose counters are given to no other
 * rule. Returns 0, or a negative errno with a message. */
int blocks_assign(struct blocks *blocks, const struct image *base, const struct image *delta,
		  struct ruleset *rules, struct error *err);

/* Counter slots of the table in use. */
struct blocks_reserved {
	const __u32 *slots;
	size_t count;
};

/* Are the rules of a table with so many rules counted? */
bool blocks_are_wanted(const struct filter *filter, size_t rules);

/* Gives those of the sorted rules that have no counter the lowest slots from `first` on that are
 * not reserved. Reserved are all that the table in use has there. Returns 0; -E2BIG without a
 * message if there may not be enough slots (blocks_assign() would use those of rules that have
 * gone); or another negative errno with a message. */
int blocks_extend(struct blocks *blocks, __u32 first, const struct blocks_reserved *reserved,
		  struct ruleset *rules, struct error *err);

/* Takes out the blocks in which no rule of the new table counts. What cannot be taken out is left
 * for the next command. */
void blocks_drop_unused(const struct blocks *blocks);

/* Where the counter of a slot is. */
struct block_position {
	__u32 block; /* or BLOCK_FIRST: in the filter's first counters */
	__u32 element;
};
#define BLOCK_FIRST 0xffffffffu
struct block_position block_position(__u32 slot);

/* Opens the block of that map id, as struct ipf_slots notes it. Returns a descriptor, or a negative
 * errno; -ENOENT: there is none. */
int block_open(__u32 id);

#endif
