/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a loaded filter reached: its configuration and its maps?
 *
 * From its program's id, through the maps that the program holds: without pins of ours, so nothing
 * can go stale.
 */
#ifndef DATAPLANE_FILTER_H
#define DATAPLANE_FILTER_H

#include <dataplane/enforcement.h>
#include <ipfilter/abi.h>
#include <stdbool.h>

struct bpf_object;
struct error;

/* The maps of a filter that the tool reads and writes. */
enum filter_map {
	FILTER_ROOT,    /* struct ipf_root */
	FILTER_HEAD,    /* the first bytes of both halves' tables */
	FILTER_SLOTS,   /* struct ipf_slots */
	FILTER_CHUNKS,  /* an array of maps: the other bytes of the tables */
	FILTER_FIRST,   /* struct ipf_counter for each of the first counter slots */
	FILTER_BLOCKS,  /* an array of maps: the counters of the other slots */
	FILTER_BARRIER, /* an array of maps, to wait for packets with */
	FILTER_TOTALS,  /* struct ipf_total_counter for each enum ipf_total */
	FILTER_EVENTS,  /* an array of maps: the rings of events */
	FILTER_MAPS,
};

struct filter {
	__u32 program_id;
	struct ipf_config config;
	enum enforcement enforcement; /* when it was opened */
	int maps[FILTER_MAPS];        /* descriptors; -1: closed */
};
#define FILTER_CLOSED                                     \
	{                                                 \
		.maps = { [0 ... FILTER_MAPS - 1] = -1 }, \
	}

/* Opens the program's maps. -ENOENT: there is no such program, or it is not ours. -EPROTO: it is
 * ours, but of another ABI version (the message says what to do). On success close *out with
 * filter_close(). */
int filter_open(__u32 program_id, struct filter *out, struct error *err);

/* The same for a filter of an older version, which this tool can only read: its configuration,
 * enforcement and rules. The other maps stay closed. -EPROTO: it is not one of those. */
int filter_open_older(__u32 program_id, struct filter *out, struct error *err);
void filter_close(struct filter *filter);

/* The maps of a program that is loaded, but cannot be found by its id yet. They are the object's:
 * do not close them. */
struct filter filter_of_object(const struct bpf_object *object, const struct ipf_config *config);

/* The filter's root, mapped to read or (PROT_READ | PROT_WRITE) to write; release it with
 * munmap(). NULL with errno on failure. */
struct ipf_root *filter_map_root(const struct filter *filter, int protection);

/* Is this program ours, by its name and configuration? Returns 1, 0, or a negative errno if that
 * cannot be found out. Such an errno is not "no": otherwise the filter would be loaded twice. */
int filter_is_ours(int program_fd);

/* Does the kernel have a program with this id? */
bool filter_exists(__u32 program_id);

/* Is this program ours, and was it loaded here? Returns false also where that is not certain. */
bool filter_was_loaded_at(int program_fd, const struct ipf_location *location);

#endif
