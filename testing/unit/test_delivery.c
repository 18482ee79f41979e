// SPDX-License-Identifier: GPL-2.0
/*
 * Which lines does a source program write?
 */
#include <source/delivery.h>

#include <errno.h>
#include <stdio.h>

#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/error.h>

#include "support.h"

#define NOW 1000

static struct rule rule(const char *text, enum verdict verdict, __u32 expires)
{
	return (struct rule){ .prefix = prefix_from(text),
			      .verdict = (__u8)verdict,
			      .expires = expires };
}

static void test_lines(void **state)
{
	const struct rule rules[] = {
		rule("192.0.2.0/24", VERDICT_BY_POLICY, IPF_NEVER),
		rule("2001:db8::1", VERDICT_PASS, IPF_NEVER),
		rule("192.0.2.7", VERDICT_DROP, tick_after(NOW, 90)),
		rule("192.0.2.8", VERDICT_DROP, NOW),
	};
	struct error err = { 0 };
	auto_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(delivery_begin_list(out, &err), 0);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		assert_int_equal(delivery_add(out, &rules[i], NOW, &err), 0);
	assert_int_equal(delivery_end(out, "\"etag\"", &err), 0);
	assert_int_equal(delivery_begin_change(out, &err), 0);
	assert_int_equal(delivery_remove(out, &rules[0].prefix, &err), 0);
	assert_int_equal(delivery_end(out, NULL, &err), 0);
	assert_int_equal(delivery_same(out, &err), 0);
	assert_int_equal(delivery_trouble(out, "no\nway", &err), 0);
	assert_int_equal(delivery_later(out, 60, &err), 0);
	assert_int_equal(delivery_later(out, UINT64_MAX, &err), 0);
	assert_int_equal(delivery_warning(out, "wide", &err), 0);
	assert_int_equal(delivery_ask_counters(out, &err), 0);
	fclose(out);
	assert_string_equal(text, "list\n"
				  "+192.0.2.0/24\n"
				  "+pass 2001:db8::1\n"
				  "+drop 192.0.2.7 timeout 90\n"
				  "end \"etag\"\n"
				  "change\n"
				  "-192.0.2.0/24\n"
				  "end \n"
				  "same\n"
				  "trouble no\\x0away\n"
				  "later 60\n"
				  "later 86400\n"
				  "warning wide\n"
				  "counters\n");
}

static void test_a_reader_that_is_gone_is_noticed(void **state)
{
	auto_file FILE *full = fopen("/dev/full", "w");
	struct error err = { 0 };

	(void)state;
	assert_int_equal(delivery_same(full, &err), -ENOSPC);
	assert_true(err.text[0]);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "lines", test_lines, NULL);
	suite_add(&suite, "a reader that is gone", test_a_reader_that_is_gone_is_noticed, NULL);
	return suite_run(&suite, "delivery");
}
