// SPDX-License-Identifier: GPL-2.0
/*
 * Which prefixes does a text mean, and what do prefixes cover?
 */
#include <ruleset/prefix.h>

#include <stdio.h>
#include <string.h>

#include "support.h"

#define HOST_BITS "(host bits) "

struct prefix_case {
	const char *name;
	const char *text;
	enum prefix_problem problem;
	const char *meaning; /* the prefixes, each after "(host bits) " if these were cleared */
};

static const struct prefix_case prefix_cases[] = {
	{ "an IPv4 address", "192.0.2.7", PREFIX_OK, "192.0.2.7" },
	{ "an IPv4 prefix", "192.0.2.0/24", PREFIX_OK, "192.0.2.0/24" },
	{ "the whole of IPv4", "0.0.0.0/0", PREFIX_OK, "0.0.0.0/0" },
	{ "half of IPv4", "128.0.0.0/1", PREFIX_OK, "128.0.0.0/1" },
	{ "a pair of IPv4 addresses", "192.0.2.6/31", PREFIX_OK, "192.0.2.6/31" },
	{ "a /32 is an address", "192.0.2.7/32", PREFIX_OK, "192.0.2.7" },
	{ "a /33", "192.0.2.7/33", PREFIX_BAD_LENGTH, NULL },
	{ "a length that wraps 64 bits", "192.0.2.7/18446744073709551640", PREFIX_BAD_LENGTH,
	  NULL },
	{ "host bits are cleared", "192.0.2.7/24", PREFIX_OK, HOST_BITS "192.0.2.0/24" },
	{ "one host bit is cleared", "192.0.2.7/31", PREFIX_OK, HOST_BITS "192.0.2.6/31" },
	{ "all bits are host bits", "255.255.255.255/0", PREFIX_OK, HOST_BITS "0.0.0.0/0" },
	{ "no length", "192.0.2.0/", PREFIX_BAD_LENGTH, NULL },
	{ "a length with a plus sign", "192.0.2.0/+24", PREFIX_BAD_LENGTH, NULL },
	{ "a negative length", "192.0.2.0/-1", PREFIX_NOT_A_RULE, NULL },
	{ "a length with a leading zero", "10.0.0.0/08", PREFIX_LEADING_ZEROS, NULL },
	{ "octets with leading zeros", "192.000.002.001", PREFIX_LEADING_ZEROS, NULL },
	{ "one octet with a leading zero", "192.0.02.1/24", PREFIX_LEADING_ZEROS, NULL },
	{ "a range with leading zeros", "010.0.0.1-010.0.0.9", PREFIX_LEADING_ZEROS, NULL },
	{ "a netmask with leading zeros", "10.0.0.0/255.000.0.0", PREFIX_LEADING_ZEROS, NULL },
	{ "leading zeros and a fault besides", "010.0.0.300", PREFIX_NOT_A_RULE, NULL },
	{ "leading zeros and a long tail",
	  "00000000000000000000000000000000000000000000000000"
	  "0000000000000000000000000000000000000000000000000000000000000000000000000000000010.0.0.1",
	  PREFIX_LEADING_ZEROS, NULL },
	{ "a length with a blank", "10.0.0.0/ 8", PREFIX_BAD_LENGTH, NULL },
	{ "a length with text after it", "10.0.0.0/8x", PREFIX_BAD_LENGTH, NULL },
	{ "two lengths", "10.0.0.0/8/8", PREFIX_BAD_LENGTH, NULL },
	{ "a short IPv4 prefix, which some take", "10/8", PREFIX_NOT_A_RULE, NULL },
	{ "no address", "/8", PREFIX_NOT_A_RULE, NULL },
	{ "a bad address with a good length", "10.0.0.300/8", PREFIX_NOT_A_RULE, NULL },
	{ "a blank in front of the slash", "10.0.0.0 /8", PREFIX_NOT_A_RULE, NULL },
	{ "nothing", "", PREFIX_NOT_A_RULE, NULL },
	{ "a word", "drop", PREFIX_NOT_A_RULE, NULL },
	{ "an address longer than any", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/8",
	  PREFIX_NOT_A_RULE, NULL },

	{ "a netmask", "192.0.2.0/255.255.255.0", PREFIX_OK, "192.0.2.0/24" },
	{ "the netmask of one address", "192.0.2.7/255.255.255.255", PREFIX_OK, "192.0.2.7" },
	{ "the netmask of everything", "0.0.0.0/0.0.0.0", PREFIX_OK, "0.0.0.0/0" },
	{ "the netmask of one bit", "128.0.0.0/128.0.0.0", PREFIX_OK, "128.0.0.0/1" },
	{ "a netmask of 31 bits", "192.0.2.6/255.255.255.254", PREFIX_OK, "192.0.2.6/31" },
	{ "host bits under a netmask", "192.0.2.7/255.255.255.0", PREFIX_OK,
	  HOST_BITS "192.0.2.0/24" },
	{ "a netmask with a hole", "192.0.2.0/255.0.255.0", PREFIX_BAD_NETMASK, NULL },
	{ "an inverted netmask", "192.0.2.0/0.0.0.255", PREFIX_BAD_NETMASK, NULL },
	{ "a netmask that lacks its first bit", "192.0.2.0/127.255.255.255", PREFIX_BAD_NETMASK,
	  NULL },
	{ "a netmask of three octets", "192.0.2.0/255.255.255", PREFIX_BAD_NETMASK, NULL },
	{ "a netmask for IPv6", "2001:db8::/255.255.255.0", PREFIX_BAD_LENGTH, NULL },
	{ "a netmask in IPv6 spelling", "10.0.0.0/ffff:ffff::", PREFIX_BAD_LENGTH, NULL },
	{ "a netmask in mapped spelling", "10.0.0.0/::ffff:255.0.0.0", PREFIX_BAD_LENGTH, NULL },

	{ "an IPv6 address", "2001:db8::1", PREFIX_OK, "2001:db8::1" },
	{ "an IPv6 prefix", "2001:DB8:0::/32", PREFIX_OK, "2001:db8::/32" },
	{ "the whole of IPv6", "::/0", PREFIX_OK, "::/0" },
	{ "a /64", "2001:db8:1:2::/64", PREFIX_OK, "2001:db8:1:2::/64" },
	{ "a /65", "2001:db8:1:2:8000::/65", PREFIX_OK, "2001:db8:1:2:8000::/65" },
	{ "a /63", "2001:db8:1:2::/63", PREFIX_OK, "2001:db8:1:2::/63" },
	{ "a /127", "2001:db8::2/127", PREFIX_OK, "2001:db8::2/127" },
	{ "a /128 is an address", "2001:db8::1/128", PREFIX_OK, "2001:db8::1" },
	{ "a /129", "2001:db8::1/129", PREFIX_BAD_LENGTH, NULL },
	{ "IPv6 host bits in the low half", "2001:db8::1/64", PREFIX_OK,
	  HOST_BITS "2001:db8::/64" },
	{ "IPv6 host bits in the high half", "2001:db8:0:1::/63", PREFIX_OK,
	  HOST_BITS "2001:db8::/63" },
	{ "IPv6 host bits below a /65", "2001:db8::8000:0:0:1/65", PREFIX_OK,
	  HOST_BITS "2001:db8:0:0:8000::/65" },

	{ "a mapped address", "::ffff:192.0.2.7", PREFIX_OK, "192.0.2.7" },
	{ "a mapped /128", "::ffff:192.0.2.7/128", PREFIX_OK, "192.0.2.7" },
	{ "a mapped /120", "::ffff:192.0.2.0/120", PREFIX_OK, "192.0.2.0/24" },
	{ "a mapped prefix in hexadecimal", "::ffff:c000:200/120", PREFIX_OK, "192.0.2.0/24" },
	{ "a mapped /96 is the whole of IPv4", "::ffff:0:0/96", PREFIX_OK, "0.0.0.0/0" },
	{ "host bits of a mapped prefix", "::ffff:192.0.2.7/120", PREFIX_OK,
	  HOST_BITS "192.0.2.0/24" },
	{ "a mapped /129", "::ffff:192.0.2.7/129", PREFIX_BAD_LENGTH, NULL },
	{ "a mapped /95", "::ffff:0:0/95", PREFIX_MAPPED_TOO_SHORT, NULL },
	{ "a mapped address with an IPv4 length", "::ffff:192.0.2.0/24", PREFIX_MAPPED_TOO_SHORT,
	  NULL },
	{ "a mapped address with length 0", "::ffff:192.0.2.0/0", PREFIX_MAPPED_TOO_SHORT, NULL },
	{ "a mapped address with a netmask", "::ffff:192.0.2.0/255.255.255.0", PREFIX_BAD_LENGTH,
	  NULL },
	{ "an IPv6 prefix over the mapped ones", "::/64", PREFIX_OK, "::/64" },
	{ "the closest prefix over the mapped ones", "::fffe:0:0/95", PREFIX_OK, "::fffe:0:0/95" },

	{ "a range of one address", "192.0.2.7-192.0.2.7", PREFIX_OK, "192.0.2.7" },
	{ "a range that is a prefix", "192.0.2.0-192.0.2.255", PREFIX_OK, "192.0.2.0/24" },
	{ "a range within a prefix", "192.0.2.1-192.0.2.6", PREFIX_OK,
	  "192.0.2.1 192.0.2.2/31 192.0.2.4/31 192.0.2.6" },
	{ "a range across octets", "10.255.255.255-11.0.0.0", PREFIX_OK,
	  "10.255.255.255 11.0.0.0" },
	{ "a range over half the space", "127.255.255.255-128.0.0.0", PREFIX_OK,
	  "127.255.255.255 128.0.0.0" },
	{ "the whole of IPv4 as a range", "0.0.0.0-255.255.255.255", PREFIX_OK, "0.0.0.0/0" },
	{ "all of IPv4 but the first address", "0.0.0.1-255.255.255.255", PREFIX_OK,
	  "0.0.0.1 0.0.0.2/31 0.0.0.4/30 0.0.0.8/29 0.0.0.16/28 0.0.0.32/27 0.0.0.64/26 "
	  "0.0.0.128/25 0.0.1.0/24 0.0.2.0/23 0.0.4.0/22 0.0.8.0/21 0.0.16.0/20 0.0.32.0/19 "
	  "0.0.64.0/18 0.0.128.0/17 0.1.0.0/16 0.2.0.0/15 0.4.0.0/14 0.8.0.0/13 0.16.0.0/12 "
	  "0.32.0.0/11 0.64.0.0/10 0.128.0.0/9 1.0.0.0/8 2.0.0.0/7 4.0.0.0/6 8.0.0.0/5 16.0.0.0/4 "
	  "32.0.0.0/3 64.0.0.0/2 128.0.0.0/1" },
	{ "the last two addresses of IPv4", "255.255.255.254-255.255.255.255", PREFIX_OK,
	  "255.255.255.254/31" },
	{ "the last address of IPv4", "255.255.255.255-255.255.255.255", PREFIX_OK,
	  "255.255.255.255" },
	{ "a range backwards", "192.0.2.7-192.0.2.6", PREFIX_RANGE_BACKWARDS, NULL },
	{ "an IPv6 range", "2001:db8::1-2001:db8::4", PREFIX_OK,
	  "2001:db8::1 2001:db8::2/127 2001:db8::4" },
	{ "an IPv6 range across the halves", "2001:db8::ffff:ffff:ffff:ffff-2001:db8:0:1::",
	  PREFIX_OK, "2001:db8::ffff:ffff:ffff:ffff 2001:db8:0:1::" },
	{ "the whole of IPv6 as a range", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", PREFIX_OK,
	  "::/0" },
	{ "the last address of IPv6",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  PREFIX_OK, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "an IPv6 range backwards", "2001:db8::2-2001:db8::1", PREFIX_RANGE_BACKWARDS, NULL },
	{ "a range from IPv4 to IPv6", "192.0.2.1-2001:db8::1", PREFIX_RANGE_MIXED_FAMILIES, NULL },
	{ "a range from IPv6 to IPv4", "::1-192.0.2.1", PREFIX_RANGE_MIXED_FAMILIES, NULL },
	{ "a range of mapped addresses", "::ffff:192.0.2.0-::ffff:192.0.2.1", PREFIX_OK,
	  "192.0.2.0/31" },
	{ "a range from mapped to plain IPv4", "::ffff:192.0.2.0-192.0.2.1", PREFIX_OK,
	  "192.0.2.0/31" },
	{ "a range from mapped to IPv6", "::ffff:1.2.3.4-2001:db8::1", PREFIX_RANGE_MIXED_FAMILIES,
	  NULL },
	{ "a range from IPv6 to mapped", "::-::ffff:1.2.3.4", PREFIX_RANGE_MIXED_FAMILIES, NULL },
	{ "a range whose pieces contain the mapped ones", "::-::1:0:0:0", PREFIX_OK,
	  "::/80 ::1:0:0:0" },
	{ "a range with the mapped ones as a piece", "::fffe:0:1-::1:0:0:0",
	  PREFIX_RANGE_OVER_MAPPED, NULL },
	{ "a range up to the mapped ones", "::fffe:0:0-::fffe:ffff:ffff", PREFIX_OK,
	  "::fffe:0:0/96" },
	{ "a range of prefixes", "10.0.0.0/8-11.0.0.0/8", PREFIX_NOT_A_RULE, NULL },
	{ "a range to a prefix", "10.0.0.0-11.0.0.0/8", PREFIX_NOT_A_RULE, NULL },
	{ "a range without an end", "10.0.0.0-", PREFIX_NOT_A_RULE, NULL },
	{ "a range without a start", "-10.0.0.0", PREFIX_NOT_A_RULE, NULL },
	{ "a range of three", "10.0.0.0-10.0.0.1-10.0.0.2", PREFIX_NOT_A_RULE, NULL },
	{ "a short range, which some take", "10.0.0.0-255", PREFIX_NOT_A_RULE, NULL },
	{ "a range with blanks", "10.0.0.0 - 10.0.0.1", PREFIX_NOT_A_RULE, NULL },
};

