// SPDX-License-Identifier: GPL-2.0
/*
 * How does a rule set become the table that packets are looked up in, and how is it read back?
 *
 * One pass over the sorted rules does it. Prefixes nest or are apart, never overlap by halves, so
 * a stack holds those that are open at the current address; where one ends, its cover is in force
 * again.
 *
 * A rule set has exactly one image, byte for byte. image_check() rests on that: after the checks
 * that make an image safe to read it compiles the rules again and compares.
 */
#include <ruleset/image.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/address.h>
#include <util/cleanup.h>
#include <util/error.h>

/* What <ipfilter/lookup.h> asks of us: a table in memory, at a moment the caller names. */
struct ipf_table {
	const uint8_t *data;
	uint64_t size;
	__u32 now;
};

static const void *ipf_table_at(const struct ipf_table *table, __u64 offset, __u32 size)
{
	if (offset % size || offset > table->size || table->size - offset < size)
		return NULL;
	return table->data + offset;
}

static __u32 ipf_table_now(const struct ipf_table *table)
{
	return table->now;
}

#include <ipfilter/lookup.h>

/* Sections begin where a cache line does; so no record of any size lies across two chunks. */
#define SECTION_ALIGN 64
#define INDEX_SIZE ((__u64)IPF_INDEX_SLOTS * sizeof(__u32))
#define INDEX_BLOCKS (1u << IPF_INDEX_BITS)
#define IMAGE_MAX_SIZE ((__u64)IPF_HALF_CHUNKS * IPF_CHUNK_SIZE)

/* n prefixes cut a space into at most 2n + 1 spans, which must stay below 2^32. */
#define IMAGE_MAX_RULES 0x7fffffffu

/* Open prefixes at one address: one of each length. */
#define STACK_SIZE 129

static const __u32 point_sizes[IPF_FAMILIES] = {
	[IPF_IPV4] = sizeof(struct ipf_point4),
	[IPF_IPV6] = sizeof(struct ipf_point6),
};

void image_done(struct image *image)
{
	free(image->data);
	*image = (struct image){ 0 };
}

static void *image_at(const struct image *image, __u64 offset)
{
	return (uint8_t *)image->data + offset;
}

static const struct ipf_header *image_header(const struct image *image)
{
	return image->data;
}

static __u64 align_section(__u64 offset)
{
	return (offset + SECTION_ALIGN - 1) / SECTION_ALIGN * SECTION_ALIGN;
}

/* Writes all offsets of the header, and the size, from its counts: the layout is a function of them.
 * No sum overflows: each count has 32 bits, each record at most 6. */
static void lay_out(struct ipf_header *header)
{
	__u64 end = sizeof(*header);

	for (int family = 0; family < IPF_FAMILIES; family++) {
		struct ipf_family_table *table = &header->family[family];

		table->index = 0;
		table->points = 0;
		if (!table->point_count)
			continue;
		table->index = align_section(end);
		table->points = align_section(table->index + INDEX_SIZE);
		end = table->points + (__u64)table->point_count * point_sizes[family];
	}
	header->rules = align_section(end);
	header->sets =
		align_section(header->rules + (__u64)header->rule_count * sizeof(struct ipf_rule));
	header->size = header->sets + (__u64)header->set_count * sizeof(struct ipf_set);
}

/* --- The cut into spans, and who follows whom ------------------------------------------------- */

/* Rules of one prefix: the first decides until it has ended, then the first that drops. Positions
 * in the rule set; `drop` is `first` where none passes, and IPF_NO_RULE where none drops. */
struct group {
	__u32 first;
	__u32 drop;
	__u32 end; /* one behind the last */
};

static struct group next_group(const struct ruleset *set, size_t at)
{
	const struct rule *rules = set->rules;
	struct group group = { .first = (__u32)at, .drop = IPF_NO_RULE };

	for (; at < set->count && !prefix_compare(&rules[at].prefix, &rules[group.first].prefix);
	     at++)
		if (group.drop == IPF_NO_RULE && rules[at].verdict == IPF_DROP)
			group.drop = (__u32)at;
	group.end = (__u32)at;
	return group;
}

/* Receives the start of each span and the position of its owner, in ascending order. */
struct points {
	enum ipf_family family;
	void *out; /* NULL: only counted */
	__u32 count;
	struct ipf_key last_start;
};

