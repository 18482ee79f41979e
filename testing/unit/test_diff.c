// SPDX-License-Identifier: GPL-2.0
/*
 * Which differences between two rule sets are reported, and in which order?
 */
#include <ruleset/diff.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/verdict.h>

#include "support.h"

struct diff_case {
	const char *name;
	const char *before, *after; /* rule files */
	size_t same;
	const char *told; /* "- RULE (SET)", "+ RULE (SET)" or "~ RULE (SET)" */
};

static const struct diff_case diff_cases[] = {
	{ "nothing and nothing", "", "", 0, "" },
	{ "the same", "10.0.0.1\n::1", "::1\n10.0.0.1", 2, "" },
	{ "a rule that comes", "10.0.0.1", "10.0.0.1\n10.0.0.2", 1, "+ drop 10.0.0.2 (default)\n" },
	{ "a rule that goes", "10.0.0.1\n10.0.0.2", "10.0.0.2", 1, "- drop 10.0.0.1 (default)\n" },
	{ "all rules come", "", "::1\n10.0.0.1", 0,
	  "+ drop 10.0.0.1 (default)\n+ drop ::1 (default)\n" },
	{ "all rules go", "::1\n10.0.0.1", "", 0,
	  "- drop 10.0.0.1 (default)\n- drop ::1 (default)\n" },
	{ "another prefix of the same address", "10.0.0.0/8", "10.0.0.0/9", 0,
	  "- drop 10.0.0.0/8 (default)\n+ drop 10.0.0.0/9 (default)\n" },
	{ "another verdict", "10.0.0.1", "pass 10.0.0.1", 0, "~ pass 10.0.0.1 (default)\n" },
	{ "another end", "10.0.0.1 timeout 5", "10.0.0.1 timeout 6", 0,
	  "~ drop 10.0.0.1 (default)\n" },
	{ "no end any more", "10.0.0.1 timeout 5", "10.0.0.1", 0, "~ drop 10.0.0.1 (default)\n" },
	{ "another set", "set a\n10.0.0.1", "set b\n10.0.0.1", 0,
	  "- drop 10.0.0.1 (a)\n+ drop 10.0.0.1 (b)\n" },
	{ "the same in sets of other numbers", "set b\n10.0.0.1\nset d\n10.0.0.1",
	  "set a\n::1\nset b\n10.0.0.1\nset c\n::1\nset d\n10.0.0.1", 2,
	  "+ drop ::1 (a)\n+ drop ::1 (c)\n" },
	{ "one set of several", "set a\n10.0.0.1\nset b\n10.0.0.1\nset c\n10.0.0.1",
	  "set a\n10.0.0.1\nset b\npass 10.0.0.1\nset d\n10.0.0.1", 1,
	  "~ pass 10.0.0.1 (b)\n- drop 10.0.0.1 (c)\n+ drop 10.0.0.1 (d)\n" },
};

struct told {
	const struct ruleset *before, *after;
	char text[1024];
	size_t added, removed, changed;
};

static void tell(const struct rule *before, const struct rule *after, void *context)
{
	struct told *told = context;
	const struct rule *rule = after ? after : before;
	const struct ruleset *rules = after ? told->after : told->before;
	size_t length = strlen(told->text);
	char prefix[PREFIX_TEXT_SIZE];

	assert_non_null(rule);
	prefix_format(&rule->prefix, prefix);
	if (length < sizeof(told->text))
		snprintf(told->text + length, sizeof(told->text) - length, "%c %s %s (%s)\n",
			 !before ? '+' :
			 !after  ? '-' :
				   '~',
			 verdict_name(rule->verdict), prefix, rules->sets[rule->set].name);
	told->added += !before;
	told->removed += !after;
	told->changed += before && after;
}

static void check_diff(void **state)
{
	const struct diff_case *c = *state;
	struct ruleset before, after;
	struct told told = { .before = &before, .after = &after };

	ruleset_from_text(&before, c->before);
	ruleset_from_text(&after, c->after);
	assert_int_equal(diff_rulesets(&before, &after, tell, &told), c->same);
	assert_string_equal(told.text, c->told);
	ruleset_done(&before);
	ruleset_done(&after);
}

static void copy(const struct ruleset *rules, struct ruleset *out)
{
	ruleset_init(out);
	assert_int_equal(ruleset_reserve(out, rules->count + 1, rules->set_count), 0);
	memcpy(out->rules, rules->rules, rules->count * sizeof(*rules->rules));
	memcpy(out->sets, rules->sets, rules->set_count * sizeof(*rules->sets));
	out->count = rules->count;
	out->set_count = rules->set_count;
}

/* The reported differences are those that the change counts, and every rule is counted once. */
static void random_changes_are_told(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 300; i++) {
		enum shape shape = (enum shape)(i % SHAPES);
		bool replaced[RANDOM_MAX_SETS];
		struct ruleset before, after;
		struct told told = { .before = &before, .after = &after };
		struct rule *rules;
		size_t changed, same, count = random_below(40);

		random_ruleset(&before, shape, random_below(80));
		copy(&before, &after);
		random_rules(&after, shape, count, &rules);
		for (size_t k = 0; k < RANDOM_MAX_SETS; k++)
			replaced[k] = random_below(2);
		if (i % 3)
			assert_int_equal(ruleset_add(&after, rules, count, &changed), 0);
		else
			assert_int_equal(ruleset_replace(&after, replaced, rules, count, &changed),
					 0);
		ruleset_tidy(&before, 0);
		ruleset_tidy(&after, 0);
		same = diff_rulesets(&before, &after, tell, &told);
		assert_int_equal(told.added + told.removed + told.changed, changed);
		assert_int_equal(same + told.removed + told.changed, before.count);
		assert_int_equal(same + told.added + told.changed, after.count);
		free(rules);
		ruleset_done(&before);
		ruleset_done(&after);
	}
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_diff, diff_cases);
	suite_add(&suite, "random changes are reported", random_changes_are_told, NULL);
	return suite_run(&suite, "diff");
}
