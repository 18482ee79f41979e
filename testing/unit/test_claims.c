// SPDX-License-Identifier: GPL-2.0
/*
 * Does sync have, after each delivery, the rules that all owners together ask for?
 *
 * A brute-force model asks every owner. What is delivered is read as sync would read it.
 */
#include <source/claims.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/error.h>

#include "support.h"

#define OWNERS 9
#define PREFIXES 12
#define SLACK_S 2 /* durations are delivered in whole seconds */

/* Names of which one begins another, and ones that strcmp() cannot tell apart. */
static const struct {
	const char *name;
	size_t size;
} names[OWNERS] = {
	{ "", 0 },   { "\0", 1 },     { "\0a", 2 }, { "a", 1 },        { "a\0", 2 },
	{ "aa", 2 }, { "aa\xff", 3 }, { "b", 1 },   { "\xff\xff", 2 },
};

struct want {
	bool there;
	__u8 verdict;
	__u32 expires;
};

struct model {
	struct claims *claims;
	bool there[OWNERS];
	struct want wants[OWNERS][PREFIXES]; /* in the order of names[] */
	struct prefix prefixes[PREFIXES];    /* sorted */
	struct want synced[PREFIXES];
	__u32 now;
};

static void model_open(struct model *model)
{
	static const char *const texts[PREFIXES] = {
		"0.0.0.0/0",     "10.0.0.0/8",   "10.0.0.0/9", "10.0.0.0",
		"10.0.0.1",      "192.0.2.0/24", "::/0",       "2001:db8::",
		"2001:db8::/32", "2001:db8::1",  "fe80::/10",  "ff00::/8",
	};
	struct prefix_list list = { 0 };

	*model = (struct model){ .now = 1000 };
	assert_int_equal(claims_open(&model->claims, NULL), 0);
	for (size_t i = 0; i < PREFIXES; i++)
		assert_int_equal(prefix_parse(texts[i], &list, NULL), PREFIX_OK);
	qsort(list.items, list.count, sizeof(*list.items),
	      (int (*)(const void *, const void *))prefix_compare);
	memcpy(model->prefixes, list.items, sizeof(model->prefixes));
	prefix_list_done(&list);
}

static struct want wanted(const struct model *model, size_t prefix)
{
	struct want last = { 0 };

	for (size_t i = 0; i < OWNERS; i++) {
		const struct want *want = &model->wants[i][prefix];

		if (want->there && !tick_ended(want->expires, model->now))
			last = *want;
	}
	return last;
}

static __u32 seconds(uint64_t count)
{
	return tick_after(1, count) - 1;
}

static size_t find_prefix(const struct model *model, const char *text)
{
	const struct prefix prefix = prefix_from(text);
	size_t i;

	for (i = 0; prefix_compare(&prefix, &model->prefixes[i]) != 0; i++)
		assert_true(i < PREFIXES);
	return i;
}

/* A line of a delivery. Returns the prefix that it is about. */
static size_t read_rule(struct model *model, const char *line)
{
	struct want want = { .there = *line == '+', .verdict = VERDICT_BY_POLICY };
	char text[PREFIX_TEXT_SIZE];
	unsigned long timeout;
	size_t prefix;

	line++;
	if (!strncmp(line, "pass ", 5) || !strncmp(line, "drop ", 5)) {
		want.verdict = *line == 'p' ? VERDICT_PASS : VERDICT_DROP;
		line += 5;
	}
	if (sscanf(line, "%51s timeout %lu", text, &timeout) == 2)
		want.expires = tick_after(model->now, timeout);
	prefix = find_prefix(model, text);
	if (!want.there)
		want = (struct want){ 0 };
	/* Ends differ by less than what a second is rounded to. */
	if (want.expires == IPF_NEVER)
		assert_memory_not_equal(&want, &model->synced[prefix], sizeof(want));
	model->synced[prefix] = want;
	return prefix;
}

static void read_delivery(struct model *model, char *text, bool first)
{
	char *line = strtok(text, "\n");
	size_t before = 0;
	bool any = false;

	assert_string_equal(line, first ? "list" : "change");
	for (line = strtok(NULL, "\n"); *line == '+' || *line == '-'; line = strtok(NULL, "\n")) {
		size_t prefix = read_rule(model, line);

		assert_true(!any || prefix > before);
		before = prefix;
		any = true;
	}
	assert_true(any || first);
	assert_string_equal(line, "end v");
	assert_null(strtok(NULL, "\n"));
}

static void forget_ended(struct model *model)
{
	for (size_t i = 0; i < PREFIXES; i++)
		if (model->synced[i].there && tick_ended(model->synced[i].expires, model->now))
			model->synced[i] = (struct want){ 0 };
}

