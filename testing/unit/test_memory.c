// SPDX-License-Identifier: GPL-2.0
/*
 * What happens when memory runs out?
 *
 * The linker puts the functions below before malloc() and the like (see the Makefile). Each
 * operation is repeated while its first, second, ... allocation fails, until it succeeds. Until
 * then it must return -ENOMEM and leave everything as it was. After each attempt, all its memory
 * must be released.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <feed/input.h>
#include <feed/reader.h>
#include <feed/writer.h>
#include <table/compile.h>
#include <table/decompile.h>
#include <table/delta.h>
#include <table/image.h>
#include <table/records.h>
#include <util/error.h>
#include <util/log.h>

#include "support.h"

/* These are volatile: the optimiser knows that malloc() uses no variable of ours. When it sees the
 * whole program, it would remove accesses that only our malloc() needs. */

/* The number of the allocation that fails, counting down; 0: none. */
static volatile unsigned int failing;

static bool fails(void)
{
	if (!failing)
		return false;
	failing--;
	return !failing;
}

/* Memory that was allocated and not freed, without the allocations inside the C library. */
static void *live[4096];
static volatile size_t live_count;

static void given_back(const void *pointer)
{
	for (size_t i = live_count; i--;) {
		if (live[i] != pointer)
			continue;
		live[i] = live[--live_count];
		return;
	}
}

