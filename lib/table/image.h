/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is a table image, is it sound, and which verdict does it give an address?
 *
 * <table/compile.h> makes an image from a rule set, <table/decompile.h> reads the rules back. The
 * bytes are laid out as <ipfilter/abi.h> says. These headers and <ipfilter/lookup.h> are the whole
 * interface of the lookup engine: another engine changes the layout between them and nothing else.
 */
#ifndef TABLE_IMAGE_H
#define TABLE_IMAGE_H

#include <ipfilter/abi.h>
#include <ruleset/address.h>
#include <stddef.h>

struct error;

/* A header (struct ipf_header) and the body after it. The body is page-aligned and has whole chunks
 * (IPF_CHUNK_SIZE); its bytes after `size` are zero. */
struct image {
	void *data;   /* NULL: no rules at all, an empty table */
	size_t size;  /* bytes in use, the header among them */
	size_t body;  /* bytes of the body in memory */
	__u64 origin; /* the offset of the body's first byte: 0, or of a delta IPF_DELTA_OFFSET */
};

/* Makes room for `size` zeroed bytes, the header's among them, of a base: a delta's maker sets
 * `origin`. Returns 0, or -ENOMEM with *image unchanged; release with image_done(). */
int image_reserve(struct image *image, size_t size);
void image_done(struct image *image);

/* The body's byte at `offset`. Of a part that is not there (offset 0) the body's first. */
static inline void *image_at(const struct image *image, __u64 offset)
{
	__u64 at = offset < image->origin ? 0 : offset - image->origin;

	return (__u8 *)image->data + sizeof(struct ipf_header) + at;
}

static inline const struct ipf_header *image_header(const struct image *image)
{
	return image->data;
}

/* The counter slots of the image's rules (*count of them), which packets use while it is live.
 * NULL: it has no rules, or they are not counted. */
const __u32 *image_counters(const struct image *image, size_t *count);

/* What the header's `sum` must be. The image has data. */
__u64 image_sum(const struct image *image);

/* What the header's `header_sum` must be. */
__u64 image_header_sum(const struct ipf_header *header);

/* Is this the header of an image that compile_rules() or, at IPF_DELTA_OFFSET, compile_delta()
 * wrote? Looks at no other byte. Returns 0 or -EBADMSG with the first fault named. */
int image_check_header(const struct image *image, struct error *err);

/* Have the sets of an image with a sound header proper names, each of its own? Looks at nothing
 * else. Returns 0, -ENOMEM, or -EBADMSG with the first fault named. */
int image_check_sets(const struct image *image, struct error *err);

/* Are these the bytes that compile_rules() or compile_delta() wrote, with every part where it
 * belongs? Whatever comes from a map is checked before use. An empty image (data NULL) is sound.
 * Returns 0, -ENOMEM, or -EBADMSG with the first fault named. */
int image_check(const struct image *image, struct error *err);

/* Sets *err to say that the table is damaged, and how. Returns -EBADMSG. */
int image_damaged(struct error *err, const char *fault);

/* The verdict for the address at tick `now`, by the lines that the XDP program runs. Of a delta it
 * is IPF_ASK_BASE outside of its regions; of a base it never is. */
struct ipf_match image_lookup(const struct image *image, const struct address *address, __u32 now);

#endif
