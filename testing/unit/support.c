// SPDX-License-Identifier: GPL-2.0
/*
 * What do the unit tests share?
 */
#include "support.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <feed/input.h>
#include <feed/reader.h>
#include <feed/writer.h>
#include <ruleset/verdict.h>
#include <util/array.h>
#include <util/error.h>

static uint64_t seed;
static uint64_t random_state;

void suite_add(struct suite *suite, const char *name, CMUnitTestFunction function,
	       const void *its_case)
{
	assert(suite->count < COUNT_OF(suite->tests));
	suite->tests[suite->count++] = (struct CMUnitTest){
		.name = name,
		.test_func = function,
		.initial_state = (void *)its_case,
	};
}

int suite_run(struct suite *suite, const char *name)
{
	const char *wish = getenv("SEED");

	seed = wish ? strtoull(wish, NULL, 0) : (uint64_t)time(NULL);
	printf("# SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	random_restart();
	return _cmocka_run_group_tests(name, suite->tests, suite->count, NULL, NULL) ? 1 : 0;
}

void random_restart(void)
{
	random_state = seed;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t random_number(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t random_below(uint64_t limit)
{
	return random_number() % limit;
}

struct address random_address(enum ipf_family family)
{
	struct address address = { .family = family, .key = { random_number(), random_number() } };

	if (family == IPF_IPV4)
		address.key = (struct ipf_key){ address.key.high << 32, 0 };
	return address;
}

const char *const shape_names[SHAPES] = {
	[SHAPE_SPREAD] = "prefixes anywhere",
	[SHAPE_CLUSTERED] = "prefixes around a few addresses",
	[SHAPE_NESTED] = "a prefix of every length over one address",
	[SHAPE_NEIGHBOURS] = "runs of neighbours",
	[SHAPE_EDGES] = "whole spaces, their halves and ends",
	[SHAPE_DUPLICATES] = "few prefixes in many sets",
	[SHAPE_IPV4_ONLY] = "only IPv4",
	[SHAPE_IPV6_ONLY] = "only IPv6",
};

struct prefix prefix_from(const char *text)
{
	struct prefix_list list = { 0 };
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &list, NULL), PREFIX_OK);
	assert_int_equal(list.count, 1);
	prefix = list.items[0];
	prefix_list_done(&list);
	return prefix;
}

struct ipf_key key_sum(struct ipf_key a, struct ipf_key b)
{
	__u64 low = a.low + b.low;

	return (struct ipf_key){ a.high + b.high + (low < a.low), low };
}

struct address address_at(enum ipf_family family, struct ipf_key key, int step)
{
	struct ipf_key distance = { step < 0 ? UINT64_MAX : 0, (__u64)step };

	/* IPv4 has steps of its own, without the lower ones that prefix_last() sets. */
	if (family == IPF_IPV4) {
		key = (struct ipf_key){ key.high >> 32 << 32, 0 };
		distance = (struct ipf_key){ (__u64)step << 32, 0 };
	}
	return (struct address){ family, key_sum(key, distance) };
}

bool key_bit(const struct ipf_key *key, unsigned int bit)
{
	return (bit < 64 ? key->high >> (63 - bit) : key->low >> (127 - bit)) & 1;
}

static struct prefix shorten(struct address address, unsigned int bits)
{
	for (unsigned int i = bits; i < 128; i++) {
		if (i < 64)
			address.key.high &= ~(1ull << (63 - i));
		else
			address.key.low &= ~(1ull << (127 - i));
	}
	return (struct prefix){ address.key, (__u8)address.family, (__u8)bits };
}

/* The key, moved by `steps` prefixes of that length. */
static struct ipf_key shift_key(struct ipf_key key, unsigned int bits, uint64_t steps)
{
	if (!bits)
		return key;
	if (bits <= 64)
		return key_sum(key, (struct ipf_key){ steps << (64 - bits), 0 });
	return key_sum(key, (struct ipf_key){ bits < 128 ? steps >> (bits - 64) : 0,
					      steps << (128 - bits) });
}

static struct prefix random_prefix(enum shape shape, const struct address centres[4], size_t i)
{
	const struct address *centre = &centres[random_below(4)];
	unsigned int most = address_family_bits(centre->family);
	struct address address = *centre;
	unsigned int bits;

	switch (shape) {
	case SHAPE_CLUSTERED:
		bits = (unsigned int)random_below(most + 1);
		address.key = shift_key(address.key, most, random_below(9));
		if (bits)
			address.key = shift_key(address.key, bits, random_below(3));
		return shorten(address, bits);
	case SHAPE_NESTED:
		return shorten(centres[i % 2],
			       (unsigned int)(i / 2) %
				       (address_family_bits(centres[i % 2].family) + 1));
	case SHAPE_NEIGHBOURS:
		bits = most - (unsigned int)random_below(most < 128 ? 24 : 100);
		address.key = shift_key(shorten(address, bits).key, bits, random_below(40));
		return shorten(address, bits);
	case SHAPE_EDGES:
		bits = random_below(3) ? (unsigned int)random_below(3) :
					 most - (unsigned int)random_below(3);
		address.key = random_below(2) ? (struct ipf_key){ 0, 0 } :
						(struct ipf_key){ UINT64_MAX, UINT64_MAX };
		return shorten(address, bits);
	case SHAPE_DUPLICATES:
		return shorten(address, most / 2 + (unsigned int)random_below(3));
	default:
		return shorten(random_address(centre->family),
			       (unsigned int)random_below(most + 1));
	}
}

void random_rules(struct ruleset *rules, enum shape shape, size_t count, struct rule **incoming)
{
	static const char *const names[RANDOM_MAX_SETS] = { "default", "b", "a", "long.set-name_1",
							    "z-31-bytes-long-name-of-a-set-0" };
	size_t set_count = 1 + random_below(RANDOM_MAX_SETS);
	struct address centres[4];

	for (size_t i = 0; i < set_count; i++)
		assert_true(ruleset_name_set(rules, names[i]) >= 0);
	for (size_t i = 0; i < COUNT_OF(centres); i++) {
		enum ipf_family family = i % 2 ? IPF_IPV6 : IPF_IPV4;

		if (shape == SHAPE_IPV4_ONLY)
			family = IPF_IPV4;
		else if (shape == SHAPE_IPV6_ONLY)
			family = IPF_IPV6;
		centres[i] = random_address(family);
	}
	*incoming = calloc(count + 1, sizeof(**incoming));
	assert_non_null(*incoming);
	for (size_t i = 0; i < count; i++)
		(*incoming)[i] = (struct rule){
			.prefix = random_prefix(shape, centres, i),
			.verdict = random_below(2) ? IPF_DROP : IPF_PASS,
			.set = (__u16)random_below(set_count),
			.expires = random_below(3) ? 1 + (__u32)random_below(RANDOM_MAX_EXPIRES) :
						     IPF_NEVER,
			.counter = IPF_NO_COUNTER,
		};
}

void assign_counters(struct ruleset *rules)
{
	struct ruleset_slots fresh;

	assert_int_equal(ruleset_assign_counters(rules, 0, NULL, 0, &fresh), 0);
	free(fresh.items);
}

void random_ruleset(struct ruleset *rules, enum shape shape, size_t count)
{
	struct rule *incoming;

	ruleset_init(rules);
	random_rules(rules, shape, count, &incoming);
	assert_int_equal(ruleset_add(rules, incoming, count, NULL), 0);
	assign_counters(rules);
	free(incoming);
}

FILE *open_text(const char *text, size_t length)
{
	/* An empty file: some C libraries refuse an empty fmemopen(3). */
	FILE *file = length ? fmemopen((void *)text, length, "r") : fopen("/dev/null", "r");

	assert_non_null(file);
	return file;
}

void ruleset_from_input(struct ruleset *rules, struct input *input)
{
	ruleset_init(rules);
	for (size_t i = 0; i < input->set_count; i++)
		assert_int_equal(ruleset_name_set(rules, input->sets[i].name), i);
	assert_int_equal(ruleset_add(rules, input->rules, input->count, NULL), 0);
	ruleset_tidy(rules, 0);
	input_done(input);
}

void ruleset_from_text(struct ruleset *rules, const char *text)
{
	struct input input = { .verdict = VERDICT_DROP };
	FILE *file = open_text(text, strlen(text));
	struct error err = { 0 };

	if (reader_read(&input, file, "text", &err))
		fail_msg("%s", err.text);
	fclose(file);
	ruleset_from_input(rules, &input);
}

char *ruleset_to_text(const struct ruleset *rules)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(writer_write(rules, 0, 0, out), 0);
	fclose(out);
	return text;
}

