// SPDX-License-Identifier: GPL-2.0
/*
 * Is the image of a rule set valid, read back unchanged, and safe to read when it is damaged?
 */
#include <table/image.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <table/compile.h>
#include <table/decompile.h>
#include <util/error.h>

#include "support.h"

static void compile_text(const char *text, struct image *image)
{
	struct ruleset set;

	ruleset_from_text(&set, text);
	assert_int_equal(compile_rules(&set, image), 0);
	ruleset_done(&set);
}

static void no_rules_no_bytes(void **state)
{
	struct image image = { .data = (void *)1, .size = 1, .body = 1 };
	struct error err = { 0 };
	struct address address = { IPF_IPV4, { 0, 0 } };
	struct ruleset set;

	(void)state;
	ruleset_init(&set);
	ruleset_name_set(&set, "empty");
	assert_int_equal(compile_rules(&set, &image), 0);
	assert_null(image.data);
	assert_int_equal(image.size, 0);
	assert_int_equal(image_check(&image, &err), 0);
	assert_int_equal(image_lookup(&image, &address, 0).verdict, IPF_NO_VERDICT);
	ruleset_done(&set);
	assert_int_equal(decompile_rules(&image, &set, &err), 0);
	assert_int_equal(set.count, 0);
	assert_int_equal(set.set_count, 0);
	image_done(&image);
	ruleset_done(&set);
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
		assert_int_equal(compile_rules(&set, &image), 0);
		if (image_check(&image, &err))
			fail_msg("%s", err.text);
		assert_int_equal(decompile_rules(&image, &back, &err), 0);
		assert_sound_ruleset(&back);
		assert_same_ruleset(&set, &back);
		assert_int_equal(compile_rules(&back, &again), 0);
		assert_int_equal(again.size, image.size);
		assert_memory_equal(again.data, image.data, image.size);

		/* The rules that were read back can be changed. */
		assert_int_equal(ruleset_name_set(&back, "one-more"), set.set_count);
		assert_int_equal(ruleset_add(&back, set.rules, set.count, NULL), 0);
		image_done(&image);
		image_done(&again);
		ruleset_done(&set);
		ruleset_done(&back);
	}
}

/* The numbers from 0 on, in any order. */
static void shuffle(size_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t other = random_below(i + 1);

		numbers[i] = numbers[other];
		numbers[other] = i;
	}
}

/* Adds the rules to an empty set, or removes them again, in any order, a few or many at a time. */
static void change_in_any_order(struct ruleset *set, const struct ruleset *rules,
				int (*change)(struct ruleset *, struct rule *, size_t, size_t *))
{
	size_t *order = calloc(rules->count + 1, sizeof(*order));
	struct rule *some = calloc(rules->count + 1, sizeof(*some));

	assert_true(order && some);
	shuffle(order, rules->count);
	for (size_t i = 0, count; i < rules->count; i += count) {
		count = 1 + random_below(random_below(2) ? 8 : rules->count);
		if (count > rules->count - i)
			count = rules->count - i;
		for (size_t k = 0; k < count; k++) {
			const struct rule *rule = &rules->rules[order[i + k]];
			int index = ruleset_name_set(set, rules->sets[rule->set].name);

			assert_true(index >= 0);
			some[k] = *rule;
			some[k].set = (__u16)index;
		}
		assert_int_equal(change(set, some, count, NULL), 0);
		if (random_below(2))
			ruleset_tidy(set, 0);
	}
	free(order);
	free(some);
}

static const char *const one_image_names[SHAPES] = {
	[SHAPE_SPREAD] = "one image of prefixes anywhere",
	[SHAPE_CLUSTERED] = "one image of prefixes around a few addresses",
	[SHAPE_NESTED] = "one image of a prefix of every length over one address",
	[SHAPE_NEIGHBOURS] = "one image of neighbours",
	[SHAPE_EDGES] = "one image of whole spaces, their halves and ends",
	[SHAPE_DUPLICATES] = "one image of few prefixes in many sets",
	[SHAPE_IPV4_ONLY] = "one image of only IPv4",
	[SHAPE_IPV6_ONLY] = "one image of only IPv6",
};

