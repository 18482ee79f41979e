// SPDX-License-Identifier: GPL-2.0
/*
 * Where is a table in a filter's maps?
 */
#include <dataplane/half.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include <dataplane/slots.h>
#include <table/layout.h>
#include <util/auto.h>

/* -- What is where ----------------------------------------------------------------------------- */

static __u32 half_index(const struct half *half)
{
	return half->table & 1;
}

static bool is_delta(const struct half *half)
{
	return half->table & IPF_TABLE_DELTA;
}

static struct ipf_header *half_header(const struct half *half)
{
	return &half->root->header[half->table];
}

/* The first slot of the half that can hold a chunk of a base. */
static __u32 first_slot(const struct half *half)
{
	return half_index(half) * IPF_HALF_CHUNKS + IPF_HEAD_CHUNKS;
}

/* The slot of the chunk for deltas, of half 0 or 1. */
static __u32 delta_slot(__u32 index)
{
	return index * IPF_HALF_CHUNKS + (__u32)(IPF_DELTA_OFFSET >> IPF_CHUNK_SHIFT);
}

static bool is_large(const struct ipf_header *header)
{
	const struct ipf_space *spaces = header->layout.space;

	return (__u64)spaces[IPF_IPV4].rule_count + spaces[IPF_IPV6].rule_count >= HALF_DELTA_RULES;
}

/* How many bytes of the image's body are in the head. */
static size_t head_size(const struct image *image)
{
	size_t body = image->size - sizeof(struct ipf_header);

	return body < IPF_HEAD_SIZE ? body : IPF_HEAD_SIZE;
}

static __u32 chunk_count(const struct image *image)
{
	return image->body > IPF_HEAD_SIZE ?
		       (__u32)((image->body - IPF_HEAD_SIZE) / IPF_CHUNK_SIZE) :
		       0;
}

static void *chunk_bytes(const struct image *image, __u32 chunk)
{
	return image_at(image, IPF_HEAD_SIZE + (__u64)chunk * IPF_CHUNK_SIZE);
}

/* Maps the first `size` bytes of the half's head and no more, because each page that is mapped
 * costs time. NULL with errno on failure. */
static void *map_head(const struct half *half, size_t size, int protection)
{
	void *head = mmap(NULL, size, protection, MAP_SHARED, half->filter->maps[FILTER_HEAD],
			  (off_t)(half_index(half) * IPF_HEAD_SIZE));

	return head == MAP_FAILED ? NULL : head;
}

/* -- Write ------------------------------------------------------------------------------------- */

static int write_head(const struct half *half, const struct image *image)
{
	size_t size = head_size(image);
	void *head = map_head(half, size, PROT_READ | PROT_WRITE);

	if (!head)
		return -errno;
	memcpy(head, image_at(image, 0), size);
	munmap(head, size);
	return 0;
}

/* Makes a chunk of zeros. Returns a descriptor, or a negative errno. */
static int create_empty_chunk(const char *name)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), IPF_CHUNK_SIZE, 1,
				&options);

	return fd < 0 ? -errno : fd;
}

