// SPDX-License-Identifier: GPL-2.0
/*
 * Are the rules of a source believed exactly when they should be?
 *
 * Cases first; then random deliveries, failures and pauses, against a model that looks at every
 * prefix again each time, and a filter that has what was planned and accepted.
 */
#include <source/following.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/ruleset.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <source/receiver.h>
#include <util/error.h>

#include "support.h"

#define TICKS_PER_S 8 /* about; time in the tests goes by it */
#define MAX_RULES 1000

static struct following_time at(uint64_t seconds)
{
	return (struct following_time){ .ms = 100000 + seconds * 1000,
					.tick = (__u32)(1000 + seconds * TICKS_PER_S) };
}

static struct rule rule(unsigned int host, __u8 verdict, __u32 expires)
{
	struct rule made = { .verdict = verdict,
			     .expires = expires,
			     .counter = IPF_NO_COUNTER,
			     .prefix = { .family = host % 2 ? IPF_IPV6 : IPF_IPV4, .bits = 32 } };

	made.prefix.key.high = (__u64)(host + 1) << 32;
	return made;
}

/* Rules for the hosts from `first` on. */
static void fill(struct rule *rules, unsigned int first, size_t count, __u8 verdict)
{
	for (size_t i = 0; i < count; i++)
		rules[i] = rule(first + (unsigned int)i, verdict, IPF_NEVER);
}

static void list(struct following *following, unsigned int first, size_t count)
{
	struct rule rules[MAX_RULES];

	fill(rules, first, count, VERDICT_DROP);
	assert_int_equal(following_take_list(following, rules, count, NULL), 0);
}

static void change(struct following *following, unsigned int first, size_t count, __u8 verdict)
{
	struct rule rules[MAX_RULES];

	fill(rules, first, count, verdict);
	assert_int_equal(following_take_change(following, rules, count, NULL), 0);
}

/* Plans, checks how much is to change, and accepts it. */
static void settle(struct following *following, uint64_t seconds, size_t added, size_t removed)
{
	const struct following_time now = at(seconds);

	assert_int_equal(following_make_plan(following, &now, NULL), 0);
	assert_int_equal(following->plan.added_count, added);
	assert_int_equal(following->plan.removed_count, removed);
	assert_int_equal(following_plan_is_empty(following), !added && !removed);
	following_accept(following, &now);
	assert_true(following_plan_is_empty(following));
}

static void trouble(struct following *following, uint64_t seconds)
{
	const struct following_time now = at(seconds);

	following_take_trouble(following, &now);
}

static void test_states(void **state)
{
	struct following following = { .max_rules = MAX_RULES };

	(void)state;
	assert_false(following_knows(&following));
	assert_int_equal(following_state(&following), FOLLOWING_STARTING);
	settle(&following, 0, 0, 0);
	trouble(&following, 1);
	assert_int_equal(following_state(&following), FOLLOWING_FAILING);
	assert_false(following_knows(&following));
	list(&following, 0, 3);
	assert_true(following_knows(&following));
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	settle(&following, 2, 3, 0);
	settle(&following, 3, 0, 0);
	trouble(&following, 4);
	following_take_same(&following);
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	assert_string_equal(following_state_name(FOLLOWING_HELD), "held");
	following_done(&following);
}

static void test_differences(void **state)
{
	struct following following = { .max_rules = MAX_RULES };
	struct rule *rules;
	size_t count;

	(void)state;
	list(&following, 0, 50);
	settle(&following, 0, 50, 0);
	list(&following, 10, 50);
	settle(&following, 1, 10, 10);
	change(&following, 20, 5, RECEIVER_REMOVED);
	change(&following, 22, 5, VERDICT_PASS);
	change(&following, 300, 5, VERDICT_DROP);
	change(&following, 301, 1, RECEIVER_REMOVED);
	change(&following, 900, 5, RECEIVER_REMOVED);
	/* 20 and 21 go, 22 to 26 pass, 300 and 302 to 304 come. */
	settle(&following, 2, 9, 2);
	assert_int_equal(following.accepted, 52);
	assert_int_equal(following_rules(&following, &rules, &count, NULL), 0);
	assert_int_equal(count, 52);
	for (size_t i = 1; i < count; i++)
		assert_int_equal(prefix_compare(&rules[i - 1].prefix, &rules[i].prefix), -1);
	free(rules);
	following_done(&following);
}

