// SPDX-License-Identifier: GPL-2.0
/*
 * Does a compiled delta answer for its regions as all rules do, and for nothing else?
 */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/address.h>
#include <ruleset/prefix.h>
#include <ruleset/ruleset.h>
#include <table/compile.h>
#include <table/decompile.h>
#include <table/image.h>
#include <util/error.h>

/* What a delta of these rules has: those in its regions, and those over its regions. */
struct parts {
	struct ruleset rules;
	struct prefix_list regions;
};

static bool in_regions(const struct prefix_list *regions, const struct prefix *prefix)
{
	for (size_t i = 0; i < regions->count; i++)
		if (prefix_contains(&regions->items[i], prefix))
			return true;
	return false;
}

static bool over_regions(const struct prefix_list *regions, const struct prefix *prefix)
{
	for (size_t i = 0; i < regions->count; i++)
		if (prefix_contains(prefix, &regions->items[i]))
			return true;
	return false;
}

static struct prefix random_region(const struct ruleset *all)
{
	enum ipf_family family = random_below(2) ? IPF_IPV4 : IPF_IPV6;
	struct address address = random_address(family);
	unsigned int longest = address_family_bits(family);

	if (all->count && random_below(5)) {
		const struct prefix *prefix = &all->rules[random_below(all->count)].prefix;

		address = (struct address){ prefix->family,
					    random_below(2) ? prefix->key : prefix_last(prefix) };
		longest = address_family_bits(prefix->family);
		if (address.family == IPF_IPV4)
			address.key = (struct ipf_key){ address.key.high >> 32 << 32, 0 };
		if (random_below(2))
			return *prefix;
	}
	return prefix_of_address(&address, (unsigned int)random_below(longest + 1));
}

static void random_parts(const struct ruleset *all, struct parts *out)
{
	size_t count = 1 + random_below(8);

	out->regions = (struct prefix_list){ .items = calloc(count, sizeof(struct prefix)),
					     .count = count,
					     .capacity = count };
	assert_non_null(out->regions.items);
	for (size_t i = 0; i < count; i++)
		out->regions.items[i] = random_region(all);
	prefix_list_reduce(&out->regions);
	ruleset_init(&out->rules);
	assert_int_equal(ruleset_reserve(&out->rules, all->count, all->set_count), 0);
	memcpy(out->rules.sets, all->sets, all->set_count * sizeof(*all->sets));
	out->rules.set_count = all->set_count;
	for (size_t i = 0; i < all->count; i++)
		if (in_regions(&out->regions, &all->rules[i].prefix) ||
		    over_regions(&out->regions, &all->rules[i].prefix))
			out->rules.rules[out->rules.count++] = all->rules[i];
}

static void check_address(const struct ruleset *all, const struct parts *parts,
			  const struct image *image, const struct address *address)
{
	struct prefix host = prefix_of_address(address, address_family_bits(address->family));
	bool inside = in_regions(&parts->regions, &host);

	for (__u32 now = 0; now <= RANDOM_MAX_EXPIRES + 1; now++) {
		const struct rule *rule = ruleset_decide(all, address, now);
		__u32 expected = !inside ? IPF_ASK_BASE : rule ? rule->verdict : IPF_NO_VERDICT;
		struct ipf_match found = image_lookup(image, address, now);
		char text[ADDRESS_TEXT_SIZE];

		address_format(address, text);
		if (found.verdict != expected)
			fail_msg("%s at tick %u: verdict %u, not %u", text, now, found.verdict,
				 expected);
		if (inside && rule && rule->counter != IPF_NO_COUNTER &&
		    !image_header(image)->layout.timers && found.owner != rule->counter)
			fail_msg("%s: counted for another rule", text);
	}
}

static void check_edges(const struct ruleset *all, const struct parts *parts,
			const struct image *image, const struct prefix *prefix)
{
	for (int step = -1; step <= 1; step++) {
		struct address first = address_at(prefix->family, prefix->key, step);
		struct address last = address_at(prefix->family, prefix_last(prefix), step);

		check_address(all, parts, image, &first);
		check_address(all, parts, image, &last);
	}
}

static void check_read_back(const struct parts *parts, const struct image *image)
{
	struct prefix_list regions;
	struct ruleset rules;
	struct error err = { 0 };

	if (image_check(image, &err))
		fail_msg("%s", err.text);
	if (decompile_delta(image, &rules, &regions, &err))
		fail_msg("%s", err.text);
	assert_same_ruleset(&rules, &parts->rules);
	assert_int_equal(regions.count, parts->regions.count);
	for (size_t i = 0; i < regions.count; i++)
		assert_int_equal(prefix_compare(&regions.items[i], &parts->regions.items[i]), 0);
	ruleset_done(&rules);
	prefix_list_done(&regions);
}

static void check_delta(const struct ruleset *all)
{
	const size_t replaced[IPF_FAMILIES] = { 3, 4 };
	struct parts parts;
	struct image image;

	random_parts(all, &parts);
	assert_int_equal(compile_delta(&parts.rules, &parts.regions, replaced, &image), 0);
	assert_int_equal(image_header(&image)->replaced[IPF_IPV6], 4);
	check_read_back(&parts, &image);
	for (size_t i = 0; i < all->count; i++)
		check_edges(all, &parts, &image, &all->rules[i].prefix);
	for (size_t i = 0; i < parts.regions.count; i++)
		check_edges(all, &parts, &image, &parts.regions.items[i]);
	for (int i = 0; i < 40; i++) {
		struct address address = random_address(i % 2 ? IPF_IPV4 : IPF_IPV6);

		check_address(all, &parts, &image, &address);
	}
	image_done(&image);
	ruleset_done(&parts.rules);
	prefix_list_done(&parts.regions);
}

