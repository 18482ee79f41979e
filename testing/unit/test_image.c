// SPDX-License-Identifier: GPL-2.0
/*
 * Is the image of a rule set sound, read back as it was, and safe to read when it is not?
 */
#include <ruleset/image.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <util/error.h>

#include "support.h"

static void compile_text(const char *text, struct image *image)
{
	struct ruleset set;

	ruleset_from_text(&set, text);
	assert_int_equal(image_compile(&set, image), 0);
	ruleset_done(&set);
}

static const struct ipf_header *header_of(const struct image *image)
{
	return image->data;
}

static void *at(const struct image *image, __u64 offset)
{
	return (char *)image->data + offset;
}

static void no_rules_no_bytes(void **state)
{
	struct image image = { (void *)1, 1 };
	struct error err = { 0 };
	struct address address = { IPF_IPV4, { 0, 0 } };
	struct ruleset set;

	(void)state;
	ruleset_init(&set);
	ruleset_name_set(&set, "empty");
	assert_int_equal(image_compile(&set, &image), 0);
	assert_null(image.data);
	assert_int_equal(image.size, 0);
	assert_int_equal(image_check(&image, &err), 0);
	assert_null(image_lookup(&image, &address, 0));
	ruleset_done(&set);
	assert_int_equal(image_rules(&image, &set), 0);
	assert_int_equal(set.count, 0);
	assert_int_equal(set.set_count, 0);
	image_done(&image);
	ruleset_done(&set);
}

struct span4 {
	__u32 start;
	__u32 rule;
};

struct span_case {
	const char *name;
	const char *rules;
	struct span4 spans[8];
	__u32 count;
};

#define NONE IPF_NO_RULE

static const struct span_case span_cases[] = {
	{ "a net in the middle",
	  "10.0.0.0/8",
	  { { 0, NONE }, { 0x0a000000, 0 }, { 0x0b000000, NONE } },
	  3 },
	{ "a net at the start", "0.0.0.0/8", { { 0, 0 }, { 0x01000000, NONE } }, 2 },
	{ "a net at the end", "255.0.0.0/8", { { 0, NONE }, { 0xff000000, 0 } }, 2 },
	{ "the whole space", "0.0.0.0/0", { { 0, 0 } }, 1 },
	{ "both halves", "0.0.0.0/1\n128.0.0.0/1", { { 0, 0 }, { 0x80000000, 1 } }, 2 },
	{ "neighbours have no gap",
	  "10.0.0.0/8\n11.0.0.0/8",
	  { { 0, NONE }, { 0x0a000000, 0 }, { 0x0b000000, 1 }, { 0x0c000000, NONE } },
	  4 },
	{ "a hole in a net",
	  "10.0.0.0/8\n10.1.0.0/16",
	  { { 0, NONE },
	    { 0x0a000000, 0 },
	    { 0x0a010000, 1 },
	    { 0x0a020000, 0 },
	    { 0x0b000000, NONE } },
	  5 },
	{ "nets that start together",
	  "10.0.0.0/8\n10.0.0.0/16",
	  { { 0, NONE }, { 0x0a000000, 1 }, { 0x0a010000, 0 }, { 0x0b000000, NONE } },
	  4 },
	{ "nets that end together",
	  "10.0.0.0/8\n10.255.0.0/16",
	  { { 0, NONE }, { 0x0a000000, 0 }, { 0x0aff0000, 1 }, { 0x0b000000, NONE } },
	  4 },
	{ "a net that is filled by others",
	  "10.0.0.0/8\n10.0.0.0/9\n10.128.0.0/9",
	  { { 0, NONE }, { 0x0a000000, 1 }, { 0x0a800000, 2 }, { 0x0b000000, NONE } },
	  4 },
	{ "all covers end with the space",
	  "0.0.0.0/0\n128.0.0.0/1\n255.255.255.255",
	  { { 0, 0 }, { 0x80000000, 1 }, { 0xffffffff, 2 } },
	  3 },
	{ "the first and the last address",
	  "0.0.0.0\n255.255.255.255",
	  { { 0, 0 }, { 1, NONE }, { 0xffffffff, 1 } },
	  3 },
	{ "the first rule of a prefix owns its span",
	  "set a\n10.0.0.0/8\nset b\npass 10.0.0.0/8",
	  { { 0, NONE }, { 0x0a000000, 0 }, { 0x0b000000, NONE } },
	  3 },
};

