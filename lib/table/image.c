// SPDX-License-Identifier: GPL-2.0
/*
 * How does a rule set become the table that packets are looked up in, and how is it read back?
 *
 * What packets read (cut.c) comes first, because the first bytes are the fastest to read; the rules
 * behind it are enough to rebuild everything. A rule set has exactly one image, byte for byte.
 */
#include <table/image.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <ruleset/address.h>
#include <table/compile.h>
#include <util/auto.h>
#include <util/error.h>

/* What <ipfilter/lookup.h> asks of us: a table in memory, at a moment the caller names. */
struct lookup {
	const struct image *image;
	__u32 now;
};
typedef const struct lookup *ipf_table;

static const struct ipf_layout *ipf_table_layout(ipf_table table)
{
	return &image_header(table->image)->layout;
}

/* A small image has less than a head: the first chunk stands for what it has not. */
static const __u8 *ipf_table_head(ipf_table table, __u64 offset)
{
	offset &= IPF_HEAD_SIZE - IPF_CHUNK_SIZE;
	return image_at(table->image, offset < table->image->body ? offset : 0);
}

static const __u8 *ipf_table_chunk(ipf_table table, __u64 offset)
{
	if (offset >= table->image->body)
		return NULL;
	return image_at(table->image, offset / IPF_CHUNK_SIZE * IPF_CHUNK_SIZE);
}

static __u32 ipf_table_now(ipf_table table)
{
	return table->now;
}

#include <ipfilter/lookup.h>

/* Sections begin where a cache line does; so no record of any size lies across two chunks. */
#define SECTION_ALIGN 64
#define IMAGE_MAX_SIZE ((__u64)IPF_HALF_CHUNKS * IPF_CHUNK_SIZE)

/* The header ends where a page does, of whatever size pages are, so that the body begins with one. */
#define LEAD (64u * 1024)