void assert_same_rule(const struct rule *a, const struct rule *b)
{
	char a_text[PREFIX_TEXT_SIZE], b_text[PREFIX_TEXT_SIZE];

	prefix_format(&a->prefix, a_text);
	prefix_format(&b->prefix, b_text);
	if (prefix_compare(&a->prefix, &b->prefix) || a->verdict != b->verdict ||
	    a->set != b->set || a->expires != b->expires || a->counter != b->counter)
		fail_msg("%s %s set %u expires %u counter %d is not %s %s set %u expires %u counter %d",
			 verdict_name(a->verdict), a_text, a->set, a->expires, (int)a->counter,
			 verdict_name(b->verdict), b_text, b->set, b->expires, (int)b->counter);
}

void assert_same_ruleset(const struct ruleset *a, const struct ruleset *b)
{
	assert_int_equal(a->set_count, b->set_count);
	for (size_t i = 0; i < a->set_count; i++)
		assert_string_equal(a->sets[i].name, b->sets[i].name);
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++)
		assert_same_rule(&a->rules[i], &b->rules[i]);
}

void assert_sound_ruleset(const struct ruleset *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		assert_true(rules->rules[i].set < rules->set_count);
		if (i)
			assert_true(rule_compare(&rules->rules[i - 1], &rules->rules[i]) < 0);
		for (size_t k = i + 1; k < rules->count && !prefix_compare(&rules->rules[i].prefix,
									   &rules->rules[k].prefix);
		     k++)
			assert_true(rules->rules[i].set != rules->rules[k].set);
	}
}