static int create_chunk(const void *bytes)
{
	auto_fd int fd = create_empty_chunk("ipf_chunk");
	void *chunk;

	if (fd < 0)
		return fd;
	chunk = mmap(NULL, IPF_CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (chunk == MAP_FAILED)
		return -errno;
	memcpy(chunk, bytes, IPF_CHUNK_SIZE);
	munmap(chunk, IPF_CHUNK_SIZE);
	return auto_take_fd(&fd);
}

static int add_chunk(const struct half *half, const struct image *image, __u32 chunk,
		     struct slots_batch *batch)
{
	int fd = create_chunk(chunk_bytes(image, chunk));

	return fd < 0 ? fd : slots_add(batch, first_slot(half) + chunk, fd);
}

/* Opens the chunk that a slot notes. Returns a descriptor, or a negative errno; -ENOENT: there is
 * none. */
static int open_chunk(const struct half *half, __u32 slot)
{
	return slots_open(half->slots->chunk[slot], BPF_MAP_TYPE_ARRAY, IPF_CHUNK_SIZE, 1);
}

/* Puts a chunk for deltas into its slot, unless there is one. */
static int add_delta_chunk(const struct half *half, __u32 slot, struct slots_batch *batch)
{
	auto_fd int fd = open_chunk(half, slot);

	if (fd != -ENOENT)
		return fd < 0 ? fd : 0;
	fd = create_empty_chunk("ipf_delta");
	return fd < 0 ? fd : slots_add(batch, slot, auto_take_fd(&fd));
}

static int write_chunks(const struct half *half, const struct image *image)
{
	struct slots_batch batch = { .array = slots_of_chunks(half->filter, half->slots) };
	int ret = 0;

	for (__u32 chunk = 0; chunk < chunk_count(image) && !ret; chunk++)
		ret = add_chunk(half, image, chunk, &batch);
	for (__u32 index = 0; index < 2 && !ret && is_large(image_header(image)); index++)
		ret = add_delta_chunk(half, delta_slot(index), &batch);
	return slots_finish(&batch, ret);
}

int half_write_base(const struct half *half, const struct image *image)
{
	struct ipf_header *header = half_header(half);
	int ret;

	/* An empty image has no header: all zero means that there are no rules. */
	memset(header, 0, sizeof(*header));
	if (!image->data)
		return 0;
	ret = write_head(half, image);
	if (!ret)
		ret = write_chunks(half, image);
	if (!ret)
		*header = *image_header(image);
	return ret;
}

/* Maps the first `size` bytes of the half's chunk for deltas. Returns 0 or a negative errno;
 * -ENOENT: there is no chunk. */
static int map_delta(const struct half *half, size_t size, int protection, void **out)
{
	auto_fd int fd = open_chunk(half, delta_slot(half_index(half)));

	if (fd < 0)
		return fd;
	*out = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
	return *out == MAP_FAILED ? -errno : 0;
}

int half_write_delta(const struct half *half, const struct image *image)
{
	size_t size = image->size - sizeof(struct ipf_header);
	void *chunk;
	int ret = map_delta(half, size, PROT_READ | PROT_WRITE, &chunk);

	if (ret)
		return ret;
	memcpy(chunk, image_at(image, image->origin), size);
	munmap(chunk, size);
	*half_header(half) = *image_header(image);
	return 0;
}

bool half_is_large(const struct ipf_root *root, __u32 generation)
{
	return is_large(&root->header[half_base(generation)]);
}

bool half_has_delta_chunks(const struct ipf_slots *slots)
{
	return slots->chunk[delta_slot(0)] && slots->chunk[delta_slot(1)];
}

/* Is the live base too small for deltas? Not if there is one all the same. */
static bool has_no_deltas(const struct ipf_root *root)
{
	__u64 live = root->generation;

	return !(live & IPF_GENERATION_HAS_DELTA) && !half_is_large(root, (__u32)live);
}

int half_empty(const struct half *half)
{
	const struct slots_array array = slots_of_chunks(half->filter, half->slots);
	const __u32 slots = 2 * IPF_HALF_CHUNKS;
	auto_free bool *keep = malloc(slots * sizeof(*keep));

	if (!keep)
		return -ENOMEM;
	memset(keep, true, slots);
	memset(keep + first_slot(half), false, IPF_HALF_CHUNKS - IPF_HEAD_CHUNKS - 1);
	if (has_no_deltas(half->root))
		keep[delta_slot(0)] = keep[delta_slot(1)] = false;
	return slots_empty(&array, 0, slots, keep);
}

/* -- Read -------------------------------------------------------------------------------------- */

static int read_head(const struct half *half, const struct image *image)
{
	size_t size = head_size(image);
	void *head = map_head(half, size, PROT_READ);

	if (!head)
		return -errno;
	memcpy(image_at(image, 0), head, size);
	munmap(head, size);
	return 0;
}

/* The bytes of a base's chunk never change, and exist as long as they are mapped, so they need no
 * copy. */
static int map_chunk(const struct half *half, __u32 slot, __u64 at, __u64 size, void *where)
{
	auto_fd int fd = open_chunk(half, slot);

	if (fd < 0)
		return fd == -ENOENT ? -EBADMSG : fd;
	if (mmap(where, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)at) == MAP_FAILED)
		return -errno;
	return 0;
}

static int read_chunks(const struct half *half, const struct image *image)
{
	__u32 count = chunk_count(image);
	struct half mapped = *half;
	int ret = 0;

	if (!count)
		return 0;
	mapped.slots = slots_map(half->filter, PROT_READ);
	if (!mapped.slots)
		return -errno;
	for (__u32 chunk = 0; chunk < count && !ret; chunk++)
		ret = map_chunk(&mapped, first_slot(half) + chunk, 0, IPF_CHUNK_SIZE,
				chunk_bytes(image, chunk));
	slots_unmap(mapped.slots);
	return ret;
}