int image_reserve(struct image *image, size_t size)
{
	size_t wanted = size > sizeof(struct ipf_header) ? size - sizeof(struct ipf_header) : 1;
	size_t body = (wanted + IPF_CHUNK_SIZE - 1) / IPF_CHUNK_SIZE * IPF_CHUNK_SIZE;
	__u8 *start =
		mmap(NULL, LEAD + body, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		return -ENOMEM;
	*image = (struct image){ start + LEAD - sizeof(struct ipf_header), size, body };
	return 0;
}

void image_done(struct image *image)
{
	if (image->data)
		munmap((__u8 *)image_at(image, 0) - LEAD, LEAD + image->body);
	*image = (struct image){ 0 };
}

/* --- Where the parts lie ---------------------------------------------------------------------- */

/* The next part begins behind `size` bytes; 0 where it has none. */
static __u64 place(__u64 *end, __u64 size)
{
	__u64 offset = *end;

	*end = (offset + size + SECTION_ALIGN - 1) / SECTION_ALIGN * SECTION_ALIGN;
	return size ? offset : 0;
}

/* In bytes. */
static __u64 index_size(const struct ipf_space *space)
{
	return space->rule_count ? (((__u64)space->max_distance >> space->bucket_shift) + 1) *
					   sizeof(struct ipf_bucket) :
				   0;
}

static __u64 both_indexes(const struct ipf_layout *layout)
{
	__u64 end = 0;

	for (int family = 0; family < IPF_FAMILIES; family++)
		place(&end, index_size(&layout->space[family]));
	return end;
}

/* Writes all offsets of the header, and the size, from its counts: the layout is a function of
 * them. No sum overflows: each count has 32 bits, each record at most 6. */
static void lay_out(struct ipf_header *header, bool timed, bool counted)
{
	struct ipf_layout *layout = &header->layout;
	struct ipf_space *space4 = &layout->space[IPF_IPV4], *space6 = &layout->space[IPF_IPV6];
	__u64 rules = (__u64)space4->rule_count + space6->rule_count;
	__u64 end = 0;

	for (int family = 0; family < IPF_FAMILIES; family++)
		layout->space[family].index = place(&end, index_size(&layout->space[family]));
	for (int family = 0; family < IPF_FAMILIES; family++)
		layout->space[family].points =
			place(&end, (__u64)layout->space[family].point_count
					    << layout->space[family].point_shift);
	layout->timers = place(&end, timed ? rules * sizeof(struct ipf_timer) : 0);
	layout->counters = place(&end, counted ? rules * sizeof(__u32) : 0);
	space4->first_rule = 0;
	space6->first_rule = space4->rule_count;
	space4->rules = place(&end, space4->rule_count * sizeof(struct ipf_rule4));
	space6->rules = place(&end, space6->rule_count * sizeof(struct ipf_rule6));
	layout->lows = place(&end, header->low_count * sizeof(__u64));
	header->sets = place(&end, header->set_count * sizeof(struct ipf_set));
	header->size = sizeof(*header) + end;
}

/* --- The sum ---------------------------------------------------------------------------------- */

#define SUM_LANES 4

/* Against bytes that others wrote and bits that flipped, not against forgers: root can write the
 * sum as well. Multiplying spreads each bit upwards, turning brings it down again; four lanes,
 * because a multiplication is slow but four take no longer. Whole stripes: the bytes behind the
 * image are zero. */
static __u64 sum_words(const __u64 *words, size_t size)
{
	__u64 lanes[SUM_LANES] = { 1, 2, 3, 4 };
	__u64 sum = size;

	for (size_t i = 0; i * sizeof(*words) < size; i += SUM_LANES)
		for (size_t lane = 0; lane < SUM_LANES; lane++) {
			__u64 mixed = (lanes[lane] ^ words[i + lane]) * 0x9e3779b97f4a7c15ull;

			lanes[lane] = mixed << 29 | mixed >> 35;
		}
	for (size_t lane = 0; lane < SUM_LANES; lane++)
		sum = (sum ^ lanes[lane]) * 0xd6e8feb86659fd93ull;
	return sum ^ sum >> 32;
}

static __u64 image_sum(const struct image *image)
{
	struct ipf_header header = *image_header(image);
	__u64 sum;

	header.sum = 0;
	sum = sum_words((const __u64 *)&header, sizeof(header));
	return sum * 31 + sum_words(image_at(image, 0), image->size - sizeof(header));
}

void image_seal(struct image *image)
{
	if (image->data)
		((struct ipf_header *)image->data)->sum = image_sum(image);
}

/* --- Rule set to image ------------------------------------------------------------------------ */

/* What the rules ask for, from one look at each. */
struct needs {
	__u32 low_count;
	bool timed, counted;
};

static struct needs find_needs(const struct ruleset *set)
{
	struct needs needs = { 0 };

	for (size_t i = 0; i < set->count; i++) {
		const struct rule *rule = &set->rules[i];

		needs.low_count += rule->prefix.bits > 64;
		needs.timed |= rule->expires != IPF_NEVER;
		needs.counted |= rule->counter != IPF_NO_COUNTER;
	}
	return needs;
}

static void write_rules(const struct ruleset *set, const struct image *image)
{
	const struct ipf_layout *layout = &image_header(image)->layout;
	struct ipf_rule4 *rules4 = image_at(image, layout->space[IPF_IPV4].rules);
	struct ipf_rule6 *rules6 = image_at(image, layout->space[IPF_IPV6].rules);
	__u32 *counters = image_at(image, layout->counters);
	__u64 *lows = image_at(image, layout->lows);
	__u32 low = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct rule *rule = &set->rules[i];
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

static void write_owned_points(const struct cut *cut, struct ipf_owned_point4 *out)
{
	for (__u32 i = 0; i < cut->space.point_count; i++)
		out[i] = (struct ipf_owned_point4){ cut->points4[i], cut->owners[i] };
}

static void write_cut(const struct cut *cut, enum ipf_family family, const struct image *image)
{
	const struct ipf_space *space = &image_header(image)->layout.space[family];
	void *points = image_at(image, space->points);

	if (!space->point_count)
		return;
	memcpy(image_at(image, space->index), cut->groups, index_size(space));
	if (family == IPF_IPV6)
		memcpy(points, cut->points6, space->point_count * sizeof(*cut->points6));
	else if (cut->owners)
		write_owned_points(cut, points);
	else
		memcpy(points, cut->points4, space->point_count * sizeof(*cut->points4));
}

/* The timers that the rules have, not linked yet; NULL where none has. */
static int make_timers(const struct ruleset *set, const struct needs *needs, struct ipf_timer **out)
{
	*out = NULL;
	if (!needs->timed)
		return 0;
	*out = malloc(set->count * sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++)
		(*out)[i] = (struct ipf_timer){ set->rules[i].expires, IPF_NO_RULE };
	return 0;
}

/* The indexes of both families lie in the head, whatever that costs them. */
static void plan_families(const struct ruleset *set, const size_t bounds[IPF_FAMILIES + 1],
			  bool owned, struct ipf_layout *layout)
{
	struct ipf_space *spaces = layout->space;

	for (int family = 0; family < IPF_FAMILIES; family++)
		cut_plan(set, bounds[family], bounds[family + 1], owned, &spaces[family]);
	while (both_indexes(layout) > IPF_HEAD_SIZE)
		cut_coarsen(index_size(&spaces[IPF_IPV4]) > index_size(&spaces[IPF_IPV6]) ?
				    &spaces[IPF_IPV4] :
				    &spaces[IPF_IPV6]);
}

/* Cuts both families. Where the points of one lie follows from what comes before them, so the
 * layout is made anew after each. */
static int cut_families(const struct ruleset *set, const struct needs *needs,
			struct ipf_timer *timers, struct ipf_header *header,
			struct cut cuts[IPF_FAMILIES])
{
	size_t count4 = ruleset_count_family(set, IPF_IPV4);
	const size_t bounds[] = { 0, count4, set->count };
	bool owned = needs->timed || needs->counted;

	plan_families(set, bounds, owned, &header->layout);
	for (int family = 0; family < IPF_FAMILIES; family++) {
		struct ipf_space *space = &header->layout.space[family];
		int ret;

		/* With one point, so that the points have a place. */
		space->point_count = space->rule_count ? 1 : 0;
		lay_out(header, needs->timed, needs->counted);
		ret = cut_rules(set, bounds[family], bounds[family + 1], owned, space,
				space->points, timers, &cuts[family]);
		if (ret)
			return ret;
		space->point_count = cuts[family].space.point_count;
	}
	lay_out(header, needs->timed, needs->counted);
	return 0;
}

static int assemble(const struct ruleset *set, const struct ipf_header *header,
		    const struct cut cuts[IPF_FAMILIES], const struct ipf_timer *timers,
		    struct image *out)
{
	struct image image;

	if (header->size - sizeof(*header) > IMAGE_MAX_SIZE || header->size > SIZE_MAX)
		return -E2BIG;
	if (image_reserve(&image, header->size))
		return -ENOMEM;
	memcpy(image.data, header, sizeof(*header));
	memcpy(image_at(&image, header->sets), set->sets, set->set_count * sizeof(*set->sets));
	write_rules(set, &image);
	if (timers)
		memcpy(image_at(&image, header->layout.timers), timers,
		       set->count * sizeof(*timers));
	for (int family = 0; family < IPF_FAMILIES; family++)
		write_cut(&cuts[family], family, &image);
	image_seal(&image);
	*out = image;
	return 0;
}

static int compile(const struct ruleset *set, struct image *out)
{
	struct needs needs = find_needs(set);
	struct cut cuts[IPF_FAMILIES] = { 0 };
	auto_free struct ipf_timer *timers = NULL;
	struct ipf_header header = {
		.magic = IPF_MAGIC,
		.abi_version = IPF_ABI_VERSION,
		.set_count = (__u32)set->set_count,
		.low_count = needs.low_count,
	};
	int ret = make_timers(set, &needs, &timers);

	if (!ret)
		ret = cut_families(set, &needs, timers, &header, cuts);
	if (!ret)
		ret = assemble(set, &header, cuts, timers, out);
	for (int family = 0; family < IPF_FAMILIES; family++)
		cut_done(&cuts[family]);
	return ret;
}

int image_compile(const struct ruleset *set, struct image *out)
{
	if (set->count > IPF_MAX_RULES || set->set_count > IPF_MAX_SETS)
		return -E2BIG;
	if (set->count)
		return compile(set, out);
	*out = (struct image){ 0 };
	return 0;
}

/* --- Is it sound? ----------------------------------------------------------------------------- */

static int unsound(struct error *err, const char *fault)
{
	return error_set(err, -EBADMSG, "the rule table is damaged: %s", fault);
}

static int check_header(const struct image *image, struct error *err)
{
	const struct ipf_header *header = image_header(image);
	struct ipf_header expected;
	__u64 rules = 0;

	if (image->size < sizeof(*header))
		return unsound(err, "it is shorter than its header");
	if (header->magic != IPF_MAGIC)
		return unsound(err, "it doesn't begin like one");
	if (header->abi_version != IPF_ABI_VERSION)
		return unsound(err, "it has another version");
	if (header->size != image->size)
		return unsound(err, "it has another size than it says");
	if (!header->set_count || header->set_count > IPF_MAX_SETS)
		return unsound(err, "the number of sets is out of range");
	for (int family = 0; family < IPF_FAMILIES; family++) {
		const struct ipf_space *space = &header->layout.space[family];

		rules += space->rule_count;
		if (!space->rule_count != !space->point_count)
			return unsound(err, "a family has rules without points or the reverse");
		if (space->bucket_shift > 31 || space->point_shift > 3)
			return unsound(err, "its groups or points are too large");
	}
	if (both_indexes(&header->layout) > IPF_HEAD_SIZE)
		return unsound(err, "its indexes are too large");
	if (!rules || rules > IPF_MAX_RULES ||
	    header->low_count > header->layout.space[IPF_IPV6].rule_count)
		return unsound(err, "the number of rules is out of range");

	expected = *header;
	memset(expected.reserved, 0, sizeof(expected.reserved));
	lay_out(&expected, header->layout.timers, header->layout.counters);
	if (memcmp(header, &expected, sizeof(expected)) != 0)
		return unsound(err, "its parts don't lie where they should");
	return 0;
}

static int compare_names(const void *left, const void *right)
{
	const struct ipf_set *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

static int check_sets(const struct image *image, struct error *err)
{
	const struct ipf_header *header = image_header(image);
	const struct ipf_set *sets = image_at(image, header->sets);
	auto_free const struct ipf_set **sorted = calloc(header->set_count, sizeof(*sorted));

	if (!sorted)
		return error_set(err, -ENOMEM, "out of memory");
	for (__u32 i = 0; i < header->set_count; i++) {
		struct ipf_set clean = { 0 };

		if (!memchr(sets[i].name, '\0', sizeof(sets[i].name)) ||
		    !ruleset_name_valid(sets[i].name))
			return unsound(err, "a set has no proper name");
		memcpy(clean.name, sets[i].name, strlen(sets[i].name));
		if (memcmp(&clean, &sets[i], sizeof(clean)) != 0)
			return unsound(err, "something lies behind a set's name");
		sorted[i] = &sets[i];
	}
	qsort(sorted, header->set_count, sizeof(*sorted), compare_names);
	for (__u32 i = 1; i < header->set_count; i++)
		if (!strcmp(sorted[i - 1]->name, sorted[i]->name))
			return unsound(err, "two sets have one name");
	return 0;
}

int image_check(const struct image *image, struct error *err)
{
	int ret;

	if (!image->data)
		return image->size ? unsound(err, "it has a size, but no bytes") : 0;
	ret = check_header(image, err);
	if (!ret && image_header(image)->sum != image_sum(image))
		ret = unsound(err, "its bytes are not those that were written");
	if (!ret)
		ret = check_sets(image, err);
	return ret;
}

/* --- Image to rule set ------------------------------------------------------------------------ */

static const char *rule_fault(const struct rule *rule, __u32 set_count)
{
	const struct prefix *prefix = &rule->prefix;
	struct ipf_key host_mask;

	if (prefix->bits > address_family_bits(prefix->family))
		return "a rule's prefix is too long";
	host_mask = prefix_last(&(struct prefix){ .bits = prefix->bits });
	if ((prefix->key.high & host_mask.high) || (prefix->key.low & host_mask.low))
		return "a rule's prefix has host bits";
	if (rule->verdict != IPF_PASS && rule->verdict != IPF_DROP)
		return "a rule has no verdict";
	if (rule->set >= set_count)
		return "a rule belongs to no set";
	if (rule->counter != IPF_NO_COUNTER &&
	    rule->counter / IPF_COUNTER_BLOCK >= IPF_COUNTER_BLOCKS)
		return "a rule's counter is out of range";
	return NULL;
}

/* Reads rules one after the other, in their order. */
struct reader {
	const struct ipf_header *header;
	const struct ipf_rule4 *rules4;
	const struct ipf_rule6 *rules6;
	const struct ipf_timer *timers;
	const __u32 *counters;
	const __u64 *lows;
	__u32 low; /* the next lower half */
	/* For each set the last prefix that it had, as the position of that prefix's first rule, and
	 * one. */
	__u32 *seen;
	__u32 prefix;
};

static const char *read_rule6(struct reader *reader, __u32 position, struct rule *out)
{
	const struct ipf_rule6 *rule = &reader->rules6[position];

	*out = (struct rule){
		.prefix = { { rule->high, 0 }, IPF_IPV6, rule->bits },
		.verdict = rule->verdict,
		.set = rule->set,
	};
	if (rule->bits <= 64)
		return rule->low ? "a rule has a lower half that it needn't have" : NULL;
	if (rule->low != reader->low || rule->low >= reader->header->low_count)
		return "a rule's lower half isn't the next one";
	out->prefix.key.low = reader->lows[reader->low++];
	return NULL;
}

static const char *read_rule(struct reader *reader, __u32 i, struct rule *out)
{
	const struct ipf_layout *layout = &reader->header->layout;
	__u32 count4 = layout->space[IPF_IPV4].rule_count;
	const char *fault = NULL;

	if (i < count4) {
		const struct ipf_rule4 *rule = &reader->rules4[i];

		*out = (struct rule){
			.prefix = { { (__u64)rule->address << 32, 0 }, IPF_IPV4, rule->bits },
			.verdict = rule->verdict,
			.set = rule->set,
		};
	} else {
		fault = read_rule6(reader, i - count4, out);
	}
	out->expires = layout->timers ? reader->timers[i].expires : IPF_NEVER;
	out->counter = layout->counters ? reader->counters[i] : IPF_NO_COUNTER;
	return fault ? fault : rule_fault(out, reader->header->set_count);
}

/* Each rule behind the one before, and no prefix twice in a set. */
static const char *check_order(struct reader *reader, const struct rule *rule, __u32 i)
{
	const struct rule *before = rule - 1;

	if (i && rule_compare(before, rule) >= 0)
		return "the rules are not in order";
	if (!i || prefix_compare(&before->prefix, &rule->prefix) != 0)
		reader->prefix = i + 1;
	if (reader->seen[rule->set] == reader->prefix)
		return "a set has a prefix twice";
	reader->seen[rule->set] = reader->prefix;
	return NULL;
}

static const char *read_rules(struct reader *reader, struct rule *rules, size_t count)
{
	const char *fault = NULL;

	for (__u32 i = 0; i < count && !fault; i++) {
		fault = read_rule(reader, i, &rules[i]);
		if (!fault)
			fault = check_order(reader, &rules[i], i);
	}
	if (!fault && reader->low != reader->header->low_count)
		fault = "a lower half belongs to no rule";
	return fault;
}

int image_rules(const struct image *image, struct ruleset *out, struct error *err)
{
	const struct ipf_header *header = image_header(image);
	const struct ipf_layout *layout;
	auto_free __u32 *seen = NULL;
	const char *fault;
	size_t count;

	ruleset_init(out);
	if (!image->data)
		return 0;
	layout = &header->layout;
	count = (size_t)layout->space[IPF_IPV4].rule_count + layout->space[IPF_IPV6].rule_count;
	seen = calloc(header->set_count, sizeof(*seen));
	if (!seen || ruleset_reserve(out, count, header->set_count)) {
		ruleset_done(out);
		return error_set(err, -ENOMEM, "out of memory");
	}
	fault = read_rules(
		&(struct reader){
			.header = header,
			.rules4 = image_at(image, layout->space[IPF_IPV4].rules),
			.rules6 = image_at(image, layout->space[IPF_IPV6].rules),
			.timers = image_at(image, layout->timers),
			.counters = image_at(image, layout->counters),
			.lows = image_at(image, layout->lows),
			.seen = seen,
		},
		out->rules, count);
	if (fault) {
		ruleset_done(out);
		return unsound(err, fault);
	}
	memcpy(out->sets, image_at(image, header->sets), header->set_count * sizeof(*out->sets));
	out->count = count;
	out->set_count = header->set_count;
	return 0;
}

const __u32 *image_counters(const struct image *image, size_t *count)
{
	const struct ipf_layout *layout;

	*count = 0;
	if (!image->data)
		return NULL;
	layout = &image_header(image)->layout;
	if (!layout->counters)
		return NULL;
	*count = (size_t)layout->space[IPF_IPV4].rule_count + layout->space[IPF_IPV6].rule_count;
	return image_at(image, layout->counters);
}

/* --- Lookup ----------------------------------------------------------------------------------- */

struct ipf_match image_lookup(const struct image *image, const struct address *address, __u32 now)
{
	if (!image->data)
		return ipf_no_match();
	return ipf_lookup(&(struct lookup){ image, now }, address->family, &address->key);
}
