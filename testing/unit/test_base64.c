// SPDX-License-Identifier: GPL-2.0
/*
 * Do bytes survive base64, and is everything else refused?
 */
#include <source/base64.h>

#include <errno.h>
#include <string.h>

#include "support.h"

static const struct case_known {
	const char *name;
	const char *bytes;
	const char *text;
} known[] = {
	{ "nothing", "", "" },
	{ "one byte", "f", "Zg==" },
	{ "two bytes", "fo", "Zm8=" },
	{ "three bytes", "foo", "Zm9v" },
	{ "four", "foob", "Zm9vYg==" },
	{ "six", "foobar", "Zm9vYmFy" },
	{ "the last digits", "\xff\xef\xbe\xfb\xff", "/++++/8=" },
};

static void test_known(void **state)
{
	const struct case_known *c = *state;
	char text[BASE64_TEXT_SIZE(16)];
	uint8_t bytes[16];
	size_t count;

	base64_encode(c->bytes, strlen(c->bytes), text);
	assert_string_equal(text, c->text);
	assert_int_equal(base64_decode(text, strlen(text), bytes, &count), 0);
	assert_int_equal(count, strlen(c->bytes));
	assert_memory_equal(bytes, c->bytes, count);
}

static const struct case_refused {
	const char *name;
	const char *text;
} refused[] = {
	{ "one digit", "Z" },
	{ "two digits", "Zg" },
	{ "no padding", "Zm8" },
	{ "three paddings", "Z===" },
	{ "only padding", "====" },
	{ "padding in the middle", "Zg==Zg==" },
	{ "padding before a digit", "Zg=v" },
	{ "a digit of another alphabet", "Zm9-" },
	{ "another one", "Zm9_" },
	{ "a blank", "Zm9 " },
	{ "a line end", "Zm9v\n" },
	{ "a byte above 127", "Zm9\xff" },
};

static void test_refused(void **state)
{
	const struct case_refused *c = *state;
	uint8_t bytes[16];
	size_t count = 77;

	assert_int_equal(base64_decode(c->text, strlen(c->text), bytes, &count), -EINVAL);
	assert_int_equal(count, 77);
}

static void test_random(void **state)
{
	uint8_t bytes[70], back[72];
	char text[BASE64_TEXT_SIZE(70)];
	size_t count;

	(void)state;
	random_restart();
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)random_number();
		base64_encode(bytes, size, text);
		assert_true(strlen(text) < BASE64_TEXT_SIZE(size));
		assert_int_equal(base64_decode(text, strlen(text), back, &count), 0);
		assert_int_equal(count, size);
		assert_memory_equal(back, bytes, size);
		/* In place. */
		assert_int_equal(base64_decode(text, strlen(text), text, &count), 0);
		assert_memory_equal(text, bytes, size);
	}
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, test_known, known);
	SUITE_TABLE(&suite, test_refused, refused);
	suite_add(&suite, "random bytes", test_random, NULL);
	return suite_run(&suite, "base64");
}
