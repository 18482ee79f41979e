/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which sources send the most packets, while somebody looks at the page?
 *
 * Filters make samples only as long as the page is asked for; a scrape asks for none.
 */
#ifndef METRICS_HEAVIEST_H
#define METRICS_HEAVIEST_H

#include <control/iface.h>
#include <control/ranking.h>
#include <ruleset/prefix.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <util/error.h>

#define HEAVIEST_SHOWN 10u
#define HEAVIEST_ROUND_MS 2000
/* The page asks again after five seconds. */
#define HEAVIEST_PATIENCE_MS 12000

struct heaviest_source {
	char source[PREFIX_TEXT_SIZE];
	char rule[PREFIX_TEXT_SIZE]; /* "" where the policy decides */
	char set[IPF_SET_NAME_SIZE];
	enum ipf_verdict verdict;
	struct ranking_estimate each; /* in a second */
};

/* Of one filter, in the last round. */
struct heaviest_filter {
	__u32 program_id;
	size_t count;
	struct heaviest_source sources[HEAVIEST_SHOWN]; /* with one percent or more */
};

/* Zeroed, nobody looks. It must stay where it is in memory. Release with heaviest_done(). */
struct heaviest {
	bool is_open;
	struct ifaces ifaces;
	struct ranking ranking; /* of these interfaces */
	uint64_t asked_ms;
	struct heaviest_filter *filters;
	size_t count;
	struct error trouble; /* why it cannot look; empty: it can */
};
void heaviest_done(struct heaviest *heaviest);

/* The page is asked for, and these interfaces are there: begins to look, or goes on. */
void heaviest_ask(struct heaviest *heaviest, const struct ifaces *now);

/* Counts what filters have sampled, once a second. Ends when nobody has asked for a while. */
void heaviest_tick(struct heaviest *heaviest);

/* Returns NULL before the end of the first round. */
const struct heaviest_filter *heaviest_find(const struct heaviest *heaviest, __u32 program_id);

#endif