static int read_base(const struct half *half, const struct image *image)
{
	int ret = read_head(half, image);

	return ret ? ret : read_chunks(half, image);
}

static int read_delta(const struct half *half, const struct image *image)
{
	size_t size = image->size - sizeof(struct ipf_header);
	struct half mapped = *half;
	void *chunk;
	int ret;

	mapped.slots = slots_map(half->filter, PROT_READ);
	if (!mapped.slots)
		return -errno;
	ret = map_delta(&mapped, size, PROT_READ, &chunk);
	slots_unmap(mapped.slots);
	if (ret)
		return ret == -ENOENT ? -EBADMSG : ret;
	memcpy(image_at(image, image->origin), chunk, size);
	munmap(chunk, size);
	return 0;
}

/* Makes room for the image and reads its header. Returns as half_read() does, with nothing in
 * *image where there are no rules. */
static int read_header(const struct half *half, struct image *image)
{
	/* One copy: a writer may change the header meanwhile. */
	const struct ipf_header header = *half_header(half);
	const __u64 origin = is_delta(half) ? IPF_DELTA_OFFSET : 0;
	int ret;

	*image = (struct image){ 0 };
	if (!header.size)
		return is_delta(half) ? -EBADMSG : 0;
	if (header.size <= sizeof(header) || header.size - sizeof(header) > layout_max_size(origin))
		return -EBADMSG;
	ret = image_reserve(image, header.size);
	if (ret)
		return ret;
	image->origin = origin;
	memcpy(image->data, &header, sizeof(header));
	return 0;
}

int half_read(const struct half *half, struct image *out)
{
	int ret = read_header(half, out);

	if (!ret && out->data)
		ret = is_delta(half) ? read_delta(half, out) : read_base(half, out);
	if (ret)
		image_done(out);
	return ret;
}

/* -- Read what is needed ----------------------------------------------------------------------- */

/* Some pages: to map one more in the same call costs little, to map a chunk 50 us. */
#define WINDOW_SIZE (64u << 10)

int half_part_open(const struct half *half, struct half_part *out)
{
	struct half_part part = { .half = *half };
	int ret = read_header(half, &part.image);

	if (ret)
		return ret;
	if (!part.image.data)
		return -EBADMSG;
	part.is_there = calloc(part.image.body / WINDOW_SIZE, sizeof(*part.is_there));
	if (!part.is_there) {
		image_done(&part.image);
		return -ENOMEM;
	}
	*out = part;
	return 0;
}

void half_part_done(struct half_part *part)
{
	free(part->is_there);
	image_done(&part->image);
	*part = (struct half_part){ 0 };
}

/* The head is reused by later tables, so it is copied. */
static int copy_window(const struct half *half, __u64 offset, void *where)
{
	void *bytes = mmap(NULL, WINDOW_SIZE, PROT_READ, MAP_SHARED,
			   half->filter->maps[FILTER_HEAD],
			   (off_t)(half_index(half) * IPF_HEAD_SIZE + offset));

	if (bytes == MAP_FAILED)
		return -errno;
	memcpy(where, bytes, WINDOW_SIZE);
	munmap(bytes, WINDOW_SIZE);
	return 0;
}

static int read_window(const struct half_part *part, __u64 offset)
{
	const struct half *half = &part->half;
	void *where = image_at(&part->image, offset);
	__u64 beyond = offset - IPF_HEAD_SIZE;

	if (offset < IPF_HEAD_SIZE)
		return copy_window(half, offset, where);
	return map_chunk(half, first_slot(half) + (__u32)(beyond >> IPF_CHUNK_SHIFT),
			 beyond % IPF_CHUNK_SIZE, WINDOW_SIZE, where);
}

int half_part_need(const struct half_part *part, __u64 offset, __u64 size)
{
	int ret = 0;

	for (__u64 window = offset / WINDOW_SIZE; window * WINDOW_SIZE < offset + size && !ret;
	     window++) {
		if (part->is_there[window])
			continue;
		ret = read_window(part, window * WINDOW_SIZE);
		part->is_there[window] = !ret;
	}
	return ret;
}
