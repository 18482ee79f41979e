// SPDX-License-Identifier: GPL-2.0
/*
 * Is whatever comes as gzip data unpacked within its limit, the same in pieces of any size, and are
 * packed bytes the ones that were packed?
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <source/unpack.h>
#include <util/auto.h>

#define MAX_BYTES (1 << 16)
#define PACKED_SIZE (MAX_BYTES * 2)

/* Unpacks to `out`, which has room for MAX_BYTES. Returns the bytes, or -1 when it was refused. */
static ssize_t unpack_all(const void *data, size_t size, size_t piece, uint8_t *out)
{
	auto_fd int fd = memfd_create("fuzz", MFD_CLOEXEC);
	auto_free struct unpack *unpack = malloc(sizeof(*unpack));
	struct error err = { { 0 } };
	size_t total = 0, got;
	bool failed;

	assert(fd >= 0 && unpack && write(fd, data, size) == (ssize_t)size && !lseek(fd, 0, 0));
	assert(!unpack_open(unpack, fd, MAX_BYTES, &err));
	do {
		uint8_t block[4096];

		got = fread(block, 1, piece, unpack->file);
		assert(total + got <= MAX_BYTES);
		memcpy(out + total, block, got);
		total += got;
	} while (got == piece);
	failed = ferror(unpack->file);
	assert(failed == (unpack_problem(unpack) || unpack_is_too_large(unpack)));
	unpack_close(unpack);
	return failed ? -1 : (ssize_t)total;
}

static size_t pack(const uint8_t *data, size_t size, uint8_t out[PACKED_SIZE])
{
	z_stream packer = { .next_in = (uint8_t *)data,
			    .avail_in = (uInt)size,
			    .next_out = out,
			    .avail_out = PACKED_SIZE };

	assert(deflateInit2(&packer, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	assert(deflate(&packer, Z_FINISH) == Z_STREAM_END);
	deflateEnd(&packer);
	return PACKED_SIZE - packer.avail_out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[MAX_BYTES], second[MAX_BYTES], packed[PACKED_SIZE];
	ssize_t length, again;

	if (size > MAX_BYTES)
		return 0;
	length = unpack_all(data, size, 4096, first);
	again = unpack_all(data, size, 7, second);
	assert(length == again && (length < 0 || !memcmp(first, second, (size_t)length)));
	if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
		return 0;
	assert(length == (ssize_t)size && (!size || !memcmp(first, data, size)));
	/* What was packed, once and twice */
	for (size_t layers = 1, count = size; layers <= 2; layers++) {
		count = pack(layers == 1 ? data : memcpy(second, packed, count), count, packed);
		if (count > MAX_BYTES)
			return 0;
		assert(unpack_all(packed, count, 4096, first) == (ssize_t)size);
		assert(!size || !memcmp(first, data, size));
	}
	return 0;
}
