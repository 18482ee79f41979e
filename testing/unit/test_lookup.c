// SPDX-License-Identifier: GPL-2.0
/*
 * Which rule decides for an address, at which time?
 *
 * The lines of <ipfilter/lookup.h> that the XDP program runs, over images that compile_rules()
 * made, compared with what the manual says (tables) and with a search through all rules (random
 * sets).
 */
#include <ruleset/tick.h>

#include <stdlib.h>
#include <string.h>

#include <table/compile.h>
#include <table/image.h>
#include <util/error.h>

#include "support.h"

enum expected { PASS, DROP, POLICY };

struct lookup_case {
	const char *name;
	const char *rules; /* a rule file, read at tick 0 */
	const char *address;
	enum expected verdict;
	__u32 now; /* in seconds */
};

#define LAST6 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

static const struct lookup_case lookup_cases[] = {
	{ "no rules at all", "", "192.0.2.1", POLICY, 0 },
	{ "no rules for IPv6", "192.0.2.1", "2001:db8::1", POLICY, 0 },
	{ "no rules for IPv4", "2001:db8::1", "192.0.2.1", POLICY, 0 },
	{ "a denied host", "192.0.2.7", "192.0.2.7", DROP, 0 },
	{ "the address before a denied host", "192.0.2.7", "192.0.2.6", POLICY, 0 },
	{ "the address after a denied host", "192.0.2.7", "192.0.2.8", POLICY, 0 },
	{ "host inside a denied net", "192.0.2.0/24", "192.0.2.7", DROP, 0 },
	{ "first address of the net", "192.0.2.0/24", "192.0.2.0", DROP, 0 },
	{ "last address of the net", "192.0.2.0/24", "192.0.2.255", DROP, 0 },
	{ "last address before the net", "192.0.2.0/24", "192.0.1.255", POLICY, 0 },
	{ "first address after the net", "192.0.2.0/24", "192.0.3.0", POLICY, 0 },
	{ "a net that ends a block of the index", "10.0.255.0/24", "10.0.255.255", DROP, 0 },
	{ "the address after a net that ends a block", "10.0.255.0/24", "10.1.0.0", POLICY, 0 },
	{ "a net that starts a block of the index", "10.1.0.0/24", "10.1.0.0", DROP, 0 },
	{ "the address before a net that starts a block", "10.1.0.0/24", "10.0.255.255", POLICY,
	  0 },
	{ "a net over several blocks", "10.0.0.0/14", "10.3.255.255", DROP, 0 },
	{ "the block after a net over several blocks", "10.0.0.0/14", "10.4.0.0", POLICY, 0 },
	{ "the first address of IPv4", "0.0.0.0", "0.0.0.0", DROP, 0 },
	{ "the second address of IPv4", "0.0.0.0", "0.0.0.1", POLICY, 0 },
	{ "the last address of IPv4", "255.255.255.255", "255.255.255.255", DROP, 0 },
	{ "the last address of IPv4 but one", "255.255.255.255", "255.255.255.254", POLICY, 0 },
	{ "the whole of IPv4, its first address", "0.0.0.0/0", "0.0.0.0", DROP, 0 },
	{ "the whole of IPv4, its last address", "0.0.0.0/0", "255.255.255.255", DROP, 0 },
	{ "IPv6 is not hit by 0.0.0.0/0", "0.0.0.0/0", "2001:db8::1", POLICY, 0 },
	{ "IPv4 is not hit by ::/0", "::/0", "192.0.2.1", POLICY, 0 },
	{ "the first address of IPv6", "::", "::", DROP, 0 },
	{ "the last address of IPv6", LAST6, LAST6, DROP, 0 },
	{ "the whole of IPv6, its last address", "::/0", LAST6, DROP, 0 },
	{ "host inside a denied IPv6 net", "2001:db8::/32", "2001:db8:ffff::1", DROP, 0 },
	{ "last address before an IPv6 net", "2001:db8::/32",
	  "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", POLICY, 0 },
	{ "first address after an IPv6 net", "2001:db8::/32", "2001:db9::", POLICY, 0 },
	{ "last address of a /64", "2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff", DROP, 0 },
	{ "first address after a /64", "2001:db8::/64", "2001:db8:0:1::", POLICY, 0 },
	{ "last address of a /65", "2001:db8::/65", "2001:db8::7fff:ffff:ffff:ffff", DROP, 0 },
	{ "first address after a /65", "2001:db8::/65", "2001:db8::8000:0:0:0", POLICY, 0 },
	{ "neighbouring IPv6 hosts", "2001:db8::1", "2001:db8::2", POLICY, 0 },
	{ "a mapped rule means IPv4", "::ffff:192.0.2.0/120", "192.0.2.1", DROP, 0 },
	{ "a mapped address means IPv4", "192.0.2.0/24", "::ffff:192.0.2.1", DROP, 0 },
	{ "a range hits its first address", "192.0.2.3-192.0.2.9", "192.0.2.3", DROP, 0 },
	{ "a range hits its last address", "192.0.2.3-192.0.2.9", "192.0.2.9", DROP, 0 },
	{ "a range spares the address before", "192.0.2.3-192.0.2.9", "192.0.2.2", POLICY, 0 },
	{ "a range spares the address after", "192.0.2.3-192.0.2.9", "192.0.2.10", POLICY, 0 },

	{ "an exception inside a denied net", "10.0.0.0/8\npass 10.1.0.0/16", "10.1.2.3", PASS, 0 },
	{ "around an exception", "10.0.0.0/8\npass 10.1.0.0/16", "10.0.255.255", DROP, 0 },
	{ "after an exception", "10.0.0.0/8\npass 10.1.0.0/16", "10.2.0.0", DROP, 0 },
	{ "a denied host inside an exception", "10.0.0.0/8\npass 10.1.0.0/16\n10.1.2.3", "10.1.2.3",
	  DROP, 0 },
	{ "after a denied host inside an exception", "10.0.0.0/8\npass 10.1.0.0/16\n10.1.2.3",
	  "10.1.2.4", PASS, 0 },
	{ "an exception at the start of a net", "10.0.0.0/8\npass 10.0.0.0/16", "10.0.0.0", PASS,
	  0 },
	{ "after an exception at the start of a net", "10.0.0.0/8\npass 10.0.0.0/16", "10.1.0.0",
	  DROP, 0 },
	{ "an exception at the end of a net", "10.0.0.0/8\npass 10.255.0.0/16", "10.255.255.255",
	  PASS, 0 },
	{ "after an exception at the end of a net", "10.0.0.0/8\npass 10.255.0.0/16", "11.0.0.0",
	  POLICY, 0 },
	{ "an exception at the end of IPv4", "0.0.0.0/0\npass 255.255.255.255", "255.255.255.255",
	  PASS, 0 },
	{ "an exception at the end of IPv6", "::/0\npass " LAST6, LAST6, PASS, 0 },
	{ "the order in the file doesn't matter", "pass 10.1.0.0/16\n10.0.0.0/8", "10.1.2.3", PASS,
	  0 },
	{ "an exception in another set", "set a\n10.0.0.0/8\nset b\npass 10.1.0.0/16", "10.1.2.3",
	  PASS, 0 },

	{ "one prefix in two sets, pass wins", "set a\n10.0.0.1\nset b\npass 10.0.0.1", "10.0.0.1",
	  PASS, 0 },
	{ "an ended pass leaves the drop of another set",
	  "set a\n10.0.0.1\nset b\npass 10.0.0.1 timeout 5", "10.0.0.1", DROP, 10 },
	{ "a pass that still lasts wins", "set a\n10.0.0.1\nset b\npass 10.0.0.1 timeout 5",
	  "10.0.0.1", PASS, 4 },
	{ "an ended drop leaves the pass of another set",
	  "set a\n10.0.0.1 timeout 5\nset b\npass 10.0.0.1", "10.0.0.1", PASS, 10 },
	{ "the longer of two timeouts counts",
	  "set a\n10.0.0.1 timeout 5\nset b\n10.0.0.1 timeout 9", "10.0.0.1", DROP, 8 },
	{ "both timeouts ended", "set a\n10.0.0.1 timeout 5\nset b\n10.0.0.1 timeout 9", "10.0.0.1",
	  POLICY, 10 },

	{ "a timeout that lasts", "10.0.0.1 timeout 5", "10.0.0.1", DROP, 4 },
	{ "a timeout that ended", "10.0.0.1 timeout 5", "10.0.0.1", POLICY, 6 },
	{ "an ended exception gives way to its cover", "10.0.0.0/8\npass 10.0.0.1 timeout 5",
	  "10.0.0.1", DROP, 6 },
	{ "an ended rule gives way to the next cover that lasts",
	  "pass 10.0.0.0/8\n10.0.0.0/16 timeout 3\n10.0.0.0/24 timeout 5", "10.0.0.1", PASS, 6 },
	{ "a cover that ended first is stepped over",
	  "pass 10.0.0.0/8\n10.0.0.0/16 timeout 3\npass 10.0.0.0/24 timeout 5", "10.0.0.1", PASS,
	  4 },
	{ "a cover that lasts longer decides",
	  "pass 10.0.0.0/8\n10.0.0.0/16 timeout 9\npass 10.0.0.0/24 timeout 5", "10.0.0.1", DROP,
	  8 },
	{ "all covers ended", "10.0.0.0/8 timeout 2\n10.0.0.0/16 timeout 3\n10.0.0.0/24 timeout 1",
	  "10.0.0.1", POLICY, 6 },
	{ "a rule without end decides at any time", "10.0.0.1", "10.0.0.1", DROP, 500000000 },
};

