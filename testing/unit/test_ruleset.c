// SPDX-License-Identifier: GPL-2.0
/*
 * How do changes affect a rule set and its counters?
 *
 * Tables show it with rule files. Random changes are compared with a model, which is a plain list.
 */
#include <feed/input.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <feed/reader.h>
#include <ruleset/ruleset.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/error.h>

#include "support.h"

enum change { ADD, REMOVE, REPLACE };

struct change_case {
	const char *name;
	const char *before; /* a rule file */
	enum change change;
	const char *incoming; /* a rule file; REPLACE replaces the sets that it names */
	size_t changed;
	const char *after; /* canonical text */
};

static const struct change_case change_cases[] = {
	{ "adding to nothing", "", ADD, "10.0.0.1", 1, "drop 10.0.0.1\n" },
	{ "adding nothing to nothing", "", ADD, "", 0, "" },
	{ "adding nothing", "10.0.0.1", ADD, "", 0, "drop 10.0.0.1\n" },
	{ "adding in front", "10.0.0.2", ADD, "10.0.0.1", 1, "drop 10.0.0.1\ndrop 10.0.0.2\n" },
	{ "adding after what is there", "10.0.0.1", ADD, "10.0.0.2", 1,
	  "drop 10.0.0.1\ndrop 10.0.0.2\n" },
	{ "adding between", "10.0.0.1\n10.0.0.3", ADD, "10.0.0.2", 1,
	  "drop 10.0.0.1\ndrop 10.0.0.2\ndrop 10.0.0.3\n" },
	{ "adding what is there", "10.0.0.1", ADD, "10.0.0.1", 0, "drop 10.0.0.1\n" },
	{ "adding a cover", "10.0.0.1", ADD, "10.0.0.0/8", 1, "drop 10.0.0.0/8\ndrop 10.0.0.1\n" },
	{ "adding the other verdict", "10.0.0.1", ADD, "pass 10.0.0.1", 1, "pass 10.0.0.1\n" },
	{ "adding a timeout", "10.0.0.1", ADD, "10.0.0.1 timeout 9", 1,
	  "drop 10.0.0.1 timeout 9s\n" },
	{ "adding another timeout", "10.0.0.1 timeout 5", ADD, "10.0.0.1 timeout 9", 1,
	  "drop 10.0.0.1 timeout 9s\n" },
	{ "adding the same timeout at the same moment", "10.0.0.1 timeout 9", ADD,
	  "10.0.0.1 timeout 9", 0, "drop 10.0.0.1 timeout 9s\n" },
	{ "taking a timeout away", "10.0.0.1 timeout 9", ADD, "10.0.0.1", 1, "drop 10.0.0.1\n" },
	{ "adding one twice counts once", "", ADD, "10.0.0.1\n10.0.0.1", 1, "drop 10.0.0.1\n" },
	{ "adding both verdicts, the last counts", "", ADD, "pass 10.0.0.1\n10.0.0.1", 1,
	  "drop 10.0.0.1\n" },
	{ "adding in any order", "10.0.0.5", ADD, "10.0.0.9\n2001:db8::1\n10.0.0.1\n10.0.0.7", 4,
	  "drop 10.0.0.1\ndrop 10.0.0.5\ndrop 10.0.0.7\ndrop 10.0.0.9\ndrop 2001:db8::1\n" },
	{ "adding to another set", "10.0.0.1", ADD, "set a\n10.0.0.1", 1,
	  "set default\ndrop 10.0.0.1\nset a\ndrop 10.0.0.1\n" },
	{ "the other verdict in another set", "10.0.0.1", ADD, "set a\npass 10.0.0.1", 1,
	  "set default\ndrop 10.0.0.1\nset a\npass 10.0.0.1\n" },
	{ "0.0.0.0/0 and ::/0 are two rules", "0.0.0.0/0", ADD, "::/0", 1,
	  "drop 0.0.0.0/0\ndrop ::/0\n" },

	{ "removing the only rule", "10.0.0.1", REMOVE, "10.0.0.1", 1, "" },
	{ "removing what isn't there", "10.0.0.1", REMOVE, "10.0.0.2", 0, "drop 10.0.0.1\n" },
	{ "removing from nothing", "", REMOVE, "10.0.0.2", 0, "" },
	{ "removing nothing", "10.0.0.1", REMOVE, "", 0, "drop 10.0.0.1\n" },
	{ "removing one twice counts once", "10.0.0.1", REMOVE, "10.0.0.1\n10.0.0.1", 1, "" },
	{ "removing whatever the verdict", "pass 10.0.0.1", REMOVE, "drop 10.0.0.1", 1, "" },
	{ "removing whatever the timeout", "10.0.0.1 timeout 9", REMOVE, "10.0.0.1", 1, "" },
	{ "removing the first, one between and the last", "10.0.0.1\n10.0.0.2\n10.0.0.3\n10.0.0.4",
	  REMOVE, "10.0.0.4\n10.0.0.1\n10.0.0.3", 3, "drop 10.0.0.2\n" },
	{ "removing a cover keeps what it covers", "10.0.0.0/8\n10.0.0.1", REMOVE, "10.0.0.0/8", 1,
	  "drop 10.0.0.1\n" },
	{ "removing from one set keeps the other", "10.0.0.1\nset a\n10.0.0.1", REMOVE,
	  "set a\n10.0.0.1", 1, "drop 10.0.0.1\n" },
	{ "removing from a set that doesn't have it", "10.0.0.1\nset a\n10.0.0.2", REMOVE,
	  "set a\n10.0.0.1", 0, "set default\ndrop 10.0.0.1\nset a\ndrop 10.0.0.2\n" },

	{ "replacing by the same", "10.0.0.1\n10.0.0.2", REPLACE, "10.0.0.2\n10.0.0.1", 0,
	  "drop 10.0.0.1\ndrop 10.0.0.2\n" },
	{ "replacing one of two", "10.0.0.1\n10.0.0.2", REPLACE, "10.0.0.2\n10.0.0.3", 2,
	  "drop 10.0.0.2\ndrop 10.0.0.3\n" },
	{ "replacing by nothing", "10.0.0.1\n10.0.0.2", REPLACE, "", 2, "" },
	{ "replacing nothing", "", REPLACE, "10.0.0.1", 1, "drop 10.0.0.1\n" },
	{ "replacing a verdict", "10.0.0.1", REPLACE, "pass 10.0.0.1", 1, "pass 10.0.0.1\n" },
	{ "replacing one set leaves the others",
	  "10.0.0.1\nset a\n10.0.0.1\n10.0.0.2\nset b\n10.0.0.2", REPLACE,
	  "10.0.0.1\nset a\n10.0.0.3", 3,
	  "set default\ndrop 10.0.0.1\nset a\ndrop 10.0.0.3\nset b\ndrop 10.0.0.2\n" },
};

