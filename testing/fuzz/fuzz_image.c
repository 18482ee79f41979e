// SPDX-License-Identifier: GPL-2.0
/*
 * Can bytes that another program wrote into the table lead us out of it?
 *
 * The input is a list of changes: each overwrites a 32-bit word of a valid image. Either the check
 * refuses the result, or every walk over it stays in bounds and ends.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <ruleset/ruleset.h>
#include <table/compile.h>
#include <table/decompile.h>
#include <table/image.h>

#include "fuzz.h"

struct overwrite {
	uint32_t where;
	uint32_t what;
};

/* So many rules below one word have an index of their own. */
#define CROWD 12

static void sound_image(struct image *image)
{
	struct rule rules[5 + CROWD] = {
		fuzz_rule(10ull << 56, 0, IPF_IPV4, 8, IPF_DROP, 0),
		fuzz_rule(0x0a010000ull << 32, 0, IPF_IPV4, 16, IPF_PASS, 500),
		fuzz_rule(0x0a010203ull << 32, 0, IPF_IPV4, 32, IPF_DROP, 900),
		fuzz_rule(0x20010db8ull << 32, 0, IPF_IPV6, 32, IPF_DROP, 0),
		fuzz_rule(0x20010db8ull << 32, 1, IPF_IPV6, 128, IPF_PASS, 700),
	};
	struct ruleset set;

	for (uint64_t i = 0; i < CROWD; i++)
		rules[5 + i] =
			fuzz_rule(0x21010db8ull << 32 | i << 20, 0, IPF_IPV6, 48, IPF_DROP, 0);
	ruleset_init(&set);
	assert(ruleset_name_set(&set, RULE_DEFAULT_SET) == 0);
	assert(!ruleset_add(&set, rules, sizeof(rules) / sizeof(rules[0]), NULL));
	assert(!compile_rules(&set, image));
	ruleset_done(&set);
}

/* Words that matter are in the header, the records after it, and the points near the end. */
static size_t offset_of(uint32_t where, size_t size)
{
	size_t near_end = size < 4096 ? size : 4096;

	return where & 1 ? where / 2 % sizeof(struct ipf_header) & ~3u :
			   (size - near_end + where / 2 % near_end) & ~(size_t)3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct overwrite overwrite;
	struct ruleset back;
	struct image image;

	sound_image(&image);
	for (; size >= sizeof(overwrite); data += sizeof(overwrite), size -= sizeof(overwrite)) {
		memcpy(&overwrite, data, sizeof(overwrite));
		memcpy((uint8_t *)image.data + offset_of(overwrite.where, image.size),
		       &overwrite.what, sizeof(overwrite.what));
	}
	/* The sum is forged; otherwise, the check would refuse everything. */
	((struct ipf_header *)image.data)->header_sum = image_header_sum(image.data);
	((struct ipf_header *)image.data)->sum = image_sum(&image);
	if (!image_check(&image, NULL)) {
		for (uint64_t i = 0; i < 256; i++) {
			struct address v4 = { IPF_IPV4, { i << 56 | 0x0001020300000000ull, 0 } };
			struct address v6 = { IPF_IPV6,
					      { i << 56 | 0x00010db800000000ull | (i & 15) << 20,
						i & 1 } };

			image_lookup(&image, &v4, (uint32_t)i * 8);
			image_lookup(&image, &v6, (uint32_t)i * 8);
		}
		if (!decompile_rules(&image, &back, NULL))
			ruleset_done(&back);
	}
	image_done(&image);
	return 0;
}