static void assert_synced(const struct model *model)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		const struct want want = wanted(model, i), have = model->synced[i];
		__u32 slack = seconds(SLACK_S);

		if (!want.there) {
			assert_true(!have.there || (have.expires != IPF_NEVER &&
						    have.expires - model->now <= slack));
			continue;
		}
		assert_int_equal(have.verdict, want.verdict);
		assert_int_equal(have.expires == IPF_NEVER, want.expires == IPF_NEVER);
		assert_uint_in_range(have.expires + slack, want.expires, want.expires + 2 * slack);
	}
}

static void deliver(struct model *model, bool first)
{
	auto_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int ret = claims_deliver(model->claims, out, "v", model->now, NULL);

	fclose(out);
	forget_ended(model);
	if (ret)
		read_delivery(model, text, first);
	else
		assert_int_equal(size, 0);
	assert_true(ret || !first);
	assert_synced(model);
}

/* What is removed is not told yet. */
static void deliver_additions(struct model *model)
{
	auto_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int ret = claims_deliver_additions(model->claims, out, "v", model->now, NULL);

	fclose(out);
	forget_ended(model);
	assert_null(strstr(text, "\n-"));
	if (ret)
		read_delivery(model, text, false);
	else
		assert_int_equal(size, 0);
}

static struct rule random_rule(struct model *model, size_t *prefix)
{
	static const __u8 verdicts[] = { VERDICT_BY_POLICY, VERDICT_PASS, VERDICT_DROP };

	*prefix = random_below(PREFIXES);
	return (struct rule){
		.prefix = model->prefixes[*prefix],
		.verdict = verdicts[random_below(COUNT_OF(verdicts))],
		.expires = random_below(2) ? IPF_NEVER :
					     model->now + seconds(10 * (1 + random_below(9))),
	};
}

static void set_owner(struct model *model, size_t owner)
{
	struct rule rules[PREFIXES];
	size_t count = random_below(PREFIXES), prefix;

	memset(model->wants[owner], 0, sizeof(model->wants[owner]));
	for (size_t i = 0; i < count; i++) {
		rules[i] = random_rule(model, &prefix);
		model->wants[owner][prefix] = (struct want){
			.there = true,
			.verdict = rules[i].verdict,
			.expires = rules[i].expires,
		};
	}
	model->there[owner] = true;
	assert_int_equal(claims_set(model->claims, names[owner].name, names[owner].size, owner,
				    rules, count, NULL),
			 0);
}

static void remove_owner(struct model *model, size_t owner)
{
	memset(model->wants[owner], 0, sizeof(model->wants[owner]));
	model->there[owner] = false;
}

/* Some owners are set, some kept, and the others forgotten. Or the round is given up. */
static void play_round(struct model *model)
{
	bool seen[OWNERS] = { 0 };

	claims_begin_round(model->claims);
	for (size_t i = 0; i < OWNERS; i++) {
		if (!random_below(3)) {
			set_owner(model, i);
			seen[i] = true;
		} else if (!random_below(2)) {
			seen[i] = claims_keep(model->claims, names[i].name, names[i].size, i);
			assert_int_equal(seen[i], model->there[i]);
		}
	}
	if (!random_below(3))
		return;
	assert_int_equal(claims_end_round(model->claims, NULL), 0);
	for (size_t i = 0; i < OWNERS; i++)
		if (!seen[i])
			remove_owner(model, i);
}

static void play(struct model *model)
{
	size_t owner = random_below(OWNERS);

	switch (random_below(8)) {
	case 0:
		play_round(model);
		break;
	case 1:
	case 2:
		assert_int_equal(claims_remove(model->claims, names[owner].name, names[owner].size,
					       NULL),
				 0);
		remove_owner(model, owner);
		break;
	case 3:
		model->now += seconds(random_below(30));
		break;
	default:
		set_owner(model, owner);
	}
}

static void assert_owners(const struct model *model)
{
	size_t count = 0, newest = 0, size;
	const void *name;
	uint64_t version;

	for (size_t i = 0; i < OWNERS; i++) {
		bool there = claims_version(model->claims, names[i].name, names[i].size, &version);

		assert_int_equal(there, model->there[i]);
		assert_true(!there || version == i);
		count += there;
		newest = there ? i : newest;
	}
	assert_int_equal(claims_owners(model->claims), count);
	assert_int_equal(claims_newest(model->claims, &name, &size, &version), count > 0);
	if (count) {
		assert_int_equal(version, newest);
		assert_int_equal(size, names[newest].size);
		assert_memory_equal(name, names[newest].name, size);
	}
}

