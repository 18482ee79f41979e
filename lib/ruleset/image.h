/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a rule set become the table that packets are looked up in, and how is it read back?
 *
 * The layout is that of <ipfilter/abi.h>. This header and <ipfilter/lookup.h> are the whole of the
 * lookup engine's interface: another engine changes the layout between them and nothing else.
 */
#ifndef RULESET_IMAGE_H
#define RULESET_IMAGE_H

#include <ruleset/ruleset.h>
#include <stddef.h>

struct error;

struct image {
	void *data; /* on the heap; NULL: no rules at all, an empty table */
	size_t size;
};

void image_done(struct image *image);

/* Compiles the rule set (sorted as ruleset.h says). Rules that ended take part: the packet path
 * steps over them. Returns 0, -ENOMEM, or -E2BIG beyond what the layout can number. On success
 * *out owns memory: release it with image_done(). */
int image_compile(const struct ruleset *set, struct image *out);

/* Is every length, offset, index and order in the image sound, so that lookup and image_rules() stay
 * within it and end? What comes from a map is checked before use. Returns 0, or -EBADMSG with the
 * first fault named. An empty image (data NULL) is sound. */
int image_check(const struct image *image, struct error *err);

/* Rebuilds the rules that an image was compiled from. The image must have passed image_check(). On
 * success *out owns memory: release it with ruleset_done(). Returns -ENOMEM and leaves *out empty
 * when memory runs out. */
int image_rules(const struct image *image, struct ruleset *out);

/* The rule that decides for the address at tick `now`, by the lines that the XDP program runs; NULL:
 * the policy. It points into the image. */
const struct ipf_rule *image_lookup(const struct image *image, const struct address *address,
				    __u32 now);

#endif