static void check_lookup(void **state)
{
	const struct lookup_case *c = *state;
	static const __u32 verdicts[] = {
		[DROP] = IPF_DROP,
		[PASS] = IPF_PASS,
		[POLICY] = IPF_NO_VERDICT,
	};
	__u32 now = c->now ? tick_after(0, c->now) : 0;
	struct address address;
	struct ruleset set;
	struct image image;

	ruleset_from_text(&set, c->rules);
	assert_int_equal(compile_rules(&set, &image), 0);
	assert_int_equal(address_parse(c->address, &address, NULL), 0);
	assert_int_equal(image_lookup(&image, &address, now).verdict, verdicts[c->verdict]);
	image_done(&image);
	ruleset_done(&set);
}

/* --- A search through all rules --------------------------------------------------------------- */

static bool covers(const struct rule *rule, const struct address *address)
{
	if (rule->prefix.family != address->family)
		return false;
	for (unsigned int bit = 0; bit < rule->prefix.bits; bit++)
		if (key_bit(&rule->prefix.key, bit) != key_bit(&address->key, bit))
			return false;
	return true;
}

/* Of two rules that contain the address and have not ended, does `a` decide rather than `b`? */
static bool decides_before(const struct rule *a, const struct rule *b)
{
	if (a->prefix.bits != b->prefix.bits)
		return a->prefix.bits > b->prefix.bits;
	if (a->verdict != b->verdict)
		return a->verdict == IPF_PASS;
	if (a->expires != b->expires)
		return a->expires == IPF_NEVER ||
		       (b->expires != IPF_NEVER && a->expires > b->expires);
	return a->set < b->set;
}

