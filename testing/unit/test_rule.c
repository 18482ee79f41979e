// SPDX-License-Identifier: GPL-2.0
/*
 * Which names can sets have, and when do rules end?
 */
#include <ruleset/rule.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#include <ruleset/tick.h>
#include <ruleset/verdict.h>

#include "support.h"

struct name_case {
	const char *name;
	const char *text;
	bool valid;
};

static const struct name_case name_cases[] = {
	{ "a plain name", "spamhaus", true },
	{ "one letter", "a", true },
	{ "one digit", "7", true },
	{ "all kinds of characters", "Ab9._-", true },
	{ "31 characters", "abcdefghijklmnopqrstuvwxyz01234", true },
	{ "32 characters", "abcdefghijklmnopqrstuvwxyz012345", false },
	{ "the ends of the alphabets and digits", "azAZ09", true },
	{ "the characters around them", "a@", false },
	{ "the characters between them", "a[", false },
	{ "an empty name", "", false },
	{ "a dot in front", ".hidden", false },
	{ "a dash in front, as an option has", "-a", false },
	{ "an underscore in front", "_a", false },
	{ "a blank inside", "a b", false },
	{ "a slash inside", "a/b", false },
	{ "a comment sign inside", "a;b", false },
	{ "a colon inside", "a:b", false },
	{ "a line end after it", "a\n", false },
	{ "a letter beyond ASCII", "caf\xc3\xa9", false },
};

static void check_name(void **state)
{
	const struct name_case *c = *state;

	assert_int_equal(ruleset_name_valid(c->text), c->valid);
}

static void verdicts_have_names(void **state)
{
	(void)state;
	assert_string_equal(verdict_name(IPF_PASS), "pass");
	assert_string_equal(verdict_name(IPF_DROP), "drop");
}

static void the_tick_is_that_of_the_boot_clock(void **state)
{
	struct timespec before, after;
	__u32 tick;

	(void)state;
	clock_gettime(CLOCK_BOOTTIME, &before);
	tick = tick_now();
	clock_gettime(CLOCK_BOOTTIME, &after);
	assert_true(tick >= (before.tv_sec * 1000000000ull + before.tv_nsec) >> IPF_TICK_SHIFT);
	assert_true(tick <= (after.tv_sec * 1000000000ull + after.tv_nsec) >> IPF_TICK_SHIFT);
}

struct offset_case {
	const char *name;
	const char *text;
	int ret;
	__s64 ns;
};

static const struct offset_case offset_cases[] = {
	{ "no offset", "monotonic           0         0\nboottime            0         0\n", 0, 0 },
	{ "the boot clock's, not the other", "monotonic  5 0\nboottime  100000 7\n", 0,
	  100000000000007 },
	{ "its line first", "boottime 1 2\nmonotonic 3 4\n", 0, 1000000002 },
	{ "a negative one", "monotonic 0 0\nboottime         -2 500000000\n", 0, -1500000000 },
	{ "the largest", "boottime 9223372035 999999999\n", 0, 9223372035999999999 },
	{ "more than fits", "boottime 9223372036 0\n", -EINVAL, 0 },
	{ "far less than fits", "boottime -9223372037 0\n", -EINVAL, 0 },
	{ "a whole second of ns", "boottime 0 1000000000\n", -EINVAL, 0 },
	{ "negative ns", "boottime 0 -1\n", -EINVAL, 0 },
	{ "truncated", "monotonic 0 0\nboottime 12", -EINVAL, 0 },
	{ "truncated inside its last number", "boottime 1 23", -EINVAL, 0 },
	{ "more after it", "boottime 1 2 3\n", -EINVAL, 0 },
	{ "another clock alone", "monotonic 0 0\n", -EINVAL, 0 },
	{ "its name inside another", "monotonic 0 0\nxboottime 1 2\n", -EINVAL, 0 },
	{ "words", "boottime one two\n", -EINVAL, 0 },
	{ "nothing", "", -EINVAL, 0 },
};

static void check_offset(void **state)
{
	const struct offset_case *c = *state;
	__s64 ns = 4711;

	assert_int_equal(tick_parse_offset(c->text, &ns), c->ret);
	assert_true(ns == (c->ret ? 4711 : c->ns));
}