static int in_order(const void *a, const void *b)
{
	return rule_compare(a, b);
}

static void never_end(struct ruleset *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		rules->rules[i].expires = IPF_NEVER;
	if (rules->count)
		qsort(rules->rules, rules->count, sizeof(*rules->rules), in_order);
}

static void check_shape(void **state)
{
	const char *const *name = *state;
	enum shape shape = (enum shape)(name - shape_names);

	random_restart();
	for (int i = 0; i < 150; i++) {
		struct ruleset all;

		random_ruleset(&all, shape, i < 4 ? (size_t)i : random_below(i % 10 ? 40 : 200));
		if (!all.set_count)
			ruleset_name_set(&all, "default");
		if (i % 3 == 0)
			never_end(&all);
		check_delta(&all);
		ruleset_done(&all);
	}
}

/* --- Too large, and damaged ------------------------------------------------------------------- */

static void more_than_a_chunk(void **state)
{
	const size_t replaced[IPF_FAMILIES] = { 0 };
	struct prefix all = { .family = IPF_IPV4 };
	const struct prefix_list regions = { &all, 1, 1 };
	struct ruleset rules;
	struct image image;

	(void)state;
	ruleset_init(&rules);
	ruleset_name_set(&rules, "default");
	assert_int_equal(ruleset_reserve(&rules, 100000, 1), 0);
	for (__u32 i = 0; i < 100000; i++)
		rules.rules[rules.count++] = (struct rule){
			.prefix = { { (__u64)i * 40000 << 32, 0 }, IPF_IPV4, 32 },
			.verdict = IPF_DROP,
			.counter = IPF_NO_COUNTER,
		};
	assert_int_equal(compile_delta(&rules, &regions, replaced, &image), -E2BIG);
	rules.count = 20000;
	assert_int_equal(compile_delta(&rules, &regions, replaced, &image), 0);
	assert_int_equal(image.body, IPF_CHUNK_SIZE);
	image_done(&image);
	ruleset_done(&rules);
}

static void seal(const struct image *image)
{
	struct ipf_header *header = image->data;

	header->header_sum = image_header_sum(header);
	header->sum = image_sum(image);
}

static void a_mark_where_none_may_be(void **state)
{
	struct ruleset rules, read;
	struct ipf_rule4 *records;
	struct image image;
	struct error err = { 0 };

	(void)state;
	ruleset_from_text(&rules, "10.0.0.0/8\n10.0.0.0/16\n");
	assert_int_equal(compile_rules(&rules, &image), 0);
	records = image_at(&image, image_header(&image)->layout.space[IPF_IPV4].rules);
	records[0].verdict = IPF_NO_VERDICT;
	records[0].set = IPF_REGION_SET;
	seal(&image);
	assert_int_equal(image_check(&image, &err), 0);
	assert_int_equal(decompile_rules(&image, &read, &err), -EBADMSG);
	assert_string_equal(err.text, "the rule table is damaged: a rule has no verdict");
	image_done(&image);
	ruleset_done(&rules);
}

/* A verdict that none has, in the set of marks. */
static void a_mark_with_another_verdict(void **state)
{
	const size_t replaced[IPF_FAMILIES] = { 0 };
	struct prefix all = { .family = IPF_IPV4 };
	const struct prefix_list regions = { &all, 1, 1 };
	struct prefix_list read_regions;
	struct ruleset rules, read;
	struct ipf_rule4 *records;
	struct image image;
	struct error err = { 0 };

	(void)state;
	ruleset_from_text(&rules, "10.0.0.0/8\n");
	assert_int_equal(compile_delta(&rules, &regions, replaced, &image), 0);
	records = image_at(&image, image_header(&image)->layout.space[IPF_IPV4].rules);
	assert_int_equal(records[0].set, IPF_REGION_SET);
	records[0].verdict = IPF_ASK_BASE;
	seal(&image);
	assert_int_equal(image_check(&image, &err), 0);
	assert_int_equal(decompile_delta(&image, &read, &read_regions, &err), -EBADMSG);
	assert_string_equal(err.text, "the rule table is damaged: a rule has no verdict");
	image_done(&image);
	ruleset_done(&rules);
}

static void a_region_in_a_region(void **state)
{
	const size_t replaced[IPF_FAMILIES] = { 0 };
	struct prefix nested[] = { { { 0x0a00000000000000, 0 }, IPF_IPV4, 8 },
				   { { 0x0a00000000000000, 0 }, IPF_IPV4, 16 } };
	const struct prefix_list regions = { nested, 2, 2 };
	struct prefix_list read_regions;
	struct ruleset rules, read;
	struct image image;
	struct error err = { 0 };

	(void)state;
	ruleset_from_text(&rules, "10.0.0.0/8\n");
	assert_int_equal(compile_delta(&rules, &regions, replaced, &image), 0);
	assert_int_equal(decompile_delta(&image, &read, &read_regions, &err), -EBADMSG);
	assert_string_equal(err.text, "the rule table is damaged: a region is in another one");
	assert_int_equal(read.count, 0);
	assert_int_equal(read_regions.count, 0);
	image_done(&image);
	ruleset_done(&rules);
}

int main(void)
{
	static struct suite suite;

	for (int shape = 0; shape < SHAPES; shape++)
		suite_add(&suite, shape_names[shape], check_shape, &shape_names[shape]);
	suite_add(&suite, "a delta of more than a chunk", more_than_a_chunk, NULL);
	suite_add(&suite, "a mark in a base", a_mark_where_none_may_be, NULL);
	suite_add(&suite, "a mark with another verdict", a_mark_with_another_verdict, NULL);
	suite_add(&suite, "a region in a region", a_region_in_a_region, NULL);
	return suite_run(&suite, "regions");
}