static const struct rule *search_all(const struct rule *const *over, size_t count, __u32 now)
{
	const struct rule *best = NULL;

	for (size_t i = 0; i < count; i++) {
		if (over[i]->expires != IPF_NEVER && over[i]->expires <= now)
			continue;
		if (!best || decides_before(over[i], best))
			best = over[i];
	}
	return best;
}

/* Do packets need to know which rule decides? */
static bool has_owners(const struct image *image)
{
	const struct ipf_header *header = image_header(image);

	return header && (header->layout.timers || header->layout.counters);
}

/* Without timers, packets do not need the rule: the owner is the slot of its counter. */
static __u32 owner_of(const struct ruleset *set, const struct image *image, const struct rule *rule)
{
	return image_header(image)->layout.timers ? (__u32)(rule - set->rules) : rule->counter;
}

/* Checks an address at every tick at which something can change. */
static void check_address(const struct ruleset *set, const struct image *image,
			  const struct address *address)
{
	const struct rule *over[1000];
	char text[ADDRESS_TEXT_SIZE];
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++)
		if (covers(&set->rules[i], address))
			over[count++] = &set->rules[i];
	for (__u32 now = 0; now <= RANDOM_MAX_EXPIRES + 1; now++) {
		const struct rule *expected = search_all(over, count, now);
		struct ipf_match found = image_lookup(image, address, now);

		address_format(address, text);
		if (ruleset_decide(set, address, now) != expected)
			fail_msg("%s at tick %u: the rules say otherwise", text, now);
		if (found.verdict != (expected ? expected->verdict : IPF_NO_VERDICT))
			fail_msg("%s at tick %u: verdict %u", text, now, found.verdict);
		if (expected && has_owners(image) && found.owner != owner_of(set, image, expected))
			fail_msg("%s at tick %u: another rule decides", text, now);
	}
}

