// SPDX-License-Identifier: GPL-2.0
/*
 * Which points, buckets and timers does a rule set compile to?
 *
 * This test also compiles the worked examples of comments, to keep them true.
 */
#include <table/compile.h>

#include <stdio.h>
#include <string.h>

#include <table/image.h>
#include <util/error.h>

#include "support.h"

#define NONE IPF_NO_RULE

/* --- Points ----------------------------------------------------------------------------------- */

struct points_case {
	const char *name;
	const char *rules;
	enum ipf_family family;
	const char *points; /* each as START:STATE, of a lone prefix also the number of its words
			     * after *; or for the head of a run its number of points */
};

/* Starts count from the first word of the bucket. The buckets of these small tables have 32 words,
 * so a slice has one. */
static const struct points_case points_cases[] = {
	{ "a host is a slice", "10.0.0.5", IPF_IPV4, "5:lone-drop" },
	{ "a host that passes", "pass 10.0.0.5", IPF_IPV4, "5:lone-pass" },
	{ "hosts side by side are two slices", "10.0.0.5\n10.0.0.6", IPF_IPV4,
	  "5:lone-drop 6:lone-drop" },
	{ "a net that fills most slices", "10.0.0.0/27", IPF_IPV4, "0:drop" },
	{ "an exception", "10.0.0.0/27\npass 10.0.0.8", IPF_IPV4, "0:drop 0:pass" },
	{ "what is left out of a bucket", "10.0.0.0/28\n10.0.0.16/29", IPF_IPV4,
	  "0:drop 0:none "
	  "0:none 0:none 0:none 0:none 0:none 0:none 0:none" },
	{ "the last address of all", "255.255.255.255", IPF_IPV4, "31:lone-drop" },
	/* In a table over the whole address space, a bucket has 2^27 words and a slice 2^22. */
	{ "a host in a large slice", "0.0.0.5\n255.0.0.0/8", IPF_IPV4,
	  "5:lone-drop 0:drop 0:drop 0:drop 0:drop" },
	{ "hosts in a large slice", "0.0.0.5\n0.0.0.6\n255.0.0.0/8", IPF_IPV4,
	  "2:none 5:lone-drop 6:lone-drop 0:run 0:drop 0:drop 0:drop 0:drop" },
	{ "a net in a large slice", "0.0.0.8/30\n255.0.0.0/8", IPF_IPV4,
	  "8:lone-drop*4 0:drop 0:drop 0:drop 0:drop" },
	{ "words that are no prefix", "0.0.0.4/30\n0.0.0.8/30\n255.0.0.0/8", IPF_IPV4,
	  "3:none 0:none 4:drop 12:none 0:run 0:drop 0:drop 0:drop 0:drop" },
	{ "neighbours with one verdict are one", "0.0.0.8/30\n0.0.0.12/30\n255.0.0.0/8", IPF_IPV4,
	  "8:lone-drop*8 0:drop 0:drop 0:drop 0:drop" },
	{ "neighbours with two verdicts are two", "0.0.0.8/30\npass 0.0.0.12/30\n255.0.0.0/8",
	  IPF_IPV4, "4:none 0:none 8:drop 12:pass 16:none 0:run 0:drop 0:drop 0:drop 0:drop" },
	{ "a host under a cover is not alone", "0.0.0.0/8\npass 0.0.0.9\n255.0.0.0/8", IPF_IPV4,
	  "3:none 0:drop 9:pass 10:drop 0:run 0:drop 0:drop 0:drop 0:drop 0:drop 0:drop 0:drop" },
	{ "a prefix of 32 bits", "2001:db8::/32", IPF_IPV6, "0:drop" },
	{ "a shorter prefix in a large slice", "2001:db8::/31\nff00::/8", IPF_IPV6,
	  "69048:lone-drop*2 0:drop 0:drop 0:drop 0:drop" },
	{ "the suffix of a lone longer one is in the point", "2001:db8:7::/48", IPF_IPV6,
	  "24:short-drop" },
	/* The suffix follows the point, and looks like other points: in its lower half, both words
	 * are 1, so that it looks the same in either byte order. */
	{ "the suffix of a host is compared", "2001:db8:7::1:0:1", IPF_IPV6,
	  "24:rule 0:run 1:none" },
	{ "two below one word", "2001:db8::/48\npass 2001:db8:1::/48", IPF_IPV6,
	  "3:none 0:drop 65536:pass 131072:none 24:deeper" },
	{ "neighbours below one word", "2001:db8::/48\n2001:db8:1::/48", IPF_IPV6,
	  "2:none 0:drop 131072:none 24:deeper" },
	{ "one below a cover", "2001:db8::/32\npass 2001:db8::/48", IPF_IPV6,
	  "2:none 0:pass 65536:drop 24:deeper" },
	/* A run starts on a new line (8 points) where it would cross from one to the next. */
	{ "hosts that differ in the last word", "pass 2001:db8::1\n2001:db8::2", IPF_IPV6,
	  "4:none 0:none 1:pass 2:drop 3:none 1:none 0:deeper 0:none 1:none 0:deeper 24:deeper" },
	/* Their one bucket looks like a point, and its head follows the point that refers to it. */
	{ "many below one word have an index",
	  "2001:db8::/64\n2001:db8:0:2::/64\n2001:db8:0:4::/64\n2001:db8:0:6::/64\n"
	  "2001:db8:0:8::/64",
	  IPF_IPV6,
	  "0:drop 0:drop 0:drop 0:drop 0:drop 0:none 0:none 0:none 24:deeper 0:index 8:none" },
};

