/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a loaded filter reached: its configuration and its maps?
 *
 * From its program's id, through the maps that the program holds: no pins of ours, nothing that can
 * go stale.
 */
#ifndef DATAPLANE_FILTER_H
#define DATAPLANE_FILTER_H

#include <ipfilter/abi.h>
#include <stdbool.h>

struct bpf_object;
struct error;

struct filter {
	__u32 program_id;
	struct ipf_config config;
	int root;
	int head;
	int slots;
	int chunks;
	int barrier;
	int totals;
	int rule_counts;
};
#define FILTER_CLOSED                                                                           \
	{                                                                                       \
		.root = -1, .head = -1, .slots = -1, .chunks = -1, .barrier = -1, .totals = -1, \
		.rule_counts = -1                                                               \
	}

/* Opens the program's maps. -ENOENT: no such program, or not ours. -EPROTO: ours, but of another
 * ABI version (the words say what to do). On success close it with filter_close(). */
int filter_open(__u32 program_id, struct filter *out, struct error *err);
void filter_close(struct filter *filter);

/* The maps of a program that is loaded but has no id to be found by yet: they are the object's, and
 * not to be closed. */
struct filter filter_of_object(const struct bpf_object *object, const struct ipf_config *config);

/* Is this program ours (name and configuration)? 1, 0, or what kept us from finding out: that is not
 * "no", for then it would be loaded twice. */
int filter_is_ours(int program_fd);

/* Is a program with this id in the kernel? */
bool filter_exists(__u32 program_id);

/* Is it ours, and was it loaded here? False also where that is not sure. */
bool filter_was_loaded_at(int program_fd, const struct ipf_location *location);

#endif