static void test_a_plan_that_failed_is_made_again(void **state)
{
	struct following following = { .max_rules = MAX_RULES };
	const struct following_time now = at(1);

	(void)state;
	list(&following, 0, 400);
	settle(&following, 0, 400, 0);
	change(&following, 400, 2, VERDICT_DROP);
	assert_int_equal(following_make_plan(&following, &now, NULL), 0);
	assert_int_equal(following.plan.added_count, 2);
	change(&following, 401, 2, VERDICT_DROP);
	settle(&following, 2, 3, 0);
	following_done(&following);
}

/* What is left of 200 rules, and is that believed? */
static const struct shrink_case {
	const char *name;
	size_t before, after;
	bool shrink;
	bool held;
} shrink_cases[] = {
	{ "half of 200 is left", 200, 100, false, false },
	{ "less than half of 200 is left", 200, 99, false, true },
	{ "less than half of 100 is left", 100, 49, false, true },
	{ "less than half of 99 is left", 99, 1, false, false },
	{ "nothing is left of 200", 200, 0, false, true },
	{ "nothing is left of 1", 1, 0, false, true },
	{ "nothing is left of nothing", 0, 0, false, false },
	{ "nothing is left, and that is fine", 200, 0, true, false },
	{ "it grows", 200, 500, false, false },
};

static void test_shrink(void **state)
{
	const struct shrink_case *c = *state;
	struct following following = { .shrink = c->shrink, .max_rules = MAX_RULES };
	size_t added = c->after > c->before ? c->after - c->before : 0;
	size_t removed = c->before > c->after ? c->before - c->after : 0;

	list(&following, 0, c->before);
	settle(&following, 0, c->before, 0);
	list(&following, 0, c->after);
	settle(&following, 1, added, c->held ? 0 : removed);
	assert_int_equal(following_state(&following), c->held ? FOLLOWING_HELD : FOLLOWING_FRESH);
	settle(&following, 1000000, 0, 0);
	/* The source comes back: what it says counts again. */
	list(&following, 0, 600);
	settle(&following, 1000001, 600 - (c->held ? c->before : c->after), 0);
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	following_done(&following);
}

static void test_a_held_source_still_adds(void **state)
{
	struct following following = { .max_rules = MAX_RULES };

	(void)state;
	list(&following, 0, 200);
	settle(&following, 0, 200, 0);
	list(&following, 195, 10);
	settle(&following, 1, 5, 0);
	assert_int_equal(following_state(&following), FOLLOWING_HELD);
	assert_int_equal(following.accepted, 205);
	change(&following, 195, 1, VERDICT_PASS);
	settle(&following, 2, 1, 0);
	following_done(&following);
}

/* A session that is back announces its routes one after the other. */
static void test_what_comes_back_in_parts_is_waited_for(void **state)
{
	const uint64_t settle_s = FOLLOWING_SETTLE_MS / 1000;
	struct following following = { .max_rules = MAX_RULES };

	(void)state;
	list(&following, 0, 5);
	settle(&following, 0, 5, 0);
	change(&following, 0, 5, RECEIVER_REMOVED);
	settle(&following, 100, 0, 0);
	assert_int_equal(following_state(&following), FOLLOWING_HELD);
	change(&following, 0, 1, VERDICT_DROP);
	settle(&following, 200, 0, 0);
	change(&following, 1, 3, VERDICT_DROP);
	settle(&following, 199 + settle_s, 0, 0);
	settle(&following, 198 + 2 * settle_s, 0, 0);
	assert_int_equal(following_state(&following), FOLLOWING_HELD);
	settle(&following, 199 + 2 * settle_s, 0, 1);
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	following_done(&following);
}

/* A list is all that there is. */
static void test_a_list_is_believed_at_once(void **state)
{
	struct following following = { .max_rules = MAX_RULES };

	(void)state;
	list(&following, 0, 5);
	settle(&following, 0, 5, 0);
	change(&following, 0, 5, RECEIVER_REMOVED);
	settle(&following, 100, 0, 0);
	list(&following, 0, 4);
	settle(&following, 100, 0, 1);
	following_done(&following);
}

/* A set whose source says of each rule that it goes. What comes, and is it believed? */
static const struct each_case {
	const char *name;
	size_t before;
	bool by_list; /* that is empty, and comes before the change */
	bool withdraws_each;
	bool held;
} each_cases[] = {
	{ "the last rule is withdrawn", 1, false, true, false },
	{ "the last 99 are withdrawn", 99, false, true, false },
	{ "all of 100 are withdrawn", 100, false, true, true },
	{ "an empty list comes, then a rule comes and goes", 3, true, true, true },
	{ "the last rule is lost", 1, false, false, true },
};

