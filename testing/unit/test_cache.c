// SPDX-License-Identifier: GPL-2.0
/*
 * Is a copy of a source read as it was written, and nothing else?
 */
#include <sync/cache.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <sync/config.h>
#include <util/error.h>

#include "support.h"

#define PATH_SIZE 128

struct fixture {
	char folder[64], path[PATH_SIZE];
	struct config_source source;
};

static void start(struct fixture *fixture)
{
	*fixture = (struct fixture){ .folder = "/tmp/test_cache.XXXXXX",
				     .source = { .set = (char *)"bad",
						 .verdict = VERDICT_BY_POLICY } };
	assert_non_null(mkdtemp(fixture->folder));
	strcat(fixture->folder, "/copies");
	assert_int_equal(cache_open(fixture->folder, NULL), 0);
	assert_int_equal(cache_open(fixture->folder, NULL), 0);
	snprintf(fixture->path, PATH_SIZE, "%s/bad.rules", fixture->folder);
	fixture->source.location.text = (char *)"/etc/bad.txt";
}

static void done(struct fixture *fixture)
{
	unlink(fixture->path);
	assert_int_equal(rmdir(fixture->folder), 0);
	*strrchr(fixture->folder, '/') = '\0';
	assert_int_equal(rmdir(fixture->folder), 0);
}

static void write_rules(const struct fixture *fixture, const char *validator)
{
	const __u8 verdicts[] = { VERDICT_PASS, VERDICT_DROP, VERDICT_BY_POLICY };
	const __u32 now = tick_now();
	struct rule rules[3];
	const struct cache_copy copy = { rules, 3, (char *)validator };

	for (unsigned int i = 0; i < 3; i++)
		rules[i] = (struct rule){ .prefix = { .family = IPF_IPV4, .bits = 32 },
					  .verdict = verdicts[i],
					  .expires = i ? tick_after(now, 1000) : IPF_NEVER };
	for (unsigned int i = 0; i < 3; i++)
		rules[i].prefix.key.high = (__u64)(i + 1) << 32;
	assert_int_equal(cache_write(fixture->folder, &fixture->source, &copy, NULL), 0);
}

static void test_what_is_written_is_read(void **state)
{
	const __u8 verdicts[] = { VERDICT_PASS, VERDICT_DROP, VERDICT_BY_POLICY };
	struct cache_copy copy = { 0 };
	struct fixture fixture;

	(void)state;
	start(&fixture);
	assert_int_equal(cache_read(fixture.folder, &fixture.source, &copy, NULL), -ENOENT);
	for (int with_validator = 0; with_validator < 2; with_validator++) {
		write_rules(&fixture, with_validator ? "\"a b\"" : NULL);
		assert_int_equal(cache_read(fixture.folder, &fixture.source, &copy, NULL), 0);
		assert_int_equal(copy.count, 3);
		for (unsigned int i = 0; i < 3; i++) {
			__u32 left = copy.rules[i].expires - tick_now();

			assert_int_equal(copy.rules[i].prefix.key.high, (__u64)(i + 1) << 32);
			assert_int_equal(copy.rules[i].verdict, verdicts[i]);
			if (i)
				assert_uint_in_range(left, tick_after(0, 990), tick_after(0, 1001));
			else
				assert_int_equal(copy.rules[i].expires, IPF_NEVER);
		}
		if (with_validator)
			assert_string_equal(copy.validator, "\"a b\"");
		else
			assert_null(copy.validator);
		cache_copy_done(&copy);
	}
	done(&fixture);
}

static void test_a_copy_of_something_else_is_not_used(void **state)
{
	struct cache_copy copy = { 0 };
	struct fixture fixture;
	struct error err = { 0 };

	(void)state;
	start(&fixture);
	write_rules(&fixture, NULL);
	fixture.source.location.text = (char *)"/etc/good.txt";
	assert_int_equal(cache_read(fixture.folder, &fixture.source, &copy, &err), -ESTALE);
	fixture.source.location.text = (char *)"/etc/bad.txt";
	fixture.source.verdict = VERDICT_PASS;
	assert_int_equal(cache_read(fixture.folder, &fixture.source, &copy, &err), -ESTALE);
	fixture.source.verdict = VERDICT_BY_POLICY;
	fixture.source.format = (char *)"p2p";
	assert_int_equal(cache_read(fixture.folder, &fixture.source, &copy, &err), -ESTALE);
	fixture.source.format = NULL;
	fixture.source.where = (char *)"country=KP\ncontinent=AS";
	assert_int_equal(cache_read(fixture.folder, &fixture.source, &copy, &err), -ESTALE);
	write_rules(&fixture, NULL);
	assert_int_equal(cache_read(fixture.folder, &fixture.source, &copy, &err), 0);
	cache_copy_done(&copy);
	fixture.source.where = NULL;
	assert_int_equal(cache_read(fixture.folder, &fixture.source, &copy, &err), -ESTALE);
	write_rules(&fixture, NULL);
	assert_string_equal(err.text, "");
	assert_int_equal(cache_read(fixture.folder, &fixture.source, &copy, &err), 0);
	cache_copy_done(&copy);
	done(&fixture);
}

/* Each beginning of a copy, and a copy with a byte that does not belong there. */
static void test_a_damaged_copy_is_refused(void **state)
{
	struct cache_copy copy = { 0 };
	struct fixture fixture;
	struct error err = { 0 };
	char text[1024];
	size_t length;
	FILE *file;

	(void)state;
	start(&fixture);
	write_rules(&fixture, "v");
	file = fopen(fixture.path, "r");
	length = fread(text, 1, sizeof(text), file);
	fclose(file);
	for (size_t i = 0; i < length; i++) {
		assert_int_equal(truncate(fixture.path, (off_t)(length - 1 - i)), 0);
		assert_int_equal(cache_read(fixture.folder, &fixture.source, &copy, &err),
				 -EBADMSG);
		assert_non_null(strstr(err.text, "bad.rules: this copy of the source is damaged"));
	}
	*strstr(text, "0.0.0.1") = 'x';
	file = fopen(fixture.path, "w");
	assert_int_equal(fwrite(text, 1, length, file), length);
	fclose(file);
	assert_int_equal(cache_read(fixture.folder, &fixture.source, &copy, &err), -EINVAL);
	assert_non_null(strstr(err.text, "bad.rules:3:"));
	done(&fixture);
}

static void test_a_folder_that_cannot_be_written_to(void **state)
{
	const struct cache_copy copy = { NULL, 0, NULL };
	struct fixture fixture = { .source = { .set = (char *)"bad" } };
	struct error err = { 0 };

	(void)state;
	fixture.source.location.text = (char *)"/x";
	assert_int_equal(cache_write("/proc/nowhere", &fixture.source, &copy, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/proc/nowhere/bad.rules.new: cannot write it"));
	assert_int_equal(cache_open("/proc/nowhere", &err), -ENOENT);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "what is written is read", test_what_is_written_is_read, NULL);
	suite_add(&suite, "a copy of something else", test_a_copy_of_something_else_is_not_used,
		  NULL);
	suite_add(&suite, "a damaged copy", test_a_damaged_copy_is_refused, NULL);
	suite_add(&suite, "a folder that cannot be written to",
		  test_a_folder_that_cannot_be_written_to, NULL);
	return suite_run(&suite, "cache");
}
