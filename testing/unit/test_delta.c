// SPDX-License-Identifier: GPL-2.0
/*
 * Do a base and its delta stay the table that the changes ask for?
 *
 * Tables show with rule files which regions come and go. Random changes are made to a delta and to
 * a plain rule set, the model: what the delta comes to must be the model, rule by rule and address
 * by address.
 */
#include <table/delta.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <table/compile.h>
#include <table/decompile.h>
#include <table/image.h>
#include <table/records.h>
#include <util/error.h>

#include "support.h"

/* --- Which regions come and go ---------------------------------------------------------------- */

enum step { STEP_END, STEP_ADD, STEP_REMOVE, STEP_REPLACE, STEP_FLUSH, STEP_LATER };

struct delta_case {
	const char *name;
	const char *base; /* a rule file */
	struct {
		enum step step;
		const char *rules; /* a rule file; STEP_FLUSH: a set; STEP_LATER: seconds */
		size_t changed;
	} steps[4];
	const char *regions;
	const char *rules; /* of the delta */
	const char *table; /* canonical text */
};

/* Of the header's example. */
#define EXAMPLE "10.0.0.0/8\npass 10.1.0.0/16\n10.1.2.3\n11.0.0.7"

static const struct delta_case delta_cases[] = {
	{ "the example, one added",
	  EXAMPLE,
	  { { STEP_ADD, "10.1.2.4", 1 } },
	  "10.1.2.4",
	  "drop 10.0.0.0/8, pass 10.1.0.0/16, drop 10.1.2.4",
	  "drop 10.0.0.0/8\npass 10.1.0.0/16\ndrop 10.1.2.3\ndrop 10.1.2.4\ndrop 11.0.0.7\n" },
	{ "the example, a cover removed",
	  EXAMPLE,
	  { { STEP_ADD, "10.1.2.4", 1 }, { STEP_REMOVE, "10.1.0.0/16", 1 } },
	  "10.1.0.0/16",
	  "drop 10.0.0.0/8, drop 10.1.2.3, drop 10.1.2.4",
	  "drop 10.0.0.0/8\ndrop 10.1.2.3\ndrop 10.1.2.4\ndrop 11.0.0.7\n" },
	{ "the example, one removed",
	  EXAMPLE,
	  { { STEP_ADD, "10.1.2.4", 1 },
	    { STEP_REMOVE, "10.1.0.0/16", 1 },
	    { STEP_REMOVE, "11.0.0.7", 1 } },
	  "10.1.0.0/16 11.0.0.7",
	  "drop 10.0.0.0/8, drop 10.1.2.3, drop 10.1.2.4",
	  "drop 10.0.0.0/8\ndrop 10.1.2.3\ndrop 10.1.2.4\n" },
	{ "the example, one removed and added again",
	  EXAMPLE,
	  { { STEP_ADD, "10.1.2.4", 1 },
	    { STEP_REMOVE, "11.0.0.7", 1 },
	    { STEP_ADD, "11.0.0.7", 1 } },
	  "10.1.2.4",
	  "drop 10.0.0.0/8, pass 10.1.0.0/16, drop 10.1.2.4",
	  "drop 10.0.0.0/8\npass 10.1.0.0/16\ndrop 10.1.2.3\ndrop 10.1.2.4\ndrop 11.0.0.7\n" },

	{ "nothing", "10.0.0.1", { { STEP_ADD, "", 0 } }, "", "", "drop 10.0.0.1\n" },
	{ "adding what is there",
	  "10.0.0.1\n10.0.0.2",
	  { { STEP_ADD, "10.0.0.1", 0 } },
	  "",
	  "",
	  "drop 10.0.0.1\ndrop 10.0.0.2\n" },
	{ "adding what is there, and more",
	  "10.0.0.1\n10.0.0.2",
	  { { STEP_ADD, "10.0.0.1\n10.0.0.3", 1 } },
	  "10.0.0.3",
	  "drop 10.0.0.3",
	  "drop 10.0.0.1\ndrop 10.0.0.2\ndrop 10.0.0.3\n" },
	{ "adding what the delta has",
	  "10.0.0.1",
	  { { STEP_ADD, "10.0.0.2", 1 }, { STEP_ADD, "10.0.0.2", 0 } },
	  "10.0.0.2",
	  "drop 10.0.0.2",
	  "drop 10.0.0.1\ndrop 10.0.0.2\n" },
	{ "the last one for a prefix counts, not one that is there",
	  "pass 10.0.0.1",
	  { { STEP_ADD, "pass 10.0.0.1\ndrop 10.0.0.1", 1 } },
	  "10.0.0.1",
	  "drop 10.0.0.1",
	  "drop 10.0.0.1\n" },
	{ "adding another verdict",
	  "10.0.0.1",
	  { { STEP_ADD, "pass 10.0.0.1", 1 } },
	  "10.0.0.1",
	  "pass 10.0.0.1",
	  "pass 10.0.0.1\n" },
	{ "adding one verdict and the other",
	  "10.0.0.1",
	  { { STEP_ADD, "pass 10.0.0.1", 1 }, { STEP_ADD, "10.0.0.1", 1 } },
	  "",
	  "",
	  "drop 10.0.0.1\n" },
	{ "adding and removing leaves nothing",
	  EXAMPLE,
	  { { STEP_ADD, "10.1.2.4", 1 }, { STEP_REMOVE, "10.1.2.4", 1 } },
	  "",
	  "",
	  "drop 10.0.0.0/8\npass 10.1.0.0/16\ndrop 10.1.2.3\ndrop 11.0.0.7\n" },
	{ "adding and removing a cover of others leaves nothing",
	  EXAMPLE,
	  { { STEP_ADD, "10.0.0.0/7", 1 }, { STEP_REMOVE, "10.0.0.0/7", 1 } },
	  "",
	  "",
	  "drop 10.0.0.0/8\npass 10.1.0.0/16\ndrop 10.1.2.3\ndrop 11.0.0.7\n" },
	{ "removing what isn't there",
	  "10.0.0.1",
	  { { STEP_REMOVE, "10.0.0.2", 0 } },
	  "",
	  "",
	  "drop 10.0.0.1\n" },
	{ "removing from a set that hasn't it",
	  "10.0.0.1\nset a\n10.0.0.2",
	  { { STEP_REMOVE, "set a\n10.0.0.1", 0 } },
	  "",
	  "",
	  "set default\ndrop 10.0.0.1\nset a\ndrop 10.0.0.2\n" },
	{ "removing all",
	  "10.0.0.1\n10.0.0.2",
	  { { STEP_REMOVE, "10.0.0.1\n10.0.0.2", 2 } },
	  "10.0.0.1 10.0.0.2",
	  "",
	  "" },
	{ "removing the longer one of a nested pair",
	  "10.0.0.0/8\n10.0.0.1",
	  { { STEP_REMOVE, "10.0.0.1", 1 } },
	  "10.0.0.1",
	  "drop 10.0.0.0/8",
	  "drop 10.0.0.0/8\n" },
	{ "removing the shorter one of a nested pair",
	  "10.0.0.0/8\n10.0.0.1",
	  { { STEP_REMOVE, "10.0.0.0/8", 1 } },
	  "10.0.0.0/8",
	  "drop 10.0.0.1",
	  "drop 10.0.0.1\n" },
	{ "removing both, the longer one first",
	  "10.0.0.0/8\n10.0.0.1",
	  { { STEP_REMOVE, "10.0.0.1", 1 }, { STEP_REMOVE, "10.0.0.0/8", 1 } },
	  "10.0.0.0/8",
	  "",
	  "" },
	{ "removing both, the shorter one first",
	  "10.0.0.0/8\n10.0.0.1",
	  { { STEP_REMOVE, "10.0.0.0/8", 1 }, { STEP_REMOVE, "10.0.0.1", 1 } },
	  "10.0.0.0/8",
	  "",
	  "" },
	{ "a region takes in others, and not those beside it",
	  "9.9.9.9\n10.0.0.9\n11.0.0.9",
	  { { STEP_ADD, "9.9.9.8\n10.0.0.1\n10.0.0.2\n11.0.0.1", 4 },
	    { STEP_ADD, "pass 10.0.0.0/8", 1 } },
	  "9.9.9.8 10.0.0.0/8 11.0.0.1",
	  "drop 9.9.9.8, pass 10.0.0.0/8, drop 10.0.0.1, drop 10.0.0.2, drop 10.0.0.9, drop 11.0.0.1",
	  "drop 9.9.9.8\ndrop 9.9.9.9\npass 10.0.0.0/8\ndrop 10.0.0.1\ndrop 10.0.0.2\n"
	  "drop 10.0.0.9\ndrop 11.0.0.1\ndrop 11.0.0.9\n" },
	{ "a region takes in one without rules, whose rule stays gone",
	  "10.0.0.1\n10.0.0.2",
	  { { STEP_REMOVE, "10.0.0.1", 1 }, { STEP_ADD, "10.0.0.0/8", 1 } },
	  "10.0.0.0/8",
	  "drop 10.0.0.0/8, drop 10.0.0.2",
	  "drop 10.0.0.0/8\ndrop 10.0.0.2\n" },
	{ "nested prefixes at once are one region",
	  "10.0.0.1",
	  { { STEP_ADD, "10.1.0.0/16\n10.0.0.0/8\n10.1.2.3", 3 } },
	  "10.0.0.0/8",
	  "drop 10.0.0.0/8, drop 10.0.0.1, drop 10.1.0.0/16, drop 10.1.2.3",
	  "drop 10.0.0.0/8\ndrop 10.0.0.1\ndrop 10.1.0.0/16\ndrop 10.1.2.3\n" },
	{ "a cover of two regions is there once, and stays with one",
	  "10.0.0.0/8\n11.0.0.1",
	  { { STEP_ADD, "pass 10.0.0.1\npass 10.9.0.1", 2 }, { STEP_REMOVE, "10.0.0.1", 1 } },
	  "10.9.0.1",
	  "drop 10.0.0.0/8, pass 10.9.0.1",
	  "drop 10.0.0.0/8\npass 10.9.0.1\ndrop 11.0.0.1\n" },
	{ "all of a cover's rules are copied",
	  "10.0.0.0/8 timeout 9\nset a\npass 10.0.0.0/8",
	  { { STEP_ADD, "10.0.0.1", 1 } },
	  "10.0.0.1",
	  "pass a 10.0.0.0/8, drop 10.0.0.0/8, drop 10.0.0.1",
	  "set default\ndrop 10.0.0.0/8 timeout 9s\ndrop 10.0.0.1\nset a\npass 10.0.0.0/8\n" },
	{ "rules of one prefix in two sets",
	  "10.0.0.1\nset a\n10.0.0.1",
	  { { STEP_REMOVE, "10.0.0.1", 1 } },
	  "10.0.0.1",
	  "drop a 10.0.0.1",
	  "set a\ndrop 10.0.0.1\n" },
	{ "a new set",
	  "10.0.0.1",
	  { { STEP_ADD, "set new\n10.0.0.1", 1 } },
	  "10.0.0.1",
	  "drop 10.0.0.1, drop new 10.0.0.1",
	  "set default\ndrop 10.0.0.1\nset new\ndrop 10.0.0.1\n" },
	{ "a new set comes and goes",
	  "10.0.0.1",
	  { { STEP_ADD, "set new\n10.0.0.1", 1 }, { STEP_REMOVE, "set new\n10.0.0.1", 1 } },
	  "",
	  "",
	  "drop 10.0.0.1\n" },

	{ "0.0.0.0/0 is over all of IPv4 and nothing else",
	  "10.0.0.1\n255.255.255.255\n::1",
	  { { STEP_ADD, "0.0.0.0/0", 1 } },
	  "0.0.0.0/0",
	  "drop 0.0.0.0/0, drop 10.0.0.1, drop 255.255.255.255",
	  "drop 0.0.0.0/0\ndrop 10.0.0.1\ndrop 255.255.255.255\ndrop ::1\n" },
	{ "::/0 is over all of IPv6 and nothing else",
	  "10.0.0.1\n::1\n2001:db8::1",
	  { { STEP_ADD, "::/0", 1 } },
	  "::/0",
	  "drop ::/0, drop ::1, drop 2001:db8::1",
	  "drop 10.0.0.1\ndrop ::/0\ndrop ::1\ndrop 2001:db8::1\n" },
	{ "covers of every kind of IPv6",
	  "::/0\n2001:db8::/32\npass 2001:db8::/64\n2001:db9::/32",
	  { { STEP_ADD, "2001:db8::7", 1 } },
	  "2001:db8::7",
	  "drop ::/0, drop 2001:db8::/32, pass 2001:db8::/64, drop 2001:db8::7",
	  "drop ::/0\ndrop 2001:db8::/32\npass 2001:db8::/64\ndrop 2001:db8::7\ndrop 2001:db9::/32\n" },
	{ "a cover that is far before what it covers",
	  "0.0.0.0/0\n1.0.0.0/8\n9.0.0.0/9\n9.128.0.0/16",
	  { { STEP_ADD, "10.0.0.1", 1 } },
	  "10.0.0.1",
	  "drop 0.0.0.0/0, drop 10.0.0.1",
	  "drop 0.0.0.0/0\ndrop 1.0.0.0/8\ndrop 9.0.0.0/9\ndrop 9.128.0.0/16\ndrop 10.0.0.1\n" },
	{ "the first and the last addresses",
	  "10.0.0.1\n2001:db8::1",
	  { { STEP_ADD, "0.0.0.0\n255.255.255.255\n::\nffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	      4 } },
	  "0.0.0.0 255.255.255.255 :: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "drop 0.0.0.0, drop 255.255.255.255, drop ::, drop ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "drop 0.0.0.0\ndrop 10.0.0.1\ndrop 255.255.255.255\ndrop ::\ndrop 2001:db8::1\n"
	  "drop ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n" },

	{ "a rule that ends under a cover that ends",
	  "10.0.0.0/8 timeout 20",
	  { { STEP_ADD, "pass 10.0.0.1 timeout 10", 1 } },
	  "10.0.0.1",
	  "drop 10.0.0.0/8, pass 10.0.0.1",
	  "drop 10.0.0.0/8 timeout 20s\npass 10.0.0.1 timeout 10s\n" },
	{ "it has ended, and what is left says what the base says",
	  "10.0.0.0/8 timeout 20",
	  { { STEP_ADD, "pass 10.0.0.1 timeout 10", 1 },
	    { STEP_LATER, "15", 0 },
	    { STEP_ADD, "11.0.0.1", 1 } },
	  "11.0.0.1",
	  "drop 11.0.0.1",
	  "drop 10.0.0.0/8 timeout 20s\ndrop 11.0.0.1\n" },
	{ "the cover has ended",
	  "10.0.0.0/8 timeout 10",
	  { { STEP_ADD, "pass 10.0.0.1 timeout 20", 1 },
	    { STEP_LATER, "15", 0 },
	    { STEP_ADD, "11.0.0.1", 1 } },
	  "10.0.0.1 11.0.0.1",
	  "pass 10.0.0.1, drop 11.0.0.1",
	  "pass 10.0.0.1 timeout 20s\ndrop 11.0.0.1\n" },
	{ "a rule of the base that has ended is no rule",
	  "10.0.0.1 timeout 10",
	  { { STEP_LATER, "15", 0 }, { STEP_REMOVE, "10.0.0.1", 0 } },
	  "",
	  "",
	  "" },
	{ "adding what has ended",
	  "10.0.0.1 timeout 10",
	  { { STEP_LATER, "15", 0 }, { STEP_ADD, "10.0.0.1", 1 } },
	  "10.0.0.1",
	  "drop 10.0.0.1",
	  "drop 10.0.0.1\n" },
	{ "another end",
	  "10.0.0.1 timeout 10",
	  { { STEP_ADD, "10.0.0.1 timeout 20", 1 } },
	  "10.0.0.1",
	  "drop 10.0.0.1",
	  "drop 10.0.0.1 timeout 20s\n" },

	{ "replacing by the same",
	  "10.0.0.1\n10.0.0.2",
	  { { STEP_REPLACE, "10.0.0.2\n10.0.0.1", 0 } },
	  "",
	  "",
	  "drop 10.0.0.1\ndrop 10.0.0.2\n" },
	{ "replacing touches only what differs",
	  "10.0.0.1\n10.0.0.2\n10.0.0.3\nset a\n10.0.0.3",
	  { { STEP_REPLACE, "10.0.0.2\n10.0.0.4\npass 10.0.0.3", 3 } },
	  "10.0.0.1 10.0.0.3 10.0.0.4",
	  "pass 10.0.0.3, drop a 10.0.0.3, drop 10.0.0.4",
	  "set default\ndrop 10.0.0.2\npass 10.0.0.3\ndrop 10.0.0.4\nset a\ndrop 10.0.0.3\n" },
	{ "replacing what is in the base and in regions",
	  "10.0.0.1\n10.0.0.5",
	  { { STEP_ADD, "10.0.0.3\n10.0.0.7", 2 }, { STEP_REPLACE, "10.0.0.5\n10.0.0.7", 2 } },
	  "10.0.0.1 10.0.0.7",
	  "drop 10.0.0.7",
	  "drop 10.0.0.5\ndrop 10.0.0.7\n" },
	{ "a set is flushed, in the base and in regions",
	  "10.0.0.1\nset a\n10.0.0.2\n::1",
	  { { STEP_ADD, "set a\n10.0.0.3", 1 }, { STEP_FLUSH, "a", 3 } },
	  "10.0.0.2 ::1",
	  "",
	  "drop 10.0.0.1\n" },
	{ "a set is flushed whose rules are covers",
	  "set a\n10.0.0.0/8\nset b\npass 10.0.0.1",
	  { { STEP_ADD, "set b\npass 10.0.0.2", 1 }, { STEP_FLUSH, "a", 1 } },
	  "10.0.0.0/8",
	  "pass b 10.0.0.1, pass b 10.0.0.2",
	  "set b\npass 10.0.0.1\npass 10.0.0.2\n" },
	{ "a set is flushed that isn't there",
	  "10.0.0.1",
	  { { STEP_FLUSH, "a", 0 } },
	  "",
	  "",
	  "drop 10.0.0.1\n" },
};

/* Rules of a rule file with the sets of a delta, which gets those that it has not. */
static void read_incoming(struct delta *delta, const char *text, struct ruleset *incoming)
{
	ruleset_from_text(incoming, text);
	for (size_t i = 0; i < incoming->count; i++) {
		struct rule *rule = &incoming->rules[i];

		rule->set = (__u16)ruleset_name_set(&delta->rules, incoming->sets[rule->set].name);
	}
}

/* A base and its delta, as commands leave them in the kernel and find them again. */
struct table {
	struct ruleset rules;   /* the base's */
	struct image image;     /* the same, compiled */
	struct records records; /* the image's */
	struct base base;
	struct delta delta;
	__u32 now;
};

/* Takes the rules of a base, and makes the base of them or of their image. */
static void table_init(struct table *table, struct ruleset *rules, __u32 now)
{
	struct error err = { 0 };

	*table = (struct table){ .rules = *rules, .now = now };
	ruleset_init(rules);
	assert_int_equal(compile_rules(&table->rules, &table->image), 0);
	base_from_ruleset(&table->base, &table->rules);
	if (table->image.data) {
		assert_int_equal(image_check_header(&table->image, &err), 0);
		assert_int_equal(image_check_sets(&table->image, &err), 0);
		records_of(&table->image, &table->records);
		if (random_below(2))
			base_from_records(&table->base, &table->records);
	}
	assert_int_equal(delta_init(&table->delta, &table->base, now, &err), 0);
}

static void table_done(struct table *table)
{
	delta_done(&table->delta);
	image_done(&table->image);
	ruleset_done(&table->rules);
}

/* Compiles the delta. No data: it has no regions. */
static void table_compile(const struct table *table, struct image *out)
{
	const struct delta *delta = &table->delta;
	struct error err = { 0 };

	*out = (struct image){ 0 };
	if (!delta->regions.count)
		return;
	assert_int_equal(compile_delta(&delta->rules, &delta->regions, delta->replaced, out), 0);
	if (image_check(out, &err))
		fail_msg("%s", err.text);
}

/* Reads the delta back at another time. */
static void table_reload(struct table *table, __u32 now)
{
	struct delta *delta = &table->delta;
	struct ruleset rules;
	struct prefix_list regions;
	struct error err = { 0 };
	struct image image;

	table_compile(table, &image);
	table->now = now;
	delta_done(delta);
	assert_int_equal(delta_init(delta, &table->base, now, &err), 0);
	if (!image.data)
		return;
	if (decompile_delta(&image, &rules, &regions, &err) ||
	    delta_take(delta, &rules, &regions, image_header(&image)->replaced, &err))
		fail_msg("%s", err.text);
	image_done(&image);
}

/* Release with ruleset_done(). */
static void table_merge(const struct table *table, struct ruleset *out)
{
	ruleset_init(out);
	assert_int_equal(ruleset_reserve(out, table->rules.count, table->rules.set_count), 0);
	for (size_t i = 0; i < table->rules.count; i++)
		out->rules[out->count++] = table->rules.rules[i];
	assert_int_equal(delta_merge(&table->delta, out), 0);
}

static bool *mark_sets(const struct delta *delta, const struct ruleset *incoming, const char *name)
{
	bool *sets = calloc(delta->rules.set_count + 1, sizeof(*sets));

	assert_non_null(sets);
	for (size_t i = 0; i < delta->rules.set_count; i++)
		sets[i] = ruleset_find_set(incoming, delta->rules.sets[i].name) >= 0 ||
			  (name && !strcmp(delta->rules.sets[i].name, name));
	return sets;
}

/* Of sets that the base has not, the last one has rules. */
static void check_last_set(const struct delta *delta)
{
	const struct ruleset *rules = &delta->rules;

	if (rules->set_count > delta->base->set_count)
		assert_true(ruleset_count_set(rules, rules->set_count - 1) > 0);
}

static void take_step(struct table *table, enum step step, const char *text, size_t expected)
{
	struct delta *delta = &table->delta;
	struct error err = { 0 };
	struct ruleset incoming;
	size_t changed = 0;
	bool *sets;
	int ret = 0;

	if (step == STEP_LATER) {
		table_reload(table, tick_after(0, strtoull(text, NULL, 10)));
		return;
	}
	read_incoming(delta, step == STEP_FLUSH ? "" : text, &incoming);
	sets = mark_sets(delta, &incoming, step == STEP_FLUSH ? text : NULL);
	if (step == STEP_ADD)
		ret = delta_add(delta, incoming.rules, incoming.count, SIZE_MAX, &changed, &err);
	else if (step == STEP_REMOVE)
		ret = delta_remove(delta, incoming.rules, incoming.count, SIZE_MAX, &changed, &err);
	else
		ret = delta_replace(delta, sets, incoming.rules, incoming.count, SIZE_MAX, &changed,
				    &err);
	assert_int_equal(ret, 0);
	assert_int_equal(changed, expected);
	if (changed)
		check_last_set(delta);
	ruleset_done(&incoming);
	free(sets);
	table_reload(table, table->now);
}

static void check_regions(const struct delta *delta, const char *expected)
{
	char text[PREFIX_TEXT_SIZE], all[400] = "";

	for (size_t i = 0; i < delta->regions.count; i++) {
		prefix_format(&delta->regions.items[i], text);
		if (i)
			strcat(all, " ");
		strcat(all, text);
	}
	assert_string_equal(all, expected);
}

static void check_rules(const struct delta *delta, const char *expected)
{
	char text[PREFIX_TEXT_SIZE], all[800] = "";
	size_t length = 0;

	for (size_t i = 0; i < delta->rules.count; i++) {
		const struct rule *rule = &delta->rules.rules[i];
		const char *set = delta->rules.sets[rule->set].name;
		bool is_default = !strcmp(set, RULE_DEFAULT_SET);

		prefix_format(&rule->prefix, text);
		length += (size_t)snprintf(all + length, sizeof(all) - length, "%s%s %s%s%s",
					   i ? ", " : "", verdict_name(rule->verdict),
					   is_default ? "" : set, is_default ? "" : " ", text);
		assert_true(length < sizeof(all));
	}
	assert_string_equal(all, expected);
}

static void check_case(void **state)
{
	const struct delta_case *c = *state;
	struct ruleset base, merged;
	struct table table;
	char *text;

	random_restart();
	ruleset_from_text(&base, c->base);
	table_init(&table, &base, 0);
	for (size_t i = 0; i < COUNT_OF(c->steps) && c->steps[i].step != STEP_END; i++)
		take_step(&table, c->steps[i].step, c->steps[i].rules, c->steps[i].changed);
	check_regions(&table.delta, c->regions);
	check_rules(&table.delta, c->rules);
	table_merge(&table, &merged);
	ruleset_tidy(&merged, table.now);
	text = ruleset_to_text(&merged);
	assert_string_equal(text, c->table);
	free(text);
	ruleset_done(&merged);
	table_done(&table);
}

/* --- Random changes, with a model ------------------------------------------------------------- */

#define MODEL_SETS 7

static const char *const set_names[MODEL_SETS] = { "default", "b", "a", "n", "m", "o", "0" };

/* A table and the rule set that it should be. Changes draw from a pool of rules, most of which the
 * base has, so that they meet. A rule of the pool names its set by its position in set_names. */
struct model {
	struct table table;
	struct ruleset rules; /* what the table should be, but for the numbers of its sets */
	struct rule *pool;
	size_t pool_count;
	size_t limit; /* 0: now and then one at random */
	bool is_counted;
	__u32 next_slot;
};

/* Release with ruleset_done(). */
static void copy_ruleset(const struct ruleset *from, struct ruleset *to)
{
	ruleset_init(to);
	assert_int_equal(ruleset_reserve(to, from->count + 1, from->set_count + 1), 0);
	for (size_t i = 0; i < from->count; i++)
		to->rules[to->count++] = from->rules[i];
	for (size_t i = 0; i < from->set_count; i++)
		to->sets[to->set_count++] = from->sets[i];
}

static void model_init(struct model *model, enum shape shape)
{
	const size_t count = 1 + random_below(120);
	struct ruleset unused, base;

	*model = (struct model){ .pool_count = count, .is_counted = random_below(2) };
	ruleset_init(&unused);
	random_rules(&unused, shape, count, &model->pool);
	ruleset_done(&unused);
	for (size_t i = 0; i < count; i++)
		model->pool[i].set = (__u16)random_below(3);
	ruleset_init(&model->rules);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ruleset_name_set(&model->rules, set_names[i]), i);
	assert_int_equal(ruleset_add(&model->rules, model->pool, count * 2 / 3, NULL), 0);
	if (model->is_counted)
		assign_counters(&model->rules);
	model->next_slot = (__u32)count;
	copy_ruleset(&model->rules, &base);
	table_init(&model->table, &base, 0);
}

static void model_done(struct model *model)
{
	table_done(&model->table);
	ruleset_done(&model->rules);
	free(model->pool);
}

/* Draws rules from the pool. Some get another verdict, end or set. The caller frees them. */
static struct rule *draw_rules(const struct model *model, size_t count)
{
	struct rule *rules = calloc(count + 1, sizeof(*rules));

	assert_non_null(rules);
	for (size_t i = 0; i < count; i++) {
		rules[i] = model->pool[random_below(model->pool_count)];
		if (!random_below(3))
			rules[i].verdict ^= IPF_PASS ^ IPF_DROP;
		if (!random_below(4))
			rules[i].set = (__u16)random_below(MODEL_SETS);
		if (!random_below(3))
			rules[i].expires = random_below(2) ? IPF_NEVER :
							     1 + (__u32)random_below(40);
		if (tick_ended(rules[i].expires, model->table.now))
			rules[i].expires = IPF_NEVER;
		rules[i].counter = (__u32)random_number();
	}
	return rules;
}

/* The same rules with the numbers that sets have here. */
static struct rule *with_sets_of(struct ruleset *set, const struct rule *rules, size_t count)
{
	struct rule *copy = calloc(count + 1, sizeof(*copy));

	assert_non_null(copy);
	for (size_t i = 0; i < count; i++) {
		int number = ruleset_name_set(set, set_names[rules[i].set]);

		assert_true(number >= 0);
		copy[i] = rules[i];
		copy[i].set = (__u16)number;
	}
	return copy;
}

struct change {
	enum step step;
	struct rule *rules;
	size_t count;
	bool replaced[MODEL_SETS];
};

static bool *flags_of(const struct ruleset *set, const struct change *change)
{
	bool *flags = calloc(set->set_count + 1, sizeof(*flags));

	assert_non_null(flags);
	for (size_t i = 0; i < MODEL_SETS; i++) {
		int number = ruleset_find_set(set, set_names[i]);

		if (number >= 0)
			flags[number] = change->replaced[i];
	}
	return flags;
}

static size_t change_model(struct ruleset *rules, const struct change *change)
{
	struct rule *incoming = with_sets_of(rules, change->rules, change->count);
	bool *flags = flags_of(rules, change);
	size_t changed = 0;
	int ret;

	if (change->step == STEP_ADD)
		ret = ruleset_add(rules, incoming, change->count, &changed);
	else if (change->step == STEP_REMOVE)
		ret = ruleset_remove(rules, incoming, change->count, &changed);
	else
		ret = ruleset_replace(rules, flags, incoming, change->count, &changed);
	assert_int_equal(ret, 0);
	free(incoming);
	free(flags);
	return changed;
}

static int change_delta(struct delta *delta, const struct change *change, size_t limit,
			size_t *changed)
{
	struct rule *incoming = with_sets_of(&delta->rules, change->rules, change->count);
	bool *flags = flags_of(&delta->rules, change);
	struct error err = { 0 };
	int ret;

	if (change->step == STEP_ADD)
		ret = delta_add(delta, incoming, change->count, limit, changed, &err);
	else if (change->step == STEP_REMOVE)
		ret = delta_remove(delta, incoming, change->count, limit, changed, &err);
	else
		ret = delta_replace(delta, flags, incoming, change->count, limit, changed, &err);
	assert_string_equal(err.text, "");
	free(incoming);
	free(flags);
	return ret;
}

/* The rule of a set, by name. NULL: there is none. */
static const struct rule *find_in(const struct ruleset *set, const struct prefix *prefix,
				  const char *name)
{
	for (size_t i = ruleset_find_prefix(set, prefix);
	     i < set->count && !prefix_compare(&set->rules[i].prefix, prefix); i++)
		if (!strcmp(set->sets[set->rules[i].set].name, name))
			return &set->rules[i];
	return NULL;
}

/* Gives new rules new slots, as the dataplane does: here in both alike. */
static void assign_slots(struct model *model)
{
	struct ruleset *own = &model->table.delta.rules, *rules = &model->rules;

	for (size_t i = 0; model->is_counted && i < rules->count; i++) {
		struct rule *rule = &rules->rules[i], *before = i ? rule - 1 : NULL;

		if (before && before->verdict == rule->verdict &&
		    !prefix_compare(&before->prefix, &rule->prefix))
			rule->counter = before->counter;
		else if (rule->counter == IPF_NO_COUNTER)
			rule->counter = model->next_slot++;
	}
	for (size_t i = 0; i < own->count; i++) {
		struct rule *rule = &own->rules[i];
		const struct rule *same = find_in(rules, &rule->prefix, own->sets[rule->set].name);

		if (rule->counter == IPF_NO_COUNTER && same)
			rule->counter = same->counter;
	}
}

/* --- What must hold after each change ---- */

static bool is_in_regions(const struct delta *delta, const struct prefix *prefix)
{
	for (size_t i = 0; i < delta->regions.count; i++)
		if (prefix_contains(&delta->regions.items[i], prefix))
			return true;
	return false;
}

static bool is_over_a_region(const struct delta *delta, const struct prefix *prefix)
{
	for (size_t i = 0; i < delta->regions.count; i++)
		if (prefix_contains(prefix, &delta->regions.items[i]))
			return true;
	return false;
}

static void check_invariants(const struct table *table)
{
	const struct delta *delta = &table->delta;
	size_t replaced[IPF_FAMILIES] = { 0 };

	assert_sound_ruleset(&delta->rules);
	for (size_t i = 1; i < delta->regions.count; i++) {
		assert_true(prefix_compare(&delta->regions.items[i - 1], &delta->regions.items[i]) <
			    0);
		assert_false(
			prefix_contains(&delta->regions.items[i - 1], &delta->regions.items[i]));
	}
	for (size_t i = 0; i < delta->rules.count; i++) {
		const struct rule *rule = &delta->rules.rules[i];

		assert_false(tick_ended(rule->expires, table->now));
		if (is_in_regions(delta, &rule->prefix))
			continue;
		/* A cover: a copy that some region needs. */
		assert_true(is_over_a_region(delta, &rule->prefix));
		assert_same_rule(rule, find_in(&table->rules, &rule->prefix,
					       delta->rules.sets[rule->set].name));
	}
	for (size_t i = 0; i < table->rules.count; i++) {
		const struct rule *rule = &table->rules.rules[i];

		if (is_in_regions(delta, &rule->prefix))
			replaced[rule->prefix.family]++;
		else if (is_over_a_region(delta, &rule->prefix) &&
			 !tick_ended(rule->expires, table->now))
			assert_non_null(find_in(&delta->rules, &rule->prefix,
						table->rules.sets[rule->set].name));
	}
	assert_memory_equal(replaced, delta->replaced, sizeof(replaced));
}

/* Does it know how many rules each set has? */
static void check_tallies(const struct delta *delta, const struct ruleset *merged)
{
	size_t set_count = delta->rules.set_count;
	struct base_tally *told = calloc(set_count + 1, sizeof(*told));
	struct base_tally *true_ones = calloc(set_count + 1, sizeof(*true_ones));
	struct error err = { 0 };

	assert_true(told && true_ones);
	for (size_t i = 0; i < merged->count; i++)
		true_ones[merged->rules[i].set].rules[merged->rules[i].prefix.family]++;
	assert_int_equal(base_tally_sets(delta->base, told, &err), 0);
	assert_int_equal(delta_tally_sets(delta, told, &err), 0);
	assert_memory_equal(told, true_ones, set_count * sizeof(*told));
	free(true_ones);
	free(told);
}

/* The delta of one and the rules of the other are the same table. */
static void check_table(const struct model *model)
{
	struct ruleset merged, wanted;

	table_merge(&model->table, &merged);
	assert_sound_ruleset(&merged);
	for (enum ipf_family family = IPF_IPV4; family <= IPF_IPV6; family++)
		assert_int_equal(delta_count_family(&model->table.delta, family),
				 ruleset_count_family(&merged, family));
	check_tallies(&model->table.delta, &merged);
	copy_ruleset(&model->rules, &wanted);
	ruleset_tidy(&merged, model->table.now);
	ruleset_tidy(&wanted, model->table.now);
	assert_same_ruleset(&merged, &wanted);
	ruleset_done(&merged);
	ruleset_done(&wanted);
}

/* What packets ask: the delta, and the base where the delta says nothing. */
struct packets {
	const struct model *model;
	struct image delta;
};

static struct ipf_match look_up(const struct packets *packets, const struct address *address,
				__u32 now, const struct image **image)
{
	struct ipf_match match = { IPF_ASK_BASE, IPF_NO_RULE };

	*image = &packets->delta;
	if (packets->delta.data)
		match = image_lookup(&packets->delta, address, now);
	if (match.verdict != IPF_ASK_BASE)
		return match;
	*image = &packets->model->table.image;
	return image_lookup(*image, address, now);
}

/* The slot that a packet counts in. */
static __u32 slot_of(const struct image *image, const struct ipf_match *match)
{
	size_t count;
	const __u32 *counters = image_counters(image, &count);

	if (!counters || match->owner == IPF_NO_RULE)
		return IPF_NO_COUNTER;
	return image_header(image)->layout.timers ? counters[match->owner] : match->owner;
}

static void check_packet(const struct packets *packets, const struct address *address, __u32 now)
{
	const struct rule *wanted = ruleset_decide(&packets->model->rules, address, now);
	const struct image *image;
	struct ipf_match match = look_up(packets, address, now, &image);

	assert_int_equal(match.verdict, wanted ? wanted->verdict : IPF_NO_VERDICT);
	assert_int_equal(slot_of(image, &match), wanted ? wanted->counter : IPF_NO_COUNTER);
}

static void check_address(const struct packets *packets, const struct address *address)
{
	const struct table *table = &packets->model->table;
	const struct rule *wanted = ruleset_decide(&packets->model->rules, address, table->now);
	struct error err = { 0 };
	struct rule rule;

	check_packet(packets, address, table->now);
	check_packet(packets, address, table->now + (__u32)random_below(30));
	assert_int_equal(delta_decide(&table->delta, address, &rule, &err), wanted != NULL);
	if (!wanted)
		return;
	/* Sets are numbered otherwise. */
	rule.set = wanted->set;
	assert_same_rule(&rule, wanted);
}

/* The addresses at the ends of a prefix, and those beside it. */
static void check_edges(const struct packets *packets, const struct prefix *prefix)
{
	const struct ipf_key one = { prefix->family == IPF_IPV4 ? 1ull << 32 : 0,
				     prefix->family == IPF_IPV6 };
	const struct ipf_key minus_one = { prefix->family == IPF_IPV4 ? ~0ull << 32 : ~0ull,
					   prefix->family == IPF_IPV6 ? ~0ull : 0 };
	struct address edges[4] = { 0 };

	edges[0].key = prefix->key;
	edges[1].key = prefix_last(prefix);
	if (prefix->family == IPF_IPV4)
		edges[1].key = (struct ipf_key){ edges[1].key.high & ~0ull << 32, 0 };
	edges[2].key = key_sum(edges[0].key, minus_one);
	edges[3].key = key_sum(edges[1].key, one);
	for (size_t i = 0; i < COUNT_OF(edges); i++) {
		edges[i].family = prefix->family;
		check_address(packets, &edges[i]);
	}
}

static void check_lookups(const struct model *model)
{
	const struct delta *delta = &model->table.delta;
	struct packets packets = { .model = model };

	table_compile(&model->table, &packets.delta);
	for (size_t i = 0; i < delta->regions.count; i++)
		check_edges(&packets, &delta->regions.items[i]);
	for (size_t i = 0; i < 20; i++)
		check_edges(&packets, &model->pool[random_below(model->pool_count)].prefix);
	image_done(&packets.delta);
}

static void check_sets(const struct model *model)
{
	const struct delta *delta = &model->table.delta;
	bool *sets = calloc(delta->rules.set_count + 1, sizeof(*sets));
	struct error err = { 0 };
	struct ruleset some, merged;
	size_t count = 0;

	assert_non_null(sets);
	for (size_t i = 0; i < delta->rules.set_count; i++)
		sets[i] = random_below(2);
	table_merge(&model->table, &merged);
	ruleset_drop_ended(&merged, model->table.now);
	assert_int_equal(delta_read_sets(delta, sets, SIZE_MAX, &some, &err), 0);
	for (size_t i = 0; i < merged.count; i++)
		if (sets[merged.rules[i].set])
			assert_same_rule(&merged.rules[i], &some.rules[count++]);
	assert_int_equal(some.count, count);
	ruleset_done(&some);
	assert_int_equal(delta_read_sets(delta, sets, count, &some, &err), 0);
	ruleset_done(&some);
	if (count)
		assert_int_equal(delta_read_sets(delta, sets, count - 1, &some, &err), -E2BIG);
	ruleset_done(&merged);
	free(sets);
}

/* Compiles the table anew: what it has come to is the base of a delta without regions. */
static void renew(struct model *model)
{
	struct ruleset merged;

	table_merge(&model->table, &merged);
	ruleset_tidy(&merged, model->table.now);
	table_done(&model->table);
	table_init(&model->table, &merged, model->table.now);
}

/* What a delta was, to see that it is still the same. */
static char *text_of(const struct delta *delta)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (size_t i = 0; i < delta->rules.count; i++) {
		const struct rule *rule = &delta->rules.rules[i];
		char prefix[PREFIX_TEXT_SIZE];

		prefix_format(&rule->prefix, prefix);
		fprintf(out, "%s %u %u %u %u\n", prefix, rule->verdict, rule->set, rule->expires,
			rule->counter);
	}
	for (size_t i = 0; i < delta->regions.count; i++) {
		char prefix[PREFIX_TEXT_SIZE];

		prefix_format(&delta->regions.items[i], prefix);
		fprintf(out, "%s\n", prefix);
	}
	fprintf(out, "%zu %zu\n", delta->replaced[IPF_IPV4], delta->replaced[IPF_IPV6]);
	fclose(out);
	return text;
}