static void list_text(const struct prefix_list *list, size_t from, char *out, size_t size)
{
	char text[PREFIX_TEXT_SIZE];
	size_t length = 0;

	for (size_t i = from; i < list->count; i++) {
		prefix_format(&list->items[i], text);
		length += (size_t)snprintf(out + length, size - length, "%s%s", i > from ? " " : "",
					   text);
	}
}

static void check_prefix(void **state)
{
	const struct prefix_case *c = *state;
	struct prefix_list list = { 0 };
	bool host_bits = false;
	char text[2048];
	size_t start;

	/* The list is not empty: on success prefixes are appended, otherwise it stays as it is. */
	assert_int_equal(prefix_parse("198.51.100.0/24", &list, NULL), PREFIX_OK);
	assert_int_equal(prefix_parse(c->text, &list, &host_bits), c->problem);
	if (c->problem) {
		assert_int_equal(list.count, 1);
	} else {
		start = (size_t)snprintf(text, sizeof(text), "%s", host_bits ? HOST_BITS : "");
		list_text(&list, 1, text + start, sizeof(text) - start);
		assert_string_equal(text, c->meaning);
	}
	list_text(&(struct prefix_list){ .items = list.items, .count = 1 }, 0, text, sizeof(text));
	assert_string_equal(text, "198.51.100.0/24");
	prefix_list_done(&list);
	assert_null(list.items);
}