static void check_ruleset(const struct ruleset *set)
{
	struct image image;

	assert_int_equal(compile_rules(set, &image), 0);
	for (size_t i = 0; i < set->count; i++) {
		const struct prefix *prefix = &set->rules[i].prefix;

		for (int step = -1; step <= 1; step++) {
			struct address first = address_at(prefix->family, prefix->key, step);
			struct address last = address_at(prefix->family, prefix_last(prefix), step);

			check_address(set, &image, &first);
			check_address(set, &image, &last);
		}
	}
	for (int i = 0; i < 40; i++) {
		struct address address = random_address(i % 2 ? IPF_IPV4 : IPF_IPV6);

		check_address(set, &image, &address);
	}
	for (int family = 0; family < IPF_FAMILIES; family++) {
		struct address first = address_at(family, (struct ipf_key){ 0, 0 }, 0);
		struct address last =
			address_at(family, (struct ipf_key){ UINT64_MAX, UINT64_MAX }, 0);

		check_address(set, &image, &first);
		check_address(set, &image, &last);
	}
	image_done(&image);
}

static void check_shape(void **state)
{
	const char *const *name = *state;
	enum shape shape = (enum shape)(name - shape_names);

	random_restart();
	for (int i = 0; i < 60; i++) {
		struct ruleset set;

		random_ruleset(&set, shape, i < 4 ? (size_t)i : random_below(i % 10 ? 40 : 300));
		check_ruleset(&set);
		ruleset_done(&set);
	}
}

/* Prefixes of every length that contain one address, each with both verdicts: the longest chain
 * possible. The rules end one by one, from the longest prefix to the shortest, so a lookup may have
 * to walk the whole chain. */
static void the_longest_chain(void **state)
{
	struct address address = { IPF_IPV6, { 0x20010db800000000, 1 } };
	struct ruleset set;
	struct image image;

	(void)state;
	ruleset_init(&set);
	ruleset_name_set(&set, "pass");
	ruleset_name_set(&set, "drop");
	for (unsigned int i = 0; i < IPF_MAX_CHAIN; i++) {
		unsigned int bits = 128 - i / 2;
		struct ipf_key mask = prefix_last(&(struct prefix){ .bits = (__u8)bits });
		struct rule rule = {
			.prefix = { { address.key.high & ~mask.high, address.key.low & ~mask.low },
				    IPF_IPV6,
				    (__u8)bits },
			.verdict = i % 2 ? IPF_DROP : IPF_PASS,
			.set = i % 2,
			.expires = i + 1,
		};

		assert_int_equal(ruleset_add(&set, &rule, 1, NULL), 0);
	}
	assert_int_equal(set.count, IPF_MAX_CHAIN);
	assert_int_equal(compile_rules(&set, &image), 0);
	for (__u32 now = 0; now < IPF_MAX_CHAIN; now++) {
		struct ipf_match match = image_lookup(&image, &address, now);

		assert_int_equal(match.verdict, now % 2 ? IPF_DROP : IPF_PASS);
		assert_true(match.owner < set.count);
		assert_int_equal(set.rules[match.owner].expires, now + 1);
		assert_int_equal(set.rules[match.owner].prefix.bits, 128 - now / 2);
	}
	assert_int_equal(image_lookup(&image, &address, IPF_MAX_CHAIN).verdict, IPF_NO_VERDICT);
	image_done(&image);
	ruleset_done(&set);
}

