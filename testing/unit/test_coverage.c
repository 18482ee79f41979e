// SPDX-License-Identifier: GPL-2.0
/*
 * How many of the addresses in use do prefixes cover, and how many do changes of rules drop?
 */
#include <ruleset/coverage.h>

#include <stdlib.h>

#include "support.h"

/* 1/256 of all IPv4 addresses. */
#define SLASH8 (1ull << 56)
#define SLASH12 (1ull << 52)

struct prefix_case {
	const char *name;
	const char *text;
	__u64 covered;
};

static const struct prefix_case prefix_cases[] = {
	{ "all of IPv4", "0.0.0.0/0", 221 * SLASH8 },
	{ "the lower half", "0.0.0.0/1", 125 * SLASH8 },
	{ "the upper half", "128.0.0.0/1", 96 * SLASH8 },
	{ "a /8 in use", "1.0.0.0/8", SLASH8 },
	{ "the last /8 in use", "223.0.0.0/8", SLASH8 },
	{ "this network", "0.0.0.0/8", 0 },
	{ "private addresses", "10.0.0.0/8", 0 },
	{ "loopback", "127.0.0.0/8", 0 },
	{ "multicast and what is reserved", "224.0.0.0/3", 0 },
	{ "a /7 that is half in use", "10.0.0.0/7", SLASH8 },
	{ "an address", "192.0.2.1", 1ull << 32 },
	{ "a private address", "10.255.255.255", 0 },
	{ "all of IPv6", "::/0", 8 * SLASH12 + (1ull << 48) + (1ull << 46) + (2ull << 41) },
	{ "global unicast", "2000::/3", 8 * SLASH12 + (1ull << 48) + (1ull << 46) + (2ull << 41) },
	{ "what is outside of it", "8000::/1", 0 },
	{ "addresses that no registry has yet", "3000::/4", 0 },
	{ "a registry's block", "2c00::/12", SLASH12 },
	{ "a /64", "2001:db8::/64", 1 },
	{ "less than a /64", "2001:db8::/65", 0 },
	{ "an IPv6 address", "2001:db8::1", 0 },
};

static void check_prefix(void **state)
{
	const struct prefix_case *c = *state;
	struct prefix_list list = { 0 };

	assert_int_equal(prefix_parse(c->text, &list, NULL), PREFIX_OK);
	assert_int_equal(list.count, 1);
	assert_true(coverage_of(&list.items[0]) == c->covered);
	prefix_list_done(&list);
}

static void a_family_is_all_of_it(void **state)
{
	const struct prefix four = { .family = IPF_IPV4 }, six = { .family = IPF_IPV6 };

	(void)state;
	assert_true(coverage_total(IPF_IPV4) == coverage_of(&four));
	assert_true(coverage_total(IPF_IPV6) == coverage_of(&six));
}

struct change_case {
	const char *name;
	const char *before, *after;
	enum ipf_verdict policy;
	__u64 passed_before, passed_after, dropped; /* IPv4, in units of a /8 */
	__u64 lines[2];                             /* by the first two lines of `after` */
};

static const struct change_case change_cases[] = {
	{ "nothing", "", "", IPF_PASS, 221, 221, 0, { 0, 0 } },
	{ "nothing under deny", "", "", IPF_DROP, 0, 0, 0, { 0, 0 } },
	{ "all", "", "0.0.0.0/0\n", IPF_PASS, 221, 0, 221, { 221, 0 } },
	{ "all in two halves", "", "0.0.0.0/1\n128.0.0.0/1\n", IPF_PASS, 221, 0, 221, { 125, 96 } },
	{ "all but an exception",
	  "",
	  "0.0.0.0/0\npass 1.0.0.0/8\n",
	  IPF_PASS,
	  221,
	  1,
	  220,
	  { 220, 0 } },
	{ "an exception of an exception",
	  "",
	  "0.0.0.0/0\n64.0.0.0/3\npass 64.0.0.0/2\n",
	  IPF_PASS,
	  221,
	  31,
	  190,
	  { 158, 32 } },
	{ "what was dropped is not newly dropped",
	  "0.0.0.0/1\n",
	  "0.0.0.0/1\n128.0.0.0/1\n",
	  IPF_PASS,
	  96,
	  0,
	  96,
	  { 0, 96 } },
	{ "an exception that goes",
	  "0.0.0.0/0\npass 64.0.0.0/3\n",
	  "0.0.0.0/0\n",
	  IPF_PASS,
	  32,
	  0,
	  32,
	  { 32, 0 } },
	{ "a range", "", "0.0.0.1-255.255.255.255\n", IPF_PASS, 221, 0, 221, { 221, 0 } },
	{ "under deny a drop rule drops nothing new",
	  "",
	  "0.0.0.0/0\n",
	  IPF_DROP,
	  0,
	  0,
	  0,
	  { 0, 0 } },
	{ "under deny a pass rule that goes",
	  "pass 0.0.0.0/0\n",
	  "pass 1.0.0.0/8\n",
	  IPF_DROP,
	  221,
	  1,
	  220,
	  { 0, 0 } },
	{ "pass wins where a prefix has both",
	  "",
	  "set a\n0.0.0.0/0\nset b\npass 0.0.0.0/0\n",
	  IPF_PASS,
	  221,
	  221,
	  0,
	  { 0, 0 } },
	{ "the other family does not count",
	  "",
	  "::/0\n2000::/3\n",
	  IPF_PASS,
	  221,
	  221,
	  0,
	  { 0, 0 } },
};

