// SPDX-License-Identifier: GPL-2.0
/*
 * Which durations of Go are understood?
 */
#include <source/go_duration.h>

#include <errno.h>

#include "support.h"

#define SECOND INT64_C(1000000000)

struct duration_case {
	const char *name;
	const char *text;
	int ret;
	int64_t ns;
};

static const struct duration_case durations[] = {
	{ "of a ban", "3h59m57.609s", 0, 14397 * SECOND + 609000000 },
	{ "of an ended ban", "-134.5ms", 0, -134500000 },
	{ "an hour", "1h", 0, 3600 * SECOND },
	{ "an hour, as Go writes it", "1h0m0s", 0, 3600 * SECOND },
	{ "nothing", "0s", 0, 0 },
	{ "nothing, less", "-0s", 0, 0 },
	{ "micro sign", "1.5\xc2\xb5s", 0, 1500 },
	{ "Greek mu", "2\xce\xbcs", 0, 2000 },
	{ "us", "999us", 0, 999000 },
	{ "one nanosecond", "1ns", 0, 1 },
	{ "less than a nanosecond", "1.9ns", 0, 1 },
	{ "more digits than nanoseconds", "1.0000000019s", 0, SECOND + 1 },
	{ "fraction of an hour", "1.5h", 0, 5400 * SECOND },
	{ "the longest", "2562047h47m16.854775807s", 0, INT64_MAX },
	{ "the longest ago", "-2562047h47m16.854775807s", 0, -INT64_MAX },
	{ "one more than the longest", "2562047h47m16.854775808s", -ERANGE, 0 },
	{ "hours beyond 64 bits", "99999999999999999999h", -ERANGE, 0 },
	{ "a sum beyond 64 bits", "5124095h5124095h", -EINVAL, 0 },
	{ "empty", "", -EINVAL, 0 },
	{ "only a sign", "-", -EINVAL, 0 },
	{ "two signs", "--1s", -EINVAL, 0 },
	{ "plus", "+1s", -EINVAL, 0 },
	{ "no unit", "5", -EINVAL, 0 },
	{ "no unit at the end", "1h5", -EINVAL, 0 },
	{ "no number", "h", -EINVAL, 0 },
	{ "days", "1d", -EINVAL, 0 },
	{ "upper case", "1H", -EINVAL, 0 },
	{ "a wrong order", "1s1h", -EINVAL, 0 },
	{ "a unit twice", "1s1s", -EINVAL, 0 },
	{ "both letters mu", "1\xc2\xb5s1\xce\xbcs", -EINVAL, 0 },
	{ "a fraction in the middle", "1.5h3m", -EINVAL, 0 },
	{ "a point without digits", "1.s", -EINVAL, 0 },
	{ "a point first", ".5s", -EINVAL, 0 },
	{ "two points", "1.2.3s", -EINVAL, 0 },
	{ "leading zero", "01s", -EINVAL, 0 },
	{ "blanks", "1h 2m", -EINVAL, 0 },
	{ "a blank after it", "1s ", -EINVAL, 0 },
	{ "half a mu", "1\xc2s", -EINVAL, 0 },
};

static void test_duration(void **state)
{
	const struct duration_case *c = *state;
	int64_t ns = 4711;

	assert_int_equal(go_duration_parse(c->text, &ns), c->ret);
	assert_int_equal(ns, c->ret ? 4711 : c->ns);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, test_duration, durations);
	return suite_run(&suite, "go_duration");
}