/* One bucket of the index with very many points, and what is around it. */
static void a_crowded_bucket(void **state)
{
	const size_t count = 20000;
	struct rule *rules = calloc(count, sizeof(*rules));
	struct rule far = { .prefix = { { 0xf0ull << 56, 0 }, IPF_IPV4, 32 }, .verdict = IPF_DROP };
	struct ruleset set;
	struct image image;

	(void)state;
	ruleset_init(&set);
	ruleset_name_set(&set, "default");
	/* This rule makes the index cover nearly everything. */
	assert_int_equal(ruleset_add(&set, &far, 1, NULL), 0);
	for (size_t i = 0; i < count; i++) /* Every third address of 10.1.0.0/16. */
		rules[i] = (struct rule){
			.prefix = { { (0x0a010000ull + 3 * i) << 32, 0 }, IPF_IPV4, 32 },
			.verdict = IPF_DROP,
		};
	assert_int_equal(ruleset_add(&set, rules, count, NULL), 0);
	assert_int_equal(compile_rules(&set, &image), 0);
	for (__u64 host = 0x0a00ff00; host < 0x0a020100; host++) {
		struct address address = { IPF_IPV4, { host << 32, 0 } };
		bool hit = host >= 0x0a010000 && host < 0x0a010000 + 3 * count &&
			   (host - 0x0a010000) % 3 == 0;

		assert_int_equal(image_lookup(&image, &address, 0).verdict,
				 hit ? IPF_DROP : IPF_NO_VERDICT);
	}
	image_done(&image);
	ruleset_done(&set);
	free(rules);
}

/* The points below one word are so many that they have an index over several chunks. */
static void check_large_index(unsigned int bits)
{
	const size_t count = 70000; /* rules, each with a gap after it */
	struct rule *rules = calloc(count, sizeof(*rules));
	struct ruleset set;
	struct image image;

	ruleset_init(&set);
	ruleset_name_set(&set, "default");
	for (__u64 i = 0; i < count; i++)
		rules[i] = (struct rule){
			.prefix = { { 0x20010db800000000 + 3 * i, bits > 64 ? 3 * i : 0 },
				    IPF_IPV6,
				    (__u8)bits },
			.verdict = IPF_DROP,
		};
	assert_int_equal(ruleset_add(&set, rules, count, NULL), 0);
	for (size_t i = 0; i < count; i++)
		set.rules[i].counter = (__u32)i;
	assert_int_equal(compile_rules(&set, &image), 0);
	for (__u64 net = 0; net < 3 * count + 3; net++) {
		struct address address = { IPF_IPV6, { 0x20010db800000000 + net, net } };
		struct address beside = { IPF_IPV6, { address.key.high, net + 1 } };
		bool hit = net < 3 * count && net % 3 == 0;
		struct ipf_match match = image_lookup(&image, &address, 0);

		assert_int_equal(match.verdict, hit ? IPF_DROP : IPF_NO_VERDICT);
		if (hit)
			assert_int_equal(match.owner, net / 3);
		if (bits > 64)
			assert_int_equal(image_lookup(&image, &beside, 0).verdict, IPF_NO_VERDICT);
	}
	image_done(&image);
	ruleset_done(&set);
	free(rules);
}

/* For the nets each point says what it means; for the hosts it refers to the longest possible
 * suffix. */
static void a_large_index_below_a_word(void **state)
{
	(void)state;
	check_large_index(64);
	check_large_index(128);
}