static void test_random_changes(void **state)
{
	(void)state;
	random_restart();
	for (int game = 0; game < 300; game++) {
		struct model model;

		model_open(&model);
		for (int i = (int)random_below(10); i > 0; i--)
			play(&model);
		for (int i = 0; i < 40; i++) {
			deliver(&model, !i);
			for (int j = (int)random_below(6); j > 0; j--) {
				play(&model);
				if (!random_below(4))
					deliver_additions(&model);
			}
			assert_owners(&model);
		}
		claims_close(model.claims);
	}
}

typedef int (*delivering)(struct claims *claims, FILE *out, const char *validator, __u32 now,
			  struct error *err);

/* The lines of what is delivered, with ; for their ends. */
static void assert_delivery(struct claims *claims, delivering how, __u32 now, const char *wanted)
{
	auto_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int ret = how(claims, out, NULL, now, NULL);

	fclose(out);
	assert_int_equal(ret, *wanted != '\0');
	for (char *end = text; (end = strchr(end, '\n'));)
		*end = ';';
	assert_string_equal(text, wanted);
}

static void assert_delivered(struct claims *claims, __u32 now, const char *wanted)
{
	assert_delivery(claims, claims_deliver, now, wanted);
}

static void set_version(struct claims *claims, const char *owner, const char *prefix, __u8 verdict,
			__u32 expires, uint64_t version)
{
	struct prefix_list list = { 0 };
	struct rule rule = { .verdict = verdict, .expires = expires };

	assert_int_equal(prefix_parse(prefix, &list, NULL), PREFIX_OK);
	rule.prefix = list.items[0];
	prefix_list_done(&list);
	assert_int_equal(claims_set(claims, owner, strlen(owner), version, &rule, 1, NULL), 0);
}

static void set(struct claims *claims, const char *owner, const char *prefix, __u8 verdict,
		__u32 expires)
{
	set_version(claims, owner, prefix, verdict, expires, 1);
}

static void test_what_goes_is_told_later(void **state)
{
	struct claims *claims;

	(void)state;
	assert_int_equal(claims_open(&claims, NULL), 0);
	set(claims, "a", "192.0.2.1", VERDICT_DROP, IPF_NEVER);
	set(claims, "b", "192.0.2.2", VERDICT_DROP, IPF_NEVER);
	assert_delivery(claims, claims_deliver_additions, 1000,
			"list;+drop 192.0.2.1;+drop 192.0.2.2;end ;");
	assert_int_equal(claims_remove(claims, "a", 1, NULL), 0);
	assert_int_equal(claims_remove(claims, "b", 1, NULL), 0);
	assert_delivery(claims, claims_deliver_additions, 1000, "");
	set(claims, "c", "192.0.2.3", VERDICT_DROP, IPF_NEVER);
	assert_delivery(claims, claims_deliver_additions, 1000, "change;+drop 192.0.2.3;end ;");
	set(claims, "b", "192.0.2.2", VERDICT_DROP, IPF_NEVER);
	assert_delivery(claims, claims_deliver_additions, 1000, "");
	assert_delivered(claims, 1000, "change;-192.0.2.1;end ;");
	assert_delivered(claims, 1000, "");
	claims_close(claims);
}

static void test_the_last_owner_decides_until_its_end(void **state)
{
	struct claims *claims;

	(void)state;
	assert_int_equal(claims_open(&claims, NULL), 0);
	assert_delivered(claims, 1000, "list;end ;");
	set(claims, "b", "192.0.2.1", VERDICT_PASS, 1000 + seconds(10));
	assert_delivered(claims, 1000, "change;+pass 192.0.2.1 timeout 10;end ;");
	set(claims, "a", "192.0.2.1", VERDICT_DROP, IPF_NEVER);
	assert_delivered(claims, 1000, "");
	assert_delivered(claims, 1000 + seconds(10) - 1, "");
	assert_delivered(claims, 1000 + seconds(10), "change;+drop 192.0.2.1;end ;");
	/* The one that ended is still b's, and no news when it goes. */
	assert_int_equal(claims_remove(claims, "b", 1, NULL), 0);
	assert_delivered(claims, 1000 + seconds(11), "");
	set(claims, "c", "192.0.2.1", VERDICT_DROP, IPF_NEVER);
	assert_int_equal(claims_remove(claims, "a", 1, NULL), 0);
	assert_delivered(claims, 1000 + seconds(11), "");
	assert_int_equal(claims_remove(claims, "c", 1, NULL), 0);
	assert_int_equal(claims_remove(claims, "c", 1, NULL), 0);
	assert_delivered(claims, 1000 + seconds(11), "change;-192.0.2.1;end ;");
	claims_close(claims);
}