/* From `start` on `owner` is in force. A point at the same address gives way: the prefix that ends
 * and one that follows it directly both mark that address, and so do a prefix and its cover that
 * start together. Two neighbours never have one owner, because the earlier one's prefix ended or
 * a longer one began. */
static void points_add(struct points *points, const struct ipf_key *start, __u32 owner)
{
	if (!points->count || key_compare(&points->last_start, start) != 0)
		points->count++;
	points->last_start = *start;
	if (!points->out)
		return;
	if (points->family == IPF_IPV4)
		((struct ipf_point4 *)points->out)[points->count - 1] =
			(struct ipf_point4){ (__u32)(start->high >> 32), owner };
	else
		((struct ipf_point6 *)points->out)[points->count - 1] =
			(struct ipf_point6){ .start = *start, .rule = owner };
}

/* The prefixes open at the current address, each inside the one before it. */
struct open_prefixes {
	struct {
		struct ipf_key last;
		__u32 owner;
	} items[STACK_SIZE];
	unsigned int count;
};

static __u32 innermost(const struct open_prefixes *open)
{
	return open->count ? open->items[open->count - 1].owner : IPF_NO_RULE;
}

/* Closes what ends before `start` (NULL: everything), the inner ones first. */
static void close_before(struct open_prefixes *open, const struct ipf_key *start,
			 struct points *points)
{
	while (open->count) {
		struct ipf_key last = open->items[open->count - 1].last;
		struct ipf_key behind = { last.high + (last.low == UINT64_MAX), last.low + 1 };

		if (start && key_compare(&last, start) >= 0)
			return;
		open->count--;
		if (behind.high || behind.low) /* Zero: it ended with the address space. */
			points_add(points, &behind, innermost(open));
	}
}

/* The first rule on the way from `rule` that lasts longer than `expires`: what has ended by then
 * need not be visited. */
static __u32 skip_ended(const struct ipf_rule *rules, __u32 rule, __u32 expires)
{
	while (rule != IPF_NO_RULE && rules[rule].expires != IPF_NEVER &&
	       rules[rule].expires <= expires)
		rule = rules[rule].next;
	return rule;
}

/* Who decides once the rules of the group have ended, given the deciding rule of the closest cover.
 * The covers' are known, since covers come first. Rules that never decide have no next. */
static void link_group(struct ipf_rule *rules, const struct group *group, __u32 cover)
{
	struct ipf_rule *first = &rules[group->first];

	if (group->drop != IPF_NO_RULE && group->drop != group->first) {
		struct ipf_rule *drop = &rules[group->drop];

		if (drop->expires != IPF_NEVER)
			drop->next = skip_ended(rules, cover, drop->expires);
		cover = group->drop;
	}
	if (first->expires != IPF_NEVER)
		first->next = skip_ended(rules, cover, first->expires);
}

/* One pass over the rules of a family, from position `at` to `end`: hands out the points and, where
 * `rules` isn't NULL, links the rules. */
static void sweep(const struct ruleset *set, size_t at, size_t end, struct points *points,
		  struct ipf_rule *rules)
{
	struct open_prefixes open = { .count = 0 };

	if (at == end)
		return;
	points_add(points, &(struct ipf_key){ 0, 0 }, IPF_NO_RULE);
	while (at < end) {
		const struct prefix *prefix = &set->rules[at].prefix;
		struct group group = next_group(set, at);

		close_before(&open, &prefix->key, points);
		if (rules)
			link_group(rules, &group, innermost(&open));
		points_add(points, &prefix->key, group.first);
		open.items[open.count].last = prefix_last(prefix);
		open.items[open.count++].owner = group.first;
		at = group.end;
	}
	close_before(&open, NULL, points);
}

/* The upper 16 bits of a point's start, which choose its block of the index. */
static __u32 point_block(enum ipf_family family, const void *points, __u32 position)
{
	if (family == IPF_IPV4)
		return ((const struct ipf_point4 *)points)[position].start >> (32 - IPF_INDEX_BITS);
	return (__u32)(((const struct ipf_point6 *)points)[position].start.high >>
		       (64 - IPF_INDEX_BITS));
}

static bool point_starts_block(enum ipf_family family, const void *points, __u32 position)
{
	const struct ipf_point6 *point6;

	if (family == IPF_IPV4)
		return !(((const struct ipf_point4 *)points)[position].start << IPF_INDEX_BITS);
	point6 = (const struct ipf_point6 *)points + position;
	return !(point6->start.high << IPF_INDEX_BITS) && !point6->start.low;
}

