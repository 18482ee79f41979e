/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is CrowdSec told about the effect of its decisions?
 *
 * A report says how many packets and bytes were dropped since the last one, for each origin of
 * decisions; how many there were in all; and how many addresses and ranges are banned.
 */
#ifndef SOURCE_USAGE_H
#define SOURCE_USAGE_H

#include <source/tally.h>
#include <source/decision.h>
#include <stdbool.h>
#include <stdint.h>

/* Zeroed is empty; release with usage_done(). */
struct usage {
	bool begun;         /* there are counters to compare with */
	struct tally last;  /* that were reported, or found at the start */
	int64_t started_s;  /* of the Epoch: when this program was started */
	int64_t reported_s; /* when `last` were read */
};
void usage_done(struct usage *usage);

/* From now on, only what comes after these counters is reported. Takes them. */
void usage_advance(struct usage *usage, struct tally *counters, int64_t now_s);

/* Of one origin and family. */
struct usage_sum {
	uint64_t packets, bytes; /* dropped since the last report */
	uint64_t decisions;      /* in force */
};

struct usage_sums {
	struct usage_sum by[DECISION_MAX_ORIGINS][IPF_FAMILIES];
};

/* Calls back for each rule that dropped something since the last report. A counter that is lower
 * than it was has begun anew. */
typedef void (*usage_visitor)(void *context, const struct prefix *prefix, uint64_t packets,
			      uint64_t bytes);
void usage_visit(const struct usage *usage, const struct tally *counters, usage_visitor visit,
		 void *context);

/* The report as a text of JSON, which the caller frees; NULL: no memory. */
char *usage_report(const struct usage *usage, const struct tally *counters,
		   const struct usage_sums *sums, const struct decision_origins *origins,
		   const char *version, int64_t now_s);

#endif
