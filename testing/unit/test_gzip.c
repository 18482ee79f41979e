// SPDX-License-Identifier: GPL-2.0
/*
 * Is what gzip packed unpacked whole, or refused?
 */
#include <source/gzip.h>

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include <util/auto.h>
#include <util/error.h>

#include "support.h"

#define ROOM ((size_t)1 << 20)

/* Packs the text as one member of a file of gzip. Returns its size. */
static size_t pack(const void *text, size_t size, uint8_t *out)
{
	z_stream stream = { 0 };

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9,
				      Z_DEFAULT_STRATEGY),
			 Z_OK);
	stream.next_in = (Bytef *)text;
	stream.avail_in = (uInt)size;
	stream.next_out = out;
	stream.avail_out = ROOM;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return stream.total_out;
}

static void assert_unpacks(const void *bytes, size_t count, uint64_t max, const char *text,
			   size_t size)
{
	auto_free char *out = NULL;
	struct error err = { 0 };
	size_t unpacked;

	assert_int_equal(gzip_unpack(bytes, count, max, &out, &unpacked, &err), 0);
	assert_int_equal(unpacked, size);
	assert_memory_equal(out, text, size);
}

static void assert_refuses(const void *bytes, size_t count, uint64_t max, int code)
{
	char *out = NULL;
	struct error err = { 0 };
	size_t size;

	assert_int_equal(gzip_unpack(bytes, count, max, &out, &size, &err), code);
	assert_null(out);
	assert_true(err.text[0]);
}

static void test_sizes_around_the_limit(void **state)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 300000 };
	auto_free uint8_t *packed = malloc(ROOM);
	auto_free char *text = malloc(300000);

	(void)state;
	random_restart();
	for (size_t i = 0; i < 300000; i++)
		text[i] = (char)('0' + random_below(10));
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		size_t count = pack(text, sizes[i], packed);

		assert_true(gzip_begins(packed, count));
		assert_unpacks(packed, count, sizes[i], text, sizes[i]);
		if (sizes[i])
			assert_refuses(packed, count, sizes[i] - 1, -EFBIG);
		/* Cut anywhere. */
		for (size_t cut = 0; cut < count; cut += 1 + count / 50)
			assert_refuses(packed, cut, ROOM, -EINVAL);
	}
}

static void test_members_are_one_text(void **state)
{
	auto_free uint8_t *packed = malloc(ROOM);
	size_t count = pack("10.0.0.0/8\n", 11, packed);

	(void)state;
	count += pack("", 0, packed + count);
	count += pack("11.0.0.0/8\n", 11, packed + count);
	assert_unpacks(packed, count, 22, "10.0.0.0/8\n11.0.0.0/8\n", 22);
	assert_refuses(packed, count, 21, -EFBIG);
	packed[count] = 'x';
	assert_refuses(packed, count + 1, ROOM, -EINVAL);
}

static void test_damage_is_noticed(void **state)
{
	auto_free uint8_t *packed = malloc(ROOM);
	size_t count = pack("10.0.0.0/8\n11.0.0.0/8\n", 22, packed);

	(void)state;
	packed[count - 5] ^= 1; /* of the checksum */
	assert_refuses(packed, count, ROOM, -EINVAL);
	packed[count - 5] ^= 1;
	packed[15] ^= 0xff;
	assert_refuses(packed, count, ROOM, -EINVAL);
	assert_false(gzip_begins("\x1f", 1));
	assert_false(gzip_begins("10", 2));
}

/* 1 GiB of zeros. */
static void test_a_bomb_costs_no_more_than_the_limit(void **state)
{
	auto_free uint8_t *packed = malloc(2 * ROOM);
	auto_free char *zeros = calloc(1, ROOM);
	size_t size = pack(zeros, ROOM, packed);

	(void)state;
	assert_in_range(size, 1, 2048);
	for (size_t i = 1; i < 1024; i++)
		memcpy(packed + i * size, packed, size);
	assert_refuses(packed, 1024 * size, ROOM, -EFBIG);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "sizes around the limit", test_sizes_around_the_limit, NULL);
	suite_add(&suite, "members are one text", test_members_are_one_text, NULL);
	suite_add(&suite, "damage is noticed", test_damage_is_noticed, NULL);
	suite_add(&suite, "a bomb", test_a_bomb_costs_no_more_than_the_limit, NULL);
	return suite_run(&suite, "gzip");
}