static void write_points(const struct image *image, enum ipf_family family, char *out, size_t size)
{
	static const char *const states[] = { "none", "pass",       "drop",      "clear",
					      "run",  "lone-pass",  "lone-drop", "lone-clear",
					      "rule", "deeper",     "index",     "11",
					      "12",   "short-pass", "short-drop" };
	const struct ipf_space *space = &image_header(image)->layout.space[family];
	const struct ipf_point6 *points6 = image_at(image, space->points);
	const ipf_point4 *points4 = image_at(image, space->points);
	size_t length = 0;

	for (__u32 i = 0; i < space->point_count; i++) {
		__u32 start = family == IPF_IPV4 ? points4[i] >> IPF_STATE_BITS : points6[i].start;
		__u32 state = family == IPF_IPV4 ? points4[i] & 15 :
						   points6[i].reference >> IPF_REFERENCE_BITS;
		bool lone = state >= IPF_STATE_LONE_PASS && state <= IPF_STATE_LONE_CLEAR;
		__u32 words = lone ? start & -start : 1;

		if (state == IPF_STATE_RUN)
			start = 0; /* a position */
		else if (state >= IPF_STATE_SHORT_PASS)
			start = points6[i].reference & ((1u << IPF_SHORT_START_BITS) - 1);
		else if (lone)
			start = (start - words) >> 1;
		else if (family == IPF_IPV4)
			start >>= 1;
		length += (size_t)snprintf(out + length, size - length, "%s%u:%s", i ? " " : "",
					   start, states[state]);
		if (words > 1)
			length += (size_t)snprintf(out + length, size - length, "*%u", words);
		assert_true(length < size);
	}
}

/* There are no counters and timers: with them, every rule must differ from its neighbours. */
static void check_points(void **state)
{
	const struct points_case *c = *state;
	struct error err = { 0 };
	struct ruleset set;
	struct image image;
	char points[400];

	ruleset_from_text(&set, c->rules);
	ruleset_drop_counters(&set);
	assert_int_equal(compile_rules(&set, &image), 0);
	assert_int_equal(image_check(&image, &err), 0);
	write_points(&image, c->family, points, sizeof(points));
	assert_string_equal(points, c->points);
	assert_int_equal(image_header(&image)->layout.space[!c->family].point_count, 0);
	assert_int_equal(image_header(&image)->layout.space[!c->family].points, 0);
	image_done(&image);
	ruleset_done(&set);
}

/* --- Worked examples -------------------------------------------------------------------------- */

static const struct ipf_space *space_of(const struct image *image, enum ipf_family family)
{
	return &image_header(image)->layout.space[family];
}

static const struct ipf_bucket *buckets_of(const struct image *image, enum ipf_family family)
{
	return image_at(image, space_of(image, family)->index);
}

static void compile_text(const char *text, struct image *image)
{
	struct ruleset rules;

	ruleset_from_text(&rules, text);
	ruleset_drop_counters(&rules);
	assert_int_equal(compile_rules(&rules, image), 0);
	ruleset_done(&rules);
}

static struct ipf_match look_up(const struct image *image, const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address, NULL), 0);
	return image_lookup(image, &address, 0);
}

