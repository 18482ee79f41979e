// SPDX-License-Identifier: GPL-2.0
/*
 * What does a frame cost under each candidate, with one table of rules?
 *
 *     packets FAMILY KIND COUNT CANDIDATE...
 *
 * CANDIDATE: see candidate.h. `drop` must be among them, because it gives the cost of the driver.
 * Reads cells from stdin, one per line, and answers each with one line of JSON:
 *
 *     OUTCOME ACTIVE FRAMES ROUNDS         hit 4096 1048576 5
 *
 *     {"frames_each": the total number of frames of each candidate, "frame_bytes": 64,
 *      "driver_ns": [...],               the cost of the driver in each round; 0 with ACTIVE 1
 *      "ns": {"floor": [...], ...}}      per frame, including the driver
 *
 * Each round measures every candidate once. Before each measurement, the candidate gets a quarter
 * as many frames that are not measured, because the candidates before it have filled the caches.
 * Before the first round, each candidate gets up to 16,384 sources one by one. A wrong verdict is
 * reported on stderr and ends the program with 1.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <util/number.h>

#include "candidate.h"
#include "clock.h"
#include "driver.h"
#include "fail.h"
#include "frame.h"
#include "sources.h"
#include "workload.h"

enum { MOST_CANDIDATES = 16, MOST_ROUNDS = 100, MOST_CHECKED = 16384, LEAD_PART = 4 };

struct bench {
	struct workload workload;
	struct sources *sources;
	__u8 constant[16]; /* of the floor: the first source that hits */
	struct candidate candidates[MOST_CANDIDATES];
	size_t count;
};

struct cell {
	enum outcome outcome;
	__u32 active;
	__u32 frames;
	__u32 rounds;
};

struct results {
	double ns[MOST_CANDIDATES][MOST_ROUNDS];
	double driver_ns[MOST_ROUNDS];
};

static __u32 number(const char *text, __u32 most)
{
	uint64_t value;

	if (!text || number_parse(text, 1, most, &value))
		fail("'%s': not a number from 1 to %u", text ? text : "", most);
	return (__u32)value;
}

static struct cell cell_parse(char *line)
{
	const char *outcome = strtok(line, " \n");
	struct cell cell;

	if (!outcome || !outcome_parse(outcome, &cell.outcome))
		fail("'%s': not hit, near or far", outcome ? outcome : "");
	cell.active = number(strtok(NULL, " \n"), SOURCES);
	if (cell.active & (cell.active - 1))
		fail("%u: not a power of two", cell.active);
	cell.frames = number(strtok(NULL, " \n"), INT_MAX);
	cell.rounds = number(strtok(NULL, " \n"), MOST_ROUNDS);
	return cell;
}

static void check(const struct bench *bench, const struct candidate *candidate,
		  const struct cell *cell, __u32 at, __u32 action)
{
	const __u8 *source = sources_bytes(bench->sources)[at];
	__u32 expected = candidate_expected(candidate, cell->outcome, source, bench->constant);
	char text[INET6_ADDRSTRLEN];

	if (action == expected)
		return;
	inet_ntop(bench->workload.family == FAMILY_IPV4 ? AF_INET : AF_INET6, source, text,
		  sizeof(text));
	fail("wrong verdict: %s answers %u, not %u, to %s (%zu rules)", candidate->name, action,
	     expected, text, bench->workload.count);
}

/* Returns the number of frames that each candidate got. */
static __u32 check_sources(const struct bench *bench, const struct cell *cell)
{
	__u32 count = cell->active < MOST_CHECKED ? cell->active : MOST_CHECKED;
	__u32 step = cell->active / count;

	for (size_t i = 0; i < bench->count; i++) {
		const struct candidate *candidate = &bench->candidates[i];

		for (__u32 at = 0; at < cell->active; at += step)
			check(bench, candidate, cell, at, driver_action(candidate->driver, at));
	}
	return count;
}

