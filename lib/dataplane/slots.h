/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which maps lie in the slots of a filter's arrays of maps, and how do they get there?
 *
 * The kernel waits for all packets under way when a slot is changed, and before 6.8 also when it is
 * only looked at; a wait is 20 ms to a second. So nobody looks: struct ipf_slots says what is
 * there. And slots change many at once, from several threads, whose waits are one.
 */
#ifndef DATAPLANE_SLOTS_H
#define DATAPLANE_SLOTS_H

#include <dataplane/filter.h>
#include <ipfilter/abi.h>
#include <stddef.h>

/* How many maps a caller puts at once: each takes a descriptor for so long. */
#define SLOTS_BATCH 64

/* The filter's struct ipf_slots, mapped, to read or (PROT_READ | PROT_WRITE) to write. NULL with
 * errno. */
struct ipf_slots *slots_map(const struct filter *filter, int protection);
void slots_unmap(struct ipf_slots *slots);

/* The map of that id as a chunk of a table, or as a block of counters. A descriptor; -ENOENT: there
 * is none, or it is something else. */
int slots_open_chunk(__u32 id);
int slots_open_block(__u32 id);

/* Makes an empty block. */
int slots_new_block(void);

/* Puts the maps into these slots, which are empty, of an array of maps. `ids` notes what lies in each
 * slot. Returns 0, or a negative errno with some slots filled. */
int slots_put(int outer, __u32 *ids, const __u32 *slots, const int *fds, size_t count);

/* Empties those of the `count` slots from `first` on that are filled and not to be kept (keep[slot];
 * NULL: none is). Returns 0, or a negative errno with some slots filled still. */
int slots_empty(int outer, __u32 *ids, __u32 first, __u32 count, const bool *keep);

#endif
