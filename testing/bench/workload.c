// SPDX-License-Identifier: GPL-2.0
/*
 * Makes rules and sources for measurements; see workload.h.
 */
#include "workload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The intervals of the family's address space between changes of the deciding rule, sorted. */
struct interval {
	address_t start;
	const struct bench_rule *owner; /* NULL: under no rule */
};

/* How many of a thousand rules have this length. */
struct share {
	uint8_t bits;
	uint16_t of_thousand;
};

static const struct share ipv4_random[] = { { 32, 1000 } };

/* Reputation feeds have mostly hosts and /24; the shorter a prefix, the rarer it is. */
static const struct share ipv4_mixed[] = {
	{ 32, 620 }, { 31, 10 },  { 30, 20 }, { 29, 30 }, { 28, 30 }, { 27, 20 }, { 26, 15 },
	{ 25, 15 },  { 24, 200 }, { 23, 15 }, { 22, 15 }, { 21, 5 },  { 20, 3 },  { 19, 2 },
};

/* A fixed list instead of shares, because a million rules must leave room for misses. */
static const uint8_t ipv4_wide[] = { 8, 10, 11, 12, 13, 14, 15, 15, 16, 16, 16, 16, 17, 18 };

static const struct share ipv6_mixed[] = { { 64, 500 }, { 48, 200 }, { 32, 100 }, { 128, 200 } };

enum {
	WIDE_FROM = 1000,       /* the number of rules from which on wide prefixes are included */
	EXCEPTIONS_OF_100 = 5,  /* of the IPv4 mix */
	EXCEPTION_IN_BITS = 24, /* the longest prefix that has exceptions */
	MOST_TRIES = 10000,     /* for one source */
};

/* splitmix64 (Steele, Lea, Flood 2014): short, and good enough for workloads. */
struct random {
	uint64_t state;
};

static uint64_t random_bits(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static size_t random_below(struct random *random, size_t limit)
{
	return (size_t)(random_bits(random) % limit);
}

static unsigned int address_family_bits(enum family family)
{
	return family == FAMILY_IPV4 ? 32 : 128;
}

/* A mask with ones in the host bits. */
static address_t host_mask(enum family family, unsigned int bits)
{
	unsigned int host_bits = address_family_bits(family) - bits;

	return host_bits == 128 ? ~(address_t)0 : ((address_t)1 << host_bits) - 1;
}

static address_t rule_last(enum family family, const struct bench_rule *rule)
{
	return rule->first | host_mask(family, rule->bits);
}

/* Unicast: IPv4 without 0, 127 and everything from 224 on; IPv6 in 2000::/3. */
static bool is_unicast(enum family family, address_t address)
{
	unsigned int octet = (unsigned int)(address >> 24) & 0xff;

	if (family == FAMILY_IPV6)
		return address >> 125 == 1;
	return octet && octet != 127 && octet < 224;
}

static address_t random_address(enum family family, struct random *random)
{
	address_t address;

	if (family == FAMILY_IPV6)
		return (address_t)(1ull << 61 | random_bits(random) >> 3) << 64 |
		       random_bits(random);
	do
		address = (uint32_t)random_bits(random);
	while (!is_unicast(family, address));
	return address;
}

static struct bench_rule random_rule(enum family family, unsigned int bits, struct random *random)
{
	address_t address = random_address(family, random);

	return (struct bench_rule){ .first = address & ~host_mask(family, bits),
				    .bits = (uint8_t)bits };
}

static unsigned int pick_bits(const struct share *shares, struct random *random)
{
	size_t at = random_below(random, 1000);

	while (at >= shares->of_thousand) {
		at -= shares->of_thousand;
		shares++;
	}
	return shares->bits;
}

/* A longer prefix inside `cover`. */
static struct bench_rule random_exception(enum family family, const struct bench_rule *cover,
					  struct random *random)
{
	unsigned int room = address_family_bits(family) - cover->bits;
	unsigned int bits = cover->bits + 1 + (unsigned int)random_below(random, room);
	address_t inside = random_bits(random) & host_mask(family, cover->bits);

	return (struct bench_rule){ .first = cover->first | (inside & ~host_mask(family, bits)),
				    .bits = (uint8_t)bits,
				    .pass = true };
}

static int by_address_then_cover(const void *a, const void *b)
{
	const struct bench_rule *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->bits - y->bits;
}

/* Sorts the rules, and keeps one rule per prefix. Returns the number of rules. */
static size_t sort_unique(struct bench_rule *rules, size_t count)
{
	size_t kept = 0;

	qsort(rules, count, sizeof(*rules), by_address_then_cover);
	for (size_t i = 0; i < count; i++)
		if (!kept || by_address_then_cover(&rules[kept - 1], &rules[i]))
			rules[kept++] = rules[i];
	return kept;
}

static void make_rules(struct workload *workload, enum kind kind, size_t count)
{
	struct random random = { .state = 1 };
	enum family family = workload->family;
	const struct share *shares = family == FAMILY_IPV6 ? ipv6_mixed :
				     kind == KIND_RANDOM   ? ipv4_random :
							     ipv4_mixed;
	bool with_exceptions = shares == ipv4_mixed;
	struct bench_rule *rules = workload->rules;
	size_t made = 0;

	if (with_exceptions && count >= WIDE_FROM)
		for (size_t i = 0; i < sizeof(ipv4_wide); i++)
			rules[made++] = random_rule(family, ipv4_wide[i], &random);
	while (made < count) {
		for (; made < count; made++) {
			const struct bench_rule *cover =
				made ? &rules[random_below(&random, made)] : NULL;

			if (with_exceptions && cover && !cover->pass &&
			    cover->bits <= EXCEPTION_IN_BITS &&
			    random_below(&random, 100) < EXCEPTIONS_OF_100)
				rules[made] = random_exception(family, cover, &random);
			else
				rules[made] =
					random_rule(family, pick_bits(shares, &random), &random);
		}
		made = sort_unique(rules, made);
	}
	workload->count = made;
}

static void add_interval(struct workload *workload, address_t start, const struct bench_rule *owner)
{
	struct interval *last = workload->interval_count ?
					&workload->intervals[workload->interval_count - 1] :
					NULL;

	/* If two intervals begin at one address, the later one has the longer prefix. */
	if (last && last->start == start)
		last->owner = owner;
	else
		workload->intervals[workload->interval_count++] = (struct interval){ start, owner };
}

/* Ends the rules on the stack that end before `next`. After each, its cover decides again. */
static size_t close_covers(struct workload *workload, const struct bench_rule **stack, size_t depth,
			   const struct bench_rule *next)
{
	address_t end = host_mask(workload->family, 0);

	for (; depth; depth--) {
		address_t last = rule_last(workload->family, stack[depth - 1]);

		if (next && last >= next->first)
			break;
		if (last != end)
			add_interval(workload, last + 1, depth > 1 ? stack[depth - 2] : NULL);
	}
	return depth;
}

static void make_intervals(struct workload *workload)
{
	const struct bench_rule *stack[129];
	size_t depth = 0;

	add_interval(workload, 0, NULL);
	for (size_t i = 0; i < workload->count; i++) {
		const struct bench_rule *rule = &workload->rules[i];

		depth = close_covers(workload, stack, depth, rule);
		add_interval(workload, rule->first, rule);
		stack[depth++] = rule;
	}
	close_covers(workload, stack, depth, NULL);
}

int workload_make(struct workload *out, enum family family, enum kind kind, size_t count)
{
	*out = (struct workload){ .family = family };
	if (!count || (family == FAMILY_IPV6 && kind == KIND_RANDOM))
		return -EINVAL;
	/* Each rule adds at most two intervals. */
	out->rules = calloc(count, sizeof(*out->rules));
	out->intervals = calloc(2 * count + 1, sizeof(*out->intervals));
	if (!out->rules || !out->intervals) {
		workload_done(out);
		return -ENOMEM;
	}
	make_rules(out, kind, count);
	make_intervals(out);
	return 0;
}

void workload_done(struct workload *workload)
{
	free(workload->rules);
	free(workload->intervals);
	*workload = (struct workload){ 0 };
}

const struct bench_rule *workload_lookup(const struct workload *workload, address_t address)
{
	size_t low = 0, high = workload->interval_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (workload->intervals[middle].start <= address)
			low = middle;
		else
			high = middle;
	}
	return workload->intervals[low].owner;
}