static void make_change(struct model *model, const struct change *change)
{
	size_t limit = model->limit ? model->limit : random_below(3) ? SIZE_MAX : random_below(30);
	size_t changed = 0, wanted = change_model(&model->rules, change);
	struct delta *delta = &model->table.delta;
	char *before = text_of(delta), *after;
	int ret = change_delta(delta, change, limit, &changed);

	after = text_of(delta);
	if (ret == -E2BIG) {
		assert_string_equal(before, after);
		renew(model);
		ret = change_delta(delta, change, SIZE_MAX, &changed);
	} else if (changed) {
		assert_true(delta->rules.count + delta->regions.count <= limit);
	}
	assert_int_equal(ret, 0);
	assert_int_equal(changed, wanted);
	free(before);
	free(after);
}

static void take_random_step(struct model *model)
{
	struct change change = { .step = STEP_ADD + random_below(3) };

	if (!random_below(3)) {
		table_reload(&model->table, model->table.now + (__u32)random_below(4));
		ruleset_drop_ended(&model->rules, model->table.now);
	}
	change.count = random_below(8) ? random_below(5) : random_below(60);
	change.rules = draw_rules(model, change.count);
	for (size_t i = 0; i < MODEL_SETS; i++)
		change.replaced[i] = !random_below(4);
	make_change(model, &change);
	free(change.rules);
	assign_slots(model);
	table_reload(&model->table, model->table.now);
}