static void test_each(void **state)
{
	const struct each_case *c = *state;
	struct following following = { .withdraws_each = c->withdraws_each,
				       .max_rules = MAX_RULES };

	list(&following, 0, c->before);
	settle(&following, 0, c->before, 0);
	if (c->by_list) {
		list(&following, 0, 0);
		change(&following, 0, 1, VERDICT_DROP);
	}
	change(&following, 0, c->before, RECEIVER_REMOVED);
	settle(&following, 1, 0, c->held ? 0 : c->before);
	assert_int_equal(following_state(&following), c->held ? FOLLOWING_HELD : FOLLOWING_FRESH);
	settle(&following, 100000, 0, 0);
	/* Once believed, an earlier empty list counts no more. */
	list(&following, 0, c->before);
	settle(&following, 200000, c->held ? 0 : c->before, 0);
	change(&following, 0, c->before, RECEIVER_REMOVED);
	settle(&following, 300000, 0, c->withdraws_each && c->before < 100 ? c->before : 0);
	following_done(&following);
}

static void test_hold_ends(void **state)
{
	struct following following = { .hold_ms = 3600000, .max_rules = MAX_RULES };

	(void)state;
	list(&following, 0, 200);
	settle(&following, 0, 200, 0);
	list(&following, 0, 1);
	settle(&following, 1, 0, 0);
	settle(&following, 3600, 0, 0);
	settle(&following, 3601, 0, 199);
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	following_done(&following);
}

static void test_hold_begins_again(void **state)
{
	struct following following = { .hold_ms = 3600000, .max_rules = MAX_RULES };

	(void)state;
	list(&following, 0, 200);
	settle(&following, 0, 200, 0);
	list(&following, 0, 1);
	settle(&following, 1, 0, 0);
	list(&following, 0, 200);
	settle(&following, 3000, 0, 0);
	list(&following, 0, 1);
	settle(&following, 3001, 0, 0);
	settle(&following, 6600, 0, 0);
	settle(&following, 6601, 0, 199);
	following_done(&following);
}

static void test_failing_longer_than_hold(void **state)
{
	struct following following = { .hold_ms = 60000, .max_rules = MAX_RULES };

	(void)state;
	list(&following, 0, 200);
	settle(&following, 0, 200, 0);
	trouble(&following, 10);
	trouble(&following, 60);
	settle(&following, 69, 0, 0);
	settle(&following, 70, 0, 200);
	assert_int_equal(following_state(&following), FOLLOWING_FAILING);
	following_take_same(&following);
	settle(&following, 71, 200, 0);
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	following_done(&following);
}

static void test_failing_for_ever_without_hold(void **state)
{
	struct following following = { .max_rules = MAX_RULES };

	(void)state;
	list(&following, 0, 5);
	settle(&following, 0, 5, 0);
	trouble(&following, 10);
	settle(&following, 100000000, 0, 0);
	following_done(&following);
}

/* Rules go one by one, as when a BGP session is lost: each step is small. */
static void test_a_slow_withdrawal(void **state)
{
	struct following following = { .max_rules = MAX_RULES };

	(void)state;
	list(&following, 0, 200);
	settle(&following, 0, 200, 0);
	for (unsigned int i = 0; i < 10; i++) {
		change(&following, i * 10, 10, RECEIVER_REMOVED);
		settle(&following, 1 + i, 0, 10);
	}
	change(&following, 100, 10, RECEIVER_REMOVED);
	settle(&following, 30, 0, 0);
	assert_int_equal(following_state(&following), FOLLOWING_HELD);
	/* A minute after the others went, these are not half of them any more. */
	settle(&following, 75, 0, 10);
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	following_done(&following);
}

static void test_ends_are_no_withdrawal(void **state)
{
	struct following following = { .max_rules = MAX_RULES };
	struct rule rules[MAX_RULES];

	(void)state;
	for (unsigned int i = 0; i < 200; i++)
		rules[i] = rule(i, VERDICT_DROP, at(50).tick);
	assert_int_equal(following_take_list(&following, rules, 200, NULL), 0);
	settle(&following, 0, 200, 0);
	settle(&following, 49, 0, 0);
	assert_int_equal(following.accepted, 200);
	settle(&following, 50, 0, 0);
	assert_int_equal(following.accepted, 0);
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	list(&following, 0, 1);
	settle(&following, 51, 1, 0);
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	following_done(&following);
}

