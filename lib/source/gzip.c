// SPDX-License-Identifier: GPL-2.0
/*
 * What do bytes that gzip packed unpack to?
 */
#include <source/gzip.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <zlib.h>

#include <util/array.h>
#include <util/auto.h>
#include <util/error.h>

#define BLOCK ((size_t)64 << 10)
#define GZIP_ONLY (16 + MAX_WBITS)

bool gzip_begins(const void *bytes, size_t count)
{
	return count >= 2 && !memcmp(bytes, "\x1f\x8b", 2);
}

/* A text that grows. */
struct text {
	char *bytes;
	size_t size;
	size_t capacity;
	uint64_t max;
};

static int make_room(struct text *text, struct error *err)
{
	if (text->size > text->max)
		return error_set(err, -EFBIG, "it unpacks to more than the limit of %llu bytes",
				 (unsigned long long)text->max);
	if (array_reserve(&text->bytes, &text->capacity, text->size + BLOCK, 1))
		return error_no_memory(err);
	return 0;
}

static int judge(int result, const z_stream *stream, struct error *err)
{
	if (result == Z_OK || result == Z_STREAM_END)
		return 0;
	if (result == Z_MEM_ERROR)
		return error_no_memory(err);
	if (result == Z_BUF_ERROR)
		return error_set(err, -EINVAL, "what gzip packed is not complete");
	return error_set(err, -EINVAL, "what gzip packed is damaged: %s",
			 stream->msg ? stream->msg : "it cannot be unpacked");
}

/* One step. Sets *done after the last member. */
static int unpack_more(z_stream *stream, struct text *text, bool *done, struct error *err)
{
	int result, ret = make_room(text, err);

	if (ret)
		return ret;
	stream->next_out = (Bytef *)text->bytes + text->size;
	stream->avail_out = (uInt)BLOCK;
	result = inflate(stream, Z_NO_FLUSH);
	text->size += BLOCK - stream->avail_out;
	ret = judge(result, stream, err);
	if (ret || result != Z_STREAM_END)
		return ret;
	*done = !stream->avail_in;
	return *done ? 0 : judge(inflateReset(stream), stream, err);
}

int gzip_unpack(const void *bytes, size_t count, uint64_t max_bytes, char **out, size_t *size,
		struct error *err)
{
	z_stream stream = { 0 };
	struct text text = { .max = max_bytes };
	bool done = false;
	int ret;

	if (count > UINT_MAX)
		return error_set(err, -EFBIG, "it is too large");
	stream.next_in = (Bytef *)bytes;
	stream.avail_in = (uInt)count;
	ret = judge(inflateInit2(&stream, GZIP_ONLY), &stream, err);
	if (ret)
		return ret;
	while (!ret && !done)
		ret = unpack_more(&stream, &text, &done, err);
	inflateEnd(&stream);
	if (!ret && text.size > max_bytes)
		ret = make_room(&text, err);
	if (ret) {
		free(text.bytes);
		return ret;
	}
	*out = text.bytes;
	*size = text.size;
	return 0;
}
