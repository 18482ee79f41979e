/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules does a measurement use, and which sources send to it?
 *
 * Made from a fixed seed, the same in every run and every program of the bench. What each address
 * should get is decided here, by a search over the address space cut into spans, and by nothing
 * that is measured.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address as a number, its last bit the lowest; IPv4 uses 32 bits. */
typedef unsigned __int128 address_t;

enum family { FAMILY_IPV4, FAMILY_IPV6 };

/* random: IPv4 addresses. mixed: prefixes of the lengths that lists have; IPv4 with exceptions. */
enum kind { KIND_RANDOM, KIND_MIXED };

/* hit: under a drop rule. near: beside a rule, and under none. far: anywhere, and under none. */
enum outcome { OUTCOME_HIT, OUTCOME_NEAR, OUTCOME_FAR, OUTCOMES };

struct bench_rule {
	address_t first;
	uint8_t bits; /* length of the prefix within its family */
	bool pass;    /* an exception inside a drop rule */
};

struct span; /* private */

struct workload {
	enum family family;
	struct bench_rule *rules; /* sorted by address, covers first; no two alike */
	size_t count;
	struct span *spans;
	size_t span_count;
};

/* `count` rules. IPv6 has no random kind, and only mixed is there. Returns 0, -EINVAL or -ENOMEM;
 * release with workload_done(). */
int workload_make(struct workload *out, enum family family, enum kind kind, size_t count);
void workload_done(struct workload *workload);

/* The rule that decides, or NULL. */
const struct bench_rule *workload_lookup(const struct workload *workload, address_t address);

/* Fills `sources` in network byte order, 16 bytes each (IPv4: the first four). The same outcome
 * gives the same sources, a longer list those of a shorter one first. Returns 0, or -ENOENT when
 * the rules leave no such address. */
int workload_sources(const struct workload *workload, enum outcome outcome, uint8_t (*sources)[16],
		     size_t count);

/* The address as a packet has it: the first 4 (IPv4) or 16 bytes of `bytes` are written. */
void address_bytes(enum family family, address_t address, uint8_t bytes[16]);

/* Names on the command line. Each returns false for another text. */
bool family_parse(const char *text, enum family *out);
bool kind_parse(const char *text, enum kind *out);
bool outcome_parse(const char *text, enum outcome *out);

#endif