static void random_changes(void **state)
{
	const enum shape shape = *(const enum shape *)*state;

	random_restart();
	for (size_t round = 0; round < 60; round++) {
		struct model model;

		model_init(&model, shape);
		for (size_t i = 0; i < 40; i++) {
			take_random_step(&model);
			check_invariants(&model.table);
			check_table(&model);
			check_lookups(&model);
			check_sets(&model);
		}
		model_done(&model);
	}
}

/* --- Many lookups, against a fresh compile ---------------------------------------------------- */

#define LOOKUPS_PER_STEP 40000

static void model_init_large(struct model *model)
{
	const size_t count = 12000;
	struct ruleset base;

	*model = (struct model){ .is_counted = true, .next_slot = 4 * count, .limit = 3000 };
	ruleset_init(&model->rules);
	model->pool = calloc(SHAPES * count, sizeof(*model->pool));
	assert_non_null(model->pool);
	for (enum shape shape = 0; shape < SHAPES; shape++) {
		/* Shapes of few prefixes make few rules. */
		size_t some = shape == SHAPE_SPREAD || shape == SHAPE_NEIGHBOURS ? count : 300;
		struct rule *rules;
		struct ruleset unused;

		ruleset_init(&unused);
		random_rules(&unused, shape, some, &rules);
		ruleset_done(&unused);
		memcpy(model->pool + model->pool_count, rules, some * sizeof(*rules));
		model->pool_count += some;
		free(rules);
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ruleset_name_set(&model->rules, set_names[i]), i);
	for (size_t i = 0; i < model->pool_count; i++) {
		model->pool[i].set = (__u16)random_below(3);
		if (random_below(8))
			model->pool[i].expires = IPF_NEVER;
	}
	assert_int_equal(ruleset_add(&model->rules, model->pool, model->pool_count, NULL), 0);
	assign_counters(&model->rules);
	copy_ruleset(&model->rules, &base);
	table_init(&model->table, &base, 0);
}