/* The rules of a text with the set indexes of the rule set. */
static void incoming_rules(struct ruleset *rules, const char *text, struct input *input,
			   bool *replaced)
{
	FILE *file = open_text(text, strlen(text));
	struct error err = { 0 };

	*input = (struct input){ .verdict = VERDICT_DROP };
	if (reader_read(input, file, "text", &err))
		fail_msg("%s", err.text);
	fclose(file);
	for (size_t i = 0; i < input->set_count; i++) {
		int index = ruleset_name_set(rules, input->sets[i].name);

		assert_true(index >= 0 && index < 16);
		replaced[index] = true;
	}
	for (size_t k = 0; k < input->count; k++)
		input->rules[k].set =
			(__u16)ruleset_find_set(rules, input->sets[input->rules[k].set].name);
}

static void check_change(void **state)
{
	const struct change_case *c = *state;
	bool replaced[16] = { false };
	struct input input;
	struct ruleset rules;
	size_t changed = 77;
	char *text;
	int ret;

	ruleset_from_text(&rules, c->before);
	incoming_rules(&rules, c->incoming, &input, replaced);
	if (c->change == ADD)
		ret = ruleset_add(&rules, input.rules, input.count, &changed);
	else if (c->change == REMOVE)
		ret = ruleset_remove(&rules, input.rules, input.count, &changed);
	else
		ret = ruleset_replace(&rules, replaced, input.rules, input.count, &changed);
	assert_int_equal(ret, 0);
	assert_int_equal(changed, c->changed);
	assert_sound_ruleset(&rules);
	ruleset_tidy(&rules, 0);
	assert_sound_ruleset(&rules);
	text = ruleset_to_text(&rules);
	assert_string_equal(text, c->after);
	free(text);
	input_done(&input);
	ruleset_done(&rules);
}

struct order_case {
	const char *name;
	const char *rules; /* of one prefix, in any order */
	const char *first; /* the set of the one that decides */
};