/* index[block] is the last point that starts at or before the block does. */
static void fill_index(enum ipf_family family, const void *points, __u32 point_count, __u32 *index)
{
	__u32 block = 0;

	for (__u32 i = 1; i < point_count; i++) {
		__u32 until = point_block(family, points, i);

		/* A point within a block is in force from the next block on. */
		if (!point_starts_block(family, points, i))
			until++;
		while (block < until)
			index[block++] = i - 1;
	}
	while (block <= INDEX_BLOCKS)
		index[block++] = point_count - 1;
}

/* --- Rule set to image ------------------------------------------------------------------------ */

static void write_rules(const struct ruleset *set, struct ipf_rule *out)
{
	for (size_t i = 0; i < set->count; i++)
		out[i] = (struct ipf_rule){
			.key = set->rules[i].prefix.key,
			.expires = set->rules[i].expires,
			.next = IPF_NO_RULE,
			.counter = set->rules[i].counter,
			.set = set->rules[i].set,
			.bits = set->rules[i].prefix.bits,
			.verdict = set->rules[i].verdict,
		};
}

/* Counts what the image will hold, and from that its layout. */
static int plan(const struct ruleset *set, struct ipf_header *header)
{
	size_t at = 0;

	if (set->count > IMAGE_MAX_RULES || set->set_count > IPF_MAX_SETS)
		return -E2BIG;
	*header = (struct ipf_header){
		.magic = IPF_MAGIC,
		.abi_version = IPF_ABI_VERSION,
		.rule_count = (__u32)set->count,
		.set_count = (__u32)set->set_count,
	};
	for (int family = 0; family < IPF_FAMILIES; family++) {
		struct ipf_family_table *table = &header->family[family];
		struct points counted = { .family = family };

		table->rule_count = (__u32)ruleset_count_family(set, family);
		sweep(set, at, at + table->rule_count, &counted, NULL);
		table->point_count = counted.count;
		at += table->rule_count;
	}
	lay_out(header);
	return header->size > IMAGE_MAX_SIZE || header->size > SIZE_MAX ? -E2BIG : 0;
}

int image_compile(const struct ruleset *set, struct image *out)
{
	struct image image = { 0 };
	struct ipf_header header;
	struct ipf_rule *rules;
	size_t at = 0;
	int ret;

	if (!set->count) {
		*out = image;
		return 0;
	}
	ret = plan(set, &header);
	if (ret)
		return ret;
	image.size = header.size;
	image.data = calloc(1, image.size); /* Zeroed: gaps and reserved bytes. */
	if (!image.data)
		return -ENOMEM;

	memcpy(image.data, &header, sizeof(header));
	rules = image_at(&image, header.rules);
	write_rules(set, rules);
	for (int family = 0; family < IPF_FAMILIES; family++) {
		const struct ipf_family_table *table = &header.family[family];
		struct points points = { .family = family };

		if (!table->point_count)
			continue;
		points.out = image_at(&image, table->points);
		sweep(set, at, at + table->rule_count, &points, rules);
		fill_index(family, points.out, points.count, image_at(&image, table->index));
		at += table->rule_count;
	}
	if (set->set_count)
		memcpy(image_at(&image, header.sets), set->sets,
		       set->set_count * sizeof(*set->sets));
	*out = image;
	return 0;
}

/* --- Image to rule set ------------------------------------------------------------------------ */

static struct rule read_rule(const struct ipf_header *header, const struct ipf_rule *rules,
			     __u32 position)
{
	const struct ipf_rule *rule = &rules[position];
	enum ipf_family family = position < header->family[IPF_IPV4].rule_count ? IPF_IPV4 :
										  IPF_IPV6;

	return (struct rule){
		.prefix = { .key = rule->key, .family = (__u8)family, .bits = rule->bits },
		.verdict = rule->verdict,
		.set = rule->set,
		.expires = rule->expires,
		.counter = rule->counter,
	};
}

