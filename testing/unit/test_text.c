// SPDX-License-Identifier: GPL-2.0
/*
 * Are numbers and durations read strictly, and texts shown safely?
 */
#include <util/text.h>

#include <errno.h>
#include <string.h>

#include <util/duration.h>
#include <util/number.h>

#include "support.h"

struct number_case {
	const char *name;
	const char *text;
	uint64_t min, max;
	int ret;
	uint64_t number;
};

static const struct number_case number_cases[] = {
	{ "zero is a number", "0", 0, 10, 0, 0 },
	{ "the least number allowed", "5", 5, 10, 0, 5 },
	{ "one below the least", "4", 5, 10, -ERANGE, 0 },
	{ "the greatest number allowed", "10", 5, 10, 0, 10 },
	{ "one above the greatest", "11", 5, 10, -ERANGE, 0 },
	{ "the greatest of 64 bits but one", "18446744073709551614", 0, UINT64_MAX - 1, 0,
	  UINT64_MAX - 1 },
	{ "one beyond 64 bits", "18446744073709551616", 0, UINT64_MAX - 1, -ERANGE, 0 },
	{ "a number that wraps to a small one", "18446744073709551621", 0, 10, -ERANGE, 0 },
	{ "a very long number", "99999999999999999999999999999999999999", 0, 10, -ERANGE, 0 },
	{ "nothing is no number", "", 0, 10, -EINVAL, 0 },
	{ "a plus sign is refused", "+5", 0, 10, -EINVAL, 0 },
	{ "a minus sign is refused", "-5", 0, 10, -EINVAL, 0 },
	{ "a blank in front is refused", " 5", 0, 10, -EINVAL, 0 },
	{ "a blank after it is refused", "5 ", 0, 10, -EINVAL, 0 },
	{ "a line end after it is refused", "5\n", 0, 10, -EINVAL, 0 },
	{ "a letter after it is refused", "5x", 0, 10, -EINVAL, 0 },
	{ "a letter after an overflow is no number", "99999999999999999999x", 0, 10, -EINVAL, 0 },
	{ "hexadecimal is refused", "0x5", 0, 10, -EINVAL, 0 },
	{ "a leading zero is refused", "05", 0, 10, -EINVAL, 0 },
	{ "two zeros are refused", "00", 0, 10, -EINVAL, 0 },
	{ "a fraction is refused", "5.0", 0, 10, -EINVAL, 0 },
};

static void check_number(void **state)
{
	const struct number_case *c = *state;
	uint64_t number = 77;

	assert_int_equal(number_parse(c->text, c->min, c->max, &number), c->ret);
	assert_int_equal(number, c->ret ? 77 : c->number);
}

struct duration_case {
	const char *name;
	const char *text;
	int ret;
	uint64_t seconds;
	const char *canonical;
};

static const struct duration_case duration_cases[] = {
	{ "plain seconds", "90", 0, 90, "1m30s" },
	{ "seconds with a unit", "90s", 0, 90, "1m30s" },
	{ "the shortest", "1", 0, 1, "1s" },
	{ "a minute", "60s", 0, 60, "1m" },
	{ "hours and minutes", "1h30m", 0, 5400, "1h30m" },
	{ "all units", "1d2h3m4s", 0, 93784, "1d2h3m4s" },
	{ "units left out", "1d4s", 0, 86404, "1d4s" },
	{ "more minutes than an hour has", "90m", 0, 5400, "1h30m" },
	{ "a zero part", "1h0m5s", 0, 3605, "1h5s" },
	{ "the longest", "3650d", 0, DURATION_MAX_S, "3650d" },
	{ "the longest in seconds", "315360000", 0, DURATION_MAX_S, "3650d" },
	{ "one second too long", "315360001", -ERANGE, 0, NULL },
	{ "one second too long in parts", "3650d1s", -ERANGE, 0, NULL },
	{ "zero", "0", -ERANGE, 0, NULL },
	{ "zero with a unit", "0s", -ERANGE, 0, NULL },
	{ "zero in parts", "0h0m", -ERANGE, 0, NULL },
	{ "a number beyond 64 bits", "99999999999999999999", -ERANGE, 0, NULL },
	{ "days that wrap 64 bits", "213503982334602d", -ERANGE, 0, NULL },
	{ "a sum that wraps 64 bits", "18446744073709551615m59s", -ERANGE, 0, NULL },
	{ "nothing", "", -EINVAL, 0, NULL },
	{ "a unit alone", "s", -EINVAL, 0, NULL },
	{ "an unknown unit", "5w", -EINVAL, 0, NULL },
	{ "an upper case unit", "5H", -EINVAL, 0, NULL },
	{ "units rising", "30m1h", -EINVAL, 0, NULL },
	{ "a unit twice", "1h1h", -EINVAL, 0, NULL },
	{ "a last number without unit", "1h30", -EINVAL, 0, NULL },
	{ "a unit after a unit", "1hm", -EINVAL, 0, NULL },
	{ "a blank inside", "1h 30m", -EINVAL, 0, NULL },
	{ "a blank after it", "1h ", -EINVAL, 0, NULL },
	{ "a minus sign", "-5s", -EINVAL, 0, NULL },
	{ "a fraction", "1.5h", -EINVAL, 0, NULL },
	{ "a leading zero", "1h05m", -EINVAL, 0, NULL },
};

