/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do intervals become a run of sorted points?
 */
#ifndef TABLE_RUN_H
#define TABLE_RUN_H

#include <table/points.h>
#include <table/value.h>
#include <stddef.h>

/* A run that is being made. Zeroed is empty; release with run_done(). */
struct run {
	struct point *points;
	size_t count;
	size_t capacity;
	__u64 covered; /* the word after the last interval */
};
void run_done(struct run *run);

/* Adds an interval to the run that begins at the word `first`. Intervals come in order and do not
 * overlap; in the gaps between them there is no rule. Returns 0 or -ENOMEM. */
int run_add(struct run *run, __u32 first, const struct value_interval *interval);

/* Ends the run at the word `last`. Returns 0 or -ENOMEM. */
int run_end(struct run *run, __u32 last);

#endif
