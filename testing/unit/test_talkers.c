// SPDX-License-Identifier: GPL-2.0
/*
 * Are the sources that send the most packets found, and their numbers as good as promised?
 *
 * Streams whose exact counts are known are fed in random order.
 */
#include <ruleset/talkers.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define SOURCES 200
#define STREAM 100000

static __u64 random_state;

static __u32 next_random(__u32 below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (__u32)(random_state % below);
}

static struct prefix source(__u32 number)
{
	return (struct prefix){
		.key = { .high = (__u64)(0x0a000000u + number) << 32 },
		.family = IPF_IPV4,
		.bits = 32,
	};
}

/* Source n gets a share that is proportional to 1 / (n + 1). */
static __u32 zipf(void)
{
	static double sums[SOURCES];
	double at;
	__u32 n = 0;

	for (__u32 i = 0; !sums[SOURCES - 1] && i < SOURCES; i++)
		sums[i] = (i ? sums[i - 1] : 0) + 1.0 / (i + 1);
	at = next_random(1u << 31) / (double)(1u << 31) * sums[SOURCES - 1];
	while (sums[n] <= at)
		n++;
	return n;
}

static __u32 number_of(const struct talker *talker)
{
	return (__u32)(talker->prefix.key.high >> 32) - 0x0a000000u;
}

/* What the algorithm promises, against the exact counts. */
static void check_promises(const struct talkers *talkers, const __u64 exact[SOURCES])
{
	bool counted[SOURCES] = { false };

	for (__u32 i = 0; i < talkers->count; i++) {
		const struct talker *one = &talkers->items[i];
		const __u64 truth = exact[number_of(one)];

		assert_true(one->packets >= truth && one->packets - one->error <= truth);
		assert_int_equal(one->bytes, 100 * (one->packets - one->error));
		assert_false(counted[number_of(one)]);
		counted[number_of(one)] = true;
	}
	for (__u32 n = 0; n < SOURCES; n++)
		if (exact[n] > talkers->total / talkers->capacity)
			assert_true(counted[n]);
}

static void check_zipf(__u64 seed, __u32 capacity)
{
	__u64 exact[SOURCES] = { 0 };
	const struct talker *ranked;
	struct talkers talkers;

	random_state = seed;
	assert_int_equal(talkers_init(&talkers, capacity), 0);
	for (int i = 0; i < STREAM; i++) {
		const __u32 number = zipf();
		const struct prefix prefix = source(number);

		exact[number]++;
		talkers_count(&talkers, &prefix, IPF_DROP, 100);
	}
	assert_int_equal(talkers.total, STREAM);
	ranked = talkers_rank(&talkers);
	check_promises(&talkers, exact);
	for (__u32 rank = 0; rank < 3; rank++) {
		double share = (double)ranked[rank].packets / STREAM;
		double truth = (double)exact[rank] / STREAM;

		assert_int_equal(number_of(&ranked[rank]), rank);
		assert_true(share > 0.8 * truth && share < 1.2 * truth);
	}
	talkers_done(&talkers);
}

static void the_first_three_of_zipf_are_in_order(void **state)
{
	static const __u64 seeds[] = { 1, 20261130, 0x9e3779b97f4a7c15ull };

	(void)state;
	for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++) {
		check_zipf(seeds[i], 64);
		check_zipf(seeds[i], SOURCES); /* room for all: exact */
	}
}

static void random_streams_keep_the_promises(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		const __u32 capacity = 1 + next_random(40);
		__u64 exact[SOURCES] = { 0 };
		struct talkers talkers;

		assert_int_equal(talkers_init(&talkers, capacity), 0);
		for (__u32 i = next_random(3000); i; i--) {
			const __u32 number = next_random(1 + next_random(SOURCES));
			const struct prefix prefix = source(number);

			exact[number]++;
			talkers_count(&talkers, &prefix, IPF_PASS, 100);
		}
		check_promises(&talkers, exact);
		talkers_done(&talkers);
	}
}

static void verdicts_families_and_lengths_are_apart(void **state)
{
	struct prefix prefix = source(1);
	struct talkers talkers;

	(void)state;
	assert_int_equal(talkers_init(&talkers, 8), 0);
	talkers_count(&talkers, &prefix, IPF_DROP, 1);
	talkers_count(&talkers, &prefix, IPF_PASS, 1);
	prefix.bits = 24;
	talkers_count(&talkers, &prefix, IPF_PASS, 1);
	prefix.family = IPF_IPV6;
	talkers_count(&talkers, &prefix, IPF_PASS, 1);
	talkers_count(&talkers, &prefix, IPF_PASS, 1);
	assert_int_equal(talkers.count, 4);
	assert_int_equal(talkers_rank(&talkers)->packets, 2);
	talkers_clear(&talkers);
	assert_int_equal(talkers.count, 0);
	assert_int_equal(talkers_count(&talkers, &prefix, IPF_PASS, 1)->packets, 1);
	talkers_done(&talkers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_three_of_zipf_are_in_order),
		cmocka_unit_test(random_streams_keep_the_promises),
		cmocka_unit_test(verdicts_families_and_lengths_are_apart),
	};

	random_state = 42;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