static void check_spans(void **state)
{
	const struct span_case *c = *state;
	const struct ipf_family_table *table;
	const struct ipf_point4 *points;
	struct error err = { 0 };
	struct image image;

	compile_text(c->rules, &image);
	assert_int_equal(image_check(&image, &err), 0);
	table = &header_of(&image)->family[IPF_IPV4];
	points = at(&image, table->points);
	assert_int_equal(table->point_count, c->count);
	for (__u32 i = 0; i < c->count; i++) {
		assert_int_equal(points[i].start, c->spans[i].start);
		assert_int_equal(points[i].rule, c->spans[i].rule);
	}
	assert_int_equal(header_of(&image)->family[IPF_IPV6].point_count, 0);
	assert_int_equal(header_of(&image)->family[IPF_IPV6].points, 0);
	image_done(&image);
}

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
	{ "a rule without cover gives way to nobody",
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
	const struct ipf_rule *rules;
	struct error err = { 0 };
	struct image image;

	compile_text(c->rules, &image);
	assert_int_equal(image_check(&image, &err), 0);
	rules = at(&image, header_of(&image)->rules);
	for (__u32 i = 0; i < header_of(&image)->rule_count; i++)
		assert_int_equal(rules[i].next, c->next[i]);
	image_done(&image);
}

/* What <ipfilter/abi.h> promises about the places of things. */
static void records_lie_within_chunks(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 100; i++) {
		const struct ipf_header *header;
		struct ruleset set;
		struct image image;

		random_ruleset(&set, (enum shape)(i % SHAPES), 1 + random_below(100));
		assert_int_equal(image_compile(&set, &image), 0);
		header = header_of(&image);
		assert_int_equal(header->magic, IPF_MAGIC);
		assert_int_equal(header->abi_version, IPF_ABI_VERSION);
		assert_int_equal(header->size, image.size);
		assert_int_equal(header->rules % sizeof(struct ipf_rule), 0);
		assert_int_equal(header->sets % sizeof(struct ipf_set), 0);
		for (int family = 0; family < IPF_FAMILIES; family++) {
			const struct ipf_family_table *table = &header->family[family];

			assert_int_equal(table->index % 64, 0);
			assert_int_equal(table->points % 64, 0);
			assert_int_equal(!table->point_count, !table->rule_count);
			assert_int_equal(table->rule_count, ruleset_count_family(&set, family));
			assert_true(table->point_count <= 2 * table->rule_count + 1);
		}
		image_done(&image);
		ruleset_done(&set);
	}
}

static void rules_survive_the_image(void **state)
{
	const char *const *name = *state;
	enum shape shape = (enum shape)(name - shape_names);

	random_restart();
	for (int i = 0; i < 100; i++) {
		struct ruleset set, back;
		struct image image, again;
		struct error err = { 0 };

		random_ruleset(&set, shape, i < 4 ? 1 + (size_t)i : 1 + random_below(200));
		if (random_below(2))
			set.rules[random_below(set.count)].counter = IPF_NO_COUNTER;
		assert_int_equal(image_compile(&set, &image), 0);
		if (image_check(&image, &err))
			fail_msg("%s", err.text);
		assert_int_equal(image_rules(&image, &back), 0);
		assert_sound_ruleset(&back);
		assert_same_ruleset(&set, &back);
		assert_int_equal(image_compile(&back, &again), 0);
		assert_int_equal(again.size, image.size);
		assert_memory_equal(again.data, image.data, image.size);

		/* What was read back can be changed on. */
		assert_int_equal(ruleset_name_set(&back, "one-more"), set.set_count);
		assert_int_equal(ruleset_add(&back, set.rules, set.count, NULL), 0);
		image_done(&image);
		image_done(&again);
		ruleset_done(&set);
		ruleset_done(&back);
	}
}

/* --- Damage ----------------------------------------------------------------------------------- */

#define DAMAGED_RULES                                             \
	"10.0.0.0/8\npass 10.0.0.0/16 timeout 5\n2001:db8::/32\n" \
	"set a\n10.0.0.0/8 timeout 9\npass 2001:db8::1\n"

/* A field that is overwritten: `size` bytes (up to 8) at an offset from where `part` begins. */
enum part { HEADER, RULES, SETS, POINTS4, POINTS6, INDEX4, INDEX6 };

struct damage_case {
	const char *name;
	enum part part;
	size_t offset;
	size_t size;
	__u64 value;
	const char *fault;
};

#define IN_HEADER(field) \
	HEADER, offsetof(struct ipf_header, field), sizeof(((struct ipf_header *)0)->field)
#define IN_RULE(index, field)                                                        \
	RULES, (index) * sizeof(struct ipf_rule) + offsetof(struct ipf_rule, field), \
		sizeof(((struct ipf_rule *)0)->field)