/* An address of a rule of the pool, of a region or of the delta, or anywhere; at an edge or
 * inside. */
static struct address draw_address(const struct model *model)
{
	const struct delta *delta = &model->table.delta;
	struct address address = random_address(random_below(2) ? IPF_IPV4 : IPF_IPV6);
	const struct prefix *prefix = &model->pool[random_below(model->pool_count)].prefix;
	struct ipf_key last;

	if (!random_below(8))
		return address;
	if (delta->regions.count && random_below(2))
		prefix = &delta->regions.items[random_below(delta->regions.count)];
	else if (delta->rules.count && random_below(2))
		prefix = &delta->rules.rules[random_below(delta->rules.count)].prefix;
	last = prefix_last(prefix);
	address.family = prefix->family;
	switch (random_below(4)) {
	case 0:
		address.key = prefix->key;
		break;
	case 1:
		address.key = last;
		break;
	case 2: /* the one before */
		address.key = key_sum(prefix->key, (struct ipf_key){ UINT64_MAX, UINT64_MAX });
		break;
	default: /* inside */
		address.key.high = (prefix->key.high ^ last.high) & address.key.high;
		address.key.low = (prefix->key.low ^ last.low) & address.key.low;
		address.key.high |= prefix->key.high;
		address.key.low |= prefix->key.low;
	}
	if (address.family == IPF_IPV4)
		address.key = (struct ipf_key){ address.key.high >> 32 << 32, 0 };
	return address;
}