struct cover_case {
	const char *name;
	const char *outer, *inner;
	bool contains;
};

static const struct cover_case cover_cases[] = {
	{ "a prefix contains itself", "10.0.0.0/8", "10.0.0.0/8", true },
	{ "a prefix contains a longer one", "10.0.0.0/8", "10.255.255.255", true },
	{ "a prefix doesn't contain a shorter one", "10.0.0.0/9", "10.0.0.0/8", false },
	{ "a prefix doesn't contain the one before", "10.0.0.0/8", "9.255.255.255", false },
	{ "a prefix doesn't contain the one after it", "10.0.0.0/8", "11.0.0.0", false },
	{ "the whole of IPv4 contains its last address", "0.0.0.0/0", "255.255.255.255", true },
	{ "the whole of IPv4 contains no IPv6", "0.0.0.0/0", "::", false },
	{ "the whole of IPv6 contains no IPv4", "::/0", "0.0.0.0", false },
	{ "the whole of IPv6 contains its last address", "::/0",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
	{ "a /64 contains its last address", "2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff",
	  true },
	{ "a /64 doesn't contain the next address", "2001:db8::/64", "2001:db8:0:1::", false },
	{ "a /65 contains its last address", "2001:db8::/65", "2001:db8::7fff:ffff:ffff:ffff",
	  true },
	{ "a /65 doesn't contain the next address", "2001:db8::/65", "2001:db8::8000:0:0:0",
	  false },
	{ "a /127 contains its last address", "2001:db8::/127", "2001:db8::1", true },
	{ "a /127 doesn't contain the next address", "2001:db8::/127", "2001:db8::2", false },
	{ "an address doesn't contain its neighbour", "2001:db8::1", "2001:db8::2", false },
};

static void check_cover(void **state)
{
	const struct cover_case *c = *state;
	struct prefix outer = prefix_from(c->outer), inner = prefix_from(c->inner);
	struct address address = { inner.family, inner.key };
	struct prefix over = prefix_of_address(&address, outer.bits);
	bool is_over = !prefix_compare(&over, &outer) && outer.bits <= inner.bits;

	assert_int_equal(is_over, c->contains);
	assert_int_equal(prefix_contains(&outer, &inner), c->contains);
}

struct edge_case {
	const char *name;
	const char *prefix;
	struct ipf_key first, last;
};

static const struct edge_case edge_cases[] = {
	{ "the ends of an IPv4 prefix",
	  "10.0.0.0/8",
	  { 0x0a00000000000000, 0 },
	  { 0x0affffffffffffff, UINT64_MAX } },
	{ "the ends of an IPv4 address",
	  "10.0.0.1",
	  { 0x0a00000100000000, 0 },
	  { 0x0a000001ffffffff, UINT64_MAX } },
	{ "the ends of IPv4", "0.0.0.0/0", { 0, 0 }, { UINT64_MAX, UINT64_MAX } },
	{ "the ends of IPv6", "::/0", { 0, 0 }, { UINT64_MAX, UINT64_MAX } },
	{ "the ends of a /63", "0:0:0:2::/63", { 2, 0 }, { 3, UINT64_MAX } },
	{ "the ends of a /64", "0:0:0:2::/64", { 2, 0 }, { 2, UINT64_MAX } },
	{ "the ends of a /65", "0:0:0:2::/65", { 2, 0 }, { 2, UINT64_MAX >> 1 } },
	{ "the ends of an IPv6 address", "::1", { 0, 1 }, { 0, 1 } },
};

static void check_edges(void **state)
{
	const struct edge_case *c = *state;
	struct prefix prefix = prefix_from(c->prefix);
	struct ipf_key last = prefix_last(&prefix);

	assert_int_equal(address_key_compare(&prefix.key, &c->first), 0);
	assert_int_equal(address_key_compare(&last, &c->last), 0);
}

static void a_cover_comes_first(void **state)
{
	static const char *const rising[] = {
		"0.0.0.0/0", "0.0.0.0",       "10.0.0.0/8",      "10.0.0.0/9", "10.0.0.0",
		"10.0.0.1",  "10.128.0.0/9",  "255.255.255.255", "::/0",       "::",
		"::1",       "2001:db8::/32", "2001:db8::/64",   "2001:db8::", "2001:db8:0:1::/64",
		"ffff::/16",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rising); i++)
		for (size_t k = 0; k < COUNT_OF(rising); k++) {
			struct prefix a = prefix_from(rising[i]), b = prefix_from(rising[k]);

			assert_int_equal(prefix_compare(&a, &b), (i > k) - (i < k));
		}
}

