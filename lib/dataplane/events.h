/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which frames does a filter see, one of every N?
 *
 * A looker says what it wants in the filter's root, and has a lease there, which it renews. The
 * program writes events for all lookers together into rings, which the first looker makes and the
 * last one removes (<ipfilter/abi.h>). Each looker reads all that is in the rings and leaves out
 * what it did not ask for. A looker that is killed leaves its lease, which ends by itself, and
 * perhaps the rings, which the next looker, or the next command that changes rules, removes.
 */
#ifndef DATAPLANE_EVENTS_H
#define DATAPLANE_EVENTS_H

#include <dataplane/filter.h>
#include <ipfilter/abi.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

/* How often a looker must read, and renew its lease. */
#define EVENTS_READ_MS 20u
#define EVENTS_RENEW_MS 1000u

struct events_wish {
	__u32 every;  /* one of so many frames, 1 to IPF_SAMPLE_MAX */
	__u32 rate;   /* the most events in a second, of each CPU; above 0 */
	__u32 totals; /* a bit for each enum ipf_total */
};

struct events_reader;

/* A looker at one filter. */
struct events {
	const struct filter *filter;
	struct events_wish wish;
	struct ipf_root *root; /* mapped to write */
	__u32 looker;          /* ours in the root */
	__u64 lease_ns;        /* what we wrote there */
	__u32 rings_id;
	const struct ipf_ring *rings;  /* one for each CPU, mapped */
	struct events_reader *readers; /* likewise */
	unsigned int cpus;
	__u64 read_ns; /* when it was last read how far the rings are filled */
	__u64 random;
	__u64 skipped; /* events that were not written, or are left out, for the rate */
	__u64 lost;    /* events that were overwritten before they were read */
};

/* Begins to look. The caller holds the lock. `filter` must stay open. Returns 0, or a negative
 * errno and sets *err; -EBUSY: too many look already. On success events_leave() and events_done()
 * must follow. */
int events_open(const struct filter *filter, const struct events_wish *wish, struct events *out,
		struct error *err);

/* Renews the lease. If it has ended, or the rings are gone, begins anew under the lock, which it
 * takes. While others have the lock, nothing is seen, and the next renewal tries again. Returns 0,
 * or a negative errno and sets *err. */
int events_renew(struct events *events, struct error *err);

/* Gets an event, which it copies. Returns 0 or a negative errno. */
typedef int (*events_callback)(const struct ipf_event *event, void *context);

/* Reads what was written up to the last call, which was EVENTS_READ_MS ago: by now it is visible
 * from every CPU. A call that comes too early for that reads nothing. The events of each CPU come
 * in their order. Returns 0, or what the callback returned. */
int events_read(struct events *events, events_callback call, void *context);

/* Ends looking. The root stays mapped, for events_sweep(). */
void events_leave(struct events *events);
void events_done(struct events *events); /* releases the rest */

/* Removes the rings, if nobody looks. The caller holds the lock; the root is mapped to write. */
void events_sweep(const struct filter *filter, struct ipf_root *root);

#endif