static void check_against_fresh(const struct model *model)
{
	struct packets packets = { .model = model };
	struct image fresh;

	assert_int_equal(compile_rules(&model->rules, &fresh), 0);
	table_compile(&model->table, &packets.delta);
	for (size_t i = 0; i < LOOKUPS_PER_STEP; i++) {
		struct address address = draw_address(model);
		__u32 now = model->table.now + (__u32)random_below(RANDOM_MAX_EXPIRES);
		const struct image *image;
		struct ipf_match match = look_up(&packets, &address, now, &image);
		struct ipf_match wanted = image_lookup(&fresh, &address, now);

		assert_int_equal(match.verdict, wanted.verdict);
		assert_int_equal(slot_of(image, &match), slot_of(&fresh, &wanted));
	}
	image_done(&packets.delta);
	image_done(&fresh);
}

static void many_lookups(void **state)
{
	size_t steps = getenv("XDP_IPFILTER_LONG") ? 250 : 25;
	struct model model;

	(void)state;
	random_restart();
	model_init_large(&model);
	for (size_t i = 0; i < steps; i++) {
		struct change change = { .step = random_below(3) ? STEP_ADD : STEP_REMOVE };

		change.count = 1 + random_below(random_below(3) ? 5 : 400);
		change.rules = draw_rules(&model, change.count);
		make_change(&model, &change);
		free(change.rules);
		assign_slots(&model);
		/* What did not fit has been compiled anew, with the change. */
		if (model.table.delta.rules.count > model.limit)
			renew(&model);
		table_reload(&model.table, model.table.now + (__u32)random_below(2));
		ruleset_drop_ended(&model.rules, model.table.now);
		check_against_fresh(&model);
	}
	check_table(&model);
	model_done(&model);
}