static void every_problem_has_words(void **state)
{
	(void)state;
	for (int i = PREFIX_OK; i <= PREFIX_NO_MEMORY; i++) {
		assert_string_not_equal(prefix_problem_text(i), "unknown problem");
		for (int k = PREFIX_OK; k < i; k++)
			assert_string_not_equal(prefix_problem_text(i), prefix_problem_text(k));
	}
	assert_string_equal(prefix_problem_text(PREFIX_NOT_A_RULE),
			    "not an address, prefix or range");
	assert_string_equal(prefix_problem_text(PREFIX_RANGE_BACKWARDS),
			    "the range ends before it starts");
}

static struct ipf_key after(struct ipf_key key)
{
	return key_sum(key, (struct ipf_key){ 0, 1 });
}

static bool same_key(struct ipf_key a, struct ipf_key b)
{
	return address_key_compare(&a, &b) == 0;
}

/* The pieces follow each other from start to end without a gap, and no two of them make one prefix.
 * Then they are the fewest possible prefixes. */
static void check_range(struct address first, struct address last)
{
	char text[2 * ADDRESS_TEXT_SIZE + 1], start[ADDRESS_TEXT_SIZE], end[ADDRESS_TEXT_SIZE];
	struct prefix_list list = { 0 };
	struct ipf_key next = first.key;

	address_format(&first, start);
	address_format(&last, end);
	snprintf(text, sizeof(text), "%s-%s", start, end);
	assert_int_equal(prefix_parse(text, &list, NULL), PREFIX_OK);
	for (size_t i = 0; i < list.count; i++) {
		const struct prefix *piece = &list.items[i];

		assert_int_equal(piece->family, first.family);
		assert_true(same_key(piece->key, next));
		next = after(prefix_last(piece));
		if (i && piece[-1].bits == piece->bits)
			/* The first of two neighbours of one length must be an upper half. */
			assert_true(key_bit(&piece[-1].key, piece->bits - 1u));
	}
	if (first.family == IPF_IPV4)
		assert_true((__u32)(next.high >> 32) == (__u32)(last.key.high >> 32) + 1);
	else
		assert_true(same_key(next, after(last.key)));
	prefix_list_done(&list);
}

