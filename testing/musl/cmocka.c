// SPDX-License-Identifier: GPL-2.0
/*
 * How do unit tests run with musl, for which Debian has no cmocka?
 *
 * What testing/unit uses of cmocka, by its own header, for testing/musl.sh. The first check that
 * does not hold ends the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *running; /* the name of a test */
static jmp_buf skipping;

static void check(int holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s:%d: %s\n", running, file, line, what);
	exit(1);
}

void _assert_true(const LargestIntegralType result, const char *const expression,
		  const char *const file, const int line)
{
	check(result != 0, expression, file, line);
}

void _assert_int_equal(const LargestIntegralType a, const LargestIntegralType b,
		       const char *const file, const int line)
{
	check(a == b, "the numbers differ", file, line);
}

void _assert_int_not_equal(const LargestIntegralType a, const LargestIntegralType b,
			   const char *const file, const int line)
{
	check(a != b, "the numbers are the same", file, line);
}

void _assert_string_equal(const char *const a, const char *const b, const char *const file,
			  const int line)
{
	check(strcmp(a, b) == 0, "the texts differ", file, line);
}

void _assert_string_not_equal(const char *const a, const char *const b, const char *file,
			      const int line)
{
	check(strcmp(a, b) != 0, "the texts are the same", file, line);
}

void _assert_memory_equal(const void *const a, const void *const b, const size_t size,
			  const char *const file, const int line)
{
	check(memcmp(a, b, size) == 0, "the bytes differ", file, line);
}

void _assert_memory_not_equal(const void *const a, const void *const b, const size_t size,
			      const char *const file, const int line)
{
	check(memcmp(a, b, size) != 0, "the bytes are the same", file, line);
}

void _assert_in_range(const LargestIntegralType value, const LargestIntegralType least,
		      const LargestIntegralType most, const char *const file, const int line)
{
	check(value >= least && value <= most, "the number is out of its range", file, line);
}

void _fail(const char *const file, const int line)
{
	check(0, "failed", file, line);
}

void _skip(const char *const file, const int line)
{
	printf("# skipped at %s:%d\n", file, line);
	longjmp(skipping, 1);
}

void print_error(const char *const format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
}

static void run(const struct CMUnitTest *test, void **state)
{
	running = test->name;
	check(!test->setup_func || !test->setup_func(state), "its setup fails", __FILE__, __LINE__);
	if (!setjmp(skipping))
		test->test_func(state);
	check(!test->teardown_func || !test->teardown_func(state), "its end fails", __FILE__,
	      __LINE__);
}

int _cmocka_run_group_tests(const char *group, const struct CMUnitTest *const tests,
			    const size_t count, CMFixtureFunction setup, CMFixtureFunction teardown)
{
	void *shared = NULL;

	running = group;
	check(!setup || !setup(&shared), "its setup fails", __FILE__, __LINE__);
	for (size_t i = 0; i < count; i++) {
		void *state = tests[i].initial_state ? tests[i].initial_state : shared;

		run(&tests[i], &state);
	}
	check(!teardown || !teardown(&shared), "the end of all fails", __FILE__, __LINE__);
	printf("%s: %zu tests\n", group, count);
	return 0;
}
