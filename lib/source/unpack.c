// SPDX-License-Identifier: GPL-2.0
/*
 * What is in a stream that may be packed with gzip?
 *
 * Layers, each of which unpacks the one below it, or copies it where that is not packed.
 */
#include <source/unpack.h>

#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <util/error.h>

#define GZIP_FORMAT (15 + 16) /* for zlib: the largest window, and only gzip's header */

static const unsigned char magic[] = { 0x1f, 0x8b };

static ssize_t layer_read(struct unpack_layer *layer, void *out, size_t size);

static int fail(struct unpack_layer *layer, const char *problem)
{
	layer->unpack->problem = problem;
	errno = EIO;
	return -1;
}

/* --- What a layer reads ----------------------------------------------------------------------- */

static ssize_t read_below(struct unpack_layer *layer, void *out, size_t size)
{
	ssize_t got;

	if (layer->below)
		return layer_read(layer->below, out, size);
	do
		got = read(layer->unpack->fd, out, size);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Reads the next block, when all of the last one is used. */
static int fill(struct unpack_layer *layer)
{
	ssize_t got;

	if (layer->inflater.avail_in || layer->at_end)
		return 0;
	got = read_below(layer, layer->block, sizeof(layer->block));
	if (got < 0)
		return -1;
	layer->at_end = !got;
	layer->inflater.next_in = layer->block;
	layer->inflater.avail_in = (uInt)got;
	return 0;
}

/* As much as tells what it is: a pipe may give single bytes. */
static int fill_beginning(struct unpack_layer *layer)
{
	z_stream *inflater = &layer->inflater;
	ssize_t got = 1;

	while (inflater->avail_in < sizeof(magic) && got > 0) {
		got = read_below(layer, layer->block + inflater->avail_in,
				 sizeof(layer->block) - inflater->avail_in);
		if (got < 0)
			return -1;
		inflater->avail_in += (uInt)got;
	}
	inflater->next_in = layer->block;
	layer->at_end = !got;
	return 0;
}

static int begin(struct unpack_layer *layer)
{
	layer->begun = true;
	if (fill_beginning(layer))
		return -1;
	layer->packed = layer->inflater.avail_in >= sizeof(magic) &&
			!memcmp(layer->block, magic, sizeof(magic));
	if (layer->packed && inflateInit2(&layer->inflater, GZIP_FORMAT) != Z_OK) {
		layer->packed = false;
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

/* --- What a layer gives ----------------------------------------------------------------------- */

static ssize_t copy_to(struct unpack_layer *layer, void *out, size_t size)
{
	z_stream *from = &layer->inflater;
	size_t count;

	if (fill(layer))
		return -1;
	count = from->avail_in < size ? from->avail_in : size;
	if (count)
		memcpy(out, from->next_in, count);
	from->next_in += count;
	from->avail_in -= (uInt)count;
	return (ssize_t)count;
}

/* Another member may follow the end of one. Returns 0 at the end of the stream. */
static int next_member(struct unpack_layer *layer)
{
	if (fill(layer))
		return -1;
	if (!layer->inflater.avail_in)
		return 0;
	layer->between_members = false;
	return inflateReset(&layer->inflater) == Z_OK ? 1 : fail(layer, "zlib failed");
}

/* One step of zlib, which may give nothing yet. */
static int inflate_some(struct unpack_layer *layer)
{
	if (fill(layer))
		return -1;
	switch (inflate(&layer->inflater, Z_NO_FLUSH)) {
	case Z_STREAM_END:
		layer->between_members = true;
		return 0;
	case Z_OK:
		return 0;
	case Z_BUF_ERROR:
		return layer->at_end ? fail(layer, "its gzip data is not complete") : 0;
	case Z_MEM_ERROR:
		errno = ENOMEM;
		return -1;
	default:
		return fail(layer, "its gzip data is damaged");
	}
}

static ssize_t inflate_to(struct unpack_layer *layer, void *out, size_t size)
{
	z_stream *inflater = &layer->inflater;
	int more;

	inflater->next_out = out;
	inflater->avail_out = (uInt)size;
	while (inflater->avail_out == size) {
		more = layer->between_members ? next_member(layer) : 1;
		if (more <= 0)
			return more;
		if (inflate_some(layer))
			return -1;
	}
	return (ssize_t)(size - inflater->avail_out);
}

static ssize_t layer_read(struct unpack_layer *layer, void *out, size_t size)
{
	const uint64_t most = layer->unpack->max_bytes;
	ssize_t got;

	if (!layer->begun && begin(layer))
		return -1;
	got = layer->packed ? inflate_to(layer, out, size) : copy_to(layer, out, size);
	if (got <= 0)
		return got;
	layer->bytes += (uint64_t)got;
	layer->unpack->is_too_large = most && layer->bytes > most;
	return layer->unpack->is_too_large ? fail(layer, NULL) : got;
}

/* --- The stream ------------------------------------------------------------------------------- */

static bool begins_as_markup(const char *text, size_t count)
{
	size_t skipped = 0;

	if (count >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		skipped = 3;
	while (skipped < count && strchr(" \t\r\n", text[skipped]))
		skipped++;
	return skipped < count && text[skipped] == '<';
}

/* What fread() of the file calls. */
static ssize_t read_some(void *cookie, char *out, size_t size)
{
	struct unpack *unpack = cookie;
	struct unpack_layer *top = &unpack->layers[UNPACK_LAYERS - 1];
	ssize_t got = layer_read(top, out, size);

	if (got > 0 && top->bytes == (uint64_t)got) {
		unpack->is_markup = begins_as_markup(out, (size_t)got);
		unpack->is_binary = memchr(out, '\0', (size_t)got);
	}
	return got;
}

int unpack_open(struct unpack *unpack, int fd, uint64_t max_bytes, struct error *err)
{
	const cookie_io_functions_t calls = { .read = read_some };

	*unpack = (struct unpack){ .fd = fd, .max_bytes = max_bytes };
	for (int i = 0; i < UNPACK_LAYERS; i++) {
		unpack->layers[i].unpack = unpack;
		unpack->layers[i].below = i ? &unpack->layers[i - 1] : NULL;
	}
	unpack->file = fopencookie(unpack, "r", calls);
	return unpack->file ? 0 : error_no_memory(err);
}

void unpack_close(struct unpack *unpack)
{
	fclose(unpack->file);
	for (int i = 0; i < UNPACK_LAYERS; i++)
		if (unpack->layers[i].packed)
			inflateEnd(&unpack->layers[i].inflater);
}

const char *unpack_problem(const struct unpack *unpack)
{
	return unpack->problem;
}

bool unpack_is_markup(const struct unpack *unpack)
{
	return unpack->is_markup;
}

bool unpack_is_binary(const struct unpack *unpack)
{
	return unpack->is_binary;
}

bool unpack_is_too_large(const struct unpack *unpack)
{
	return unpack->is_too_large;
}
