// SPDX-License-Identifier: GPL-2.0
/*
 * How does a rule set become a table image?
 *
 * On the way the rules of a family take five forms. An example, without counters:
 *
 *     rules, sorted        0: 10.0.0.0/26 drop    1: 10.0.0.4/31 pass      2: 10.0.0.9 pass
 *                          3: 10.0.2.5 drop       4: 2001:db8::/32 drop    5: 2001:db8:1::/48 pass
 *
 *     1. values, at levels (levels.c): where does which rule take over?
 *        A level is a word of the address. IPv4 has one. Counted from 10.0.0.0:
 *            0: drop 0   4: pass 1   6: drop 0   9: pass 2   10: drop 0   64: none
 *            517: lone drop 3   518: none
 *        IPv6 has a second one here, because rule 5 goes on below the first word of rule 4:
 *            0x20010db8: deeper   0x20010db9: none
 *                0: drop 4   0x10000: pass 5   0x20000: drop 4
 *
 *     2. intervals: what is between two turns, unless it is none.
 *            0-3 drop   4-5 pass   6-8 drop   9-9 pass   10-63 drop   517-517 lone drop
 *
 *     3. buckets and their bitmaps (buckets.c)
 *        The index (plan.c) of four rules over 518 words has buckets of 64 words, slices of two.
 *            bucket 0     drop fills all slices but 2 (words 4-5) and 4 (words 8-9):
 *                         covered, bitmap 0x14
 *            bucket 1-7   no rule: bitmap 0
 *            bucket 8     words 512-575, of which slice 2 holds 517: bitmap 0x04
 *
 *     4. runs (run.c)
 *        Slice 4 of bucket 0 has two values: from 8 drop, from 9 pass. The second level of IPv6
 *        is a run, too: from 0 drop, from 0x10000 pass, from 0x20000 drop.
 *
 *     5. points (points.c), as they are written: position, start, state
 *            0  2  none         head of the run, which has two points
 *            1  8  drop
 *            2  9  pass
 *            3  0  drop         bucket 0, base 3: for every slice without a bit
 *            4  0  pass         slice 2
 *            5  0  run          slice 4: the run at position 0
 *            6  5  lone drop    bucket 8, base 6: slice 2
 *        <ipfilter/lookup.h> shows the points of IPv6.
 *
 * An IPv6 rule that is alone below its first word needs no run: its point holds its suffix, or
 * refers to it. Many rules with a first word in common need none either: they have an index of
 * their own, and the point refers to that.
 * When a rule with a timer has ended, another one succeeds it (succession.c).
 */
#include <table/compile.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/prefix.h>
#include <ruleset/rule.h>
#include <ruleset/ruleset.h>
#include <table/buckets.h>
#include <table/image.h>
#include <table/layout.h>
#include <table/levels.h>
#include <table/plan.h>
#include <table/points.h>
#include <table/succession.h>
#include <util/auto.h>

/* A family while it is compiled. */
struct family {
	size_t first, end; /* of its rules */
	struct points points;
	struct buckets buckets;
};

struct compiler {
	const struct ruleset *rules;
	__u64 origin; /* of the image's offsets; not 0: it is a delta */
	bool timed, counted;
	struct ipf_timer *timers; /* NULL unless timed */
	struct ipf_header header;
	struct family families[IPF_FAMILIES];
};

/* --- What the rules need ---------------------------------------------------------------------- */

/* Of an empty family, 0. */
static void find_shortest(struct compiler *compiler)
{
	const struct ruleset *rules = compiler->rules;
	__u8 *shortest = compiler->header.shortest;
	bool seen[IPF_FAMILIES] = { false };

	for (size_t i = 0; i < rules->count; i++) {
		const struct prefix *prefix = &rules->rules[i].prefix;

		if (!seen[prefix->family] || prefix->bits < shortest[prefix->family])
			shortest[prefix->family] = prefix->bits;
		seen[prefix->family] = true;
	}
}

static void find_needs(struct compiler *compiler)
{
	const struct ruleset *rules = compiler->rules;

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];

		compiler->header.low_count += rule->prefix.bits > 64;
		compiler->timed |= rule->expires != IPF_NEVER;
		if (rule->counter == IPF_NO_COUNTER)
			continue;
		compiler->counted = true;
		if (rule->counter >= compiler->header.counter_end)
			compiler->header.counter_end = rule->counter + 1;
	}
}

