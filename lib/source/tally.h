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
#ifndef SOURCE_TALLY_H
#define SOURCE_TALLY_H

#include <ruleset/prefix.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct error;

struct tally_rule {
	struct prefix prefix;
	uint64_t packets, bytes;
};

/* Zeroed is empty; release with tally_done(). */
struct tally {
	uint64_t dropped_packets, dropped_bytes; /* by all rules of all sets, and by the policy */
	uint64_t all_packets, all_bytes;
	struct tally_rule *rules;
	size_t count;
	size_t capacity;
};
void tally_done(struct tally *counters);

/* Adds to the counters of the prefix. Returns 0 or -ENOMEM. */
int tally_add(struct tally *counters, const struct prefix *prefix, uint64_t packets,
	      uint64_t bytes);
/* Sorts the rules by prefix, and makes one of those with the same. */
void tally_sort(struct tally *counters);

/* Returns 0, or a negative errno and sets *err. */
int tally_write(const struct tally *counters, FILE *out, struct error *err);
/* Waits for all lines. Returns as above, then with *out empty. The rules are sorted. */
int tally_read(struct tally *out, FILE *in, struct error *err);

#endif