/* --- Limits ----------------------------------------------------------------------------------- */

struct limit_case {
	const char *name;
	const char *base;
	const char *before; /* added without a limit */
	enum step step;
	const char *rules;
	size_t need; /* rules and regions: with fewer, it is refused */
};

static const struct limit_case limit_cases[] = {
	{ "a rule and its region", "10.0.0.1", "", STEP_ADD, "10.0.0.2", 2 },
	{ "a region without rules", "10.0.0.1", "", STEP_REMOVE, "10.0.0.1", 2 },
	{ "a cover counts", "10.0.0.0/8", "", STEP_ADD, "10.0.0.2", 3 },
	{ "what is inside counts", "10.0.0.1\n10.0.0.2\n10.0.0.3", "", STEP_ADD, "10.0.0.0/8", 5 },
	{ "what the delta has counts", "10.0.0.1", "11.0.0.1\n11.0.0.2", STEP_ADD, "10.0.0.2", 6 },
	{ "two at once", "10.0.0.1", "", STEP_ADD, "10.0.0.2\n10.0.0.3", 4 },
	{ "in a region", "10.0.0.1", "10.1.0.0/16", STEP_ADD, "10.1.0.2", 3 },
	{ "a flush", "10.0.0.1\nset a\n10.0.0.2\n10.0.0.3", "", STEP_FLUSH, "a", 4 },
	{ "nothing", "10.0.0.1", "10.0.0.2", STEP_ADD, "10.0.0.1\n10.0.0.2", 0 },
};