/* The timers of the rules, not linked yet. */
static int make_timers(struct compiler *compiler)
{
	const struct ruleset *rules = compiler->rules;

	if (!compiler->timed)
		return 0;
	compiler->timers = malloc(rules->count * sizeof(*compiler->timers));
	if (!compiler->timers)
		return -ENOMEM;
	for (size_t i = 0; i < rules->count; i++)
		compiler->timers[i] = (struct ipf_timer){ rules->rules[i].expires, IPF_NO_RULE };
	return 0;
}

static enum point_owner owner_of(const struct compiler *compiler)
{
	if (compiler->timed)
		return POINT_OWNER_RULE;
	return compiler->counted ? POINT_OWNER_COUNTER : POINT_OWNER_NONE;
}

/* --- Index and points ------------------------------------------------------------------------- */

static void plan_families(struct compiler *compiler)
{
	struct ipf_space *spaces = compiler->header.layout.space;
	bool owned = owner_of(compiler) != POINT_OWNER_NONE;

	for (int i = 0; i < IPF_FAMILIES; i++) {
		const struct family *family = &compiler->families[i];

		plan_index(compiler->rules->rules + family->first, family->end - family->first,
			   owned, &spaces[i]);
	}
	while (!layout_indexes_fit(&compiler->header.layout))
		plan_coarsen(layout_index_size(&spaces[IPF_IPV4]) >
					     layout_index_size(&spaces[IPF_IPV6]) ?
				     &spaces[IPF_IPV4] :
				     &spaces[IPF_IPV6]);
}

static void write_layout(struct compiler *compiler)
{
	layout_write(&compiler->header, compiler->origin, compiler->timed, compiler->counted);
}

static int compile_family(struct compiler *compiler, enum ipf_family number)
{
	struct family *family = &compiler->families[number];
	struct ipf_space *space = &compiler->header.layout.space[number];
	struct levels_context context = {
		.is_delta = compiler->origin,
		.succession = { compiler->rules->rules, compiler->timers },
		.buckets = &family->buckets,
		.points = &family->points,
	};

	if (!space->rule_count)
		return 0;
	/* Where the points will begin tells where borders of chunks are. It does not depend on how
	 * many there will be, but with none they would have no offset. */
	space->point_count = 1;
	write_layout(compiler);
	family->points = (struct points){
		.rules = compiler->rules->rules,
		.family = number,
		.owner = owner_of(compiler),
		.phase = (__u32)(space->points % IPF_CHUNK_SIZE >> space->point_shift),
	};
	if (buckets_init(&family->buckets, space, &family->points))
		return -ENOMEM;
	levels_walk(&context, family->first, family->end);
	space->point_count = family->points.count;
	return family->points.error;
}

/* The points of one family begin after those of the one before, so they come in order. */
static int compile_families(struct compiler *compiler)
{
	int ret = 0;

	plan_families(compiler);
	for (int family = 0; family < IPF_FAMILIES && !ret; family++)
		ret = compile_family(compiler, family);
	write_layout(compiler);
	return ret;
}

/* --- The image -------------------------------------------------------------------------------- */

static void write_rules(const struct ruleset *rules, const struct image *image)
{
	const struct ipf_layout *layout = &image_header(image)->layout;
	struct ipf_rule4 *rules4 = image_at(image, layout->space[IPF_IPV4].rules);
	struct ipf_rule6 *rules6 = image_at(image, layout->space[IPF_IPV6].rules);
	__u32 *counters = image_at(image, layout->counters);
	__u64 *lows = image_at(image, layout->lows);
	__u32 low = 0;

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];
		const struct prefix *prefix = &rule->prefix;

		if (prefix->family == IPF_IPV4) {
			*rules4++ = (struct ipf_rule4){ (__u32)(prefix->key.high >> 32), rule->set,
							prefix->bits, rule->verdict };
		} else {
			*rules6++ = (struct ipf_rule6){ prefix->key.high,
							prefix->bits > 64 ? low : 0, rule->set,
							prefix->bits, rule->verdict };
			if (prefix->bits > 64)
				lows[low++] = prefix->key.low;
		}
		if (layout->counters)
			*counters++ = rule->counter;
	}
}

static void write_owned_points(const struct points *points, struct ipf_owned_point4 *out)
{
	for (__u32 i = 0; i < points->count; i++)
		out[i] = (struct ipf_owned_point4){ points->points4[i], points->owners[i] };
}

static void write_family(const struct family *family, const struct ipf_space *space,
			 const struct image *image)
{
	const struct points *points = &family->points;
	void *out = image_at(image, space->points);

	if (!space->point_count)
		return;
	memcpy(image_at(image, space->index), family->buckets.index, layout_index_size(space));
	if (points->family == IPF_IPV6)
		memcpy(out, points->points6, points->count * sizeof(*points->points6));
	else if (points->owners)
		write_owned_points(points, out);
	else
		memcpy(out, points->points4, points->count * sizeof(*points->points4));
}

