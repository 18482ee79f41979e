/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which value is in force from which word on, at each level of an address?
 */
#ifndef TABLE_LEVELS_H
#define TABLE_LEVELS_H

#include <stdbool.h>
#include <stddef.h>
#include <table/buckets.h>
#include <table/points.h>
#include <table/succession.h>

/* What the levels read and write. */
struct levels_context {
	bool is_delta; /* marks of regions are among the rules; outside of them nothing is said */
	struct succession succession; /* the rules of both families, and their timers to link */
	struct buckets *buckets;      /* take the intervals of the first level */
	struct points *points;        /* take the runs of the deeper levels; failures go here */
};

/* Walks the rules [at, end), which are those of one family, and writes their index and points.
 * Failures are noted in the points. */
void levels_walk(const struct levels_context *context, size_t at, size_t end);

#endif