/* The same rules make the same image, byte for byte, whatever their order and history. */
static void one_image_for_the_same_rules(void **state)
{
	const char *const *name = *state;
	enum shape shape = (enum shape)(name - shape_names);

	random_restart();
	for (int i = 0; i < 60; i++) {
		struct ruleset rules, others, back;
		struct image image, again;

		random_ruleset(&rules, shape, 1 + random_below(i % 2 ? 12 : 120));
		random_ruleset(&others, shape, random_below(12));
		ruleset_drop_counters(&rules);
		ruleset_init(&back);
		if (i % 3 == 0) { /* Rules that are removed again. */
			change_in_any_order(&back, &others, ruleset_add);
			change_in_any_order(&back, &others, ruleset_remove);
		}
		change_in_any_order(&back, &rules, ruleset_add);
		if (i % 4 == 0) /* Counters that are assigned anew get the same slots. */
			assign_counters(&rules);
		ruleset_tidy(&rules, 0);
		ruleset_tidy(&back, 0);
		if (i % 4 == 0)
			assign_counters(&back);
		assert_same_ruleset(&rules, &back);
		assert_int_equal(compile_rules(&rules, &image), 0);
		assert_int_equal(compile_rules(&back, &again), 0);
		assert_int_equal(again.size, image.size);
		assert_memory_equal(again.data, image.data, image.size);
		image_done(&image);
		image_done(&again);
		ruleset_done(&rules);
		ruleset_done(&others);
		ruleset_done(&back);
	}
}

/* --- Damage ----------------------------------------------------------------------------------- */

#define DAMAGED_RULES                                             \
	"10.0.0.0/8\npass 10.0.0.0/16 timeout 5\n2001:db8::/32\n" \
	"set defaulz\n10.0.0.0/8 timeout 9\npass 2001:db8::1\n"

/* The rules in their order: 10.0.0.0/8 twice, 10.0.0.0/16; 2001:db8::/32, 2001:db8::1. */

/* A field that is overwritten: `size` bytes (up to 8) at an offset from where `part` begins. */
enum part { HEADER, RULES4, RULES6, LOWS, SETS, COUNTERS, POINTS };

struct damage_case {
	const char *name;
	enum part part;
	size_t offset;
	size_t size;
	__u64 value;
	const char *fault; /* the fault that is found if the sum is forged too */
};

#define IN_HEADER(field) \
	HEADER, offsetof(struct ipf_header, field), sizeof(((struct ipf_header *)0)->field)
