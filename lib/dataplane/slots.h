/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which maps are in the slots of a filter's two arrays of maps, and how do they get there?
 *
 * The kernel waits for all in-flight packets when a slot is changed, and before 6.8 also when it is
 * only read; a wait takes 20 ms to a second. So no slot is ever read: struct ipf_slots notes what
 * is in each. And slots are changed many at once, from several threads whose waits overlap.
 */
#ifndef DATAPLANE_SLOTS_H
#define DATAPLANE_SLOTS_H

#include <dataplane/filter.h>
#include <ipfilter/abi.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

/* The filter's struct ipf_slots, mapped to read or (PROT_READ | PROT_WRITE) to write. NULL with
 * errno on failure. */
struct ipf_slots *slots_map(const struct filter *filter, int protection);
void slots_unmap(struct ipf_slots *slots); /* NULL is fine */

/* An array of maps, and the ids that struct ipf_slots notes of its slots. */
struct slots_array {
	int map;
	__u32 *ids;
};
/* `slots` is the filter's, mapped. */
struct slots_array slots_of_chunks(const struct filter *filter, struct ipf_slots *slots);
struct slots_array slots_of_blocks(const struct filter *filter, struct ipf_slots *slots);

/* Opens the map that a slot notes by its id. Returns a descriptor, or a negative errno; -ENOENT:
 * the slot is empty, or the id is by now that of something else. */
int slots_open(__u32 id, enum bpf_map_type type, __u32 value_size, __u32 entries);

/* How many maps are put into slots at once. Each takes a descriptor until then. */
#define SLOTS_BATCH 64

/* Maps on their way into slots. Begin with { .array = ... }. */
struct slots_batch {
	struct slots_array array;
	__u32 slots[SLOTS_BATCH];
	int fds[SLOTS_BATCH];
	size_t count;
};

/* Puts the map into this empty slot, at the latest when slots_finish() is called. Takes the
 * descriptor over, on failure too. Returns 0 or a negative errno. */
int slots_add(struct slots_batch *batch, __u32 slot, int fd);

/* Ends a batch: puts what is left into its slots, unless `ret` says that something failed. Returns
 * `ret`, or a negative errno with some slots filled. */
int slots_finish(struct slots_batch *batch, int ret);

/* Empties the filled slots among the `count` from `first` on, but for those with keep[slot] (`keep`
 * may be NULL). Returns 0, or a negative errno with some slots still filled. */
int slots_empty(const struct slots_array *array, __u32 first, __u32 count, const bool *keep);

#endif
