// SPDX-License-Identifier: GPL-2.0
/*
 * How many cache lines does a lookup among a million rules read?
 *
 * Each of them may be cold, and then costs more than all instructions of the lookup. docs/engine.md
 * says which they are. Here the code of <ipfilter/lookup.h> runs over a table that notes what it
 * reads.
 */
#include <stdlib.h>

#include <table/compile.h>
#include <table/image.h>

#include "support.h"

#define RULES 1000000u
#define LOOKUPS 200000u
#define LINE_SIZE 64u
#define MOST_LINES 64u

static struct {
	uintptr_t lines[MOST_LINES];
	unsigned int count;
} touched;

static const void *touch(const void *bytes)
{
	uintptr_t line = (uintptr_t)bytes / LINE_SIZE;

	for (unsigned int i = 0; i < touched.count; i++)
		if (touched.lines[i] == line)
			return bytes;
	assert_true(touched.count < MOST_LINES);
	touched.lines[touched.count++] = line;
	return bytes;
}

#define ipf_in_chunk(chunk, offset, type) \
	((const type *)touch((chunk) + ((offset) & (IPF_CHUNK_SIZE - sizeof(type)))))

typedef const struct image *ipf_table;

static const struct ipf_layout *ipf_table_layout(ipf_table table)
{
	return &image_header(table)->layout;
}

/* These images are larger than a head. */
static const __u8 *ipf_table_chunk(ipf_table table, __u64 offset)
{
	return offset < table->body ? image_at(table, offset / IPF_CHUNK_SIZE * IPF_CHUNK_SIZE) :
				      NULL;
}

static const __u8 *ipf_table_head(ipf_table table, __u64 offset)
{
	return ipf_table_chunk(table, offset);
}

static __u32 ipf_table_now(ipf_table table)
{
	(void)table;
	return 0;
}

#include <ipfilter/lookup.h>

/* --- Rules ------------------------------------------------------------------------------------ */

static struct prefix address4(void)
{
	return (struct prefix){ { random_number() << 32, 0 }, IPF_IPV4, 32 };
}

/* Hosts, and the networks that reputation feeds name. */
static struct prefix mixed4(void)
{
	static const __u8 bits[] = { 32, 32, 32, 32, 32, 32, 24, 24, 28, 29 };
	struct prefix prefix = address4();

	prefix.bits = bits[random_below(COUNT_OF(bits))];
	return prefix;
}

/* The lengths of blocklists, in an address space where each /32 has seldom more than one. */
static struct prefix alone6(void)
{
	static const __u8 bits[] = { 64, 64, 64, 64, 64, 48, 48, 128, 128, 32 };
	struct ipf_key key = { 1ull << 61 | random_number() >> 3, random_number() };

	return (struct prefix){ key, IPF_IPV6, bits[random_below(COUNT_OF(bits))] };
}

/* Networks of customers and of subnets, below thirty /32. */
static struct prefix crowded6(void)
{
	struct prefix prefix = alone6();
	__u64 below = prefix.key.high & UINT32_MAX;

	if (prefix.bits == 32)
		prefix.bits = 56;
	prefix.key.high = (0x20010db8ull + 0x01000193 * random_below(30)) << 32 | below;
	return prefix;
}

struct lines_case {
	const char *name;
	struct prefix (*make)(void);
	double mean;       /* at most so many lines of a lookup that hits */
	unsigned int most; /* with room for the rare crowds of another seed */
};

static const struct lines_case lines_cases[] = {
	{ "IPv4 addresses", address4, 2.1, 5 },
	{ "IPv4 prefixes", mixed4, 2.1, 5 },
	{ "IPv6 prefixes, each below a word of its own", alone6, 2.25, 7 },
	/* The first two of them, of the first words, are few and soon in the cache. */
	{ "IPv6 prefixes below a few words", crowded6, 4.4, 9 },
};

static struct prefix shortened(struct prefix prefix)
{
	struct ipf_key mask =
		prefix_last(&(struct prefix){ .family = prefix.family, .bits = prefix.bits });

	prefix.key.high &= ~mask.high;
	prefix.key.low &= ~mask.low;
	return prefix;
}

static void make_rules(struct ruleset *set, struct prefix (*make)(void))
{
	struct rule *rules = calloc(RULES, sizeof(*rules));

	assert_non_null(rules);
	for (size_t i = 0; i < RULES; i++)
		rules[i] = (struct rule){
			.prefix = shortened(make()),
			.verdict = IPF_DROP,
			.counter = IPF_NO_COUNTER,
		};
	ruleset_init(set);
	assert_int_equal(ruleset_name_set(set, "default"), 0);
	assert_int_equal(ruleset_add(set, rules, RULES, NULL), 0);
	free(rules);
}

/* An address under the prefix. */
static struct ipf_key inside(const struct prefix *prefix)
{
	struct ipf_key last = prefix_last(prefix);

	last.high = prefix->key.high | (random_number() & (last.high ^ prefix->key.high));
	last.low = prefix->key.low | (random_number() & (last.low ^ prefix->key.low));
	return last;
}

static void check_lines(void **state)
{
	const struct lines_case *c = *state;
	unsigned int most = 0;
	struct ruleset set;
	struct image image;
	size_t sum = 0;

	random_restart();
	make_rules(&set, c->make);
	assert_int_equal(compile_rules(&set, &image), 0);
	for (size_t i = 0; i < LOOKUPS; i++) {
		const struct prefix *prefix = &set.rules[random_below(set.count)].prefix;
		struct ipf_key key = inside(prefix);

		touched.count = 0;
		assert_int_equal(ipf_lookup(&image, prefix->family, &key).verdict, IPF_DROP);
		sum += touched.count;
		if (touched.count > most)
			most = touched.count;
	}
	printf("# %s: %.2f lines, %u at most\n", c->name, (double)sum / LOOKUPS, most);
	assert_true((double)sum / LOOKUPS <= c->mean);
	assert_true(most <= c->most);
	image_done(&image);
	ruleset_done(&set);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_lines, lines_cases);
	return suite_run(&suite, "cold lines");
}
