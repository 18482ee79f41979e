/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does an interface's filter hold at one moment?
 *
 * Commands that show something read a snapshot and describe it; they read nothing while they print.
 */
#ifndef CONTROL_SNAPSHOT_H
#define CONTROL_SNAPSHOT_H

#include <control/iface.h>
#include <dataplane/counters.h>
#include <dataplane/table.h>
#include <dataplane/totals.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* What to read besides the chain and the configuration, which have been read before. */
struct snapshot_parts {
	bool still_filters; /* fail as iface_check() does if the filter no longer runs */
	bool rules;
	bool table;    /* the one that the rules were read from; needs `rules` */
	bool counters; /* those of each rule; needs `rules` */
	bool totals;
	bool repair;     /* whether the chain needs one */
	const char *set; /* only the rules of this set; NULL: of all */
};

/* Parts that were not asked for are zero, and so are all parts of an interface without the
 * filter. */
struct snapshot {
	const struct iface *iface; /* with its chain, and its configuration in the open filter */
	uint64_t time_ms;          /* when the totals were read, by clock_monotonic_ms() */
	__u32 tick;                /* when the rules were read: none has ended by then */
	uint64_t unix_ns;          /* the time of day then */
	struct ruleset rules;
	struct table_snapshot table;
	struct counter *counters; /* one for each rule */
	struct totals totals;
	bool observes;     /* with the totals: did the filter drop nothing then? */
	bool needs_repair; /* what repair_is_needed() says, if the filter runs */
};

/* Zeroed is empty. */
struct snapshots {
	struct snapshot *items; /* one for each interface, in their order */
	size_t count;
};

/* Reads these parts of each interface, whose filters are open and stay so while the snapshots are
 * used. Returns 0, or a negative errno with a message; then there is nothing to release. Release
 * with snapshots_done(). */
int snapshots_read(struct snapshots *out, const struct ifaces *ifaces,
		   const struct snapshot_parts *parts, struct error *err);
void snapshots_done(struct snapshots *snapshots);

#endif