static const char places[] = "its parts don't lie where they should";
static const char numbers[] = "the numbers of rules don't add up";
static const char derived[] = "its points, index or links don't follow from its rules";
static const char order[] = "the rules are not in order";

static const struct damage_case damage_cases[] = {
	{ "another magic", IN_HEADER(magic), 0, "it doesn't begin like one" },
	{ "another version", IN_HEADER(abi_version), IPF_ABI_VERSION + 1,
	  "it has another version" },
	{ "a size too small", IN_HEADER(size), 128, "it has another size than it says" },
	{ "a size too large", IN_HEADER(size), 1ull << 40, "it has another size than it says" },
	{ "rules before the image", IN_HEADER(rules), 0, places },
	{ "rules beyond the image", IN_HEADER(rules), 1ull << 40, places },
	{ "rules at the end of 64 bits", IN_HEADER(rules), UINT64_MAX - 31, places },
	{ "set names elsewhere", IN_HEADER(sets), 128, places },
	{ "an index elsewhere", IN_HEADER(family[0].index), 132, places },
	{ "points elsewhere", IN_HEADER(family[1].points), 128, places },
	{ "no rules", IN_HEADER(rule_count), 0, numbers },
	{ "more rules than the families have", IN_HEADER(rule_count), 6, numbers },
	{ "more rules in a family", IN_HEADER(family[0].rule_count), 4, numbers },
	{ "rules that wrap 32 bits", IN_HEADER(family[0].rule_count), 0xfffffffe, numbers },
	{ "no set", IN_HEADER(set_count), 0, "the number of sets is out of range" },
	{ "too many sets", IN_HEADER(set_count), 65536, "the number of sets is out of range" },
	{ "fewer sets", IN_HEADER(set_count), 1, places },
	{ "a family with rules but without points", IN_HEADER(family[0].point_count), 0,
	  "a family has rules without points or the reverse" },
	{ "too many points", IN_HEADER(family[0].point_count), 0xffffffff, places },
	{ "something in the reserved bytes", IN_HEADER(reserved[39]), 1, places },

	{ "a set without a name", SETS, 0, 1, 0, "a set has no proper name" },
	{ "a set with a bad name", SETS, 0, 1, '-', "a set has no proper name" },
	{ "something behind a set's name", SETS, 31, 1, 'x', "something lies behind a set's name" },
	{ "two sets with one name", SETS, 0, 8, 'a', "two sets have one name" },

	{ "an IPv4 prefix of 33 bits", IN_RULE(0, bits), 33, "a rule's prefix is too long" },
	{ "an IPv6 prefix of 129 bits", IN_RULE(3, bits), 129, "a rule's prefix is too long" },
	{ "a prefix of 255 bits", IN_RULE(3, bits), 255, "a rule's prefix is too long" },
	{ "host bits in the upper half", IN_RULE(0, key.high), 0x0a00000100000000,
	  "a rule's prefix has host bits" },
	{ "host bits in the lower half", IN_RULE(0, key.low), 1, "a rule's prefix has host bits" },
	{ "a verdict that is none", IN_RULE(0, verdict), 2, "a rule has no verdict" },
	{ "a set that isn't there", IN_RULE(0, set), 2, "a rule belongs to no set" },
	{ "the last set of 16 bits", IN_RULE(0, set), 65535, "a rule belongs to no set" },
	{ "a counter out of range", IN_RULE(0, counter), IPF_COUNTER_BLOCK *IPF_COUNTER_BLOCKS,
	  "a rule's counter is out of range" },
	{ "a rule out of order", IN_RULE(0, key.high), 0x0b00000000000000, order },
	{ "rules of a prefix out of order", IN_RULE(0, expires), 1, order },
	{ "the same set for two rules of a prefix", IN_RULE(1, set), 0,
	  "a set has a prefix twice" },
	{ "a next out of range", IN_RULE(2, next), 5, derived },
	{ "a next to itself", IN_RULE(2, next), 2, derived },
	{ "a next to a rule behind", IN_RULE(2, next), 4, derived },
	{ "a next that is left out", IN_RULE(2, next), NONE, derived },
	{ "a next of a rule without end", IN_RULE(0, next), 1, derived },
	{ "an expiry that changes a next", IN_RULE(2, expires), IPF_NEVER, derived },

	{ "the first point not at zero", POINTS4, 0, 4, 1, derived },
	{ "a point out of order", POINTS4, 8, 4, 0x0c000000, derived },
	{ "a point with another owner", POINTS4, 12, 4, 1, derived },
	{ "a point with an owner out of range", POINTS4, 12, 4, 5, derived },
	{ "an IPv6 point with an owner of IPv4", POINTS6, 32 + 16, 4, 0, derived },
	{ "something in a point's reserved bytes", POINTS6, 31, 1, 1, derived },
	{ "an index out of range", INDEX4, 0, 4, 1000, derived },
	{ "an index that falls", INDEX4, 4 * 65536, 4, 0, derived },
	{ "an IPv6 index out of range", INDEX6, 4 * 65536, 4, 0xffffffff, derived },
};