static const struct order_case order_cases[] = {
	{ "pass decides before drop", "set a\n10.0.0.1\nset b\npass 10.0.0.1", "b" },
	{ "an ending pass decides before a drop without end",
	  "set a\n10.0.0.1\nset b\npass 10.0.0.1 timeout 1", "b" },
	{ "what never ends decides before what ends",
	  "set a\n10.0.0.1 timeout 1d\nset b\n10.0.0.1\nset c\n10.0.0.1 timeout 2d", "b" },
	{ "what ends later decides", "set a\n10.0.0.1 timeout 1\nset b\n10.0.0.1 timeout 2", "b" },
	{ "among equals the first set by name decides", "set b\n10.0.0.1\nset a\n10.0.0.1", "a" },
	{ "default is a name like others", "10.0.0.1\nset a\n10.0.0.1", "a" },
};

static void check_order(void **state)
{
	const struct order_case *c = *state;
	struct ruleset rules;

	ruleset_from_text(&rules, c->rules);
	assert_sound_ruleset(&rules);
	assert_string_equal(rules.sets[rules.rules[0].set].name, c->first);
	ruleset_done(&rules);
}

static void names_of_sets(void **state)
{
	struct ruleset rules;

	(void)state;
	ruleset_init(&rules);
	assert_int_equal(ruleset_find_set(&rules, "a"), -ENOENT);
	assert_int_equal(ruleset_name_set(&rules, "a"), 0);
	assert_int_equal(ruleset_name_set(&rules, "abcdefghijklmnopqrstuvwxyz01234"), 1);
	assert_int_equal(ruleset_name_set(&rules, "a"), 0);
	assert_int_equal(ruleset_find_set(&rules, "abcdefghijklmnopqrstuvwxyz01234"), 1);
	assert_int_equal(ruleset_find_set(&rules, "abcdefghijklmnopqrstuvwxyz0123"), -ENOENT);
	assert_int_equal(rules.set_count, 2);
	ruleset_done(&rules);
	assert_null(rules.sets);
	ruleset_done(&rules);
}

static void a_set_too_many(void **state)
{
	struct ruleset rules;

	(void)state;
	ruleset_init(&rules);
	rules.sets = calloc(IPF_MAX_SETS, sizeof(*rules.sets));
	rules.set_capacity = rules.set_count = IPF_MAX_SETS;
	for (unsigned int i = 0; i < IPF_MAX_SETS; i++)
		snprintf(rules.sets[i].name, IPF_SET_NAME_SIZE, "s%u", i);
	assert_int_equal(ruleset_name_set(&rules, "s65534"), IPF_MAX_SETS - 1);
	assert_int_equal(ruleset_name_set(&rules, "more"), -E2BIG);
	assert_int_equal(rules.set_count, IPF_MAX_SETS);

	/* Tidying can handle that many. */
	assert_int_equal(ruleset_add(&rules,
				     &(struct rule){ .prefix.bits = 32, .set = IPF_MAX_SETS - 1 },
				     1, NULL),
			 0);
	ruleset_tidy(&rules, 0);
	assert_int_equal(rules.set_count, 1);
	assert_int_equal(rules.rules[0].set, 0);
	assert_string_equal(rules.sets[0].name, "s65534");
	ruleset_done(&rules);
}

static void tidying_up(void **state)
{
	struct ruleset rules;
	char *text;

	(void)state;
	ruleset_from_text(&rules,
			  "set a\n10.0.0.1 timeout 5\nset b\n10.0.0.1\n10.0.0.2 timeout 10\n"
			  "set c\nset d\n10.0.0.3 timeout 5\n10.0.0.4 timeout 6\n");
	ruleset_tidy(&rules, tick_after(0, 5) - 1);
	assert_int_equal(rules.count, 5);
	assert_int_equal(rules.set_count, 3);
	ruleset_tidy(&rules, tick_after(0, 5));
	assert_sound_ruleset(&rules);
	assert_int_equal(rules.set_count, 2);
	text = ruleset_to_text(&rules);
	assert_string_equal(text, "set b\ndrop 10.0.0.1\ndrop 10.0.0.2 timeout 10s\n"
				  "set d\ndrop 10.0.0.4 timeout 6s\n");
	free(text);
	ruleset_tidy(&rules, UINT32_MAX);
	assert_int_equal(rules.count, 1);
	assert_int_equal(rules.set_count, 1);
	ruleset_remove(&rules, &(struct rule){ .prefix = rules.rules[0].prefix }, 1, NULL);
	ruleset_tidy(&rules, 0);
	assert_int_equal(rules.count, 0);
	assert_int_equal(rules.set_count, 0);
	ruleset_done(&rules);
}

