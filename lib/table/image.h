/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a rule set become the table that packets are looked up in, and how is it read back?
 *
 * The layout is that of <ipfilter/abi.h>. This header and <ipfilter/lookup.h> are the whole of the
 * lookup engine's interface: another engine changes the layout between them and nothing else.
 */
#ifndef TABLE_IMAGE_H
#define TABLE_IMAGE_H

#include <ipfilter/abi.h>
#include <ruleset/ruleset.h>
#include <stddef.h>

struct error;

/* The header (struct ipf_header), and the body behind it, which offsets count from. The body lies in
 * whole chunks (IPF_CHUNK_SIZE), page-aligned; what is behind `size` is zero. */
struct image {
	void *data;  /* NULL: no rules at all, an empty table */
	size_t size; /* bytes that count, those of the header among them */
	size_t body; /* bytes of the body that are there */
};

/* Room for `size` zeroed bytes, the header's among them. Returns 0 or -ENOMEM. */
int image_reserve(struct image *image, size_t size);
void image_done(struct image *image);

/* Where the body's byte at `offset` lies. */
static inline void *image_at(const struct image *image, __u64 offset)
{
	return (__u8 *)image->data + sizeof(struct ipf_header) + offset;
}

static inline const struct ipf_header *image_header(const struct image *image)
{
	return image->data;
}

/* Compiles the rule set (sorted as ruleset.h says). Rules that ended take part: the packet path
 * steps over them. Rules are counted when at least one has a counter. Returns 0, -ENOMEM, or -E2BIG
 * beyond what the layout can number. On success *out owns memory: release it with image_done(). */
int image_compile(const struct ruleset *set, struct image *out);

/* Are these the bytes that image_compile() wrote, and do its parts lie within? What comes from a
 * map is checked before use. Returns 0, or -EBADMSG with the first fault named. An empty image (data
 * NULL) is sound. */
int image_check(const struct image *image, struct error *err);

/* Rebuilds the rules that an image was compiled from. The image must have passed image_check(); the
 * rules are checked one by one all the same. On success *out owns memory: release it with
 * ruleset_done(). Returns -EBADMSG with the fault named or -ENOMEM, and leaves *out empty. */
int image_rules(const struct image *image, struct ruleset *out, struct error *err);

/* The verdict for the address at tick `now`, by the lines that the XDP program runs. */
struct ipf_match image_lookup(const struct image *image, const struct address *address, __u32 now);

/* The counter slots of the image's rules (*count of them), which packets use while it is live. NULL:
 * it has no rules, or they are not counted. */
const __u32 *image_counters(const struct image *image, size_t *count);

/* Writes the sum that image_check() compares; image_compile() did. For who changes bytes. */
void image_seal(struct image *image);

#endif