#define IN_RULE(family, index, field)                             \
	RULES##family,                                            \
		(index) * sizeof(struct ipf_rule##family) +       \
			offsetof(struct ipf_rule##family, field), \
		sizeof(((struct ipf_rule##family *)0)->field)

static const char elsewhere[] = "its parts are not where they should be";
static const char numbers[] = "the number of rules is out of range";
static const char order[] = "the rules are not in order";
static const char host_bits[] = "a rule's prefix has host bits";
static const char half[] = "a rule's lower half isn't the next one";

static const struct damage_case damage_cases[] = {
	{ "another magic", IN_HEADER(magic), 0, "it doesn't begin like one" },
	{ "another version", IN_HEADER(abi_version), IPF_ABI_VERSION + 1,
	  "it has another version" },
	{ "a size too small", IN_HEADER(size), 128, "it has another size than it says" },
	{ "a size too large", IN_HEADER(size), 1ull << 40, "it has another size than it says" },
	{ "rules before the image", IN_HEADER(layout.space[0].rules), 0, elsewhere },
	{ "rules beyond the image", IN_HEADER(layout.space[0].rules), 1ull << 40, elsewhere },
	{ "rules at the end of 64 bits", IN_HEADER(layout.space[1].rules), UINT64_MAX - 31,
	  elsewhere },
	{ "set names elsewhere", IN_HEADER(sets), 128, elsewhere },
	{ "an index elsewhere", IN_HEADER(layout.space[0].index), 132, elsewhere },
	{ "points elsewhere", IN_HEADER(layout.space[1].points), 128, elsewhere },
	{ "no timers", IN_HEADER(layout.timers), 0, elsewhere },
	{ "no counters", IN_HEADER(layout.counters), 0, elsewhere },
	{ "lower halves elsewhere", IN_HEADER(layout.lows), 64, elsewhere },
	{ "points of another size", IN_HEADER(layout.space[1].point_shift), 2, elsewhere },
	{ "buckets too large", IN_HEADER(layout.space[0].bucket_shift), 32,
	  "its buckets or points are too large" },
	{ "points too large", IN_HEADER(layout.space[0].point_shift), 4,
	  "its buckets or points are too large" },
	{ "a longer index", IN_HEADER(layout.space[0].max_distance), 0xffffffff, elsewhere },
	{ "an index beyond the head", IN_HEADER(layout.space[0].bucket_shift), 0,
	  "its indexes are too large" },
	{ "no rules of a family", IN_HEADER(layout.space[0].rule_count), 0,
	  "a family has rules without points or the reverse" },
	{ "more rules in a family", IN_HEADER(layout.space[0].rule_count), 400, elsewhere },
	{ "rules that wrap 32 bits", IN_HEADER(layout.space[0].rule_count), 0xfffffffe, numbers },
	{ "more lower halves than rules", IN_HEADER(low_count), 3, numbers },
	{ "no set", IN_HEADER(set_count), 0, "the number of sets is out of range" },
	{ "too many sets", IN_HEADER(set_count), 65536, "the number of sets is out of range" },
	{ "a family with rules but without points", IN_HEADER(layout.space[0].point_count), 0,
	  "a family has rules without points or the reverse" },
	{ "too many points", IN_HEADER(layout.space[0].point_count), 0xffffffff, elsewhere },
	{ "something in the reserved bytes", IN_HEADER(reserved[57]), 1, elsewhere },

	{ "a set without a name", SETS, 0, 1, 0, "a set has no proper name" },
	{ "a set with a bad name", SETS, 0, 1, '-', "a set has no proper name" },
	{ "something after a set's name", SETS, 31, 1, 'x', "something follows a set's name" },
	{ "two sets with one name", SETS, IPF_SET_NAME_SIZE + 6, 1, 't', "two sets have one name" },

	{ "an IPv4 prefix of 33 bits", IN_RULE(4, 0, bits), 33, "a rule's prefix is too long" },
	{ "an IPv6 prefix of 129 bits", IN_RULE(6, 1, bits), 129, "a rule's prefix is too long" },
	{ "a prefix of 255 bits", IN_RULE(6, 1, bits), 255, "a rule's prefix is too long" },
	{ "a prefix shorter than any", IN_HEADER(shortest[0]), 32,
	  "a rule's prefix is shorter than the header says" },
	{ "host bits in IPv4", IN_RULE(4, 0, address), 0x0a000001, host_bits },
	{ "host bits in the upper half", IN_RULE(6, 0, high), 0x20010db800000001, host_bits },
	{ "host bits in the lower half", IN_RULE(6, 1, bits), 127, host_bits },
	{ "a verdict that is none", IN_RULE(4, 0, verdict), 2, "a rule has no verdict" },
	{ "a set that isn't there", IN_RULE(4, 0, set), 2, "a rule belongs to no set" },
	{ "the last set of 16 bits", IN_RULE(6, 0, set), 65535, "a rule belongs to no set" },
	{ "a counter out of range", COUNTERS, 0, 4, IPF_COUNTER_BLOCK *IPF_COUNTER_BLOCKS,
	  "a rule's counter is out of range" },
	{ "a rule out of order", IN_RULE(4, 0, address), 0x0b000000, order },
	{ "rules of a prefix out of order", IN_RULE(4, 0, verdict), 2, "a rule has no verdict" },
	{ "the same set for two rules of a prefix", IN_RULE(4, 1, set), 0,
	  "a set has a prefix twice" },
	{ "a lower half out of range", IN_RULE(6, 1, low), 1,
	  "a rule's lower half is out of range" },
	{ "the lower half of another rule", IN_RULE(6, 0, bits), 128, half },
	{ "a lower half that isn't needed", IN_RULE(6, 0, low), 1,
	  "a rule has a lower half that it doesn't need" },
	{ "a lower half of no rule", IN_RULE(6, 1, bits), 64, "a lower half belongs to no rule" },
	{ "another lower half", LOWS, 0, 8, 2, NULL },
	{ "another point", POINTS, 0, 4, 0xffffffff, NULL },
};

static char *part_of(const struct image *image, enum part part)
{
	const struct ipf_layout *layout = &image_header(image)->layout;

	switch (part) {
	case HEADER:
		return image->data;
	case RULES4:
		return image_at(image, layout->space[IPF_IPV4].rules);
	case RULES6:
		return image_at(image, layout->space[IPF_IPV6].rules);
	case LOWS:
		return image_at(image, layout->lows);
	case SETS:
		return image_at(image, image_header(image)->sets);
	case COUNTERS:
		return image_at(image, layout->counters);
	default:
		return image_at(image, layout->space[IPF_IPV4].points);
	}
}

/* Writes the sums of the changed bytes, which image_check() compares. */
static void seal(struct image *image)
{
	((struct ipf_header *)image->data)->header_sum = image_header_sum(image->data);
	((struct ipf_header *)image->data)->sum = image_sum(image);
}

/* The check looks at the header and the names. Each rule is checked when it is read. */
static int check_and_read(const struct image *image, struct error *err)
{
	struct ruleset back;
	int ret = image_check(image, err);

	if (!ret)
		ret = decompile_rules(image, &back, err);
	if (!ret)
		ruleset_done(&back);
	return ret;
}

/* The lowest `size` bytes of the value, as a field of that size. */
static void write_field(void *field, __u64 value, size_t size)
{
	const char *bytes = (const char *)&value;

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		bytes += sizeof(value) - size;
	memcpy(field, bytes, size);
}

static void check_damage(void **state)
{
	const struct damage_case *c = *state;
	struct error err = { 0 };
	struct ruleset set;
	struct image image;
	char message[200];

	ruleset_from_text(&set, DAMAGED_RULES);
	assign_counters(&set);
	assert_int_equal(compile_rules(&set, &image), 0);
	ruleset_done(&set);
	assert_int_equal(check_and_read(&image, &err), 0);
	write_field(part_of(&image, c->part) + c->offset, c->value, c->size);
	assert_int_equal(image_check(&image, &err), -EBADMSG);
	assert_memory_equal(err.text, "the rule table is damaged: ", 27);
	if (!c->fault)
		assert_string_equal(
			err.text,
			"the rule table is damaged: its bytes are not those that were written");

	/* The sum covers this size. */
	if (image_header(&image)->size == image.size)
		seal(&image);
	if (c->fault) {
		assert_int_equal(check_and_read(&image, &err), -EBADMSG);
		snprintf(message, sizeof(message), "the rule table is damaged: %s", c->fault);
		assert_string_equal(err.text, message);
	} else {
		assert_int_equal(check_and_read(&image, &err), 0);
	}
	image_done(&image);
}

/* A copy of the first `size` bytes. */
static void copy_image(const struct image *image, size_t size, struct image *out)
{
	assert_int_equal(image_reserve(out, size ? size : 1), 0);
	memcpy(out->data, image->data, size < image->size ? size : image->size);
	out->size = size;
}

static void wrong_sizes(void **state)
{
	struct image image, other, none = { .size = 1 };
	struct error err = { 0 };

	(void)state;
	compile_text("10.0.0.1", &image);
	for (size_t size = 0; size < image.size; size += size < 300 ? 1 : 61) {
		copy_image(&image, size, &other);
		assert_int_equal(image_check(&other, &err), -EBADMSG);
		image_done(&other);
	}
	copy_image(&image, image.size + 1, &other);
	assert_int_equal(image_check(&other, &err), -EBADMSG);
	/* Even if the header has that size. */
	((struct ipf_header *)other.data)->size = other.size;
	assert_int_equal(image_check(&other, &err), -EBADMSG);
	image_done(&other);
	assert_int_equal(image_check(&none, &err), -EBADMSG);
	image_done(&image);
}

static void more_than_can_be_numbered(void **state)
{
	struct rule rule = { .prefix.bits = 32 };
	struct ruleset many_rules = { .rules = &rule, .count = IPF_MAX_RULES + 1ull };
	struct ruleset many_sets = { .rules = &rule, .count = 1, .set_count = IPF_MAX_SETS + 1 };
	struct image image = { 0 };

	(void)state;
	assert_int_equal(compile_rules(&many_rules, &image), -E2BIG);
	assert_int_equal(compile_rules(&many_sets, &image), -E2BIG);
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
	assert_int_equal(compile_rules(&set, &image), 0);
	assert_int_equal(image_check(&image, &err), 0);
	assert_int_equal(decompile_rules(&image, &back, &err), 0);
	assert_same_ruleset(&set, &back);
	ruleset_done(&back);
	image_done(&image);
	free(set.sets);
}

/* Reads everything that can be read. A sanitizer reports reads out of bounds. */
static void look_everywhere(const struct image *image)
{
	for (int i = 0; i < 60; i++) {
		struct address address = random_address(i % 2 ? IPF_IPV4 : IPF_IPV6);

		if (i % 3 == 0)
			address.key = (struct ipf_key){ 0x0a00000000000000 | (__u64)i << 32, 0 };
		if (i % 5 == 0)
			address.key.high = UINT64_MAX;
		image_lookup(image, &address, (__u32)random_below(RANDOM_MAX_EXPIRES));
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

/* An offset where a change matters most: in the header, the rules, the points, or anywhere. */
static __u64 random_offset(const struct image *image)
{
	const struct ipf_header *header = image_header(image);

	const struct ipf_space *space = &header->layout.space[random_below(2)];

	switch (random_below(4)) {
	case 0:
		return random_below(sizeof(*header));
	case 1:
		if (space->rule_count)
			return sizeof(*header) + space->rules +
			       random_below(space->rule_count * 8ull);
	/* fall through */
	case 2:
		if (space->point_count)
			return sizeof(*header) + space->points +
			       random_below(space->point_count * 4ull);
	/* fall through */
	default:
		return random_below(image->size);
	}
}

/* Any damage is refused, or results in another valid rule set. Whatever it is, a lookup stays in
 * bounds. */
static void random_damage_does_no_harm(void **state)
{
	size_t refused = 0, taken = 0;

	(void)state;
	random_restart();
	for (int i = 0; i < 60; i++) {
		struct ruleset set;
		struct image image;

		random_ruleset(&set, (enum shape)(i % SHAPES), 1 + random_below(12));
		assert_int_equal(compile_rules(&set, &image), 0);
		for (int k = 0; k < 40; k++) {
			struct image damaged;
			struct error err = { 0 };
			struct ruleset back;

			copy_image(&image, image.size, &damaged);
			for (uint64_t n = 1 + random_below(3); n > 0; n--) {
				__u64 offset = random_offset(&image);
				__u64 value = random_value(&image);
				size_t width = 1ull << random_below(4);

				offset -= offset % width;
				if (offset + width <= image.size)
					write_field((char *)damaged.data + offset, value, width);
			}
			if (memcmp(damaged.data, image.data, image.size) != 0)
				assert_int_equal(image_check(&damaged, &err), -EBADMSG);
			/* With a forged sum, the check must look more closely. */
			seal(&damaged);
			if (image_check(&damaged, &err) || decompile_rules(&damaged, &back, &err)) {
				assert_memory_equal(err.text, "the rule table is damaged: ", 27);
				refused++;
			} else {
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
	assert_true(refused > 0 && taken > 0);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "no rules make no bytes", no_rules_no_bytes, NULL);
	for (size_t i = 0; i < SHAPES; i++)
		suite_add(&suite, shape_names[i], rules_survive_the_image, &shape_names[i]);
	SUITE_TABLE(&suite, check_damage, damage_cases);
	for (size_t i = 0; i < SHAPES; i++)
		suite_add(&suite, one_image_names[i], one_image_for_the_same_rules,
			  &shape_names[i]);
	suite_add(&suite, "more than can be numbered is refused", more_than_can_be_numbered, NULL);
	suite_add(&suite, "as many sets as there may be", as_many_sets_as_there_may_be, NULL);
	suite_add(&suite, "wrong sizes are refused", wrong_sizes, NULL);
	suite_add(&suite, "random damage does no harm", random_damage_does_no_harm, NULL);
	return suite_run(&suite, "image");
}