static void ranges_are_cut_into_the_smallest_set(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 20000; i++) {
		enum ipf_family family = i % 2 ? IPF_IPV6 : IPF_IPV4;
		struct address first = random_address(family), last = random_address(family);

		if (random_below(2)) { /* Close to each other. */
			last = first;
			if (family == IPF_IPV4)
				last.key.high += random_below(5000) << 32;
			else
				last.key.low += random_below(5000);
		}
		if (address_key_compare(&first.key, &last.key) > 0)
			continue;
		check_range(first, last);
	}
}

static void prefixes_survive_their_text(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 300; i++) {
		struct ruleset set;

		random_ruleset(&set, (enum shape)(i % SHAPES), 60);
		for (size_t k = 0; k < set.count; k++) {
			struct prefix_list list = { 0 };
			char text[PREFIX_TEXT_SIZE];
			bool host_bits = true;

			prefix_format(&set.rules[k].prefix, text);
			assert_int_equal(prefix_parse(text, &list, &host_bits), PREFIX_OK);
			assert_int_equal(list.count, 1);
			assert_false(host_bits);
			assert_int_equal(prefix_compare(&list.items[0], &set.rules[k].prefix), 0);
			prefix_list_done(&list);
		}
		ruleset_done(&set);
	}
}

struct common_case {
	const char *name;
	const char *a, *b;
	const char *common;
};