static __u64 part_offset(const struct ipf_header *header, enum part part)
{
	switch (part) {
	case HEADER:
		return 0;
	case RULES:
		return header->rules;
	case SETS:
		return header->sets;
	case POINTS4:
		return header->family[IPF_IPV4].points;
	case POINTS6:
		return header->family[IPF_IPV6].points;
	case INDEX4:
		return header->family[IPF_IPV4].index;
	default:
		return header->family[IPF_IPV6].index;
	}
}

static void check_damage(void **state)
{
	const struct damage_case *c = *state;
	struct error err = { 0 };
	struct image image;
	char message[200];

	compile_text(DAMAGED_RULES, &image);
	assert_int_equal(image_check(&image, &err), 0);
	memcpy(at(&image, part_offset(header_of(&image), c->part) + c->offset), &c->value, c->size);
	assert_int_equal(image_check(&image, &err), -EBADMSG);
	snprintf(message, sizeof(message), "the rule table is damaged: %s", c->fault);
	assert_string_equal(err.text, message);
	image_done(&image);
}

static void what_may_differ_is_sound(void **state)
{
	struct error err = { 0 };
	struct ipf_rule *rules;
	struct image image;

	(void)state;
	compile_text(DAMAGED_RULES, &image);
	rules = at(&image, header_of(&image)->rules);
	rules[0].counter = IPF_COUNTER_BLOCK * IPF_COUNTER_BLOCKS - 1;
	assert_int_equal(image_check(&image, &err), 0);
	rules[0].verdict = IPF_PASS; /* Another rule set, but one. */
	assert_int_equal(image_check(&image, &err), 0);
	image_done(&image);
}

static void wrong_sizes(void **state)
{
	struct image image, cut, none = { NULL, 1 };
	struct error err = { 0 };

	(void)state;
	compile_text("10.0.0.1", &image);
	for (size_t size = 0; size < image.size; size += size < 300 ? 1 : 4099) {
		cut.size = size;
		cut.data = malloc(size + !size);
		memcpy(cut.data, image.data, size);
		assert_int_equal(image_check(&cut, &err), -EBADMSG);
		free(cut.data);
	}
	cut.size = image.size + 1;
	cut.data = calloc(1, cut.size);
	memcpy(cut.data, image.data, image.size);
	assert_int_equal(image_check(&cut, &err), -EBADMSG);
	/* Even when the header says that size. */
	((struct ipf_header *)cut.data)->size = cut.size;
	assert_int_equal(image_check(&cut, &err), -EBADMSG);
	free(cut.data);
	assert_int_equal(image_check(&none, &err), -EBADMSG);

	cut.size = image.size;
	cut.data = malloc(image.size + 1);
	memcpy((char *)cut.data + 1, image.data, image.size);
	assert_int_equal(image_check(&(struct image){ (char *)cut.data + 1, image.size }, &err),
			 -EBADMSG);
	free(cut.data);
	image_done(&image);
}

static void more_than_can_be_numbered(void **state)
{
	struct rule rule = { .prefix.bits = 32 };
	struct ruleset many_rules = { .rules = &rule, .count = 1ull << 31 };
	struct ruleset many_sets = { .rules = &rule, .count = 1, .set_count = IPF_MAX_SETS + 1 };
	struct image image = { 0 };

	(void)state;
	assert_int_equal(image_compile(&many_rules, &image), -E2BIG);
	assert_int_equal(image_compile(&many_sets, &image), -E2BIG);
	assert_null(image.data);
}

static void as_many_sets_as_there_may_be(void **state)
{
	struct rule rule = { .prefix.bits = 32,
			     .set = IPF_MAX_SETS - 1,
			     .counter = IPF_NO_COUNTER };
	struct ruleset set = { .rules = &rule, .count = 1 }, back;
	struct error err = { 0 };
	struct image image;

	(void)state;
	set.sets = calloc(IPF_MAX_SETS, sizeof(*set.sets));
	for (; set.set_count < IPF_MAX_SETS; set.set_count++)
		snprintf(set.sets[set.set_count].name, IPF_SET_NAME_SIZE, "s%zu", set.set_count);
	assert_int_equal(image_compile(&set, &image), 0);
	assert_int_equal(image_check(&image, &err), 0);
	assert_int_equal(image_rules(&image, &back), 0);
	assert_same_ruleset(&set, &back);
	ruleset_done(&back);
	image_done(&image);
	free(set.sets);
}

