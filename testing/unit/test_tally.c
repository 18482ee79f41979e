// SPDX-License-Identifier: GPL-2.0
/*
 * Do counters arrive as they were sent, and is anything else refused?
 */
#include <source/tally.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <util/auto.h>
#include <util/error.h>

#include "support.h"

#define TOTAL "total 1 2 3 4\n"

static void add(struct tally *counters, const char *text, uint64_t packets, uint64_t bytes)
{
	const struct prefix prefix = prefix_from(text);

	assert_int_equal(tally_add(counters, &prefix, packets, bytes), 0);
}

static char *written(const struct tally *counters)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(tally_write(counters, out, NULL), 0);
	fclose(out);
	return text;
}

static void test_there_and_back(void **state)
{
	struct tally sent = {
		.dropped_packets = 1, .dropped_bytes = UINT64_MAX, .all_packets = 3, .all_bytes = 4
	};
	struct tally got;
	auto_free char *text = NULL, *again = NULL;
	auto_file FILE *in = NULL;

	(void)state;
	add(&sent, "2001:db8::/32", 7, 8);
	add(&sent, "192.0.2.1", 1, UINT64_MAX);
	add(&sent, "192.0.2.0/24", 5, 6);
	add(&sent, "2001:db8::/32", 10, 20);
	tally_sort(&sent);
	text = written(&sent);
	assert_string_equal(text, "total 1 18446744073709551615 3 4\n"
				  "192.0.2.0/24 5 6\n"
				  "192.0.2.1 1 18446744073709551615\n"
				  "2001:db8::/32 17 28\n"
				  ".\n");
	in = open_text(text, strlen(text));
	assert_int_equal(tally_read(&got, in, NULL), 0);
	again = written(&got);
	assert_string_equal(again, text);
	tally_done(&sent);
	tally_done(&got);
}

/* An answer ends with its dot: what comes after it belongs to the next one. */
static void test_one_after_the_other(void **state)
{
	static const char text[] = TOTAL "192.0.2.1 1 2\n.\n" TOTAL ".\n";
	FILE *in = open_text(text, sizeof(text) - 1);
	struct tally got;

	(void)state;
	assert_int_equal(tally_read(&got, in, NULL), 0);
	assert_int_equal(got.count, 1);
	tally_done(&got);
	assert_int_equal(tally_read(&got, in, NULL), 0);
	assert_int_equal(got.count, 0);
	assert_int_equal(got.all_bytes, 4);
	tally_done(&got);
	assert_int_equal(tally_read(&got, in, NULL), -EBADMSG);
	fclose(in);
}

struct refused_case {
	const char *name;
	const char *text;
};

static const struct refused_case refused[] = {
	{ "cut after the total", TOTAL },
	{ "cut in a rule", TOTAL "192.0.2.1 1" },
	{ "no total", ".\n" },
	{ "a rule first", "192.0.2.1 1 2\n.\n" },
	{ "a short total", "total 1 2 3\n.\n" },
	{ "a long total", "total 1 2 3 4 5\n.\n" },
	{ "a total twice", TOTAL TOTAL ".\n" },
	{ "a negative number", "total 1 2 3 -4\n.\n" },
	{ "a number that is none", TOTAL "192.0.2.1 1 x\n.\n" },
	{ "a short rule", TOTAL "192.0.2.1 1\n.\n" },
	{ "a long rule", TOTAL "192.0.2.1 1 2 3\n.\n" },
	{ "two blanks", TOTAL "192.0.2.1  1 2\n.\n" },
	{ "no prefix", TOTAL "nobody 1 2\n.\n" },
	{ "a range", TOTAL "192.0.2.1-192.0.2.2 1 2\n.\n" },
	{ "an empty line", TOTAL "\n.\n" },
};

static void test_refused(void **state)
{
	const struct refused_case *c = *state;
	FILE *in = open_text(c->text, strlen(c->text));
	struct error err = { 0 };
	struct tally got;

	assert_int_equal(tally_read(&got, in, &err), -EBADMSG);
	assert_true(err.text[0]);
	assert_null(got.rules);
	fclose(in);
}

static void test_a_reader_that_is_gone_is_noticed(void **state)
{
	auto_file FILE *full = fopen("/dev/full", "w");
	const struct tally counters = { 0 };

	(void)state;
	assert_int_equal(tally_write(&counters, full, NULL), -ENOSPC);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "there and back", test_there_and_back, NULL);
	suite_add(&suite, "one after the other", test_one_after_the_other, NULL);
	SUITE_TABLE(&suite, test_refused, refused);
	suite_add(&suite, "a reader that is gone", test_a_reader_that_is_gone_is_noticed, NULL);
	return suite_run(&suite, "counters");
}