int image_rules(const struct image *image, struct ruleset *out)
{
	const struct ipf_header *header = image_header(image);
	const struct ipf_rule *rules;

	ruleset_init(out);
	if (!image->data)
		return 0;
	out->rules = calloc(header->rule_count, sizeof(*out->rules));
	out->sets = calloc(header->set_count, sizeof(*out->sets));
	if (!out->rules || !out->sets) {
		ruleset_done(out);
		return -ENOMEM;
	}
	rules = image_at(image, header->rules);
	for (__u32 i = 0; i < header->rule_count; i++)
		out->rules[i] = read_rule(header, rules, i);
	memcpy(out->sets, image_at(image, header->sets), header->set_count * sizeof(*out->sets));
	out->count = out->capacity = header->rule_count;
	out->set_count = out->set_capacity = header->set_count;
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

	if (image->size < sizeof(*header))
		return unsound(err, "it is shorter than its header");
	if ((uintptr_t)image->data % _Alignof(struct ipf_header))
		return unsound(err, "it is not aligned");
	if (header->magic != IPF_MAGIC)
		return unsound(err, "it doesn't begin like one");
	if (header->abi_version != IPF_ABI_VERSION)
		return unsound(err, "it has another version");
	if (header->size != image->size)
		return unsound(err, "it has another size than it says");
	if (!header->rule_count || header->rule_count > IMAGE_MAX_RULES ||
	    (__u64)header->family[IPF_IPV4].rule_count + header->family[IPF_IPV6].rule_count !=
		    header->rule_count)
		return unsound(err, "the numbers of rules don't add up");
	if (!header->set_count || header->set_count > IPF_MAX_SETS)
		return unsound(err, "the number of sets is out of range");
	for (int family = 0; family < IPF_FAMILIES; family++)
		if (!header->family[family].point_count != !header->family[family].rule_count)
			return unsound(err, "a family has rules without points or the reverse");

	expected = *header;
	memset(expected.reserved, 0, sizeof(expected.reserved));
	lay_out(&expected);
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
		    !set_name_valid(sets[i].name))
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

static const char *rule_fault(const struct rule *rule, __u32 set_count)
{
	const struct prefix *prefix = &rule->prefix;
	struct ipf_key host_mask = prefix_last(&(struct prefix){ .bits = prefix->bits });

	if (prefix->bits > family_bits(prefix->family))
		return "a rule's prefix is too long";
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

/* One by one, in their order, and no prefix twice in a set. */
static int check_rules(const struct image *image, struct error *err)
{
	const struct ipf_header *header = image_header(image);
	const struct ipf_rule *rules = image_at(image, header->rules);
	/* For each set the last prefix that it had, as the position of that prefix's first rule, and
	 * one. */
	auto_free __u32 *seen = calloc(header->set_count, sizeof(*seen));
	struct rule before;
	__u32 group = 0;

	if (!seen)
		return error_set(err, -ENOMEM, "out of memory");
	for (__u32 i = 0; i < header->rule_count; i++) {
		struct rule rule = read_rule(header, rules, i);
		const char *fault = rule_fault(&rule, header->set_count);

		if (fault)
			return unsound(err, fault);
		if (i && rule_compare(&before, &rule) >= 0)
			return unsound(err, "the rules are not in order");
		if (!i || prefix_compare(&before.prefix, &rule.prefix) != 0)
			group = i + 1;
		if (seen[rule.set] == group)
			return unsound(err, "a set has a prefix twice");
		seen[rule.set] = group;
		before = rule;
	}
	return 0;
}

/* Points, index and links follow from the rules. */
static int check_derived(const struct image *image, struct error *err)
{
	struct image expected = { 0 };
	struct ruleset set;
	int ret;

	ret = image_rules(image, &set);
	if (!ret)
		ret = image_compile(&set, &expected);
	if (ret)
		error_set(err, ret, "out of memory");
	else if (expected.size != image->size ||
		 memcmp(expected.data, image->data, image->size) != 0)
		ret = unsound(err, "its points, index or links don't follow from its rules");
	image_done(&expected);
	ruleset_done(&set);
	return ret;
}

int image_check(const struct image *image, struct error *err)
{
	int ret;

	if (!image->data)
		return image->size ? unsound(err, "it has a size, but no bytes") : 0;
	ret = check_header(image, err);
	if (!ret)
		ret = check_sets(image, err);
	if (!ret)
		ret = check_rules(image, err);
	if (!ret)
		ret = check_derived(image, err);
	return ret;
}

/* --- Lookup ----------------------------------------------------------------------------------- */

const struct ipf_rule *image_lookup(const struct image *image, const struct address *address,
				    __u32 now)
{
	const struct ipf_table table = { .data = image->data, .size = image->size, .now = now };

	return ipf_lookup(&table, address->family, &address->key);
}
