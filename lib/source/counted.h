/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What has the filter counted for the set of a source?
 *
 * sync writes it to the standard input of a source program that asks (delivery.h), as lines:
 *
 *	total DROPPED_PACKETS DROPPED_BYTES ALL_PACKETS ALL_BYTES
 *	PREFIX PACKETS BYTES      for each rule of the set that counts, and has counted something
 *	.
 *
 * All are sums over the interfaces that have the set.
 */
#ifndef SOURCE_COUNTED_H
#define SOURCE_COUNTED_H

#include <ruleset/prefix.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct error;

struct counted_rule {
	struct prefix prefix;
	uint64_t packets, bytes;
};

/* Zeroed is empty; release with counted_done(). */
struct counted {
	uint64_t dropped_packets, dropped_bytes; /* by all rules of all sets, and by the policy */
	uint64_t all_packets, all_bytes;
	struct counted_rule *rules;
	size_t count;
	size_t capacity;
};
void counted_done(struct counted *counters);

/* Adds to the counters of the prefix. Returns 0 or -ENOMEM. */
int counted_add(struct counted *counters, const struct prefix *prefix, uint64_t packets,
		uint64_t bytes);
/* Sorts the rules by prefix, and makes one of those with the same. */
void counted_sort(struct counted *counters);

/* Returns 0, or a negative errno and sets *err. */
int counted_write(const struct counted *counters, FILE *out, struct error *err);
/* Waits for all lines. Returns as above, then with *out empty. The rules are sorted. */
int counted_read(struct counted *out, FILE *in, struct error *err);

#endif