/* The /24s below 10.0.0.0 with an even third octet drop, but for their address .100. */
static void nets_with_holes(struct ruleset *set, size_t nets)
{
	struct rule *rules = calloc(2 * nets, sizeof(*rules));

	ruleset_init(set);
	ruleset_name_set(set, "default");
	for (size_t i = 0; i < 2 * nets; i++) {
		__u64 first = 0x0a000000 + 512 * (i / 2) + (i % 2 ? 100 : 0);

		rules[i] = (struct rule){
			.prefix = { { first << 32, 0 }, IPF_IPV4, i % 2 ? 32 : 24 },
			.verdict = i % 2 ? IPF_PASS : IPF_DROP,
			.counter = IPF_NO_COUNTER,
		};
	}
	assert_int_equal(ruleset_add(set, rules, 2 * nets, NULL), 0);
	assign_counters(set);
	free(rules);
}

/* A run stays within one chunk, whatever the size of a point and wherever the points begin:
 * otherwise it would be searched beyond its chunk. Each size puts other points at the end of a
 * chunk. */
static void runs_at_the_end_of_a_chunk(void **state)
{
	(void)state;
	for (size_t nets = 40000; nets < 40016; nets++) {
		struct ruleset set;
		struct image image;

		nets_with_holes(&set, nets);
		if (nets % 2)
			ruleset_drop_counters(&set);
		assert_int_equal(compile_rules(&set, &image), 0);
		for (size_t i = 0; i < nets; i++) {
			for (unsigned int host = 99; host <= 101; host++) {
				__u64 word = 0x0a000000 + 512 * i + host;
				struct address address = { IPF_IPV4, { word << 32, 0 } };

				assert_int_equal(image_lookup(&image, &address, 0).verdict,
						 host == 100 ? IPF_PASS : IPF_DROP);
			}
		}
		image_done(&image);
		ruleset_done(&set);
	}
}

/* Every `apart`th word of both families has a rule. */
static void rules_all_over(struct ruleset *set, size_t count, __u64 apart)
{
	struct rule *rules = calloc(2 * count, sizeof(*rules));

	assert_non_null(rules);
	for (size_t i = 0; i < 2 * count; i++)
		rules[i] = (struct rule){ .prefix = { .key = { (i / 2 * apart) << 32, 0 },
						      .family = i % 2 ? IPF_IPV6 : IPF_IPV4,
						      .bits = 32 },
					  .verdict = IPF_DROP,
					  .counter = IPF_NO_COUNTER };
	ruleset_init(set);
	assert_int_equal(ruleset_name_set(set, "all-over"), 0);
	assert_int_equal(ruleset_add(set, rules, 2 * count, NULL), 0);
	free(rules);
}

/* The index of each family alone would fill the head. */
static void both_indexes_fit_into_the_head(void **state)
{
	enum { WORDS = 200000, APART = 21000 };
	const struct ipf_space *spaces;
	struct error err = { 0 };
	struct ruleset set;
	struct image image;

	(void)state;
	rules_all_over(&set, WORDS, APART);
	assert_int_equal(compile_rules(&set, &image), 0);
	assert_int_equal(image_check(&image, &err), 0);
	spaces = image_header(&image)->layout.space;
	assert_true(spaces[IPF_IPV4].points <= IPF_HEAD_SIZE);
	assert_true(spaces[IPF_IPV6].index < IPF_HEAD_SIZE);
	for (__u64 i = 0; i < WORDS; i++)
		for (int family = 0; family < IPF_FAMILIES; family++)
			for (unsigned int beside = 0; beside < 2; beside++) {
				struct address address = { (enum ipf_family)family,
							   { (i * APART + beside) << 32, 0 } };

				assert_int_equal(image_lookup(&image, &address, 0).verdict,
						 beside ? IPF_NO_VERDICT : IPF_DROP);
			}
	image_done(&image);
	ruleset_done(&set);
}