static void assert_decider(const struct claims *claims, const char *text, uint64_t wanted)
{
	const struct prefix prefix = prefix_from(text);
	uint64_t version = 0;

	assert_int_equal(claims_decider(claims, &prefix, &version), wanted > 0);
	assert_int_equal(version, wanted);
}

static void test_the_highest_version_decides(void **state)
{
	struct claims *claims;

	(void)state;
	assert_int_equal(claims_open(&claims, NULL), 0);
	claims_decide_by_version(claims);
	set_version(claims, "a", "192.0.2.1", VERDICT_DROP, 1000 + seconds(30), 30);
	set_version(claims, "b", "192.0.2.1", VERDICT_DROP, 1000 + seconds(20), 20);
	assert_delivered(claims, 1000, "list;+drop 192.0.2.1 timeout 30;end ;");
	assert_decider(claims, "192.0.2.1", 30);
	assert_decider(claims, "192.0.2.2", 0);
	set_version(claims, "b", "192.0.2.1", VERDICT_DROP, 1000 + seconds(40), 40);
	assert_delivered(claims, 1000, "change;+drop 192.0.2.1 timeout 40;end ;");
	/* The same owner, with other rules and a lower version. */
	set_version(claims, "b", "192.0.2.2", VERDICT_DROP, 1000 + seconds(10), 10);
	assert_delivered(claims, 1000,
			 "change;+drop 192.0.2.1 timeout 30;+drop 192.0.2.2 timeout 10;end ;");
	set_version(claims, "c", "192.0.2.1", VERDICT_DROP, 1000 + seconds(30), 30);
	assert_delivered(claims, 1000, "");
	claims_close(claims);
}

static void sum_versions(void *context, const struct prefix *prefix, uint64_t version)
{
	*(uint64_t *)context += version * (prefix->bits == 32);
}

static void test_all_rules_are_visited(void **state)
{
	struct claims *claims;
	uint64_t sum = 0;

	(void)state;
	assert_int_equal(claims_open(&claims, NULL), 0);
	set_version(claims, "a", "192.0.2.1", VERDICT_DROP, 1000 + seconds(30), 1);
	set_version(claims, "b", "192.0.2.1", VERDICT_DROP, IPF_NEVER, 10);
	set_version(claims, "c", "192.0.2.2", VERDICT_DROP, 1000 + seconds(10), 100);
	claims_visit(claims, sum_versions, &sum);
	assert_int_equal(sum, 111);
	assert_delivered(claims, 1000 + seconds(20), "list;+drop 192.0.2.1;end ;");
	claims_visit(claims, sum_versions, &sum);
	assert_int_equal(sum, 122);
	claims_close(claims);
}

static void test_an_end_is_no_news(void **state)
{
	struct claims *claims;

	(void)state;
	assert_int_equal(claims_open(&claims, NULL), 0);
	set(claims, "a", "192.0.2.1", VERDICT_DROP, 1000 + seconds(10));
	set(claims, "b", "192.0.2.2", VERDICT_DROP, 1000);
	assert_delivered(claims, 1000, "list;+drop 192.0.2.1 timeout 10;end ;");
	assert_delivered(claims, 1000 + seconds(20), "");
	set(claims, "a", "192.0.2.1", VERDICT_DROP, 1000 + seconds(30));
	assert_delivered(claims, 1000 + seconds(20), "change;+drop 192.0.2.1 timeout 10;end ;");
	claims_close(claims);
}

static void test_a_reader_that_is_gone_is_noticed(void **state)
{
	struct claims *claims;
	auto_file FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_int_equal(claims_open(&claims, NULL), 0);
	assert_int_equal(claims_deliver(claims, full, NULL, 1000, NULL), -ENOSPC);
	claims_close(claims);
	claims_close(NULL);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "random changes", test_random_changes, NULL);
	suite_add(&suite, "what goes is told later", test_what_goes_is_told_later, NULL);
	suite_add(&suite, "the last owner decides", test_the_last_owner_decides_until_its_end,
		  NULL);
	suite_add(&suite, "the highest version decides", test_the_highest_version_decides, NULL);
	suite_add(&suite, "all rules are visited", test_all_rules_are_visited, NULL);
	suite_add(&suite, "an end is no news", test_an_end_is_no_news, NULL);
	suite_add(&suite, "a reader that is gone", test_a_reader_that_is_gone_is_noticed, NULL);
	return suite_run(&suite, "claims");
}
