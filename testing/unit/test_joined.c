// SPDX-License-Identifier: GPL-2.0
/*
 * Do the rules that several filters have in a set become those that its source said?
 */
#include <sync/joined.h>

#include <string.h>

#include <ruleset/ruleset.h>
#include <ruleset/verdict.h>

#include "support.h"

#define BAD 0
#define OTHER 1

static struct ipf_set sets[] = { { .name = "bad" }, { .name = "other" } };

static struct rule rule(unsigned int number, __u8 verdict, __u32 expires, __u16 set)
{
	struct rule made = { .verdict = verdict,
			     .expires = expires,
			     .set = set,
			     .counter = 7,
			     .prefix = { .family = IPF_IPV4, .bits = 32 } };

	made.prefix.key.high = (__u64)number << 32;
	return made;
}

static void add(struct joined *joined, enum ipf_verdict policy, struct rule *rules, size_t count)
{
	const struct ruleset set = { .rules = rules, .count = count, .sets = sets, .set_count = 2 };

	assert_int_equal(joined_add(joined, &set, "bad", policy), 0);
	assert_int_equal(joined_add(joined, &set, "unknown", policy), 0);
}

static void expect(const struct joined *joined, size_t at, unsigned int number, __u8 verdict,
		   __u32 expires)
{
	assert_true(at < joined->count);
	assert_int_equal(joined->rules[at].prefix.key.high >> 32, number);
	assert_int_equal(joined->rules[at].verdict, verdict);
	assert_int_equal(joined->rules[at].expires, expires);
	assert_int_equal(joined->rules[at].set, 0);
	assert_int_equal(joined->rules[at].counter, IPF_NO_COUNTER);
}

/* No rule of a filter is lost, none of another set comes in, and the later end counts. */
static void check_union(void **state)
{
	struct rule one[] = { rule(1, IPF_DROP, IPF_NEVER, BAD), rule(1, IPF_PASS, 9, OTHER),
			      rule(3, IPF_DROP, 50, BAD), rule(5, IPF_DROP, 70, BAD) };
	struct rule two[] = { rule(2, IPF_DROP, 40, BAD), rule(3, IPF_DROP, 60, BAD),
			      rule(4, IPF_DROP, IPF_NEVER, OTHER),
			      rule(5, IPF_DROP, IPF_NEVER, BAD) };
	struct joined joined = { 0 };

	(void)state;
	add(&joined, IPF_PASS, one, COUNT_OF(one));
	assert_int_equal(joined.count, 3);
	add(&joined, IPF_PASS, two, COUNT_OF(two));
	joined_decide(&joined, NULL, 0);
	assert_int_equal(joined.count, 4);
	expect(&joined, 0, 1, VERDICT_DROP, IPF_NEVER);
	expect(&joined, 1, 2, VERDICT_DROP, 40);
	expect(&joined, 2, 3, VERDICT_DROP, 60);
	expect(&joined, 3, 5, VERDICT_DROP, IPF_NEVER);
	joined_done(&joined);
	assert_int_equal(joined.count, 0);
}

/* What one rule of two filters, allow and deny, was: with a copy on disk that says `known`, and
 * without one. ABSENT: the filter does not have it, there is no copy. */
#define ABSENT 0xff
static const struct verdict_case {
	const char *name;
	__u8 allow, deny, known, verdict;
} verdict_cases[] = {
	{ "allow alone, drop", IPF_DROP, ABSENT, ABSENT, VERDICT_DROP },
	{ "allow alone, drop, by a copy", IPF_DROP, ABSENT, VERDICT_BY_POLICY, VERDICT_BY_POLICY },
	{ "allow alone, pass", IPF_PASS, ABSENT, ABSENT, VERDICT_PASS },
	{ "allow alone, pass, by a copy", IPF_PASS, ABSENT, VERDICT_AS_POLICY, VERDICT_AS_POLICY },
	{ "allow alone, a copy that differs", IPF_DROP, ABSENT, VERDICT_PASS, VERDICT_DROP },
	{ "deny alone, pass", ABSENT, IPF_PASS, ABSENT, VERDICT_PASS },
	{ "deny alone, pass, by a copy", ABSENT, IPF_PASS, VERDICT_BY_POLICY, VERDICT_BY_POLICY },
	{ "deny alone, drop", ABSENT, IPF_DROP, VERDICT_BY_POLICY, VERDICT_DROP },
	{ "opposites", IPF_DROP, IPF_PASS, ABSENT, VERDICT_BY_POLICY },
	{ "both as their policy", IPF_PASS, IPF_DROP, ABSENT, VERDICT_AS_POLICY },
	{ "both drop", IPF_DROP, IPF_DROP, VERDICT_BY_POLICY, VERDICT_DROP },
	{ "both pass", IPF_PASS, IPF_PASS, ABSENT, VERDICT_PASS },
};

static void check_verdict(void **state)
{
	const struct verdict_case *c = *state;
	struct rule allow = rule(7, c->allow, IPF_NEVER, BAD), deny = rule(7, c->deny, 5, BAD);
	struct rule known[] = { rule(6, VERDICT_PASS, IPF_NEVER, 0),
				rule(7, c->known, IPF_NEVER, 0) };
	struct joined joined = { 0 };

	if (c->allow != ABSENT)
		add(&joined, IPF_PASS, &allow, 1);
	if (c->deny != ABSENT)
		add(&joined, IPF_DROP, &deny, 1);
	joined_decide(&joined, known, c->known != ABSENT ? 2 : 0);
	assert_int_equal(joined.count, 1);
	expect(&joined, 0, 7, c->verdict, c->allow != ABSENT ? IPF_NEVER : 5);
	joined_done(&joined);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "all rules of all filters", check_union, NULL);
	SUITE_TABLE(&suite, check_verdict, verdict_cases);
	return suite_run(&suite, "joined");
}