/* Of more than two million rules the index goes on beyond the head. */
static void an_index_beyond_the_head(void **state)
{
	enum { WORDS = 2200000, APART = 1900 };
	struct error err = { 0 };
	struct ruleset set;
	struct image image;

	(void)state;
	ruleset_init(&set);
	assert_int_equal(ruleset_name_set(&set, "default"), 0);
	assert_int_equal(ruleset_reserve(&set, WORDS, 1), 0);
	for (__u64 i = 0; i < WORDS; i++)
		set.rules[set.count++] = (struct rule){
			.prefix = { { i * APART << 32, 0 }, IPF_IPV4, 32 },
			.verdict = IPF_DROP,
			.counter = IPF_NO_COUNTER,
		};
	assert_int_equal(compile_rules(&set, &image), 0);
	assert_int_equal(image_check(&image, &err), 0);
	assert_true(image_header(&image)->layout.space[IPF_IPV4].points > IPF_HEAD_SIZE);
	for (__u64 i = 0; i < WORDS; i += 7)
		for (unsigned int beside = 0; beside < 2; beside++) {
			struct address address = { IPF_IPV4, { (i * APART + beside) << 32, 0 } };

			assert_int_equal(image_lookup(&image, &address, 0).verdict,
					 beside ? IPF_NO_VERDICT : IPF_DROP);
		}
	image_done(&image);
	ruleset_done(&set);
}

/* An address in a rule, at or next to one of its ends, or anywhere. */
static struct address address_near(const struct ruleset *set)
{
	const struct prefix *prefix = &set->rules[random_below(set->count)].prefix;
	struct ipf_key first = prefix->key, last = prefix_last(prefix);
	struct ipf_key inside = { first.high | (random_number() & (last.high ^ first.high)),
				  first.low | (random_number() & (last.low ^ first.low)) };

	switch (random_below(4)) {
	case 0:
		return address_at(prefix->family, first, (int)random_below(3) - 1);
	case 1:
		return address_at(prefix->family, last, (int)random_below(3) - 1);
	case 2:
		return address_at(prefix->family, inside, 0);
	default:
		return random_address(prefix->family);
	}
}

/* These sets are too large for a search through all rules, so the table is compared with the rules
 * themselves, which the small sets above compare with a search. XDP_IPFILTER_LONG=1 means ten
 * million lookups. */
static void large_sets_agree(void **state)
{
	const char *const *name = *state;
	enum shape shape = (enum shape)(name - shape_names);
	bool thorough = getenv("XDP_IPFILTER_LONG") && !getenv("XDP_IPFILTER_QUICK");
	size_t sizes[] = { 1000, 20000, thorough ? 1000000 : 60000 };
	size_t lookups = thorough ? 420000 : 40000;

	random_restart();
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct ruleset set;
		struct image image;

		random_ruleset(&set, shape, sizes[i]);
		if (i % 2)
			ruleset_drop_counters(&set);
		assert_int_equal(compile_rules(&set, &image), 0);
		for (size_t n = 0; n < lookups; n++) {
			struct address address = address_near(&set);
			__u32 now = (__u32)random_below(RANDOM_MAX_EXPIRES + 2);
			const struct rule *rule = ruleset_decide(&set, &address, now);
			char text[ADDRESS_TEXT_SIZE];

			if (image_lookup(&image, &address, now).verdict ==
			    (rule ? rule->verdict : IPF_NO_VERDICT))
				continue;
			address_format(&address, text);
			fail_msg("%s at tick %u, %zu rules", text, now, set.count);
		}
		image_done(&image);
		ruleset_done(&set);
	}
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_lookup, lookup_cases);
	for (size_t i = 0; i < SHAPES; i++)
		suite_add(&suite, shape_names[i], check_shape, &shape_names[i]);
	suite_add(&suite, "the longest chain is walked to its end", the_longest_chain, NULL);
	suite_add(&suite, "a crowded bucket of the index", a_crowded_bucket, NULL);
	suite_add(&suite, "a large index below a word", a_large_index_below_a_word, NULL);
	suite_add(&suite, "runs at the end of a chunk", runs_at_the_end_of_a_chunk, NULL);
	suite_add(&suite, "both indexes fit into the head", both_indexes_fit_into_the_head, NULL);
	suite_add(&suite, "an index beyond the head", an_index_beyond_the_head, NULL);
	for (size_t i = 0; i < SHAPES; i++)
		suite_add(&suite, shape_names[i], large_sets_agree, &shape_names[i]);
	return suite_run(&suite, "lookup");
}