static void ended_rules_go_alone(void **state)
{
	struct ruleset set;

	(void)state;
	ruleset_from_text(&set, "set a\n10.0.0.1 timeout 5\nset b\n10.0.0.1\nset c\n::1 timeout 5\n"
				"set d\n10.0.0.3 timeout 6\n");
	ruleset_drop_ended(&set, tick_after(0, 5) - 1);
	assert_int_equal(set.count, 4);
	ruleset_drop_ended(&set, tick_after(0, 5));
	assert_int_equal(set.set_count, 4);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.rules[0].set, 1);
	assert_int_equal(set.rules[1].set, 3);
	ruleset_done(&set);
}

static void incoming_rules_are_sorted(void **state)
{
	struct rule rules[] = {
		{ .prefix.bits = 9, .set = 1, .verdict = IPF_DROP },
		{ .prefix.bits = 8, .set = 2 },
		{ .prefix.bits = 9, .set = 0 },
		{ .prefix.bits = 9, .set = 1, .verdict = IPF_PASS },
	};
	size_t count = COUNT_OF(rules);

	(void)state;
	assert_int_equal(ruleset_sort_incoming(rules, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(rules[0].set, 2);
	assert_int_equal(rules[1].set, 0);
	assert_int_equal(rules[2].verdict, IPF_PASS);
	assert_int_equal(ruleset_compare_incoming(&rules[1], &rules[2]), -1);
}

static void sets_are_numbered_by_name(void **state)
{
	struct ruleset rules;

	(void)state;
	ruleset_from_text(&rules,
			  "set c\n10.0.0.1\nset a\nset B\n10.0.0.1\nset b\n10.0.0.1\npass ::1\n"
			  "set a.b\n10.0.0.1\n::1\n");
	assert_sound_ruleset(&rules);
	assert_int_equal(rules.set_count, 4);
	assert_string_equal(rules.sets[0].name, "B");
	assert_string_equal(rules.sets[1].name, "a.b");
	assert_string_equal(rules.sets[2].name, "b");
	assert_string_equal(rules.sets[3].name, "c");
	for (__u16 i = 0; i < 4; i++)
		assert_int_equal(rules.rules[i].set, i);
	assert_int_equal(rules.rules[4].set, 2);
	assert_int_equal(rules.rules[5].set, 1);
	ruleset_done(&rules);
}

/* Every set at once, in the worst order. */
static void all_sets_are_numbered_by_name(void **state)
{
	struct rule *incoming = calloc(IPF_MAX_SETS, sizeof(*incoming));
	struct ruleset rules = { .sets = calloc(IPF_MAX_SETS, sizeof(*rules.sets)),
				 .set_count = IPF_MAX_SETS,
				 .set_capacity = IPF_MAX_SETS };

	(void)state;
	for (unsigned int i = 0; i < IPF_MAX_SETS; i++) {
		snprintf(rules.sets[i].name, IPF_SET_NAME_SIZE, "s%05u", IPF_MAX_SETS - 1 - i);
		incoming[i] = (struct rule){ .prefix.bits = 8, .set = (__u16)i };
	}
	assert_int_equal(ruleset_add(&rules, incoming, IPF_MAX_SETS, NULL), 0);
	ruleset_tidy(&rules, 0);
	assert_int_equal(rules.set_count, IPF_MAX_SETS);
	for (unsigned int i = 0; i < IPF_MAX_SETS; i++) {
		char name[IPF_SET_NAME_SIZE];

		snprintf(name, sizeof(name), "s%05u", i);
		assert_string_equal(rules.sets[i].name, name);
		assert_int_equal(rules.rules[i].set, i);
	}
	ruleset_done(&rules);
	free(incoming);
}

static void counting(void **state)
{
	struct ruleset rules;

	(void)state;
	ruleset_from_text(&rules, "10.0.0.1\n10.0.0.2\n::1\nset e\n::1\n");
	assert_int_equal(ruleset_name_set(&rules, "f"), 2);
	assert_int_equal(ruleset_count_family(&rules, IPF_IPV4), 2);
	assert_int_equal(ruleset_count_family(&rules, IPF_IPV6), 2);
	assert_int_equal(ruleset_count_set(&rules, 0), 3);
	assert_int_equal(ruleset_count_set(&rules, 1), 1);
	assert_int_equal(ruleset_count_set(&rules, 2), 0);
	ruleset_done(&rules);
	assert_int_equal(ruleset_count_family(&rules, IPF_IPV4), 0);
	assert_int_equal(ruleset_count_family(&rules, IPF_IPV6), 0);
	for (size_t only4 = 0; only4 < 5; only4++) {
		random_restart();
		random_ruleset(&rules, SHAPE_IPV4_ONLY, only4);
		assert_int_equal(ruleset_count_family(&rules, IPF_IPV4), rules.count);
		assert_int_equal(ruleset_count_family(&rules, IPF_IPV6), 0);
		ruleset_done(&rules);
		random_ruleset(&rules, SHAPE_IPV6_ONLY, only4);
		assert_int_equal(ruleset_count_family(&rules, IPF_IPV4), 0);
		assert_int_equal(ruleset_count_family(&rules, IPF_IPV6), rules.count);
		ruleset_done(&rules);
	}
}

/* --- Counters --------------------------------------------------------------------------------- */

/* "prefix verdict set slot" of each rule in order. */
static void assert_counters(const struct ruleset *rules, const char *expected)
{
	char text[1024] = "", prefix[PREFIX_TEXT_SIZE];
	size_t length = 0;

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];

		prefix_format(&rule->prefix, prefix);
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s %s %s %d\n",
					   prefix, verdict_name(rule->verdict),
					   rules->sets[rule->set].name, (int)rule->counter);
	}
	assert_string_equal(text, expected);
}