static address_t propose(const struct workload *workload, enum outcome outcome,
			 struct random *random)
{
	const struct bench_rule *rule = &workload->rules[random_below(random, workload->count)];
	address_t inside = (address_t)random_bits(random) << 64 | random_bits(random);

	switch (outcome) {
	case OUTCOME_HIT:
		return rule->first | (inside & host_mask(workload->family, rule->bits));
	case OUTCOME_NEAR:
		return random_bits(random) & 1 ? rule->first - 1 :
						 rule_last(workload->family, rule) + 1;
	default:
		return random_address(workload->family, random);
	}
}

static bool is_wanted(const struct workload *workload, enum outcome outcome, address_t address)
{
	const struct bench_rule *rule = workload_lookup(workload, address);

	if (outcome == OUTCOME_HIT)
		return rule && !rule->pass;
	return !rule && is_unicast(workload->family, address);
}

int workload_sources(const struct workload *workload, enum outcome outcome, uint8_t (*sources)[16],
		     size_t count)
{
	struct random random = { .state = 1000 + outcome };

	for (size_t i = 0; i < count; i++) {
		address_t address;
		int tries = 0;

		do {
			if (tries++ == MOST_TRIES)
				return -ENOENT;
			address = propose(workload, outcome, &random);
		} while (!is_wanted(workload, outcome, address));
		address_bytes(workload->family, address, sources[i]);
	}
	return 0;
}

void address_bytes(enum family family, address_t address, uint8_t bytes[16])
{
	unsigned int size = address_family_bits(family) / 8;

	for (unsigned int i = 0; i < size; i++)
		bytes[i] = (uint8_t)(address >> 8 * (size - 1 - i));
}

static bool choose(const char *const *names, size_t count, const char *text, unsigned int *out)
{
	for (unsigned int i = 0; i < count; i++) {
		if (!strcmp(names[i], text)) {
			*out = i;
			return true;
		}
	}
	return false;
}

bool family_parse(const char *text, enum family *out)
{
	static const char *const names[] = { "ipv4", "ipv6" };

	return choose(names, 2, text, out);
}

bool kind_parse(const char *text, enum kind *out)
{
	static const char *const names[] = { "random", "mixed" };

	return choose(names, 2, text, out);
}

bool outcome_parse(const char *text, enum outcome *out)
{
	static const char *const names[] = { "hit", "near", "far" };

	return choose(names, OUTCOMES, text, out);
}