static void test_nearly_the_same_end(void **state)
{
	const __u32 end = at(500).tick, tolerance = tick_after(0, FOLLOWING_TOLERANCE_S);
	static const struct {
		int more;
		size_t changes;
	} steps[] = { { 0, 0 }, { 1, 0 }, { -1, 0 }, { 2, 1 }, { -2, 1 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		struct following following = { .max_rules = MAX_RULES };
		struct rule first = rule(1, VERDICT_DROP, end), again = first;

		/* 1 is the tolerance, 2 one tick more. */
		again.expires += (__u32)(steps[i].more / 2 * (int)(tolerance + 1));
		again.expires += (__u32)(steps[i].more % 2 * (int)tolerance);
		assert_int_equal(following_take_list(&following, &first, 1, NULL), 0);
		settle(&following, 0, 1, 0);
		assert_int_equal(following_take_change(&following, &again, 1, NULL), 0);
		settle(&following, 1, steps[i].changes, 0);
		again.expires = IPF_NEVER;
		assert_int_equal(following_take_change(&following, &again, 1, NULL), 0);
		settle(&following, 2, 1, 0);
		following_done(&following);
	}
}

static void test_too_many(void **state)
{
	struct following following = { .max_rules = 10 };
	struct rule rules[MAX_RULES];
	struct error err = { 0 };

	(void)state;
	fill(rules, 0, 11, VERDICT_DROP);
	assert_int_equal(following_take_list(&following, rules, 11, &err), -E2BIG);
	assert_string_equal(err.text, "it has more than 10 rules");
	list(&following, 0, 9);
	settle(&following, 0, 9, 0);
	change(&following, 0, 1, VERDICT_PASS);
	change(&following, 9, 1, VERDICT_DROP);
	settle(&following, 1, 2, 0);
	fill(rules, 10, 1, VERDICT_DROP);
	assert_int_equal(following_take_change(&following, rules, 1, &err), -E2BIG);
	settle(&following, 2, 0, 0);
	following_done(&following);
}

static void test_a_restored_copy(void **state)
{
	struct following following = { .max_rules = MAX_RULES };
	struct rule rules[MAX_RULES];

	(void)state;
	fill(rules, 0, 200, VERDICT_DROP);
	assert_int_equal(following_restore(&following, rules, 200, NULL), 0);
	assert_true(following_knows(&following));
	assert_int_equal(following_state(&following), FOLLOWING_STARTING);
	assert_int_equal(following.accepted, 200);
	/* It is judged by what there is, although no plan was made yet. */
	list(&following, 0, 0);
	settle(&following, 1, 0, 0);
	assert_int_equal(following_state(&following), FOLLOWING_HELD);
	assert_int_equal(following.accepted, 200);
	list(&following, 100, 101);
	settle(&following, 2, 1, 100);
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	following_done(&following);
}

/* A copy on disk is compared with what filters have. */
static void test_what_is_said(void **state)
{
	struct following following = { .max_rules = MAX_RULES };
	struct rule rules[6], other;
	size_t count = COUNT_OF(rules);

	(void)state;
	fill(rules, 0, count, VERDICT_DROP);
	assert_int_equal(ruleset_sort_incoming(rules, &count), 0);
	rules[2].expires = 5000;
	assert_int_equal(following_restore(&following, rules, count, NULL), 0);
	assert_true(following_says(&following, rules, count));
	rules[2].expires = 5000 + TICKS_PER_S;
	assert_true(following_says(&following, rules, count));
	rules[2].expires = 5000 + 4 * TICKS_PER_S;
	assert_false(following_says(&following, rules, count));
	rules[2].expires = 5000;
	rules[3].verdict = VERDICT_BY_POLICY;
	assert_false(following_says(&following, rules, count));
	rules[3].verdict = VERDICT_DROP;
	assert_false(following_says(&following, rules, count - 1));
	assert_false(following_says(&following, rules + 1, count - 1));
	assert_false(following_says(&following, NULL, 0));
	other = rules[count - 1];
	rules[count - 1].prefix.key.low = 1;
	assert_false(following_says(&following, rules, count));
	rules[count - 1] = other;
	assert_true(following_says(&following, rules, count));
	following_done(&following);
}

/* --- Who would drop nearly everybody ---------------------------------------------------------- */

static struct rule wide(const char *text, __u8 verdict)
{
	struct rule made = { .verdict = verdict, .expires = IPF_NEVER };

	struct prefix_list prefixes = { 0 };
	bool host_bits;

	assert_int_equal(prefix_parse(text, &prefixes, &host_bits), PREFIX_OK);
	made.prefix = prefixes.items[0];
	prefix_list_done(&prefixes);
	return made;
}

/* What is said of two prefixes, next to one that is there. Is it refused? */
static const struct breadth_case {
	const char *name;
	const char *prefixes[2];
	__u8 verdicts[2];
	bool refused;
} breadth_cases[] = {
	{ "0.0.0.0/0", { "0.0.0.0/0" }, { VERDICT_DROP }, true },
	{ "0.0.0.0/0 by policy", { "0.0.0.0/0" }, { VERDICT_BY_POLICY }, true },
	{ "0.0.0.0/0 that passes", { "0.0.0.0/0" }, { VERDICT_PASS }, false },
	{ "::/0", { "::/0" }, { VERDICT_DROP }, true },
	{ "2000::/3", { "2000::/3" }, { VERDICT_DROP }, true },
	{ "both halves", { "0.0.0.0/1", "128.0.0.0/1" }, { VERDICT_DROP, VERDICT_DROP }, true },
	{ "one half", { "128.0.0.0/1" }, { VERDICT_DROP }, false },
	{ "one half, twice",
	  { "128.0.0.0/1", "128.0.0.0/2" },
	  { VERDICT_DROP, VERDICT_DROP },
	  false },
	{ "a hole of a /8", { "0.0.0.0/0", "8.0.0.0/8" }, { VERDICT_DROP, VERDICT_PASS }, false },
	{ "a hole of a /9", { "0.0.0.0/0", "8.0.0.0/9" }, { VERDICT_DROP, VERDICT_PASS }, true },
	{ "halves of two families",
	  { "0.0.0.0/1", "2000::/6" },
	  { VERDICT_DROP, VERDICT_DROP },
	  false },
};

static void test_breadth(void **state)
{
	const struct breadth_case *c = *state;
	struct following following = { .withdraws_each = true, .max_rules = MAX_RULES };
	struct rule rules[4] = { wide("9.9.9.9", VERDICT_DROP) };
	size_t said = 1;

	list(&following, 0, 3);
	settle(&following, 0, 3, 0);
	for (size_t i = 0; i < 2 && c->prefixes[i]; i++)
		rules[said++] = wide(c->prefixes[i], c->verdicts[i]);
	assert_int_equal(following_take_change(&following, rules, said, NULL), 0);
	settle(&following, 1, c->refused ? 0 : said, 0);
	assert_int_equal(following_state(&following),
			 c->refused ? FOLLOWING_HELD : FOLLOWING_FRESH);
	assert_int_equal(following.accepted, c->refused ? 3 : 3 + said);
	/* Other rules, time, and a failure make no difference. */
	change(&following, 3, 2, VERDICT_DROP);
	settle(&following, 1000000, c->refused ? 0 : 2, 0);
	/* The first of them goes: all else is used at once. */
	rules[1].verdict = RECEIVER_REMOVED;
	assert_int_equal(following_take_change(&following, &rules[1], 1, NULL), 0);
	settle(&following, 1000001, c->refused ? said - 1 + 2 : 0, c->refused ? 0 : 1);
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	following_done(&following);
}

static void test_what_is_too_wide_is_named(void **state)
{
	struct following following = { .max_rules = MAX_RULES };
	struct rule rules[] = { wide("0.0.0.0/1", VERDICT_DROP), wide("64.0.0.0/2", VERDICT_DROP),
				wide("128.0.0.0/1", VERDICT_DROP), wide("2000::/3", VERDICT_PASS) };
	char text[PREFIX_TEXT_SIZE];

	(void)state;
	assert_int_equal(following_take_list(&following, rules, COUNT_OF(rules), NULL), 0);
	settle(&following, 0, 0, 0);
	prefix_format(&following.breadth.widest, text);
	assert_string_equal(text, "0.0.0.0/1");
	following_done(&following);
}

/* The end of a rule that passes, and of one that drops, are seen. */
static void test_breadth_when_rules_end(void **state)
{
	struct following following = { .max_rules = MAX_RULES };
	struct rule rules[] = { wide("0.0.0.0/0", VERDICT_DROP), wide("8.0.0.0/7", VERDICT_PASS) };

	(void)state;
	rules[0].expires = at(50).tick;
	rules[1].expires = at(20).tick;
	assert_int_equal(following_take_list(&following, rules, 2, NULL), 0);
	settle(&following, 0, 2, 0);
	settle(&following, 21, 0, 0);
	assert_int_equal(following_state(&following), FOLLOWING_HELD);
	settle(&following, 51, 0, 0);
	assert_int_equal(following_state(&following), FOLLOWING_FRESH);
	following_done(&following);
}

#define STEPS 4000

#define WIDE_BITS 3u
#define WIDE_COUNT ((1u << (WIDE_BITS + 1)) - 1) /* prefixes of IPv4 that are no longer */

/* The verdict of the longest prefix over the /8; 0 bits is the first of `verdicts`. */
static bool wide_drops(const __u8 *verdicts, unsigned int octet)
{
	for (unsigned int bits = WIDE_BITS + 1; bits--;) {
		__u8 verdict = verdicts[(1u << bits) - 1 + (octet >> (8 - bits))];

		if (verdict != RECEIVER_REMOVED)
			return verdict == VERDICT_DROP || verdict == VERDICT_BY_POLICY;
	}
	return false;
}

/* A /8 that passes is just enough. */
static bool wide_passes_somebody(const __u8 *verdicts)
{
	for (unsigned int octet = 1; octet < 224; octet++)
		if (octet != 10 && octet != 127 && !wide_drops(verdicts, octet))
			return true;
	return false;
}

static void test_random_breadth(void **state)
{
	static const __u8 all[] = { VERDICT_DROP,      VERDICT_DROP,      VERDICT_DROP,
				    VERDICT_BY_POLICY, VERDICT_BY_POLICY, VERDICT_PASS,
				    VERDICT_AS_POLICY, RECEIVER_REMOVED };
	struct following following = { .withdraws_each = true, .max_rules = MAX_RULES };
	__u8 verdicts[WIDE_COUNT];
	unsigned int refused = 0;

	(void)state;
	random_restart();
	memset(verdicts, RECEIVER_REMOVED, sizeof(verdicts));
	for (unsigned int step = 0; step < STEPS; step++) {
		const struct following_time now = at(step * 100);
		unsigned int bits = (unsigned int)random_below(WIDE_BITS + 1);
		unsigned int number = (unsigned int)random_below(1u << bits);
		struct rule one = { .verdict = all[random_below(COUNT_OF(all))],
				    .expires = IPF_NEVER,
				    .prefix = { .family = IPF_IPV4, .bits = (__u8)bits } };

		if (bits)
			one.prefix.key.high = (__u64)number << (64 - bits);
		verdicts[(1u << bits) - 1 + number] = one.verdict;
		assert_int_equal(following_take_change(&following, &one, 1, NULL), 0);
		assert_int_equal(following_make_plan(&following, &now, NULL), 0);
		following_accept(&following, &now);
		assert_int_equal(following_state(&following),
				 wide_passes_somebody(verdicts) ? FOLLOWING_FRESH : FOLLOWING_HELD);
		refused += following.breadth.is_too_wide;
	}
	assert_uint_in_range(refused, 10, STEPS - 10);
	following_done(&following);
}

/* --- The model -------------------------------------------------------------------------------- */

#define HOSTS 260u

struct model_rule {
	__u8 verdict;
	__u32 expires;
};

struct model {
	struct model_rule said[HOSTS], accepted[HOSTS], filter[HOSTS];
	bool heard, suspicious, held, failing, gave_up;
	bool changes; /* were said since the last plan, and not in a list */
	bool emptied; /* by a list, which is not believed yet */
	uint64_t suspicious_since, failing_since, changed;
	/* Accepted rules before each change of them, less those that have ended since. */
	size_t before[STEPS];
	uint64_t before_ms[STEPS];
	size_t before_count;
};

static const struct model_rule nothing = { .verdict = RECEIVER_REMOVED };

static bool is_there(const struct model_rule *one)
{
	return one->verdict != RECEIVER_REMOVED;
}

static size_t how_many(const struct model_rule *rules)
{
	size_t count = 0;

	for (unsigned int i = 0; i < HOSTS; i++)
		count += is_there(&rules[i]);
	return count;
}

static bool is_near(__u32 a, __u32 b)
{
	__u32 apart = a > b ? a - b : b - a;

	return a && b ? apart <= tick_after(0, FOLLOWING_TOLERANCE_S) : a == b;
}

static bool is_same(const struct model_rule *a, const struct model_rule *b)
{
	return a->verdict == b->verdict && (!is_there(a) || is_near(a->expires, b->expires));
}

static bool has_ended(const struct model_rule *one, __u32 now)
{
	return is_there(one) && tick_ended(one->expires, now);
}

static void model_end(struct model *model, __u32 now)
{
	for (unsigned int i = 0; i < HOSTS; i++) {
		struct model_rule *said = &model->said[i], *accepted = &model->accepted[i];
		bool ended = has_ended(accepted, now), said_ended = has_ended(said, now);
		bool both = (ended || said_ended) && is_same(said, accepted);

		if (said_ended || both)
			*said = nothing;
		if (ended || both) {
			*accepted = nothing;
			for (size_t k = 0; k < model->before_count; k++)
				model->before[k] -= model->before[k] > 0;
		}
		if (has_ended(&model->filter[i], now))
			model->filter[i] = nothing;
	}
}

static void model_judge(struct model *model, const struct following *limits, uint64_t ms)
{
	size_t said = how_many(model->said), most = how_many(model->accepted);
	size_t accepted = most;
	bool suspicious, settled;

	if (model->changes)
		model->changed = ms;
	model->changes = false;
	settled = !model->changed || ms - model->changed >= FOLLOWING_SETTLE_MS;
	for (size_t k = 0; k < model->before_count; k++)
		if (model->before_ms[k] / 1000 + FOLLOWING_PEAK_S > ms / 1000 &&
		    model->before[k] > most)
			most = model->before[k];
	suspicious = !limits->shrink &&
		     ((accepted && !said && (model->emptied || !limits->withdraws_each)) ||
		      (accepted && most >= FOLLOWING_MANY && said * 2 < most) ||
		      (model->suspicious && !settled));
	if (suspicious && !model->suspicious)
		model->suspicious_since = ms;
	model->suspicious = suspicious;
	if (!suspicious)
		model->emptied = false;
	model->held = suspicious &&
		      !(limits->hold_ms && ms - model->suspicious_since >= limits->hold_ms);
	model->gave_up = model->failing && limits->hold_ms &&
			 ms - model->failing_since >= limits->hold_ms;
}

static struct model_rule model_target(const struct model *model, unsigned int i)
{
	if (model->gave_up)
		return nothing;
	if (is_there(&model->said[i]))
		return model->said[i];
	return model->held ? model->accepted[i] : nothing;
}

static struct model_rule *find_host(struct model_rule *rules, const struct rule *one)
{
	return &rules[(one->prefix.key.high >> 32) - 1];
}

/* A filter gets what is planned; then it has what the model wants. */
static void model_accept(struct model *model, const struct following *following, uint64_t ms)
{
	const struct following_plan *plan = &following->plan;

	if (plan->at_count) {
		model->before[model->before_count] = how_many(model->accepted);
		model->before_ms[model->before_count++] = ms;
	}
	for (size_t i = 0; i < plan->added_count; i++) {
		const struct rule *one = &plan->added[i];

		*find_host(model->filter, one) = (struct model_rule){ one->verdict, one->expires };
	}
	for (size_t i = 0; i < plan->removed_count; i++)
		*find_host(model->filter, &plan->removed[i]) = nothing;
	for (unsigned int i = 0; i < HOSTS; i++) {
		struct model_rule wanted = model_target(model, i);

		if (!is_same(&model->accepted[i], &wanted))
			model->accepted[i] = wanted;
		assert_true(is_same(&model->filter[i], &wanted) ||
			    /* It ends within the tolerance, and is not taken away for that. */
			    (!is_there(&wanted) && is_there(&model->filter[i]) &&
			     model->filter[i].expires));
	}
}

static void random_delivery(struct model *model, struct following *following, __u32 now)
{
	bool whole = random_below(3) == 0;
	size_t count = (size_t)random_below(random_below(3) ? 4 : HOSTS);
	struct rule rules[HOSTS + 1];

	if (whole)
		for (unsigned int i = 0; i < HOSTS; i++)
			model->said[i] = nothing;
	for (size_t i = 0; i < count; i++) {
		static const __u8 verdicts[] = { VERDICT_PASS, VERDICT_DROP, VERDICT_BY_POLICY };
		bool gone = !whole && random_below(2);
		__u8 verdict = gone ? RECEIVER_REMOVED : verdicts[random_below(3)];
		__u32 end = random_below(3) ? IPF_NEVER : now + 1 + (__u32)random_below(2000);

		rules[i] = rule((unsigned int)random_below(HOSTS), verdict, end);
		*find_host(model->said, &rules[i]) = (struct model_rule){ verdict, end };
	}
	if (whole)
		assert_int_equal(following_take_list(following, rules, count, NULL), 0);
	else
		assert_int_equal(following_take_change(following, rules, count, NULL), 0);
	model->changes = !whole;
	if (whole)
		model->changed = 0;
	if (whole)
		model->emptied = count == 0;
	model->heard = true;
	model->failing = false;
	model->gave_up = false;
}

static void random_event(struct model *model, struct following *following,
			 const struct following_time *now)
{
	switch (random_below(12)) {
	case 0:
		following_take_trouble(following, now);
		if (!model->failing)
			model->failing_since = now->ms;
		model->failing = true;
		break;
	case 1:
		following_take_same(following);
		model->heard = true;
		model->failing = model->gave_up = false;
		break;
	default:
		random_delivery(model, following, now->tick);
	}
}

static enum following_state model_state(const struct model *model)
{
	if (model->failing)
		return FOLLOWING_FAILING;
	if (!model->heard)
		return FOLLOWING_STARTING;
	return model->held ? FOLLOWING_HELD : FOLLOWING_FRESH;
}

static void compare(const struct model *model, const struct following *following)
{
	struct rule *rules;
	size_t count, wanted = 0;

	assert_int_equal(following_state(following), model_state(model));
	assert_int_equal(following->said, how_many(model->said));
	assert_int_equal(following->accepted, how_many(model->accepted));
	assert_int_equal(following_rules(following, &rules, &count, NULL), 0);
	for (unsigned int i = 0; i < HOSTS; i++) {
		struct model_rule target = model_target(model, i);

		wanted += is_there(&target);
	}
	assert_int_equal(count, wanted);
	for (size_t i = 0; i < count; i++) {
		unsigned int host = (unsigned int)(rules[i].prefix.key.high >> 32) - 1;
		struct model_rule target = model_target(model, host);

		assert_int_equal(rules[i].verdict, target.verdict);
		assert_int_equal(rules[i].expires, target.expires);
	}
	free(rules);
}

static const struct model_case {
	const char *name;
	uint64_t hold_s;
	bool shrink;
	bool withdraws_each;
} model_cases[] = {
	{ "random, held for ever", 0, false, false },
	{ "random, held for a while", 40, false, false },
	{ "random, each withdrawn", 0, false, true },
	{ "random, shrinks believed", 0, true, false },
	{ "random, shrinks believed, given up", 40, true, false },
};

static void test_model(void **state)
{
	const struct model_case *c = *state;
	struct following following = { .hold_ms = c->hold_s * 1000,
				       .shrink = c->shrink,
				       .withdraws_each = c->withdraws_each,
				       .max_rules = MAX_RULES };
	static struct model model;
	uint64_t seconds = 0;

	random_restart();
	model = (struct model){ 0 };
	for (unsigned int i = 0; i < HOSTS; i++)
		model.said[i] = model.accepted[i] = model.filter[i] = nothing;
	for (unsigned int step = 0; step < STEPS; step++) {
		struct following_time now;

		seconds += random_below(random_below(8) ? 3 : 60);
		now = at(seconds);
		for (uint64_t i = random_below(3); i; i--)
			random_event(&model, &following, &now);
		assert_int_equal(following_make_plan(&following, &now, NULL), 0);
		model_end(&model, now.tick);
		model_judge(&model, &following, now.ms);
		if (random_below(5) == 0)
			continue; /* It could not be published. */
		model_accept(&model, &following, now.ms);
		following_accept(&following, &now);
		compare(&model, &following);
	}
	following_done(&following);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "states", test_states, NULL);
	suite_add(&suite, "differences", test_differences, NULL);
	suite_add(&suite, "a plan that failed", test_a_plan_that_failed_is_made_again, NULL);
	SUITE_TABLE(&suite, test_shrink, shrink_cases);
	SUITE_TABLE(&suite, test_each, each_cases);
	suite_add(&suite, "a held source still adds", test_a_held_source_still_adds, NULL);
	suite_add(&suite, "what comes back in parts", test_what_comes_back_in_parts_is_waited_for,
		  NULL);
	suite_add(&suite, "a list after a withdrawal", test_a_list_is_believed_at_once, NULL);
	suite_add(&suite, "hold ends", test_hold_ends, NULL);
	suite_add(&suite, "hold begins again", test_hold_begins_again, NULL);
	suite_add(&suite, "failing longer than hold", test_failing_longer_than_hold, NULL);
	suite_add(&suite, "failing without hold", test_failing_for_ever_without_hold, NULL);
	suite_add(&suite, "a slow withdrawal", test_a_slow_withdrawal, NULL);
	suite_add(&suite, "ends are no withdrawal", test_ends_are_no_withdrawal, NULL);
	suite_add(&suite, "nearly the same end", test_nearly_the_same_end, NULL);
	suite_add(&suite, "too many", test_too_many, NULL);
	suite_add(&suite, "a restored copy", test_a_restored_copy, NULL);
	suite_add(&suite, "what is said", test_what_is_said, NULL);
	SUITE_TABLE(&suite, test_breadth, breadth_cases);
	suite_add(&suite, "what is too wide", test_what_is_too_wide_is_named, NULL);
	suite_add(&suite, "too wide for a time", test_breadth_when_rules_end, NULL);
	suite_add(&suite, "random breadth", test_random_breadth, NULL);
	SUITE_TABLE(&suite, test_model, model_cases);
	return suite_run(&suite, "following");
}