static void apply(struct ruleset *rules, enum change change, const char *incoming)
{
	bool replaced[16] = { false };
	struct input input;

	incoming_rules(rules, incoming, &input, replaced);
	if (change == ADD)
		assert_int_equal(ruleset_add(rules, input.rules, input.count, NULL), 0);
	else if (change == REMOVE)
		assert_int_equal(ruleset_remove(rules, input.rules, input.count, NULL), 0);
	else
		assert_int_equal(ruleset_replace(rules, replaced, input.rules, input.count, NULL),
				 0);
	input_done(&input);
}

static void slots_are_the_lowest_free_ones(void **state)
{
	struct ruleset_slots fresh;
	struct ruleset rules;

	(void)state;
	ruleset_from_text(&rules, "10.0.0.1\n10.0.0.2\n10.0.0.3\n10.0.0.4");
	assert_int_equal(ruleset_assign_counters(&rules, 0, NULL, 0, &fresh), 0);
	assert_int_equal(fresh.count, 4);
	for (__u32 i = 0; i < 4; i++)
		assert_int_equal(fresh.items[i], i);
	free(fresh.items);
	apply(&rules, REMOVE, "10.0.0.1\n10.0.0.3");
	apply(&rules, ADD, "10.0.0.5\n10.0.0.6\n10.0.0.7");
	assert_int_equal(ruleset_assign_counters(&rules, 0, NULL, 0, &fresh), 0);
	assert_int_equal(fresh.count, 3);
	assert_int_equal(fresh.items[0], 0);
	assert_int_equal(fresh.items[1], 2);
	assert_int_equal(fresh.items[2], 4);
	free(fresh.items);
	assert_counters(&rules, "10.0.0.2 drop default 1\n10.0.0.4 drop default 3\n"
				"10.0.0.5 drop default 0\n10.0.0.6 drop default 2\n"
				"10.0.0.7 drop default 4\n");
	assert_int_equal(ruleset_assign_counters(&rules, 0, NULL, 0, &fresh), 0);
	assert_int_equal(fresh.count, 0);
	free(fresh.items);
	ruleset_done(&rules);
}

static void reserved_slots_are_left(void **state)
{
	static const __u32 reserved[] = { 3, 0, 0, 4000000000u, IPF_NO_COUNTER };
	struct ruleset_slots fresh;
	struct ruleset rules;

	(void)state;
	ruleset_from_text(&rules, "10.0.0.1\n10.0.0.2\n10.0.0.3");
	assert_int_equal(ruleset_assign_counters(&rules, 0, reserved, COUNT_OF(reserved), &fresh),
			 0);
	assert_int_equal(fresh.count, 3);
	free(fresh.items);
	assert_counters(&rules, "10.0.0.1 drop default 1\n10.0.0.2 drop default 2\n"
				"10.0.0.3 drop default 4\n");
	ruleset_done(&rules);
}