static const struct common_case common_cases[] = {
	{ "two hosts have a net in common", "10.0.0.1", "10.0.0.2", "10.0.0.0/30" },
	{ "neighbours over a border", "10.0.0.255", "10.0.1.0", "10.0.0.0/23" },
	{ "one is in the other", "10.0.0.0/8", "10.1.2.3", "10.0.0.0/8" },
	{ "both are the same", "10.1.2.3", "10.1.2.3", "10.1.2.3" },
	{ "nothing in common", "0.0.0.0", "128.0.0.0", "0.0.0.0/0" },
	{ "a difference in the lower half", "2001:db8::1", "2001:db8::4", "2001:db8::/125" },
	{ "a difference at the halves' border",
	  "2001:db8::", "2001:db8:0:0:8000::", "2001:db8::/64" },
	{ "nothing in common in IPv6", "::1", "8000::", "::/0" },
};

static void check_common(void **state)
{
	const struct common_case *c = *state;
	struct prefix a = prefix_from(c->a), b = prefix_from(c->b), common;
	char text[PREFIX_TEXT_SIZE];

	common = prefix_common(&a, &b);
	prefix_format(&common, text);
	assert_string_equal(text, c->common);
	common = prefix_common(&b, &a);
	prefix_format(&common, text);
	assert_string_equal(text, c->common);
}

