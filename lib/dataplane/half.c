// SPDX-License-Identifier: GPL-2.0
/*
 * Where is a table in a filter's maps?
 */
#include <dataplane/half.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include <dataplane/slots.h>
#include <table/layout.h>
#include <util/auto.h>

/* -- What is where ----------------------------------------------------------------------------- */

static __u32 half_index(const struct half *half)
{
	return half->generation & 1;
}

static struct ipf_header *half_header(const struct half *half)
{
	return &half->root->header[half_index(half)];
}

/* The first slot of the half that can hold a chunk. */
static __u32 first_slot(const struct half *half)
{
	return half_index(half) * IPF_HALF_CHUNKS + IPF_HEAD_CHUNKS;
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

/* Returns a descriptor, or a negative errno. */
static int create_chunk(const void *bytes)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	auto_fd int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ipf_chunk", sizeof(__u32),
					IPF_CHUNK_SIZE, 1, &options);
	void *chunk;

	if (fd < 0)
		return -errno;
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

static int write_chunks(const struct half *half, const struct image *image)
{
	struct slots_batch batch = { .array = slots_of_chunks(half->filter, half->slots) };
	int ret = 0;

	for (__u32 chunk = 0; chunk < chunk_count(image) && !ret; chunk++)
		ret = add_chunk(half, image, chunk, &batch);
	return slots_finish(&batch, ret);
}

int half_write(const struct half *half, const struct image *image)
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

int half_empty(const struct half *half)
{
	const struct slots_array array = slots_of_chunks(half->filter, half->slots);

	return slots_empty(&array, first_slot(half), IPF_HALF_CHUNKS - IPF_HEAD_CHUNKS - 1, NULL);
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

/* A chunk's bytes never change, and exist as long as they are mapped, so they need no copy. */
static int map_chunk(__u32 id, void *where)
{
	auto_fd int fd = slots_open(id, BPF_MAP_TYPE_ARRAY, IPF_CHUNK_SIZE, 1);

	if (fd < 0)
		return fd == -ENOENT ? -EBADMSG : fd;
	if (mmap(where, IPF_CHUNK_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

static int read_chunks(const struct half *half, const struct image *image)
{
	__u32 count = chunk_count(image);
	struct ipf_slots *slots;
	int ret = 0;

	if (!count)
		return 0;
	slots = slots_map(half->filter, PROT_READ);
	if (!slots)
		return -errno;
	for (__u32 chunk = 0; chunk < count && !ret; chunk++)
		ret = map_chunk(slots->chunk[first_slot(half) + chunk], chunk_bytes(image, chunk));
	slots_unmap(slots);
	return ret;
}

static int read_image(const struct half *half, const struct ipf_header *header, struct image *image)
{
	int ret = image_reserve(image, header->size);

	if (ret)
		return ret;
	memcpy(image->data, header, sizeof(*header));
	ret = read_head(half, image);
	if (!ret)
		ret = read_chunks(half, image);
	if (ret)
		image_done(image);
	return ret;
}

int half_read(const struct half *half, struct image *out)
{
	/* One copy: a writer may change the header meanwhile. */
	const struct ipf_header header = *half_header(half);

	*out = (struct image){ 0 };
	if (!header.size)
		return 0;
	if (header.size <= sizeof(header) || header.size - sizeof(header) > layout_max_size(0))
		return -EBADMSG;
	return read_image(half, &header, out);
}