/* The example of <ipfilter/abi.h>. */
static void the_bits_that_are_drawn(void **state)
{
	const struct ipf_point6 *points6;
	const struct ipf_suffix6 *suffix;
	struct ruleset rules;
	struct image image;

	(void)state;
	/* Another rule makes the bucket begin at 10.0.0.0. */
	compile_text("10.0.0.5\npass 10.0.0.0", &image);
	assert_int_equal(space_of(&image, IPF_IPV4)->first, 0x0a000000);
	assert_int_equal(((const ipf_point4 *)image_at(&image,
						       space_of(&image, IPF_IPV4)->points))[1],
			 0xb6);
	image_done(&image);

	/* Another rule makes the slices large. */
	compile_text("10.0.0.8/30\n10.1.0.0", &image);
	assert_int_equal(*(const ipf_point4 *)image_at(&image, space_of(&image, IPF_IPV4)->points),
			 0x146);
	image_done(&image);

	compile_text("2001:db8:7::/48", &image);
	assert_int_equal(space_of(&image, IPF_IPV6)->first, 0x20010da0);
	assert_int_equal(space_of(&image, IPF_IPV6)->point_count, 1);
	points6 = image_at(&image, space_of(&image, IPF_IPV6)->points);
	assert_int_equal(points6[0].start, 0x00070000);
	assert_int_equal(points6[0].reference, 0xe7800018);
	image_done(&image);

	ruleset_from_text(&rules, "2001:db8:7::/48");
	rules.rules[0].counter = 9;
	assert_int_equal(compile_rules(&rules, &image), 0);
	assert_int_equal(space_of(&image, IPF_IPV6)->point_count, 3);
	points6 = image_at(&image, space_of(&image, IPF_IPV6)->points);
	assert_int_equal(points6[0].start, 0x18);
	assert_int_equal(points6[0].reference, 0x80000001);
	suffix = (const struct ipf_suffix6 *)&points6[1];
	assert_int_equal(suffix->word, 0x00070000);
	assert_int_equal(suffix->bits, 0xc0000030);
	assert_int_equal(points6[2].start, 9);
	assert_int_equal(points6[2].reference, 0);
	image_done(&image);
	ruleset_done(&rules);
}

#define REFERENCE(state, number) ((__u32)(state) << IPF_REFERENCE_BITS | (number))

/* The example of <ipfilter/lookup.h>. */
static void the_walk_through_three_ipv6_rules(void **state)
{
	static const struct ipf_point6 expected[] = {
		{ 3, REFERENCE(IPF_STATE_NONE, 0) },
		{ 0, REFERENCE(IPF_STATE_DROP, 0) },
		{ 0x00010000, REFERENCE(IPF_STATE_PASS, 0) },
		{ 0x00020000, REFERENCE(IPF_STATE_DROP, 0) },
		{ 24, REFERENCE(IPF_STATE_DEEPER, 0) },
		{ 0x00070000, REFERENCE(IPF_STATE_SHORT_DROP, 15 << 23 | 25) },
	};
	const struct ipf_space *space;
	struct image image;

	(void)state;
	compile_text("2001:db8::/32\npass 2001:db8:1::/48\n2001:db9:7::/48", &image);
	space = space_of(&image, IPF_IPV6);
	assert_int_equal(space->first, 0x20010da0);
	assert_int_equal(space->bucket_shift, 5);
	assert_int_equal(space->max_distance, 25);
	assert_int_equal(buckets_of(&image, IPF_IPV6)[0].base, 4);
	assert_int_equal(buckets_of(&image, IPF_IPV6)[0].bitmap, 0x03000000);
	assert_int_equal(space->point_count, COUNT_OF(expected));
	assert_memory_equal(image_at(&image, space->points), expected, sizeof(expected));

	assert_int_equal(look_up(&image, "2001:db8:1::5").verdict, IPF_PASS);
	assert_int_equal(look_up(&image, "2001:db9:7::1").verdict, IPF_DROP);
	assert_int_equal(look_up(&image, "2001:db9:8::1").verdict, IPF_NO_VERDICT);
	assert_int_equal(look_up(&image, "2001:db7::1").verdict, IPF_NO_VERDICT);
	assert_int_equal(look_up(&image, "2001:dba::1").verdict, IPF_NO_VERDICT);
	image_done(&image);
}