static void a_list_is_reduced(void **state)
{
	static const char *const texts[] = { "10.0.0.9",   "11.0.0.0/8", "::1",      "10.0.0.0/8",
					     "10.0.0.0/9", "9.0.0.1",    "11.0.0.0", "10.0.0.0/8" };
	static const char *const left[] = { "9.0.0.1", "10.0.0.0/8", "11.0.0.0/8", "::1" };
	const struct prefix covered = prefix_from("10.255.255.255"),
			    outside = prefix_from("12.0.0.0");
	const struct prefix wider = prefix_from("10.0.0.0/7"), first = prefix_from("0.0.0.0/0");
	struct prefix_list list = { 0 };

	(void)state;
	prefix_list_reduce(&list);
	assert_int_equal(list.count, 0);
	assert_false(prefix_list_covers(&list, &covered));
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		const struct prefix prefix = prefix_from(texts[i]);

		assert_int_equal(prefix_list_add(&list, &prefix), 0);
	}
	prefix_list_reduce(&list);
	assert_int_equal(list.count, COUNT_OF(left));
	for (size_t i = 0; i < COUNT_OF(left); i++) {
		const struct prefix prefix = prefix_from(left[i]);

		assert_int_equal(prefix_compare(&list.items[i], &prefix), 0);
		assert_int_equal(prefix_list_find(&list, &prefix), i);
		assert_true(prefix_list_covers(&list, &prefix));
	}
	assert_true(prefix_list_covers(&list, &covered));
	assert_false(prefix_list_covers(&list, &outside));
	assert_false(prefix_list_covers(&list, &wider));
	assert_int_equal(prefix_list_find(&list, &first), 0);
	assert_int_equal(prefix_list_find(&list, &covered), 2);
	prefix_list_done(&list);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_prefix, prefix_cases);
	SUITE_TABLE(&suite, check_cover, cover_cases);
	SUITE_TABLE(&suite, check_edges, edge_cases);
	SUITE_TABLE(&suite, check_common, common_cases);
	suite_add(&suite, "a list is sorted, without what is inside others", a_list_is_reduced,
		  NULL);
	suite_add(&suite, "a cover comes before what it covers", a_cover_comes_first, NULL);
	suite_add(&suite, "every problem has words of its own", every_problem_has_words, NULL);
	suite_add(&suite, "ranges become the fewest prefixes", ranges_are_cut_into_the_smallest_set,
		  NULL);
	suite_add(&suite, "prefixes survive their text", prefixes_survive_their_text, NULL);
	return suite_run(&suite, "prefix");
}
