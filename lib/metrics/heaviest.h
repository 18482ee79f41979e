/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which sources send the most packets, while somebody looks at the page?
 *
 * Filters make samples only as long as the page is asked for; a scrape asks for none. Each filter
 * is looked at by itself: what is wrong with one hides no other. However often the page is asked
 * for, what is done for it is the same, and none of it waits for another command.
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
/* The first round only has to tell how many packets there are, but may well show sources. */
#define HEAVIEST_FIRST_ROUND_MS 200
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
	struct error trouble; /* why nothing is known; empty: nothing is wrong */
	bool is_measured;     /* a round has ended */
	bool observes;        /* then: what the verdict drops, passed */
	bool had_packets;
	size_t count;
	struct heaviest_source sources[HEAVIEST_SHOWN]; /* with one percent or more */
};

struct heaviest_look;

/* Zeroed, with .timer = -1, nothing is looked at, and nothing can be. */
struct heaviest {
	int timer; /* readable: call heaviest_read() */
	struct heaviest_look *looks;
	size_t count;
	uint64_t asked_ms;
	uint64_t retry_ms; /* nothing is opened before */
};

/* Nobody looks yet. Returns 0, or a negative errno and sets *err. Release with heaviest_done(). */
int heaviest_init(struct heaviest *out, struct error *err);
void heaviest_done(struct heaviest *heaviest);

/* The page is asked for, and these interfaces are there: begins to look, or goes on. */
void heaviest_ask(struct heaviest *heaviest, const struct ifaces *now);

/* Counts what filters have sampled. Ends when nobody has asked for a while. */
void heaviest_read(struct heaviest *heaviest);

/* Returns NULL for a filter that is not looked at, since it gets no packets. */
const struct heaviest_filter *heaviest_find(const struct heaviest *heaviest, __u32 program_id);

#endif