static void a_rule_never_ends_early(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 100000; i++) {
		__u32 now = (__u32)random_below(1u << 30);
		uint64_t seconds = 1 + random_below(i % 2 ? 1000 : 315360000);
		__u32 end = tick_after(now, seconds);

		/* Even if added at the last moment of tick `now`, it does not end early. */
		assert_true(((__u64)end << IPF_TICK_SHIFT) >=
			    ((__u64)(now + 1) << IPF_TICK_SHIFT) - 1 + seconds * 1000000000ull);
		/* It ends at most two ticks late. */
		assert_true((__u64)(end - now) << IPF_TICK_SHIFT <
			    seconds * 1000000000ull + (2ull << IPF_TICK_SHIFT));
	}
}

static void the_seconds_asked_for_are_read_back(void **state)
{
	(void)state;
	random_restart();
	for (uint64_t seconds = 1; seconds < 100000; seconds++) {
		__u32 now = (__u32)random_below(1u << 30);

		assert_int_equal(tick_seconds_left(tick_after(now, seconds), now), seconds);
	}
	assert_int_equal(tick_seconds_left(tick_after(1000, 315360000), 1000), 315360000);
}

static void what_is_left_shrinks_to_zero(void **state)
{
	__u32 end = tick_after(1000, 60);
	uint64_t before = 60;

	(void)state;
	for (__u32 now = 1000; now < end; now++) {
		uint64_t left = tick_seconds_left(end, now);

		assert_true(left >= 1 && left <= before);
		assert_false(tick_ended(end, now));
		before = left;
	}
	assert_int_equal(before, 1);
	assert_int_equal(tick_seconds_left(end, end), 0);
	assert_int_equal(tick_seconds_left(end, end + 1), 0);
	assert_true(tick_ended(end, end));
}

static void the_far_end_of_time(void **state)
{
	(void)state;
	assert_int_equal(tick_after(UINT32_MAX, 1), UINT32_MAX);
	assert_int_equal(tick_after(UINT32_MAX - 5, 1), UINT32_MAX);
	assert_int_equal(tick_after(0, UINT64_MAX), UINT32_MAX);
	assert_int_equal(tick_after(0, UINT32_MAX), UINT32_MAX);
	assert_true(tick_after(0, 1) != IPF_NEVER);
	assert_false(tick_ended(IPF_NEVER, UINT32_MAX));
	assert_true(tick_seconds_left(UINT32_MAX, 0) > 0);
}

struct verdict_case {
	const char *name;
	enum verdict verdict, opposite;
	enum ipf_verdict under_allow, under_deny;
};

static const struct verdict_case verdict_cases[] = {
	{ "drop is drop under any policy", VERDICT_DROP, VERDICT_PASS, IPF_DROP, IPF_DROP },
	{ "pass is pass under any policy", VERDICT_PASS, VERDICT_DROP, IPF_PASS, IPF_PASS },
	{ "by policy a rule does the opposite", VERDICT_BY_POLICY, VERDICT_AS_POLICY, IPF_DROP,
	  IPF_PASS },
	{ "and an exception what the policy does", VERDICT_AS_POLICY, VERDICT_BY_POLICY, IPF_PASS,
	  IPF_DROP },
};

static void check_verdict(void **state)
{
	const struct verdict_case *c = *state;

	assert_int_equal(verdict_opposite(c->verdict), c->opposite);
	assert_int_equal(verdict_under(c->verdict, IPF_PASS), c->under_allow);
	assert_int_equal(verdict_under(c->verdict, IPF_DROP), c->under_deny);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_name, name_cases);
	suite_add(&suite, "verdicts have names", verdicts_have_names, NULL);
	SUITE_TABLE(&suite, check_verdict, verdict_cases);
	suite_add(&suite, "the tick is that of the boot clock", the_tick_is_that_of_the_boot_clock,
		  NULL);
	SUITE_TABLE(&suite, check_offset, offset_cases);
	suite_add(&suite, "a rule never ends early", a_rule_never_ends_early, NULL);
	suite_add(&suite, "the seconds asked for are read back",
		  the_seconds_asked_for_are_read_back, NULL);
	suite_add(&suite, "what is left shrinks to zero", what_is_left_shrinks_to_zero, NULL);
	suite_add(&suite, "the far end of time", the_far_end_of_time, NULL);
	return suite_run(&suite, "rule");
}
