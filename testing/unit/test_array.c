// SPDX-License-Identifier: GPL-2.0
/*
 * Does an array grow, and refuse impossible sizes?
 */
#include <util/array.h>

#include <errno.h>
#include <stdlib.h>

#include "support.h"

static void grows_from_nothing(void **state)
{
	size_t capacity = 0;
	int *items = NULL;

	(void)state;
	assert_int_equal(array_reserve(&items, &capacity, 3, sizeof(*items)), 0);
	assert_non_null(items);
	assert_int_equal(capacity, 3);
	free(items);
}

static void keeps_items_and_grows_seldom(void **state)
{
	size_t capacity = 0, growths = 0;
	int *items = NULL;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		size_t before = capacity;

		assert_int_equal(array_reserve(&items, &capacity, (size_t)i + 1, sizeof(*items)),
				 0);
		items[i] = i;
		growths += capacity != before;
	}
	for (int i = 0; i < 100000; i++)
		assert_int_equal(items[i], i);
	assert_true(growths < 40);
	free(items);
}

static void enough_room_changes_nothing(void **state)
{
	size_t capacity = 0;
	int *items = NULL, *before;

	(void)state;
	assert_int_equal(array_reserve(&items, &capacity, 8, sizeof(*items)), 0);
	before = items;
	assert_int_equal(array_reserve(&items, &capacity, 8, sizeof(*items)), 0);
	assert_int_equal(array_reserve(&items, &capacity, 0, sizeof(*items)), 0);
	assert_ptr_equal(items, before);
	assert_int_equal(capacity, 8);
	free(items);
}

static void a_size_that_wraps_is_refused(void **state)
{
	size_t capacity = 0;
	int *items = NULL, *before;

	(void)state;
	assert_int_equal(array_reserve(&items, &capacity, 1, sizeof(*items)), 0);
	items[0] = 42;
	before = items;
	assert_int_equal(array_reserve(&items, &capacity, SIZE_MAX / 4 + 2, sizeof(*items)),
			 -ENOMEM);
	assert_int_equal(array_reserve(&items, &capacity, SIZE_MAX, sizeof(*items)), -ENOMEM);
	assert_ptr_equal(items, before);
	assert_int_equal(capacity, 1);
	assert_int_equal(items[0], 42);
	free(items);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "an array grows from nothing", grows_from_nothing, NULL);
	suite_add(&suite, "growing keeps the items and is seldom", keeps_items_and_grows_seldom,
		  NULL);
	suite_add(&suite, "enough room changes nothing", enough_room_changes_nothing, NULL);
	suite_add(&suite, "a size that wraps is refused", a_size_that_wraps_is_refused, NULL);
	return suite_run(&suite, "array");
}