/* As in a delta, whose rules have the slots of its base as well. */
static void slots_from_the_first_on(void **state)
{
	static const __u32 reserved[] = { 3, 12, 4000000000u, IPF_NO_COUNTER };
	struct ruleset_slots fresh;
	struct ruleset rules;

	(void)state;
	ruleset_from_text(&rules, "10.0.0.1\n10.0.0.2\n10.0.0.3\n10.0.0.4\n10.0.0.5");
	rules.rules[1].counter = 7;
	rules.rules[2].counter = 11;
	assert_int_equal(ruleset_assign_counters(&rules, 10, reserved, COUNT_OF(reserved), &fresh),
			 0);
	assert_int_equal(fresh.count, 3);
	assert_int_equal(fresh.items[0], 10);
	free(fresh.items);
	assert_counters(&rules, "10.0.0.1 drop default 10\n10.0.0.2 drop default 7\n"
				"10.0.0.3 drop default 11\n10.0.0.4 drop default 13\n"
				"10.0.0.5 drop default 14\n");
	ruleset_done(&rules);

	/* There are no more slots. */
	ruleset_from_text(&rules, "10.0.0.1\n10.0.0.2");
	assert_int_equal(ruleset_assign_counters(&rules, IPF_COUNTER_BLOCK * IPF_COUNTER_BLOCKS - 1,
						 NULL, 0, &fresh),
			 0);
	assert_int_equal(fresh.count, 1);
	free(fresh.items);
	assert_int_equal(rules.rules[0].counter, IPF_COUNTER_BLOCK * IPF_COUNTER_BLOCKS - 1);
	assert_int_equal(rules.rules[1].counter, IPF_NO_COUNTER);
	ruleset_done(&rules);
}

static void sets_share_a_slot(void **state)
{
	struct ruleset_slots fresh;
	struct ruleset rules;

	(void)state;
	ruleset_from_text(&rules, "set a\n10.0.0.1\nset b\n10.0.0.1\nset c\npass 10.0.0.1");
	assert_int_equal(ruleset_assign_counters(&rules, 0, NULL, 0, &fresh), 0);
	assert_int_equal(fresh.count, 2);
	free(fresh.items);
	assert_counters(&rules, "10.0.0.1 pass c 0\n10.0.0.1 drop a 1\n10.0.0.1 drop b 1\n");
	apply(&rules, ADD, "set d\n10.0.0.1");
	assert_counters(&rules, "10.0.0.1 pass c 0\n10.0.0.1 drop a 1\n10.0.0.1 drop b 1\n"
				"10.0.0.1 drop d 1\n");
	apply(&rules, REMOVE, "set a\n10.0.0.1");
	assert_counters(&rules, "10.0.0.1 pass c 0\n10.0.0.1 drop b 1\n10.0.0.1 drop d 1\n");
	ruleset_done(&rules);
}

static void a_counter_stays_with_prefix_and_verdict(void **state)
{
	struct ruleset rules;

	(void)state;
	ruleset_from_text(&rules, "10.0.0.1\n10.0.0.2");
	assign_counters(&rules);
	apply(&rules, ADD, "10.0.0.1 timeout 9");
	assert_counters(&rules, "10.0.0.1 drop default 0\n10.0.0.2 drop default 1\n");
	apply(&rules, REPLACE, "10.0.0.2\n10.0.0.3");
	assert_counters(&rules, "10.0.0.2 drop default 1\n10.0.0.3 drop default -1\n");
	apply(&rules, ADD, "pass 10.0.0.2");
	assert_counters(&rules, "10.0.0.2 pass default -1\n10.0.0.3 drop default -1\n");
	assign_counters(&rules);
	assert_counters(&rules, "10.0.0.2 pass default 0\n10.0.0.3 drop default 1\n");
	/* The rule moves to another set within one change. */
	apply(&rules, REPLACE, "10.0.0.1\nset a\n10.0.0.3");
	assert_counters(&rules, "10.0.0.1 drop default -1\n10.0.0.3 drop a 1\n");
	ruleset_done(&rules);
}