/* Linked statically, calloc() and others of the C library had it from our malloc(). */
static void *got(void *pointer)
{
	if (!pointer)
		return NULL;
	given_back(pointer);
	assert_true(live_count < sizeof(live) / sizeof(*live));
	live[live_count++] = pointer;
	return pointer;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void __real_free(void *pointer);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void __wrap_free(void *pointer);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : got(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : got(__real_calloc(count, size));
}

void *__wrap_realloc(void *pointer, size_t size)
{
	if (fails())
		return NULL;
	given_back(pointer);
	return got(__real_realloc(pointer, size));
}

void __wrap_free(void *pointer)
{
	given_back(pointer);
	__real_free(pointer);
}

void *__real_mmap(void *at, size_t size, int access, int flags, int fd, off_t offset);
int __real_munmap(void *pointer, size_t size);
void *__wrap_mmap(void *at, size_t size, int access, int flags, int fd, off_t offset);
int __wrap_munmap(void *pointer, size_t size);

void *__wrap_mmap(void *at, size_t size, int access, int flags, int fd, off_t offset)
{
	return fails() ? MAP_FAILED : got(__real_mmap(at, size, access, flags, fd, offset));
}

int __wrap_munmap(void *pointer, size_t size)
{
	given_back(pointer);
	return __real_munmap(pointer, size);
}

int __real_vasprintf(char **out, const char *format, va_list args);
int __wrap_vasprintf(char **out, const char *format, va_list args);

/* Leaves garbage in *out, as the C library can. */
__attribute__((format(printf, 2, 0))) int __wrap_vasprintf(char **out, const char *format,
							   va_list args)
{
	int length;

	if (fails()) {
		*out = (char *)out;
		return -1;
	}
	length = __real_vasprintf(out, format, args);
	got(*out);
	return length;
}

#define RULES \
	"10.0.0.0/8\n10.0.0.1 timeout 9\n2001:db8::/32\nset a\npass 10.0.0.0/8\nset b\n10.0.0.0/8\n"

/* Tries the operation under test once and returns its result. On -ENOMEM, it has checked that
 * nothing changed. */
typedef int (*attempt)(void);

static struct ruleset base;
static struct image image;

static int attempt_prefix(void)
{
	struct prefix_list list = { 0 };
	enum prefix_problem problem;

	/* The first allocation can fail, or a later one of the range, which is then removed
	 * completely. */
	problem = prefix_parse("::1", &list, NULL);
	if (problem)
		return -ENOMEM;
	problem = prefix_parse("10.0.0.1-10.0.1.255", &list, NULL);
	if (problem)
		assert_int_equal(list.count, 1);
	prefix_list_done(&list);
	assert_true(!problem || problem == PREFIX_NO_MEMORY);
	return problem ? -ENOMEM : 0;
}

/* Opening is not what is tested. Linked statically, it allocates by our malloc(), too. */
static FILE *opened(const char *text)
{
	unsigned int later = failing;
	FILE *file;

	failing = 0;
	file = text ? open_text(text, strlen(text)) : fopen("/dev/null", "w");
	failing = later;
	return file;
}

static int read_text(const char *text)
{
	struct input input = { .verdict = VERDICT_DROP };
	FILE *file = opened(text);
	struct error err = { 0 };
	int ret;

	ret = reader_read(&input, file, "text", &err);
	if (ret)
		assert_string_equal(err.text, "out of memory");
	fclose(file);
	input_done(&input);
	return ret;
}

static int attempt_read(void)
{
	return read_text(RULES);
}

static int attempt_ipset(void)
{
	return read_text("create a hash:net\ncreate b hash:ip\nadd a 10.0.0.0/8\nadd b 10.0.0.1\n");
}

static int attempt_argument(void)
{
	struct input input = { .verdict = VERDICT_DROP };
	struct error err = { 0 };
	int ret;

	ret = reader_argument(&input, "10.0.0.1-10.0.0.9", &err);
	if (ret)
		assert_string_equal(err.text, "out of memory");
	input_done(&input);
	return ret;
}

static int attempt_write(void)
{
	FILE *out = opened(NULL);
	int ret;

	ret = writer_write(&base, 0, 0, out);
	fclose(out);
	return ret;
}

/* Copies `base` while no allocation fails. */
static void copy_base(struct ruleset *copy)
{
	unsigned int later = failing;

	failing = 0;
	assert_int_equal(decompile_rules(&image, copy, NULL), 0);
	failing = later;
}

static int finish(struct ruleset *copy, int ret)
{
	failing = 0;
	if (ret)
		assert_same_ruleset(copy, &base);
	ruleset_done(copy);
	return ret;
}

static int attempt_name(void)
{
	struct ruleset copy;

	copy_base(&copy);
	return finish(&copy, ruleset_name_set(&copy, "c") < 0 ? -ENOMEM : 0);
}

static struct rule a_rule(void)
{
	return (struct rule){ .prefix = base.rules[0].prefix, .set = 2, .verdict = IPF_PASS };
}

static int attempt_add(void)
{
	struct rule rule = a_rule();
	struct ruleset copy;
	size_t changed;

	copy_base(&copy);
	return finish(&copy, ruleset_add(&copy, &rule, 1, &changed));
}

static int attempt_remove(void)
{
	struct rule rule = a_rule();
	struct ruleset copy;
	size_t changed;

	copy_base(&copy);
	return finish(&copy, ruleset_remove(&copy, &rule, 1, &changed));
}

static int attempt_replace(void)
{
	static const bool all[] = { true, true, true };
	struct rule rule = a_rule();
	struct ruleset copy;
	size_t changed;

	copy_base(&copy);
	return finish(&copy, ruleset_replace(&copy, all, &rule, 1, &changed));
}

static int attempt_counters(void)
{
	struct ruleset_slots fresh = { 0 };
	struct ruleset copy;
	int ret;

	copy_base(&copy);
	ret = ruleset_assign_counters(&copy, 0, NULL, 0, &fresh);
	free(fresh.items);
	return finish(&copy, ret);
}

/* A delta in which a set is replaced, as a command makes it: of a base in memory, of what was
 * written of it before, and with all of it in the end. *err: of what failed. */
static int make_delta(const struct base *table, struct delta *delta, struct error *err)
{
	static const bool sets[] = { true, true, true };
	const __u32 replaced[IPF_FAMILIES] = { 0 };
	struct prefix_list regions = { 0 };
	struct rule rule = a_rule();
	struct ruleset rules;
	size_t changed;
	int ret;

	copy_base(&rules);
	rules.count = 0;
	ret = delta_init(delta, table, 0, err);
	if (!ret)
		ret = delta_take(delta, &rules, &regions, replaced, err);
	if (!ret)
		ret = delta_add(delta, &rule, 1, 1000, &changed, err);
	if (!ret)
		ret = delta_remove(delta, &rule, 1, 1000, &changed, err);
	if (!ret)
		ret = delta_replace(delta, sets, &rule, 1, 1000, &changed, err);
	ruleset_done(&rules);
	return ret;
}

static int attempt_delta(void)
{
	struct error err = { 0 };
	struct records records;
	struct base table;
	struct delta delta;
	int ret;

	records_of(&image, &records);
	base_from_records(&table, &records);
	ret = make_delta(&table, &delta, &err);
	assert_string_equal(err.text, ret ? "out of memory" : "");
	delta_done(&delta);
	return ret;
}

static int attempt_merge(void)
{
	struct error err = { 0 };
	unsigned int later = failing;
	struct ruleset copy;
	struct delta delta;
	struct base table;
	int ret;

	failing = 0;
	base_from_ruleset(&table, &base);
	assert_int_equal(make_delta(&table, &delta, &err), 0);
	failing = later;
	copy_base(&copy);
	ret = delta_merge(&delta, &copy);
	if (!ret)
		assert_int_equal(copy.count, 1);
	delta_done(&delta);
	if (ret)
		return finish(&copy, ret);
	ruleset_done(&copy);
	return 0;
}

static int attempt_compile(void)
{
	struct image fresh = { 0 };
	int ret;

	ret = compile_rules(&base, &fresh);
	if (ret)
		assert_null(fresh.data);
	image_done(&fresh);
	return ret;
}

static int attempt_check(void)
{
	struct error err = { 0 };
	int ret;

	ret = image_check(&image, &err);
	if (ret)
		assert_string_equal(err.text, "out of memory");
	return ret;
}

static int attempt_rules(void)
{
	struct ruleset back;
	int ret;

	ret = decompile_rules(&image, &back, NULL);
	if (ret)
		assert_null(back.rules);
	ruleset_done(&back);
	return ret;
}

/* Without memory for a message, only the message is lost. */
static int attempt_log(void)
{
	bool will_fail = failing == 1;

	log_warning("a line of %s", "test_memory");
	return will_fail ? -ENOMEM : 0;
}

struct memory_case {
	const char *name;
	attempt attempt;
};

static const struct memory_case memory_cases[] = {
	{ "no memory for prefixes", attempt_prefix },
	{ "no memory to read a file", attempt_read },
	{ "no memory to read an ipset", attempt_ipset },
	{ "no memory for an argument", attempt_argument },
	{ "no memory to write rules", attempt_write },
	{ "no memory for another set", attempt_name },
	{ "no memory to add", attempt_add },
	{ "no memory to remove", attempt_remove },
	{ "no memory to replace", attempt_replace },
	{ "no memory to give counters", attempt_counters },
	{ "no memory to change a delta", attempt_delta },
	{ "no memory to merge a delta", attempt_merge },
	{ "no memory to compile", attempt_compile },
	{ "no memory to check an image", attempt_check },
	{ "no memory to read an image", attempt_rules },
	{ "no memory for a message", attempt_log },
};

static void check_memory(void **state)
{
	const struct memory_case *c = *state;
	unsigned int failed = 0;

	ruleset_from_text(&base, RULES);
	assert_int_equal(compile_rules(&base, &image), 0);
	for (unsigned int number = 1;; number++) {
		size_t before = live_count;
		int ret;

		failing = number;
		ret = c->attempt();
		failing = 0;
		assert_int_equal(live_count, before);
		assert_true(!ret || ret == -ENOMEM);
		if (!ret)
			break;
		failed++;
		assert_true(failed < 1000);
	}
	assert_true(failed > 0);
	image_done(&image);
	ruleset_done(&base);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_memory, memory_cases);
	return suite_run(&suite, "memory");
}
