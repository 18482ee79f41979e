/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which packets do the filters of several interfaces see, and which rules decide?
 */
#ifndef CONTROL_LOOKING_H
#define CONTROL_LOOKING_H

#include <control/iface.h>
#include <dataplane/events.h>
#include <ruleset/flow.h>
#include <ruleset/rule.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* A packet that a filter has seen: a sample of event.sample of them. Valid during the callback. */
struct looking_packet {
	const struct iface *iface;
	struct ipf_event event;
	struct flow flow;
	uint64_t unix_ns;        /* the time of day */
	const struct rule *rule; /* NULL: the policy, or it is not known which: its rules have
				  * changed since */
	const char *set;         /* of the rule; else NULL */
};

/* Returns 0 to go on. LOOKING_LATER: give me this one again at the next reading. Any other number
 * ends the reading. */
#define LOOKING_LATER 2
typedef int (*looking_callback)(const struct looking_packet *sighting, void *context,
				struct error *err);

struct look;
struct looking_event;

/* Zeroed is empty. */
struct looking {
	struct look *looks; /* one for each interface */
	size_t count;
	struct looking_event *pending; /* read, but not called back for yet */
	size_t pending_count;
	size_t pending_capacity;
	uint64_t renewed_ms;
	uint64_t lost; /* packets that were not called back for in time */
};

/* Begins to look at the packets of all interfaces, whose filters are open and stay so. Takes the
 * lock meanwhile. Returns 0, or a negative errno and sets *err, with nothing to release. */
int looking_open(const struct ifaces *ifaces, const struct events_wish *wish, struct looking *out,
		 struct error *err);

/* Wishes other packets from now on. Returns 0, or a negative errno and sets *err. */
int looking_change(struct looking *looking, const struct events_wish *wish, struct error *err);

/* Calls back for each packet since the last reading, by time. Call it every EVENTS_READ_MS. Renews
 * the leases and checks that the filters are still there, once a second. Returns 0, what the
 * callback returned, or a negative errno and sets *err as iface_check() does. */
int looking_read(struct looking *looking, looking_callback call, void *context, struct error *err);

/* How many samples were left out for the rate, and how many were lost? */
struct looking_misses {
	uint64_t skipped;
	uint64_t lost;
};
struct looking_misses looking_count_misses(const struct looking *looking);

/* Ends looking, also after a failure. */
void looking_close(struct looking *looking);

#endif