static void an_incoming_counter_is_ignored(void **state)
{
	struct rule incoming[] = {
		{ .prefix.bits = 32, .verdict = IPF_DROP, .counter = 5 },
		{ .prefix.bits = 31, .verdict = IPF_DROP, .counter = 6 },
	};
	struct ruleset rules;

	(void)state;
	ruleset_init(&rules);
	ruleset_name_set(&rules, "default");
	assert_int_equal(ruleset_add(&rules, incoming, 2, NULL), 0);
	assert_int_equal(rules.rules[0].counter, IPF_NO_COUNTER);
	assert_int_equal(rules.rules[1].counter, IPF_NO_COUNTER);
	rules.rules[0].counter = 3;
	incoming[0].counter = 9;
	incoming[1].counter = 9;
	assert_int_equal(ruleset_add(&rules, incoming, 2, NULL), 0);
	assert_int_equal(rules.rules[0].counter, 3);
	assert_int_equal(rules.rules[1].counter, IPF_NO_COUNTER);
	ruleset_done(&rules);
}

/* --- Random changes against a model ----------------------------------------------------------- */

/* At most one rule for each prefix and set, unordered. */
struct model {
	struct rule rules[4096];
	size_t count;
};

static size_t model_find(const struct model *model, const struct rule *rule)
{
	size_t i = 0;

	while (i < model->count && (prefix_compare(&model->rules[i].prefix, &rule->prefix) != 0 ||
				    model->rules[i].set != rule->set))
		i++;
	return i;
}

static void model_put(struct model *model, const struct rule *rule)
{
	size_t at = model_find(model, rule);

	assert_true(at < COUNT_OF(model->rules));
	model->rules[at] = *rule;
	model->count += at == model->count;
}

static void model_remove(struct model *model, size_t at)
{
	model->rules[at] = model->rules[--model->count];
}

static bool same_rule(const struct rule *a, const struct rule *b)
{
	return a->verdict == b->verdict && a->expires == b->expires;
}

/* The slot that prefix and verdict had, in any set. */
static __u32 model_counter(const struct model *model, const struct rule *rule)
{
	for (size_t i = 0; i < model->count; i++)
		if (model->rules[i].verdict == rule->verdict &&
		    !prefix_compare(&model->rules[i].prefix, &rule->prefix))
			return model->rules[i].counter;
	return IPF_NO_COUNTER;
}

static size_t model_difference(const struct model *before, const struct model *after)
{
	size_t changed = 0;

	for (size_t i = 0; i < before->count; i++)
		changed += model_find(after, &before->rules[i]) == after->count;
	for (size_t i = 0; i < after->count; i++) {
		size_t at = model_find(before, &after->rules[i]);

		changed += at == before->count || !same_rule(&before->rules[at], &after->rules[i]);
	}
	return changed;
}

static void assert_same_as_model(const struct ruleset *rules, const struct model *model)
{
	assert_sound_ruleset(rules);
	assert_int_equal(rules->count, model->count);
	for (size_t i = 0; i < rules->count; i++) {
		size_t at = model_find(model, &rules->rules[i]);

		assert_true(at < model->count);
		assert_same_rule(&rules->rules[i], &model->rules[at]);
	}
}

static void assert_counters_sound(const struct ruleset *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		for (size_t k = 0; k < rules->count; k++) {
			bool same =
				rules->rules[i].verdict == rules->rules[k].verdict &&
				!prefix_compare(&rules->rules[i].prefix, &rules->rules[k].prefix);

			assert_int_equal(rules->rules[i].counter == rules->rules[k].counter, same);
		}
}

static void change_both(struct ruleset *rules, struct model *model, enum shape shape)
{
	static struct model before;
	enum change change = (enum change)random_below(3);
	bool replaced[RANDOM_MAX_SETS] = { false };
	size_t changed, count = random_below(40);
	struct rule *incoming;
	uint64_t known = random_below(3);

	random_rules(rules, shape, count, &incoming);
	/* Some of the incoming rules should exist already. */
	for (size_t i = 0; known && rules->count && i < count; i += known)
		incoming[i] = rules->rules[random_below(rules->count)];
	for (size_t i = 0; i < count; i++)
		if (random_below(3) == 0)
			incoming[i].verdict = !incoming[i].verdict;

	before = *model;
	for (size_t i = 0; change == REPLACE && i < rules->set_count; i++)
		replaced[i] = random_below(2);
	for (size_t i = 0; change == REPLACE && i < model->count;) {
		if (replaced[model->rules[i].set])
			model_remove(model, i);
		else
			i++;
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = model_find(model, &incoming[i]);

		if (change != REMOVE)
			model_put(model, &incoming[i]);
		else if (at < model->count)
			model_remove(model, at);
	}
	for (size_t i = 0; i < model->count; i++)
		model->rules[i].counter = model_counter(&before, &model->rules[i]);

	if (change == ADD)
		assert_int_equal(ruleset_add(rules, incoming, count, &changed), 0);
	else if (change == REMOVE)
		assert_int_equal(ruleset_remove(rules, incoming, count, &changed), 0);
	else
		assert_int_equal(ruleset_replace(rules, replaced, incoming, count, &changed), 0);
	assert_int_equal(changed, model_difference(&before, model));
	assert_same_as_model(rules, model);
	free(incoming);
}

