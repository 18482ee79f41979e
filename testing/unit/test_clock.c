// SPDX-License-Identifier: GPL-2.0
/*
 * Do the clocks advance in their stated units?
 */
#include "support.h"

#include <time.h>

#include <util/clock.h>

/* This uses another clock than the one under test, so a stopped clock does not hang the test. */
static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * (long)CLOCK_NS_PER_MS }, NULL);
}

static uint64_t system_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void test_monotonic_is_the_system_clock(void **state)
{
	uint64_t before = system_ns(CLOCK_MONOTONIC), now = clock_monotonic_ns(),
		 after = system_ns(CLOCK_MONOTONIC);

	(void)state;
	assert_uint_in_range(now, before, after);
}

static void test_boot_is_the_system_clock(void **state)
{
	uint64_t before = system_ns(CLOCK_BOOTTIME), now = clock_boot_ns(),
		 after = system_ns(CLOCK_BOOTTIME);

	(void)state;
	assert_uint_in_range(now, before, after);
}

static void test_milliseconds_are_rounded_down(void **state)
{
	uint64_t before = clock_monotonic_ns(), ms = clock_monotonic_ms(),
		 after = clock_monotonic_ns();

	(void)state;
	assert_uint_in_range(ms, before / 1000000, after / 1000000);
}

static void test_time_goes_by(void **state)
{
	uint64_t monotonic = clock_monotonic_ns(), boot = clock_boot_ns();

	(void)state;
	sleep_ms(2);
	assert_true(clock_monotonic_ns() >= monotonic + 2000000);
	assert_true(clock_boot_ns() >= boot + 2000000);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "the monotonic clock is the system's", test_monotonic_is_the_system_clock,
		  NULL);
	suite_add(&suite, "the boot clock is the system's", test_boot_is_the_system_clock, NULL);
	suite_add(&suite, "milliseconds are rounded down", test_milliseconds_are_rounded_down,
		  NULL);
	suite_add(&suite, "time goes by", test_time_goes_by, NULL);
	return suite_run(&suite, "clock");
}
