// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the tables that tests write down; see rules.h.
 */
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <table/compile.h>

#include "tap.h"

void table_done(struct table *table)
{
	image_done(&table->image);
	ruleset_done(&table->rules);
	memset(table, 0, sizeof(*table));
}

struct prefix prefix_of(const char *text)
{
	struct prefix_list list = { 0 };
	struct prefix prefix;

	if (prefix_parse(text, &list, NULL) != PREFIX_OK || list.count != 1)
		tap_bail("'%s' is not one prefix", text);
	prefix = list.items[0];
	prefix_list_done(&list);
	return prefix;
}

static void compile(struct table *table, struct rule *rules, size_t count)
{
	struct ruleset_slots fresh = { 0 };

	if (ruleset_add(&table->rules, rules, count, NULL) ||
	    ruleset_assign_counters(&table->rules, 0, NULL, 0, &fresh) ||
	    compile_rules(&table->rules, &table->image))
		tap_bail("a table of %zu rules does not compile", count);
	free(fresh.items);
}

void table_from_lines(struct table *table, const struct rule_line *lines, size_t count)
{
	__u32 now = tick_now();
	struct rule *rules = calloc(count + 1, sizeof(*rules));
	size_t used = 0;

	if (!rules)
		tap_bail("no memory");
	memset(table, 0, sizeof(*table));
	ruleset_init(&table->rules);
	for (; used < count && lines[used].prefix; used++) {
		const struct rule_line *line = &lines[used];
		int set = ruleset_name_set(&table->rules, line->set ? line->set : RULE_DEFAULT_SET);

		if (set < 0)
			tap_bail("'%s': no such set", line->set);
		rules[used] = (struct rule){
			.prefix = prefix_of(line->prefix),
			.verdict = line->verdict,
			.set = (__u16)set,
			.expires = line->life == FOREVER ? IPF_NEVER :
				   line->life == ENDED   ? now :
							   now + 100000,
			.counter = IPF_NO_COUNTER,
		};
	}
	compile(table, rules, used);
	free(rules);
}

void table_from_rules(struct table *table, struct rule *rules, size_t count, size_t set_count)
{
	memset(table, 0, sizeof(*table));
	ruleset_init(&table->rules);
	for (size_t set = 0; set < set_count; set++) {
		char name[IPF_SET_NAME_SIZE];

		snprintf(name, sizeof(name), "set%zu", set);
		if (ruleset_name_set(&table->rules, name) != (int)set)
			tap_bail("set %zu has another number", set);
	}
	compile(table, rules, count);
}

__u32 table_counter(const struct table *table, const char *text, enum ipf_verdict verdict)
{
	struct prefix prefix = prefix_of(text);

	for (size_t i = 0; i < table->rules.count; i++)
		if (!prefix_compare(&table->rules.rules[i].prefix, &prefix) &&
		    table->rules.rules[i].verdict == verdict)
			return table->rules.rules[i].counter;
	tap_bail("the table has no rule for %s", text);
}

size_t address_bytes(enum ipf_family family, const struct ipf_key *key, __u8 bytes[16])
{
	for (int i = 0; i < 8; i++) {
		bytes[i] = (__u8)(key->high >> (56 - 8 * i));
		bytes[8 + i] = (__u8)(key->low >> (56 - 8 * i));
	}
	return family == IPF_IPV4 ? 4 : 16;
}

struct ipf_key key_after(enum ipf_family family, struct ipf_key key)
{
	if (family == IPF_IPV4)
		return (struct ipf_key){ ((key.high >> 32) + 1) << 32, 0 };
	key.low++;
	key.high += !key.low;
	return key;
}

struct ipf_key key_before(enum ipf_family family, struct ipf_key key)
{
	if (family == IPF_IPV4)
		return (struct ipf_key){ ((key.high >> 32) - 1) << 32, 0 };
	key.high -= !key.low;
	key.low--;
	return key;
}