static void seal(const struct image *image)
{
	struct ipf_header *header = image->data;

	header->header_sum = image_header_sum(header);
	header->sum = image_sum(image);
}

/* Whatever is not written here is zero, as image_reserve() made it. */
static int write_image(const struct compiler *compiler, struct image *out)
{
	const struct ipf_header *header = &compiler->header;
	const struct ruleset *rules = compiler->rules;
	struct image image;

	if (header->size - sizeof(*header) > layout_max_size(compiler->origin) ||
	    header->size > SIZE_MAX)
		return -E2BIG;
	if (image_reserve(&image, header->size))
		return -ENOMEM;
	image.origin = compiler->origin;
	memcpy(image.data, header, sizeof(*header));
	memcpy(image_at(&image, header->sets), rules->sets,
	       rules->set_count * sizeof(*rules->sets));
	write_rules(rules, &image);
	if (compiler->timers)
		memcpy(image_at(&image, header->layout.timers), compiler->timers,
		       rules->count * sizeof(*compiler->timers));
	for (int family = 0; family < IPF_FAMILIES; family++)
		write_family(&compiler->families[family], &header->layout.space[family], &image);
	seal(&image);
	*out = image;
	return 0;
}

static int compile(struct compiler *compiler, struct image *out)
{
	int ret;

	find_needs(compiler);
	find_shortest(compiler);
	ret = make_timers(compiler);
	if (!ret)
		ret = compile_families(compiler);
	if (!ret)
		ret = write_image(compiler, out);
	free(compiler->timers);
	for (int family = 0; family < IPF_FAMILIES; family++) {
		buckets_done(&compiler->families[family].buckets);
		points_done(&compiler->families[family].points);
	}
	return ret;
}

static struct compiler compiler_of(const struct ruleset *rules)
{
	size_t count4 = ruleset_count_family(rules, IPF_IPV4);

	return (struct compiler){
		.rules = rules,
		.header = { .magic = IPF_MAGIC,
			    .abi_version = IPF_ABI_VERSION,
			    .set_count = (__u32)rules->set_count },
		.families = { { .first = 0, .end = count4 },
			      { .first = count4, .end = rules->count } },
	};
}

int compile_rules(const struct ruleset *rules, struct image *out)
{
	struct compiler compiler;

	if (rules->count > IPF_MAX_RULES || rules->set_count > IPF_MAX_SETS)
		return -E2BIG;
	if (!rules->count) {
		*out = (struct image){ 0 };
		return 0;
	}
	compiler = compiler_of(rules);
	return compile(&compiler, out);
}

/* --- Deltas ----------------------------------------------------------------------------------- */

static struct rule mark_of(const struct prefix *region)
{
	return (struct rule){
		.prefix = *region,
		.verdict = IPF_NO_VERDICT,
		.set = IPF_REGION_SET,
		.counter = IPF_NO_COUNTER,
	};
}

/* Both are sorted. There is room for all in `out`. */
static void merge_marks(const struct ruleset *rules, const struct prefix_list *regions,
			struct rule *out)
{
	size_t at = 0;

	for (size_t i = 0; i < regions->count; i++) {
		const struct rule mark = mark_of(&regions->items[i]);

		while (at < rules->count && rule_compare(&rules->rules[at], &mark) < 0)
			*out++ = rules->rules[at++];
		*out++ = mark;
	}
	if (at < rules->count)
		memcpy(out, &rules->rules[at], (rules->count - at) * sizeof(*out));
}

int compile_delta(const struct ruleset *rules, const struct prefix_list *regions,
		  const size_t replaced[IPF_FAMILIES], struct image *out)
{
	struct ruleset marked = *rules;
	auto_free struct rule *records = NULL;
	struct compiler compiler;

	marked.count += regions->count;
	/* A record takes more than 8 bytes of an image with points. */
	if (marked.count > IPF_CHUNK_SIZE / 8 || rules->set_count > IPF_MAX_SETS)
		return -E2BIG;
	records = calloc(marked.count, sizeof(*records));
	if (!records)
		return -ENOMEM;
	merge_marks(rules, regions, records);
	marked.rules = records;
	compiler = compiler_of(&marked);
	compiler.origin = IPF_DELTA_OFFSET;
	for (int family = 0; family < IPF_FAMILIES; family++)
		compiler.header.replaced[family] = (__u32)replaced[family];
	return compile(&compiler, out);
}