static double measure(const struct bench *bench, struct candidate *candidate,
		      const struct cell *cell)
{
	__u32 lead = cell->frames / LEAD_PART + 1;
	__u32 last = (cell->frames - 1) & (cell->active - 1);
	__u32 action;
	double ns;

	candidate_begin(candidate);
	if (cell->active == 1) {
		driver_run_one(candidate->driver, lead, &action);
		ns = driver_run_one(candidate->driver, cell->frames, &action);
	} else {
		driver_run_many(candidate->driver, cell->active, lead, &action);
		ns = driver_run_many(candidate->driver, cell->active, cell->frames, &action);
	}
	candidate_end(candidate);
	check(bench, candidate, cell, last, action);
	return ns;
}

static void measure_round(struct bench *bench, const struct cell *cell, __u32 round,
			  struct results *results)
{
	struct cell direct = { cell->outcome, 1, cell->frames, 1 };

	results->driver_ns[round] = 0;
	/* The first candidate changes, so that none always follows the same one. */
	for (size_t i = 0; i < bench->count; i++) {
		size_t which = (i + round) % bench->count;
		struct candidate *candidate = &bench->candidates[which];

		results->ns[which][round] = measure(bench, candidate, cell);
		if (cell->active > 1 && !strcmp(candidate->name, "drop"))
			results->driver_ns[round] =
				results->ns[which][round] - measure(bench, candidate, &direct);
	}
}

static void print_rounds(const char *name, const double *values, __u32 rounds)
{
	printf("\"%s\": [", name);
	for (__u32 round = 0; round < rounds; round++)
		printf("%s%.3f", round ? ", " : "", values[round]);
	printf("]");
}

static void answer(struct bench *bench, const struct cell *cell)
{
	static struct results results;
	__u32 frames_each;

	must(workload_sources(&bench->workload, cell->outcome, sources_bytes(bench->sources),
			      cell->active),
	     "sources of this kind");
	frames_each = check_sources(bench, cell) +
		      cell->rounds * (cell->frames + cell->frames / LEAD_PART + 1);
	for (__u32 round = 0; round < cell->rounds; round++)
		measure_round(bench, cell, round, &results);

	printf("{\"frames_each\": %u, \"frame_bytes\": %u, ", frames_each, FRAME_SIZE);
	print_rounds("driver_ns", results.driver_ns, cell->rounds);
	printf(", \"ns\": {");
	for (size_t i = 0; i < bench->count; i++) {
		printf("%s", i ? ", " : "");
		print_rounds(bench->candidates[i].name, results.ns[i], cell->rounds);
	}
	printf("}}\n");
	fflush(stdout);
}

static void prepare(struct bench *bench, int argc, char **argv)
{
	enum family family;
	enum kind kind;

	if (argc < 5 || argc - 4 > MOST_CANDIDATES || !family_parse(argv[1], &family) ||
	    !kind_parse(argv[2], &kind))
		fail("usage: packets ipv4|ipv6 random|mixed COUNT CANDIDATE...");
	must(workload_make(&bench->workload, family, kind, number(argv[3], INT_MAX)),
	     "making the rules");
	must(workload_sources(&bench->workload, OUTCOME_HIT, &bench->constant, 1),
	     "a source that hits");
	bench->sources = sources_new(family);
	for (int i = 4; i < argc; i++)
		candidate_open(&bench->candidates[bench->count++], argv[i], &bench->workload,
			       bench->constant, bench->sources);
	clock_stay_here();
}

int main(int argc, char **argv)
{
	static struct bench bench;
	char line[128];

	prepare(&bench, argc, argv);
	while (fgets(line, sizeof(line), stdin)) {
		struct cell cell = cell_parse(line);

		answer(&bench, &cell);
	}
	for (size_t i = 0; i < bench.count; i++)
		candidate_close(&bench.candidates[i]);
	sources_free(bench.sources);
	workload_done(&bench.workload);
	return EXIT_SUCCESS;
}