static void check_change(void **state)
{
	const struct change_case *c = *state;
	struct coverage_line lines[] = { { .origin = 1 }, { .origin = 2 } };
	struct ruleset before, after;
	struct coverage got = { .family = IPF_IPV4,
				.policy = c->policy,
				.lines = lines,
				.line_count = COUNT_OF(lines) };

	ruleset_from_text(&before, c->before);
	ruleset_from_text(&after, c->after);
	coverage_compare(&got, &before, &after);
	assert_true(got.passed_before == c->passed_before * SLASH8);
	assert_true(got.passed_after == c->passed_after * SLASH8);
	assert_true(got.dropped == c->dropped * SLASH8);
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		assert_true(lines[i].dropped == c->lines[i] * SLASH8);
	ruleset_done(&before);
	ruleset_done(&after);
}

/* The count of the walk, made position by position. */

static int compare_places(const void *left, const void *right)
{
	const __u64 *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static void add_places(const struct ruleset *rules, __u64 *places, size_t *count)
{
	for (size_t i = 0; i < rules->count; i++) {
		places[(*count)++] = rules->rules[i].prefix.key.high;
		places[(*count)++] = prefix_last(&rules->rules[i].prefix).high + 1;
	}
}

static bool is_dropped(const struct ruleset *rules, const struct address *address,
		       enum ipf_verdict policy)
{
	const struct rule *rule = ruleset_decide(rules, address, 0);

	return (rule ? (enum ipf_verdict)rule->verdict : policy) == IPF_DROP;
}

static __u64 used_between(enum ipf_family family, __u64 first, __u64 end)
{
	const struct address from = { family, { first, 0 } };
	const struct address to = { family, { end - 1, UINT64_MAX } };
	struct prefix_list list = { 0 };
	__u64 used = 0;

	assert_int_equal(prefix_range(&from, &to, &list), PREFIX_OK);
	for (size_t i = 0; i < list.count; i++)
		used += coverage_of(&list.items[i]);
	prefix_list_done(&list);
	return used;
}

/* The walk expects one family, and prefixes up to /64. */
static void keep_family(struct ruleset *rules, enum ipf_family family)
{
	size_t kept = 0;

	for (size_t i = 0; i < rules->count; i++)
		if (rules->rules[i].prefix.bits <= 64 && rules->rules[i].prefix.family == family)
			rules->rules[kept++] = rules->rules[i];
	rules->count = kept;
}

static void compare_with_oracle(const struct ruleset *before, const struct ruleset *after,
				enum ipf_family family, enum ipf_verdict policy)
{
	__u64 *places = malloc((2 * (before->count + after->count) + 1) * sizeof(*places));
	struct coverage got = { .family = family, .policy = policy }, want = got;
	size_t count = 0;

	places[count++] = 0;
	add_places(before, places, &count);
	add_places(after, places, &count);
	qsort(places, count, sizeof(*places), compare_places);
	for (size_t i = 0; i < count; i++) {
		const struct address at = { family, { places[i], 0 } };
		__u64 end = i + 1 < count ? places[i + 1] : 0; /* 0: the end of the space */
		__u64 used;
		bool was, is;

		if (i + 1 < count && places[i] == end)
			continue;
		used = used_between(family, places[i], end);
		was = is_dropped(before, &at, policy);
		is = is_dropped(after, &at, policy);
		want.passed_before += was ? 0 : used;
		want.passed_after += is ? 0 : used;
		want.dropped += is && !was ? used : 0;
	}
	coverage_compare(&got, before, after);
	assert_memory_equal(&got, &want, sizeof(got));
	free(places);
}

static void the_walk_counts_what_packets_meet(void **state)
{
	(void)state;
	random_restart();
	for (int round = 0; round < 60; round++) {
		for (unsigned int family = 0; family < IPF_FAMILIES; family++) {
			enum shape shape = (enum shape)random_below(SHAPES);
			struct ruleset before, after;

			random_ruleset(&before, shape, random_below(40));
			random_ruleset(&after, shape, random_below(40));
			keep_family(&before, family);
			keep_family(&after, family);
			compare_with_oracle(&before, &after, family,
					    round % 2 ? IPF_DROP : IPF_PASS);
			ruleset_done(&before);
			ruleset_done(&after);
		}
	}
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_prefix, prefix_cases);
	suite_add(&suite, "a family is all of it", a_family_is_all_of_it, NULL);
	SUITE_TABLE(&suite, check_change, change_cases);
	suite_add(&suite, "the walk counts what packets meet", the_walk_counts_what_packets_meet,
		  NULL);
	return suite_run(&suite, "coverage");
}
