// SPDX-License-Identifier: GPL-2.0
/*
 * Which texts are moments?
 */
#include <util/timestamp.h>

#include <errno.h>
#include <stdio.h>

#include "support.h"

#define BAD UINT64_MAX

static const struct text_case {
	const char *name;
	uint64_t unix_s;
} text_cases[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "2026-12-01T00:00:00Z", 1796083200 },
	{ "2026-12-01t02:00:00+02:00", 1796083200 },
	{ "2026-11-30T18:30:00-05:30", 1796083200 },
	{ "2026-12-01T00:00:00-00:00", 1796083200 },
	{ "2026-12-01T00:00:00.000z", 1796083200 },
	{ "2026-12-01T00:00:00.001Z", 1796083201 },
	{ "2026-11-30T23:59:60Z", 1796083200 },
	{ "2000-02-29T00:00:00Z", 951782400 },
	{ "2024-02-29T23:59:59Z", 1709251199 },
	{ "2038-01-19T03:14:08Z", 2147483648 },
	{ "9999-12-31T23:59:59Z", 253402300799 },
	{ "1970-01-01T01:00:00+01:00", 0 },

	{ "", BAD },
	{ "2026", BAD },
	{ "2026-12-01", BAD },
	{ "2026-12-01T00:00:00", BAD },
	{ "2026-12-01 00:00:00Z", BAD },
	{ "2026-12-01T00:00Z", BAD },
	{ "2026-12-01T00:00:00Zx", BAD },
	{ "2026-12-01T00:00:00.Z", BAD },
	{ "2026-12-01T00:00:00+2:00", BAD },
	{ "2026-12-01T00:00:00+0200", BAD },
	{ "2026-12-01T00:00:00+24:00", BAD },
	{ "2026-12-01T00:00:00+02:60", BAD },
	{ "2026-12-01T00:00:00+02:00x", BAD },
	{ "2026-12-01T24:00:00Z", BAD },
	{ "2026-12-01T00:60:00Z", BAD },
	{ "2026-12-01T00:00:61Z", BAD },
	{ "2026-13-01T00:00:00Z", BAD },
	{ "2026-00-01T00:00:00Z", BAD },
	{ "2026-12-32T00:00:00Z", BAD },
	{ "2026-12-00T00:00:00Z", BAD },
	{ "2026-02-29T00:00:00Z", BAD },
	{ "2100-02-29T00:00:00Z", BAD },
	{ "1969-12-31T23:59:59Z", BAD },
	{ "1970-01-01T00:00:00+00:01", BAD },
	{ "10000-01-01T00:00:00Z", BAD },
	{ "+2026-12-01T00:00:00Z", BAD },
	{ "2026-1-01T00:00:00Z", BAD },
	{ " 2026-12-01T00:00:00Z", BAD },
};

static void test_text(void **state)
{
	const struct text_case *c = *state;
	uint64_t unix_s = 7;

	assert_int_equal(timestamp_parse(c->name, &unix_s), c->unix_s == BAD ? -EINVAL : 0);
	assert_int_equal(unix_s, c->unix_s == BAD ? 7 : c->unix_s);
}

static void test_what_is_written_is_read(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 100000; i++) {
		uint64_t unix_s = random_below(UINT64_C(253402300800)), back;
		char text[TIMESTAMP_TEXT_SIZE];

		timestamp_format(unix_s, text);
		assert_int_equal(timestamp_parse(text, &back), 0);
		assert_int_equal(back, unix_s);
	}
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, test_text, text_cases);
	suite_add(&suite, "what is written is read", test_what_is_written_is_read, NULL);
	return suite_run(&suite, "timestamp");
}
