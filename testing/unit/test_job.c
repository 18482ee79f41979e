// SPDX-License-Identifier: GPL-2.0
/*
 * Does a job arrive as it was sent?
 */
#include <source/job.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <util/auto.h>
#include <util/error.h>

#include "support.h"

static FILE *stream_of(const char *text)
{
	FILE *stream = tmpfile();

	assert_non_null(stream);
	fputs(text, stream);
	rewind(stream);
	return stream;
}

static void test_a_job_arrives(void **state)
{
	struct job sent = {
		.ca = "-----BEGIN CERTIFICATE-----\nMII\n",
		.user = "root",
		.password = "\"quoted\\ \xc3\xa4",
		.api_key = "k",
		.validator = "W/\"1\"",
		.set = "mine",
		.silence_s = 3,
		.total_s = 4,
		.version = "1.2",
		.max_bytes = UINT64_C(1) << 40,
		.poll_s = 10,
		.once = true,
	};
	struct job got;
	struct error err = { 0 };
	auto_file FILE *stream = stream_of("");

	(void)state;
	assert_int_equal(location_parse("etcd+http://a:1,b:1/p", &sent.location, &err), 0);
	assert_int_equal(job_write(&sent, stream, &err), 0);
	fputs("counters", stream);
	rewind(stream);
	assert_int_equal(job_read(&got, stream, &err), 0);
	assert_int_equal(getc(stream), 'c');
	assert_string_equal(got.location.text, sent.location.text);
	assert_int_equal(got.location.url_count, 2);
	assert_string_equal(got.ca, sent.ca);
	assert_string_equal(got.user, sent.user);
	assert_string_equal(got.password, sent.password);
	assert_string_equal(got.api_key, sent.api_key);
	assert_string_equal(got.validator, sent.validator);
	assert_string_equal(got.version, sent.version);
	assert_string_equal(got.set, sent.set);
	assert_int_equal(got.silence_s, sent.silence_s);
	assert_int_equal(got.total_s, sent.total_s);
	assert_null(got.format);
	assert_null(got.cert);
	assert_null(got.key);
	assert_true(got.max_bytes == sent.max_bytes);
	assert_int_equal(got.poll_s, 10);
	assert_true(got.once);
	job_done(&got);
	location_done(&sent.location);
}

struct bad_case {
	const char *name, *text;
};

static const struct bad_case bad_cases[] = {
	{ "nothing", "" },
	{ "an empty line", "\n" },
	{ "half a job", "{" },
	{ "a list", "[]" },
	{ "a job without its limits", "{\"location\":\"/x\"}\n" },
	{ "a location that is none",
	  "{\"location\":\"x\",\"max_bytes\":1,\"poll_s\":1,\"once\":true}\n" },
	{ "a text where a number belongs",
	  "{\"location\":\"/x\",\"max_bytes\":\"1\",\"poll_s\":1,\"once\":true}\n" },
};

static void check_bad(void **state)
{
	const struct bad_case *c = *state;
	auto_file FILE *stream = stream_of(c->text);
	struct error err = { 0 };
	struct job job;

	assert_true(job_read(&job, stream, &err) < 0);
	assert_true(err.text[0]);
	job_done(&job);
}

static void test_text_that_is_no_utf8_is_refused(void **state)
{
	struct job job = { .password = "\xff" };
	struct error err = { 0 };
	auto_file FILE *stream = stream_of("");

	(void)state;
	assert_int_equal(location_parse("/x", &job.location, &err), 0);
	assert_int_equal(job_write(&job, stream, &err), -EINVAL);
	assert_null(strstr(err.text, "\xff"));
	location_done(&job.location);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "a job arrives", test_a_job_arrives, NULL);
	suite_add(&suite, "a text that is no UTF-8", test_text_that_is_no_utf8_is_refused, NULL);
	SUITE_TABLE(&suite, check_bad, bad_cases);
	return suite_run(&suite, "job");
}