static int try_step(struct table *table, enum step step, const char *text, size_t limit)
{
	struct delta *delta = &table->delta;
	struct error err = { 0 };
	struct ruleset incoming;
	size_t changed;
	bool *sets;
	int ret;

	read_incoming(delta, step == STEP_FLUSH ? "" : text, &incoming);
	sets = mark_sets(delta, &incoming, step == STEP_FLUSH ? text : NULL);
	if (step == STEP_ADD)
		ret = delta_add(delta, incoming.rules, incoming.count, limit, &changed, &err);
	else if (step == STEP_REMOVE)
		ret = delta_remove(delta, incoming.rules, incoming.count, limit, &changed, &err);
	else
		ret = delta_replace(delta, sets, incoming.rules, incoming.count, limit, &changed,
				    &err);
	assert_string_equal(err.text, "");
	ruleset_done(&incoming);
	free(sets);
	return ret;
}

static void check_limit(void **state)
{
	const struct limit_case *c = *state;
	struct ruleset base;
	struct table table;

	random_restart();
	ruleset_from_text(&base, c->base);
	table_init(&table, &base, 0);
	assert_int_equal(try_step(&table, STEP_ADD, c->before, SIZE_MAX), 0);
	for (size_t limit = 0; limit < c->need; limit++) {
		char *before = text_of(&table.delta), *after;

		assert_int_equal(try_step(&table, c->step, c->rules, limit), -E2BIG);
		after = text_of(&table.delta);
		assert_string_equal(before, after);
		free(before);
		free(after);
	}
	assert_int_equal(try_step(&table, c->step, c->rules, c->need), 0);
	table_done(&table);
}

/* How often rules of a base were read. */
static size_t reads;

static int read_and_count(const void *context, size_t i, struct rule *out, struct error *err)
{
	const struct ruleset *rules = context;

	(void)err;
	reads++;
	*out = rules->rules[i];
	return 0;
}

/* Rules spread evenly over IPv4. */
static void spread_rules(struct ruleset *rules, size_t count)
{
	ruleset_init(rules);
	assert_int_equal(ruleset_name_set(rules, "default"), 0);
	assert_int_equal(ruleset_reserve(rules, count, 1), 0);
	for (size_t i = 0; i < count; i++)
		rules->rules[rules->count++] = (struct rule){
			.prefix = { { ((1ull << 32) / count * i) << 32, 0 }, IPF_IPV4, 32 },
			.verdict = IPF_DROP,
			.counter = IPF_NO_COUNTER,
		};
}

/* How many rules of a base of that many are read for a change, after that of a host in the
 * middle. */
static size_t count_reads(size_t count, const struct prefix *prefix, size_t limit, int expected)
{
	struct rule middle = { .prefix = { { 0x7fffffff00000000, 0 }, IPF_IPV4, 32 },
			       .verdict = IPF_DROP };
	struct error err = { 0 };
	struct ruleset rules;
	struct delta delta;
	struct base base;
	size_t changed;

	spread_rules(&rules, count);
	base_from_ruleset(&base, &rules);
	base.read = read_and_count;
	assert_int_equal(delta_init(&delta, &base, 0, &err), 0);
	assert_int_equal(delta_add(&delta, &middle, 1, SIZE_MAX, &changed, &err), 0);
	reads = 0;
	assert_int_equal(delta_add(&delta, &(struct rule){ .prefix = *prefix, .verdict = IPF_DROP },
				   1, limit, &changed, &err),
			 expected);
	delta_done(&delta);
	ruleset_done(&rules);
	return reads;
}