/* Reads everything that can be read; a sanitizer sees what is read beyond. */
static void look_everywhere(const struct image *image)
{
	for (int i = 0; i < 60; i++) {
		struct address address = random_address(i % 2 ? IPF_IPV4 : IPF_IPV6);
		const struct ipf_rule *rule;

		if (i % 3 == 0)
			address.key = (struct ipf_key){ 0x0a00000000000000 | (__u64)i << 32, 0 };
		if (i % 5 == 0)
			address.key.high = UINT64_MAX;
		rule = image_lookup(image, &address, (__u32)random_below(RANDOM_MAX_EXPIRES));
		if (rule) {
			assert_true((const char *)rule >= (const char *)image->data);
			assert_true((const char *)(rule + 1) <=
				    (const char *)image->data + image->size);
		}
	}
}

static __u64 random_value(const struct image *image)
{
	switch (random_below(6)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return random_below(image->size);
	case 3:
		return random_below(64);
	case 4:
		return 1ull << random_below(64);
	default:
		return random_number();
	}
}

/* Where most of what matters lies: the header, the ends of sections, the rules, the sets. */
static __u64 random_place(const struct image *image)
{
	const struct ipf_header *header = header_of(image);

	switch (random_below(4)) {
	case 0:
		return random_below(sizeof(*header));
	case 1:
		return header->rules + random_below(image->size - header->rules);
	case 2: {
		const struct ipf_family_table *table = &header->family[random_below(2)];

		if (table->point_count)
			return table->points + random_below(table->point_count * 8ull);
	}
	/* fall through */
	default:
		return random_below(image->size);
	}
}

/* Any damage is refused, or leads to another rule set that is whole; and whatever it is, a lookup
 * stays within. */
static void random_damage_does_no_harm(void **state)
{
	size_t refused = 0, taken = 0;

	(void)state;
	random_restart();
	for (int i = 0; i < 60; i++) {
		struct ruleset set;
		struct image image;

		random_ruleset(&set, (enum shape)(i % SHAPES), 1 + random_below(12));
		assert_int_equal(image_compile(&set, &image), 0);
		for (int k = 0; k < 40; k++) {
			struct image damaged = { malloc(image.size), image.size };
			struct error err = { 0 };
			struct ruleset back;

			memcpy(damaged.data, image.data, image.size);
			for (uint64_t n = 1 + random_below(3); n > 0; n--) {
				__u64 place = random_place(&image);
				__u64 value = random_value(&image);
				size_t width = 1ull << random_below(4);

				place -= place % width;
				if (place + width <= image.size)
					memcpy(at(&damaged, place), &value, width);
			}
			if (image_check(&damaged, &err)) {
				assert_memory_equal(err.text, "the rule table is damaged: ", 27);
				refused++;
			} else {
				assert_int_equal(image_rules(&damaged, &back), 0);
				assert_sound_ruleset(&back);
				ruleset_done(&back);
				taken++;
			}
			look_everywhere(&damaged);
			image_done(&damaged);
		}
		image_done(&image);
		ruleset_done(&set);
	}
	assert_true(refused > taken);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "no rules make no bytes", no_rules_no_bytes, NULL);
	SUITE_TABLE(&suite, check_spans, span_cases);
	SUITE_TABLE(&suite, check_next, next_cases);
	suite_add(&suite, "records lie within chunks", records_lie_within_chunks, NULL);
	for (size_t i = 0; i < SHAPES; i++)
		suite_add(&suite, shape_names[i], rules_survive_the_image, &shape_names[i]);
	SUITE_TABLE(&suite, check_damage, damage_cases);
	suite_add(&suite, "what may differ is sound", what_may_differ_is_sound, NULL);
	suite_add(&suite, "more than can be numbered is refused", more_than_can_be_numbered, NULL);
	suite_add(&suite, "as many sets as there may be", as_many_sets_as_there_may_be, NULL);
	suite_add(&suite, "wrong sizes are refused", wrong_sizes, NULL);
	suite_add(&suite, "random damage does no harm", random_damage_does_no_harm, NULL);
	return suite_run(&suite, "image");
}
