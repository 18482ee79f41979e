// SPDX-License-Identifier: GPL-2.0
/*
 * Do pauses grow, stay within their bounds, and differ between hosts?
 */
#include <util/backoff.h>

#include "support.h"

static void assert_near(uint64_t ms, uint64_t wanted)
{
	assert_uint_in_range(ms, wanted - wanted / 4, wanted + wanted / 4);
}

static void test_pauses_double_up_to_the_longest(void **state)
{
	struct backoff backoff = { 0 };

	(void)state;
	for (uint64_t wanted = BACKOFF_FIRST_MS; wanted < BACKOFF_LONGEST_MS; wanted *= 2)
		assert_near(backoff_next_ms(&backoff), wanted);
	for (int i = 0; i < 100; i++)
		assert_near(backoff_next_ms(&backoff), BACKOFF_LONGEST_MS);
}

static void test_success_starts_again(void **state)
{
	struct backoff backoff = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		backoff_next_ms(&backoff);
	backoff_reset(&backoff);
	assert_near(backoff_next_ms(&backoff), BACKOFF_FIRST_MS);
}

static void test_jitter_differs(void **state)
{
	uint64_t first = backoff_jitter_ms(1000000), other = first;

	(void)state;
	for (int i = 0; i < 100 && other == first; i++)
		other = backoff_jitter_ms(1000000);
	assert_int_not_equal(first, other);
	assert_int_equal(backoff_jitter_ms(0), 0);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "pauses double", test_pauses_double_up_to_the_longest, NULL);
	suite_add(&suite, "success starts again", test_success_starts_again, NULL);
	suite_add(&suite, "jitter differs", test_jitter_differs, NULL);
	return suite_run(&suite, "backoff");
}