static void a_change_reads_little(void **state)
{
	const struct prefix host = { { 0xc000020100000000, 0 }, IPF_IPV4, 32 };
	const struct prefix all = { { 0 }, IPF_IPV4, 0 };

	(void)state;
	/* The searches for covers are one for each bit that is left, over distances that double. */
	assert_true(count_reads(1000, &host, SIZE_MAX, 0) < 2 * 10 * 10 + 100);
	assert_true(count_reads(1000000, &host, SIZE_MAX, 0) < 2 * 20 * 20 + 100);
	/* What is too much is not read. */
	assert_true(count_reads(1000000, &all, 600000, -E2BIG) < 100);
	assert_int_equal(count_reads(1000000, &host, 1, -E2BIG) < 1000, true);
}

/* --- Damage ----------------------------------------------------------------------------------- */

static void change_damaged(struct model *model)
{
	struct change change = { .step = STEP_ADD + random_below(3), .count = random_below(10) };
	struct delta *delta = &model->table.delta;
	struct rule *incoming;
	struct error err = { 0 };
	struct rule found;
	struct address address = random_address(IPF_IPV4);
	size_t changed;
	bool *flags;
	int ret;

	change.rules = draw_rules(model, change.count);
	for (size_t i = 0; i < MODEL_SETS; i++)
		change.replaced[i] = random_below(2);
	incoming = with_sets_of(&delta->rules, change.rules, change.count);
	flags = flags_of(&delta->rules, &change);
	if (change.step == STEP_ADD)
		ret = delta_add(delta, incoming, change.count, 200, &changed, &err);
	else if (change.step == STEP_REMOVE)
		ret = delta_remove(delta, incoming, change.count, 200, &changed, &err);
	else
		ret = delta_replace(delta, flags, incoming, change.count, 200, &changed, &err);
	for (size_t i = 1; !ret && i < delta->rules.count; i++)
		assert_true(rule_compare(&delta->rules.rules[i - 1], &delta->rules.rules[i]) < 0);
	if (ret == -EBADMSG)
		assert_int_equal(strncmp(err.text, "the rule table is damaged: ", 27), 0);
	else
		assert_true(!ret || ret == -E2BIG);
	ret = delta_decide(delta, &address, &found, &err);
	assert_true(ret == 0 || ret == 1 || ret == -EBADMSG);
	free(change.rules);
	free(incoming);
	free(flags);
}

/* Whatever is in the records, changes end, and are refused where it shows. */
static void a_damaged_base(void **state)
{
	(void)state;
	random_restart();
	for (size_t round = 0; round < 2000; round++) {
		enum shape shape = (enum shape)random_below(SHAPES);
		struct model model;
		__u8 *body;
		size_t size;

		model_init(&model, shape);
		if (!model.table.image.data) {
			model_done(&model);
			continue;
		}
		base_from_records(&model.table.base, &model.table.records);
		body = image_at(&model.table.image, 0);
		size = model.table.image.size - sizeof(struct ipf_header) -
		       model.rules.set_count * sizeof(struct ipf_set);
		for (size_t i = 1 + random_below(40); i--;)
			body[random_below(size)] = (__u8)random_number();
		for (size_t i = 0; i < 5; i++)
			change_damaged(&model);
		model_done(&model);
	}
}

static void rules_that_are_not_in_order(void **state)
{
	(void)state;
	random_restart();
	for (size_t round = 0; round < 2000; round++) {
		enum shape shape = (enum shape)random_below(SHAPES);
		struct model model;
		struct rule *rules;
		size_t count;

		model_init(&model, shape);
		base_from_ruleset(&model.table.base, &model.table.rules);
		rules = model.table.rules.rules;
		count = model.table.base.count[IPF_IPV4];
		for (size_t i = 1 + random_below(10); i-- && count;) {
			size_t a = random_below(count), b = random_below(count);
			struct rule rule = rules[a];

			rules[a] = rules[b];
			rules[b] = rule;
		}
		for (size_t i = 0; i < 5; i++)
			change_damaged(&model);
		model_done(&model);
	}
}

/* Any rule of the pool, each time another one. */
static int read_anything(const void *context, size_t i, struct rule *out, struct error *err)
{
	const struct model *model = context;

	(void)i;
	(void)err;
	*out = model->pool[random_below(model->pool_count)];
	return 0;
}

static void rules_that_change_all_the_time(void **state)
{
	(void)state;
	random_restart();
	for (size_t round = 0; round < 4000; round++) {
		struct model model;

		model_init(&model, (enum shape)random_below(SHAPES));
		base_from_ruleset(&model.table.base, &model.table.rules);
		model.table.base.context = &model;
		model.table.base.read = read_anything;
		for (size_t i = 0; i < 5; i++)
			change_damaged(&model);
		model_done(&model);
	}
}

static void a_delta_of_another_base(void **state)
{
	const __u32 none[IPF_FAMILIES] = { 0 }, many[IPF_FAMILIES] = { 2, 0 };
	struct prefix nets[] = { { { 0x0a00000000000000, 0 }, IPF_IPV4, 8 },
				 { { 0x0a00000000000000, 0 }, IPF_IPV4, 16 } };
	struct prefix_list nested = { nets, 2, 2 }, regions = { nets, 1, 1 };
	struct ruleset rules, base, other;
	struct error err = { 0 };
	struct table table;

	(void)state;
	ruleset_from_text(&base, "set a\n10.0.0.1");
	ruleset_from_text(&rules, "set a\n10.0.0.2");
	ruleset_from_text(&other, "set b\n10.0.0.2");
	table_init(&table, &base, 0);
	assert_int_equal(delta_take(&table.delta, &other, &regions, none, &err), -EBADMSG);
	assert_string_equal(err.text, "the rule table is damaged: "
				      "its recent changes belong to another table");
	assert_int_equal(delta_take(&table.delta, &rules, &regions, many, &err), -EBADMSG);
	assert_int_equal(delta_take(&table.delta, &rules, &nested, none, &err), -EBADMSG);
	assert_int_equal(rules.count, 1);
	assert_int_equal(regions.count, 1);
	ruleset_done(&rules);
	ruleset_done(&other);
	table_done(&table);
}

int main(void)
{
	static struct suite suite;

	static const enum shape shapes[SHAPES] = { 0, 1, 2, 3, 4, 5, 6, 7 };

	SUITE_TABLE(&suite, check_case, delta_cases);
	for (size_t i = 0; i < SHAPES; i++)
		suite_add(&suite, shape_names[i], random_changes, &shapes[i]);
	suite_add(&suite, "many lookups agree with a fresh compile", many_lookups, NULL);
	SUITE_TABLE(&suite, check_limit, limit_cases);
	suite_add(&suite, "a change reads few rules of a base", a_change_reads_little, NULL);
	suite_add(&suite, "damaged records", a_damaged_base, NULL);
	suite_add(&suite, "rules that are not in order", rules_that_are_not_in_order, NULL);
	suite_add(&suite, "rules that change all the time", rules_that_change_all_the_time, NULL);
	suite_add(&suite, "a delta of another base", a_delta_of_another_base, NULL);
	return suite_run(&suite, "delta");
}
