// SPDX-License-Identifier: GPL-2.0
/*
 * Can bytes that another program wrote into a delta lead us out of it, or break a change?
 *
 * The input is a list of changes: each overwrites a 32-bit word of a valid delta. Either it is
 * refused, or every walk over it stays in bounds and ends, it merges with its base, and it can be
 * changed and compiled again.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <ruleset/prefix.h>
#include <ruleset/ruleset.h>
#include <table/base.h>
#include <table/compile.h>
#include <table/decompile.h>
#include <table/delta.h>
#include <table/image.h>

#include "fuzz.h"

#define LIMIT 1000

struct overwrite {
	uint32_t where;
	uint32_t what;
};

/* The rules of the base, and those that are added and removed. */
static void make_rules(struct ruleset *out)
{
	struct rule rules[] = {
		fuzz_rule(10ull << 56, 0, IPF_IPV4, 8, IPF_DROP, 0),
		fuzz_rule(0x0a010000ull << 32, 0, IPF_IPV4, 16, IPF_PASS, 500),
		fuzz_rule(0x0a010203ull << 32, 0, IPF_IPV4, 32, IPF_DROP, 900),
		fuzz_rule(0x0b000001ull << 32, 0, IPF_IPV4, 32, IPF_DROP, 0),
		fuzz_rule(0x20010db8ull << 32, 0, IPF_IPV6, 32, IPF_DROP, 0),
		fuzz_rule(0x20010db8ull << 32, 1, IPF_IPV6, 128, IPF_PASS, 700),
	};

	ruleset_init(out);
	assert(ruleset_name_set(out, RULE_DEFAULT_SET) == 0);
	assert(!ruleset_add(out, rules, sizeof(rules) / sizeof(rules[0]), NULL));
}

static void change(struct delta *delta)
{
	struct rule added[] = {
		fuzz_rule(0x0a010204ull << 32, 0, IPF_IPV4, 32, IPF_PASS, 600),
		fuzz_rule(0x0a020000ull << 32, 0, IPF_IPV4, 16, IPF_DROP, 0),
		fuzz_rule(0x20010db8ull << 32, 0, IPF_IPV6, 64, IPF_PASS, 0),
	};
	struct rule removed[] = {
		fuzz_rule(0x0b000001ull << 32, 0, IPF_IPV4, 32, IPF_DROP, 0),
		fuzz_rule(0x20010db8ull << 32, 1, IPF_IPV6, 128, IPF_PASS, 0),
	};
	size_t changed;

	if (!delta_add(delta, added, sizeof(added) / sizeof(added[0]), LIMIT, &changed, NULL))
		delta_remove(delta, removed, sizeof(removed) / sizeof(removed[0]), LIMIT, &changed,
			     NULL);
}

static void sound_delta(const struct base *base, struct image *image)
{
	struct delta delta;

	assert(!delta_init(&delta, base, 0, NULL));
	change(&delta);
	assert(delta.regions.count);
	assert(!compile_delta(&delta.rules, &delta.regions, delta.replaced, image));
	delta_done(&delta);
}

/* Words that matter are in the header, the records after it, and the points near the end. */
static size_t offset_of(uint32_t where, size_t size)
{
	size_t near_end = size < 4096 ? size : 4096;

	return where & 1 ? where / 2 % sizeof(struct ipf_header) & ~3u :
			   (size - near_end + where / 2 % near_end) & ~(size_t)3;
}

static void overwrite_and_seal(const struct image *image, const uint8_t *data, size_t size)
{
	struct ipf_header *header = image->data;
	struct overwrite overwrite;

	for (; size >= sizeof(overwrite); data += sizeof(overwrite), size -= sizeof(overwrite)) {
		memcpy(&overwrite, data, sizeof(overwrite));
		memcpy((uint8_t *)image->data + offset_of(overwrite.where, image->size),
		       &overwrite.what, sizeof(overwrite.what));
	}
	/* The sums are forged; otherwise, the check would refuse everything. */
	header->header_sum = image_header_sum(header);
	header->sum = image_sum(image);
}

static void look_up(const struct image *image)
{
	for (uint64_t i = 0; i < 256; i++) {
		struct address v4 = { IPF_IPV4, { i << 56 | 0x0001020300000000ull, 0 } };
		struct address v6 = { IPF_IPV6, { i << 56 | 0x00010db800000000ull, i & 1 } };

		image_lookup(image, &v4, (uint32_t)i * 8);
		image_lookup(image, &v6, (uint32_t)i * 8);
	}
}

/* Does what a command does with the delta that it reads. */
static void use(const struct base *base, const struct ruleset *rules, const struct image *image)
{
	const struct ipf_header *header = image_header(image);
	struct prefix_list regions;
	struct ruleset own, merged;
	struct image again;
	struct delta delta;

	if (decompile_delta(image, &own, &regions, NULL))
		return;
	assert(!delta_init(&delta, base, 100, NULL));
	if (!delta_take(&delta, &own, &regions, header->replaced, NULL)) {
		ruleset_init(&merged);
		assert(!ruleset_reserve(&merged, rules->count, rules->set_count));
		memcpy(merged.rules, rules->rules, rules->count * sizeof(*rules->rules));
		memcpy(merged.sets, rules->sets, rules->set_count * sizeof(*rules->sets));
		merged.count = rules->count;
		merged.set_count = rules->set_count;
		assert(!delta_merge(&delta, &merged));
		ruleset_tidy(&merged, 100);
		ruleset_done(&merged);
		change(&delta);
		if (delta.regions.count &&
		    !compile_delta(&delta.rules, &delta.regions, delta.replaced, &again))
			image_done(&again);
	}
	delta_done(&delta);
	ruleset_done(&own);
	prefix_list_done(&regions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset rules;
	struct image image;
	struct base base;

	make_rules(&rules);
	base_from_ruleset(&base, &rules);
	sound_delta(&base, &image);
	overwrite_and_seal(&image, data, size);
	if (!image_check(&image, NULL)) {
		look_up(&image);
		use(&base, &rules, &image);
	}
	image_done(&image);
	ruleset_done(&rules);
	return 0;
}