static void random_changes_agree_with_a_model(void **state)
{
	static struct model model;

	(void)state;
	random_restart();
	for (int i = 0; i < 160; i++) {
		struct ruleset rules;

		ruleset_init(&rules);
		model.count = 0;
		for (uint64_t k = 2 + random_below(12); k > 0; k--) {
			change_both(&rules, &model, (enum shape)(i % SHAPES));
			if (random_below(2))
				continue;
			assign_counters(&rules);
			assert_counters_sound(&rules);
			for (size_t r = 0; r < rules.count; r++)
				model_put(&model, &rules.rules[r]);
		}
		ruleset_done(&rules);
	}
}

/* As many rules of one prefix as there are sets, in the worst order. */
static void one_prefix_in_many_sets(void **state)
{
	const size_t count = 20000;
	struct rule *incoming = calloc(count, sizeof(*incoming));
	struct ruleset rules;
	size_t changed;

	(void)state;
	ruleset_init(&rules);
	rules.sets = calloc(count, sizeof(*rules.sets));
	rules.set_count = rules.set_capacity = count;
	for (size_t i = 0; i < count; i++) {
		snprintf(rules.sets[i].name, IPF_SET_NAME_SIZE, "s%zu", i);
		incoming[i] = (struct rule){ .prefix.bits = 8,
					     .set = (__u16)(count - 1 - i),
					     .expires = (__u32)(1 + i * 7919 % count) };
	}
	assert_int_equal(ruleset_add(&rules, incoming, count, &changed), 0);
	assert_int_equal(changed, count);
	assert_int_equal(rules.rules[0].expires, count);
	assert_int_equal(ruleset_add(&rules, incoming, count, &changed), 0);
	assert_int_equal(changed, 0);
	assert_int_equal(ruleset_remove(&rules, incoming, count / 2, &changed), 0);
	assert_int_equal(changed, count / 2);
	assert_int_equal(rules.count, count / 2);
	ruleset_done(&rules);
	free(incoming);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_change, change_cases);
	SUITE_TABLE(&suite, check_order, order_cases);
	suite_add(&suite, "names of sets", names_of_sets, NULL);
	suite_add(&suite, "a set too many is refused", a_set_too_many, NULL);
	suite_add(&suite, "tidying up drops ended rules and empty sets", tidying_up, NULL);
	suite_add(&suite, "ended rules go and no set gets another number", ended_rules_go_alone,
		  NULL);
	suite_add(&suite, "incoming rules are sorted, and the last one counts",
		  incoming_rules_are_sorted, NULL);
	suite_add(&suite, "sets are numbered by name", sets_are_numbered_by_name, NULL);
	suite_add(&suite, "all sets are numbered by name", all_sets_are_numbered_by_name, NULL);
	suite_add(&suite, "rules are counted by set and family", counting, NULL);
	suite_add(&suite, "new counters get the lowest free slots", slots_are_the_lowest_free_ones,
		  NULL);
	suite_add(&suite, "reserved slots are left", reserved_slots_are_left, NULL);
	suite_add(&suite, "new counters get slots from the first on", slots_from_the_first_on,
		  NULL);
	suite_add(&suite, "sets share the slot of a prefix and verdict", sets_share_a_slot, NULL);
	suite_add(&suite, "a counter stays with prefix and verdict",
		  a_counter_stays_with_prefix_and_verdict, NULL);
	suite_add(&suite, "an incoming counter is ignored", an_incoming_counter_is_ignored, NULL);
	suite_add(&suite, "random changes agree with a model", random_changes_agree_with_a_model,
		  NULL);
	suite_add(&suite, "one prefix in many sets", one_prefix_in_many_sets, NULL);
	return suite_run(&suite, "ruleset");
}