static void check_duration(void **state)
{
	const struct duration_case *c = *state;
	char text[DURATION_TEXT_SIZE];
	uint64_t seconds = 77;

	assert_int_equal(duration_parse(c->text, &seconds), c->ret);
	assert_int_equal(seconds, c->ret ? 77 : c->seconds);
	if (c->ret)
		return;
	duration_format(seconds, text);
	assert_string_equal(text, c->canonical);
	assert_int_equal(duration_parse(text, &seconds), 0);
	assert_int_equal(seconds, c->seconds);
}

static void durations_survive_their_text(void **state)
{
	char text[DURATION_TEXT_SIZE];
	uint64_t back;

	(void)state;
	random_restart();
	for (int i = 0; i < 100000; i++) {
		uint64_t seconds = 1 + random_below(i % 2 ? DURATION_MAX_S : 100000);

		duration_format(seconds, text);
		assert_int_equal(duration_parse(text, &back), 0);
		assert_int_equal(back, seconds);
	}
}

static void any_duration_fits_its_text(void **state)
{
	char text[DURATION_TEXT_SIZE];

	(void)state;
	duration_format(UINT64_MAX, text);
	assert_string_equal(text, "213503982334601d7h15s");
	duration_format(UINT64_MAX - 16, text);
	assert_string_equal(text, "213503982334601d6h59m59s");
	duration_format(0, text);
	assert_string_equal(text, "0s");
}

struct printable_case {
	const char *name;
	const char *text;
	size_t size;
	const char *out;
};

static const struct printable_case printable_cases[] = {
	{ "plain text stays", "eth0: no 'x' ~", 64, "eth0: no 'x' ~" },
	{ "an escape sequence is disarmed", "\x1b[31mred", 64, "\\x1b[31mred" },
	{ "line ends and tabs are written out", "a\nb\tc\r", 64, "a\\x0ab\\x09c\\x0d" },
	{ "DEL and bytes above are written out", "\x7f\x80\xff", 64, "\\x7f\\x80\\xff" },
	{ "a text that just fits", "abc", 4, "abc" },
	{ "a text that is truncated", "abcd", 4, "abc" },
	{ "an escape that just fits", "\x01", 5, "\\x01" },
	{ "an escape is not split", "a\x01", 5, "a" },
	{ "room for the end only", "abc", 1, "" },
	{ "an empty text", "", 8, "" },
};

static void check_printable(void **state)
{
	const struct printable_case *c = *state;
	char out[64];

	memset(out, '!', sizeof(out));
	text_printable(c->text, out, c->size);
	assert_string_equal(out, c->out);
	for (size_t i = c->size; i < sizeof(out); i++)
		assert_int_equal(out[i], '!');
}

struct thousands_case {
	const char *name;
	uint64_t number;
	const char *text;
};

static const struct thousands_case thousands_cases[] = {
	{ "zero has no comma", 0, "0" },
	{ "three digits have none", 999, "999" },
	{ "four digits have one", 1000, "1,000" },
	{ "six digits have one", 420000, "420,000" },
	{ "seven digits have two", 1234567, "1,234,567" },
	{ "the largest number", UINT64_MAX, "18,446,744,073,709,551,615" },
};

static void check_thousands(void **state)
{
	const struct thousands_case *c = *state;
	char text[NUMBER_TEXT_SIZE];

	number_format(c->number, text);
	assert_string_equal(text, c->text);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_number, number_cases);
	SUITE_TABLE(&suite, check_duration, duration_cases);
	suite_add(&suite, "durations survive their text", durations_survive_their_text, NULL);
	suite_add(&suite, "any duration fits its text", any_duration_fits_its_text, NULL);
	SUITE_TABLE(&suite, check_thousands, thousands_cases);
	SUITE_TABLE(&suite, check_printable, printable_cases);
	return suite_run(&suite, "text");
}
