/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules does a measurement use, and which sources send to it?
 *
 * They are made from a fixed seed, and are the same in every run and every program of the bench. A
 * search over the intervals of the address space decides what each address should get,
 * independently of everything that is measured.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address as a number, whose lowest bit is the last one of the address. IPv4 uses 32 bits. */
typedef unsigned __int128 address_t;

enum family { FAMILY_IPV4, FAMILY_IPV6 };

/* random: IPv4 addresses. mixed: prefixes with the lengths of real lists, in IPv4 with
 * exceptions. */
enum kind { KIND_RANDOM, KIND_MIXED };

/* hit: under a drop rule. near: beside a rule, and under none. far: anywhere, and under none. */
enum outcome { OUTCOME_HIT, OUTCOME_NEAR, OUTCOME_FAR, OUTCOMES };

struct bench_rule {
	address_t first;
	uint8_t bits; /* prefix length within its family */
	bool pass;    /* an exception inside a drop rule */
};

struct interval; /* private */

struct workload {
	enum family family;
	struct bench_rule *rules; /* sorted by address, covers first, without duplicates */
	size_t count;
	struct interval *intervals;
	size_t interval_count;
};

/* Makes `count` rules. IPv6 has only the kind mixed. Returns 0, -EINVAL or -ENOMEM. Release the
 * workload with workload_done(). */
int workload_make(struct workload *out, enum family family, enum kind kind, size_t count);
void workload_done(struct workload *workload);

/* The rule that decides, or NULL. */
const struct bench_rule *workload_lookup(const struct workload *workload, address_t address);

/* Fills `sources` in network byte order, 16 bytes each (IPv4: the first four). The same outcome
 * always gives the same sources, and a longer list begins with those of a shorter one. Returns 0,
 * or -ENOENT if the rules leave no such address. */
int workload_sources(const struct workload *workload, enum outcome outcome, uint8_t (*sources)[16],
		     size_t count);

/* Writes the address as in a packet, to the first 4 (IPv4) or all 16 bytes of `bytes`. */
void address_bytes(enum family family, address_t address, uint8_t bytes[16]);

/* Names on the command line. Each returns false for another text. */
bool family_parse(const char *text, enum family *out);
bool kind_parse(const char *text, enum kind *out);
bool outcome_parse(const char *text, enum outcome *out);

#endif