/* The example of lib/table/compile.c. */
#define FORMS_RULES                                                               \
	"10.0.0.0/26\npass 10.0.0.4/31\npass 10.0.0.9\n10.0.2.5\n2001:db8::/32\n" \
	"pass 2001:db8:1::/48\n"

/* Both ends of each interval, and the addresses next to it. */
static const struct {
	const char *first, *last;
	__u32 rule; /* the deciding rule, or NONE */
} forms_intervals[] = {
	{ "10.0.0.0", "10.0.0.3", 0 },
	{ "10.0.0.4", "10.0.0.5", 1 },
	{ "10.0.0.6", "10.0.0.8", 0 },
	{ "10.0.0.9", "10.0.0.9", 2 },
	{ "10.0.0.10", "10.0.0.63", 0 },
	{ "10.0.0.64", "10.0.2.4", NONE },
	{ "10.0.2.5", "10.0.2.5", 3 },
	{ "10.0.2.6", "10.255.255.255", NONE },
	{ "2001:db8::", "2001:db8:0:ffff:ffff:ffff:ffff:ffff", 4 },
	{ "2001:db8:1::", "2001:db8:1:ffff:ffff:ffff:ffff:ffff", 5 },
	{ "2001:db8:2::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 4 },
	{ "2001:db9::", "2001:db9:ffff::", NONE },
};

static void the_intervals_of_the_example(void **state)
{
	struct ruleset rules;
	struct image image;

	(void)state;
	ruleset_from_text(&rules, FORMS_RULES);
	assert_int_equal(rules.count, 6);
	for (size_t i = 0; i < rules.count; i++)
		rules.rules[i].counter = (__u32)i;
	assert_int_equal(compile_rules(&rules, &image), 0);
	for (size_t i = 0; i < COUNT_OF(forms_intervals); i++) {
		__u32 rule = forms_intervals[i].rule;
		__u32 verdict = rule == NONE ? IPF_NO_VERDICT : rules.rules[rule].verdict;

		assert_int_equal(look_up(&image, forms_intervals[i].first).owner, rule);
		assert_int_equal(look_up(&image, forms_intervals[i].last).owner, rule);
		assert_int_equal(look_up(&image, forms_intervals[i].first).verdict, verdict);
	}
	image_done(&image);
	ruleset_done(&rules);
}

static void the_buckets_and_points_of_the_example(void **state)
{
	const struct ipf_bucket *buckets;
	const struct ipf_space *space;
	const ipf_point4 *points4;
	struct image image;
	char points[200];

	(void)state;
	compile_text(FORMS_RULES, &image);
	space = space_of(&image, IPF_IPV4);
	assert_int_equal(space->first, 0x0a000000);
	assert_int_equal(space->max_distance + 1, 518);
	assert_int_equal(1 << space->bucket_shift, 64);
	buckets = buckets_of(&image, IPF_IPV4);
	assert_int_equal(buckets[0].base, 3 | 1u << IPF_COVERED_SHIFT);
	assert_int_equal(buckets[0].bitmap, 0x14);
	for (int i = 1; i <= 7; i++)
		assert_int_equal(buckets[i].bitmap, 0);
	assert_int_equal(buckets[8].base, 6);
	assert_int_equal(buckets[8].bitmap, 0x04);
	write_points(&image, IPF_IPV4, points, sizeof(points));
	assert_string_equal(points, "2:none 8:drop 9:pass 0:drop 0:pass 0:run 5:lone-drop");
	points4 = image_at(&image, space->points);
	assert_int_equal(points4[5] >> IPF_STATE_BITS, 0);
	write_points(&image, IPF_IPV6, points, sizeof(points));
	assert_string_equal(points, "3:none 0:drop 65536:pass 131072:drop 24:deeper");
	image_done(&image);
}

/* --- Succession ------------------------------------------------------------------------------- */

struct next_case {
	const char *name;
	const char *rules;
	__u32 next[6]; /* of each rule in order */
};

static const struct next_case next_cases[] = {
	{ "a rule without end has no next", "10.0.0.0/8\n10.0.0.0/16", { NONE, NONE } },
	{ "a rule that ends gives way to its cover",
	  "10.0.0.0/8\n10.0.0.0/16 timeout 5",
	  { NONE, 0 } },
	{ "a rule without cover has no successor",
	  "10.0.0.0/8 timeout 5\n11.0.0.0/8 timeout 5",
	  { NONE, NONE } },
	{ "a cover that ends first is left out",
	  "10.0.0.0/8\n10.0.0.0/16 timeout 5\n10.0.0.0/24 timeout 9",
	  { NONE, 0, 0 } },
	{ "a cover that ends at the same time is left out",
	  "10.0.0.0/8\n10.0.0.0/16 timeout 9\n10.0.0.0/24 timeout 9",
	  { NONE, 0, 0 } },
	{ "a cover that ends later comes next",
	  "10.0.0.0/8\n10.0.0.0/16 timeout 10\n10.0.0.0/24 timeout 9",
	  { NONE, 0, 1 } },
	{ "an ending pass gives way to the drop of its prefix",
	  "10.0.0.0/8\nset a\npass 10.0.0.0/16 timeout 5\nset b\n10.0.0.0/16",
	  { NONE, 2, NONE } },
	{ "a drop that ends before the pass is left out",
	  "10.0.0.0/8\nset a\npass 10.0.0.0/16 timeout 5\nset b\n10.0.0.0/16 timeout 4",
	  { NONE, 0, 0 } },
	{ "a second pass of the prefix never decides",
	  "10.0.0.0/8\nset a\npass 10.0.0.0/16 timeout 5\nset b\npass 10.0.0.0/16 timeout 4",
	  { NONE, 0, NONE } },
	{ "a neighbour is no cover", "10.0.0.0/9\n10.128.0.0/9 timeout 5", { NONE, NONE } },
	{ "a cover across two levels",
	  "::/0\n2001:db8::/32 timeout 5\n2001:db8::1 timeout 9\n"
	  "2001:db8::2 timeout 3",
	  { NONE, 0, 0, 1 } },
};

static void check_next(void **state)
{
	const struct next_case *c = *state;
	const struct ipf_layout *layout;
	const struct ipf_timer *timers;
	struct error err = { 0 };
	struct ruleset set;
	struct image image;

	ruleset_from_text(&set, c->rules);
	assert_int_equal(compile_rules(&set, &image), 0);
	assert_int_equal(image_check(&image, &err), 0);
	layout = &image_header(&image)->layout;
	timers = image_at(&image, layout->timers);
	for (size_t i = 0; i < set.count; i++) {
		__u32 next = layout->timers ? timers[i].next : NONE;

		if (next != NONE) {
			__u32 verdict = next >> IPF_NEXT_VERDICT_SHIFT;

			next &= ~(1u << IPF_NEXT_VERDICT_SHIFT);
			assert_int_equal(verdict, set.rules[next].verdict);
		}
		assert_int_equal(next, c->next[i]);
	}
	image_done(&image);
	ruleset_done(&set);
}

/* The promise of <ipfilter/abi.h> about offsets. */
static void records_stay_within_chunks(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 100; i++) {
		const struct ipf_header *header;
		struct ruleset set;
		struct image image;

		random_ruleset(&set, (enum shape)(i % SHAPES), 1 + random_below(100));
		assert_int_equal(compile_rules(&set, &image), 0);
		header = image_header(&image);
		assert_int_equal(header->magic, IPF_MAGIC);
		assert_int_equal(header->abi_version, IPF_ABI_VERSION);
		assert_int_equal(header->size, image.size);
		assert_int_equal(header->sets % sizeof(struct ipf_set), 0);
		assert_int_equal(image.body % IPF_CHUNK_SIZE, 0);
		for (int family = 0; family < IPF_FAMILIES; family++) {
			const struct ipf_space *space = &header->layout.space[family];

			assert_int_equal(space->index % 64, 0);
			assert_int_equal(space->points % 64, 0);
			assert_int_equal(space->rules % 64, 0);
			assert_int_equal(!space->point_count, !space->rule_count);
			assert_int_equal(space->rule_count, ruleset_count_family(&set, family));
		}
		image_done(&image);
		ruleset_done(&set);
	}
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_points, points_cases);
	suite_add(&suite, "the bits that abi.h draws", the_bits_that_are_drawn, NULL);
	suite_add(&suite, "the walk in lookup.h", the_walk_through_three_ipv6_rules, NULL);
	suite_add(&suite, "the intervals in compile.c", the_intervals_of_the_example, NULL);
	suite_add(&suite, "the buckets and points in compile.c",
		  the_buckets_and_points_of_the_example, NULL);
	SUITE_TABLE(&suite, check_next, next_cases);
	suite_add(&suite, "records stay within chunks", records_stay_within_chunks, NULL);
	return suite_run(&suite, "compile");
}
