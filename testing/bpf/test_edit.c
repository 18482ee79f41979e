// SPDX-License-Identifier: GPL-2.0
/*
 * Does a large table that changes a little stay what a plain rule set says?
 *
 *     STEPS=10000 SEED=... test_edit [OBJECT]
 *
 * A table of a few thousand rules changes again and again as commands change it: by its delta where
 * that is possible (lib/dataplane/edit.c), else as a whole. After each step the packets near the
 * rules that changed, the rules that are read back and their counters are compared with those of a
 * rule set that changes by the same calls. Then a delta is damaged.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <dataplane/counters.h>
#include <dataplane/edit.h>
#include <dataplane/filter.h>
#include <dataplane/slots.h>
#include <dataplane/table.h>
#include <ruleset/tick.h>
#include <util/error.h>

#include "chance.h"
#include "corpus.h"
#include "program.h"
#include "rules.h"
#include "tap.h"

enum { RULES = 6000, INCOMING_AT_MOST = 1200, PROBES = 24, SETS = 3, FAR_TICKS = 1000000 };

static const char *const set_names[SETS] = { "default", "b", "a" };

/* -- The table and its model ------------------------------------------------------------------- */

struct bench {
	struct program program;
	struct filter filter;
	struct ipf_root *root;
	struct ruleset
		model; /* with the sets of set_names, in this order; counters are the table's */
	__u32 now;
	unsigned int edits, rebuilds, unchanged;
};

static void bench_open(struct bench *bench, const char *path)
{
	const struct ipf_config config = { .magic = IPF_MAGIC, .abi_version = IPF_ABI_VERSION };

	memset(bench, 0, sizeof(*bench));
	if (program_open(&bench->program, path, &(struct program_options){ 0 }))
		tap_bail("%s cannot be loaded", path);
	bench->filter = filter_of_object(bench->program.object, &config);
	bench->root = (struct ipf_root *)bench->program.root;
	ruleset_init(&bench->model);
	for (int set = 0; set < SETS; set++)
		if (ruleset_name_set(&bench->model, set_names[set]) != set)
			tap_bail("no memory");
	bench->now = tick_now();
}

static void bench_close(struct bench *bench)
{
	ruleset_done(&bench->model);
	program_close(&bench->program);
}

enum change_kind { CHANGE_ADD, CHANGE_REMOVE, CHANGE_REPLACE, CHANGE_KINDS };

/* Rules whose sets index set_names; a replace is of the last set. */
struct change {
	enum change_kind kind;
	struct rule rules[INCOMING_AT_MOST];
	size_t count;
};

/* The change with the sets of these rules. Marks the set of a replace in `sets`. */
static struct change *translate(const struct change *change, struct ruleset *rules, bool **sets)
{
	struct change *out = malloc(sizeof(*out));
	int numbers[SETS];

	if (!out)
		tap_bail("no memory");
	*out = *change;
	for (int set = 0; set < SETS; set++)
		numbers[set] = ruleset_name_set(rules, set_names[set]);
	for (size_t i = 0; i < out->count; i++)
		out->rules[i].set = (__u16)numbers[out->rules[i].set];
	*sets = calloc(rules->set_count + 1, sizeof(**sets));
	if (!*sets)
		tap_bail("no memory");
	(*sets)[numbers[SETS - 1]] = true;
	return out;
}

static size_t change_rules(const struct change *change, struct ruleset *rules)
{
	bool *sets;
	struct change *own = translate(change, rules, &sets);
	size_t changed = 0;
	int ret;

	if (own->kind == CHANGE_ADD)
		ret = ruleset_add(rules, own->rules, own->count, &changed);
	else if (own->kind == CHANGE_REMOVE)
		ret = ruleset_remove(rules, own->rules, own->count, &changed);
	else
		ret = ruleset_replace(rules, sets, own->rules, own->count, &changed);
	if (ret)
		tap_bail("no memory");
	free(sets);
	free(own);
	return changed;
}

static int change_edit(const struct change *change, struct edit *edit, size_t *changed,
		       struct error *err)
{
	bool *sets;
	struct change *own = translate(change, &edit->delta.rules, &sets);
	size_t limit = edit_limit(edit, own->count);
	struct delta *delta = &edit->delta;
	int ret;

	if (own->kind == CHANGE_ADD)
		ret = delta_add(delta, own->rules, own->count, limit, changed, err);
	else if (own->kind == CHANGE_REMOVE)
		ret = delta_remove(delta, own->rules, own->count, limit, changed, err);
	else
		ret = delta_replace(delta, sets, own->rules, own->count, limit, changed, err);
	free(sets);
	free(own);
	return ret;
}

static int edit_table(struct bench *bench, const struct change *change, size_t *changed,
		      struct error *err)
{
	struct table_change table;
	struct edit edit;
	int ret = edit_open(&bench->filter, bench->now, &edit, err);

	if (ret)
		return ret;
	ret = change_edit(change, &edit, changed, err);
	if (!ret && *changed)
		ret = table_prepare_edit(&edit, &table, err);
	if (!ret && *changed)
		ret = table_commit(&table, err);
	edit_done(&edit);
	bench->edits += !ret;
	return ret;
}

static int rebuild_table(struct bench *bench, const struct change *change, size_t *changed,
			 struct error *err)
{
	struct table_snapshot live = { 0 };
	struct table_change table;
	struct ruleset rules;
	int ret = table_read(&bench->filter, &rules, &live, err);

	if (ret)
		return ret;
	ruleset_tidy(&rules, bench->now);
	*changed = change_rules(change, &rules);
	ruleset_tidy(&rules, bench->now);
	if (*changed)
		ret = table_prepare(&bench->filter, &live, &rules, &table, err);
	if (!ret && *changed)
		ret = table_commit(&table, err);
	table_snapshot_done(&live);
	ruleset_done(&rules);
	bench->rebuilds += !ret;
	return ret;
}

/* Changes the table as a command does, and the model. */
static void change_both(struct bench *bench, const struct change *change)
{
	const __u64 before = bench->root->generation;
	struct error err = { 0 };
	size_t changed, expected;
	int ret;

	ruleset_drop_ended(&bench->model, bench->now);
	expected = change_rules(change, &bench->model);
	ret = edit_table(bench, change, &changed, &err);
	if (ret == -E2BIG)
		ret = rebuild_table(bench, change, &changed, &err);
	if (ret)
		tap_bail("the table cannot be changed: %s", err.text);
	if (changed != expected)
		tap_ok(false, "%zu rules changed, not %zu", changed, expected);
	if (!changed && bench->root->generation != before)
		tap_ok(false, "a change of nothing publishes something");
	bench->unchanged += !changed;
}

/* -- Random changes ---------------------------------------------------------------------------- */

/* Clustered, and nested often. */
static struct prefix random_prefix(void)
{
	const enum ipf_family family = chance_one_in(3) ? IPF_IPV6 : IPF_IPV4;
	struct prefix prefix = { .family = (__u8)family };

	if (family == IPF_IPV4) {
		prefix.bits = (__u8)(chance_one_in(3) ? 12 + chance_below(21) : 32);
		prefix.key.high = (__u64)(0x0a000000u | chance_below(1 << 22)) << 32;
	} else {
		prefix.bits = (__u8)(chance_one_in(2) ? 28 + chance_below(101) :
				     chance_one_in(2) ? 64 :
							128);
		prefix.key.high = 0x20010db800000000ull | (__u64)chance_below(64) << 24 |
				  chance_below(4);
		prefix.key.low = (__u64)chance_below(16) << 60 | chance_below(64);
	}
	prefix.key.high &= prefix.bits >= 64 ? ~0ull : ~0ull << (64 - prefix.bits);
	prefix.key.low &= prefix.bits >= 128 ? ~0ull :
			  prefix.bits > 64   ? ~0ull << (128 - prefix.bits) :
					       0;
	return prefix;
}

/* Keeps the table large. */
static enum change_kind random_kind(const struct bench *bench)
{
	if (chance_one_in(12))
		return CHANGE_REPLACE;
	return bench->model.count < RULES || chance_one_in(2) ? CHANGE_ADD : CHANGE_REMOVE;
}

static void random_change(const struct bench *bench, struct change *change, enum change_kind kind,
			  size_t count)
{
	const struct ruleset *model = &bench->model;

	change->kind = kind;
	change->count = count;
	for (size_t i = 0; i < count; i++) {
		struct rule *rule = &change->rules[i];

		*rule = (struct rule){
			.prefix = random_prefix(),
			.verdict = chance_one_in(3) ? IPF_PASS : IPF_DROP,
			.set = (__u16)(chance_one_in(8) ? chance_below(SETS) : 0),
			.expires = chance_one_in(6) ? bench->now + FAR_TICKS : IPF_NEVER,
			.counter = IPF_NO_COUNTER,
		};
		if (change->kind == CHANGE_REPLACE)
			rule->set = chance_one_in(4) ? 0 : SETS - 1;
		if (!model->count || chance_one_in(3))
			continue;
		/* One that there is, or another one for its prefix. */
		if (chance_one_in(2))
			*rule = model->rules[chance_below((__u32)model->count)];
		else
			rule->prefix = model->rules[chance_below((__u32)model->count)].prefix;
	}
}

/* -- Comparison -------------------------------------------------------------------------------- */

static enum ipf_verdict ask(struct bench *bench, enum ipf_family family, const struct ipf_key *key)
{
	struct frame frame = { 0 };
	__u32 action = ~0u;

	frame_from(family, key, &frame);
	if (program_run(&bench->program,
			&(struct program_input){ .frame = frame.bytes, .size = frame.size }, 1,
			&action))
		tap_bail("the program cannot be run");
	return action == 1 /* XDP_DROP */ ? IPF_DROP : IPF_PASS;
}

static bool probe(struct bench *bench, enum ipf_family family, struct ipf_key key)
{
	const struct address address = { .family = (__u8)family, .key = key };
	const struct rule *rule = ruleset_decide(&bench->model, &address, bench->now);
	enum ipf_verdict got = ask(bench, family, &key);
	char text[ADDRESS_TEXT_SIZE];

	if (got == (rule ? rule->verdict : IPF_PASS))
		return true;
	address_format(&address, text);
	tap_note("%s: %s", text, got == IPF_DROP ? "dropped" : "passed");
	return false;
}

/* Both ends of some rules, and the addresses beside them. */
static bool probe_rules(struct bench *bench, const struct rule *rules, size_t count)
{
	bool ok = true;

	for (int i = 0; i < PROBES && count; i++) {
		const struct prefix *prefix = &rules[chance_below((__u32)count)].prefix;
		struct ipf_key last = prefix_last(prefix);

		ok = probe(bench, prefix->family, prefix->key) && ok;
		ok = probe(bench, prefix->family, last) && ok;
		ok = probe(bench, prefix->family, key_before(prefix->family, prefix->key)) && ok;
		ok = probe(bench, prefix->family, key_after(prefix->family, last)) && ok;
	}
	return ok;
}

static void copy_rules(const struct ruleset *from, struct ruleset *to)
{
	ruleset_init(to);
	if (ruleset_reserve(to, from->count + 1, from->set_count + 1))
		tap_bail("no memory");
	memcpy(to->rules, from->rules, from->count * sizeof(*to->rules));
	memcpy(to->sets, from->sets, from->set_count * sizeof(*to->sets));
	to->count = from->count;
	to->set_count = from->set_count;
}

static bool same_rule(const struct rule *a, const struct rule *b)
{
	return !prefix_compare(&a->prefix, &b->prefix) && a->verdict == b->verdict &&
	       a->set == b->set && a->expires == b->expires;
}

/* Are these the rules of the table? `model` gets their counters, and may have had others before:
 * none of a rule that stayed may have changed. */
static bool same_rules(struct bench *bench)
{
	struct ruleset got, wanted;
	struct error err = { 0 };
	bool same;

	if (table_read(&bench->filter, &got, NULL, &err))
		tap_bail("the table cannot be read: %s", err.text);
	copy_rules(&bench->model, &wanted);
	ruleset_tidy(&got, bench->now);
	ruleset_tidy(&wanted, bench->now);
	same = got.count == wanted.count && got.set_count == wanted.set_count &&
	       !memcmp(got.sets, wanted.sets, got.set_count * sizeof(*got.sets));
	for (size_t i = 0; i < got.count && same; i++) {
		same = same_rule(&got.rules[i], &wanted.rules[i]) &&
		       (wanted.rules[i].counter == IPF_NO_COUNTER ||
			wanted.rules[i].counter == got.rules[i].counter);
		if (!same)
			tap_note("rule %zu differs: counter %u, not %u", i, got.rules[i].counter,
				 wanted.rules[i].counter);
	}
	/* Both are in one order, so long as sets are numbered alike; else by prefix and set. */
	for (size_t i = 0; i < got.count && same; i++)
		for (size_t k = ruleset_find_prefix(&bench->model, &got.rules[i].prefix);
		     k < bench->model.count &&
		     !prefix_compare(&bench->model.rules[k].prefix, &got.rules[i].prefix);
		     k++)
			if (!strcmp(bench->model.sets[bench->model.rules[k].set].name,
				    got.sets[got.rules[i].set].name))
				bench->model.rules[k].counter = got.rules[i].counter;
	ruleset_done(&got);
	ruleset_done(&wanted);
	return same;
}

/* -- Tests ------------------------------------------------------------------------------------- */

static void fill(struct bench *bench, struct change *change)
{
	while (bench->model.count < RULES) {
		random_change(bench, change, CHANGE_ADD, INCOMING_AT_MOST);
		change_both(bench, change);
	}
	tap_ok(same_rules(bench), "a table of %zu rules is there", bench->model.count);
}

static void test_random_changes(struct bench *bench, unsigned int steps)
{
	struct change *change = malloc(sizeof(*change));
	bool packets = true, rules = true;

	if (!change)
		tap_bail("no memory");
	fill(bench, change);
	bench->edits = bench->rebuilds = 0;
	for (unsigned int step = 0; step < steps && packets && rules; step++) {
		random_change(bench, change, random_kind(bench),
			      chance_one_in(60) ? 1 + chance_below(INCOMING_AT_MOST) :
						  1 + chance_below(8));
		/* Also in few steps after each other: to nothing and back. */
		change_both(bench, change);
		packets = probe_rules(bench, change->rules, change->count) &&
			  probe_rules(bench, bench->model.rules, bench->model.count);
		rules = same_rules(bench);
		if (!packets || !rules)
			tap_note("at step %u", step);
	}
	tap_ok(packets, "packets are decided as by %u random changes", steps);
	tap_ok(rules, "and the rules that are read back are those, with their counters");
	tap_note("%u edits, %u rebuilds, %u without an effect; %zu rules", bench->edits,
		 bench->rebuilds, bench->unchanged, bench->model.count);
	tap_ok(bench->edits > bench->rebuilds && bench->rebuilds, "most changes are edits");
	free(change);
}

static const char host_text[] = "192.0.2.1";

static void change_host(struct bench *bench, enum change_kind kind, __u32 expires)
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change)
		tap_bail("no memory");
	change->kind = kind;
	change->count = 1;
	change->rules[0] = (struct rule){ .prefix = prefix_of(host_text),
					  .verdict = IPF_DROP,
					  .expires = expires,
					  .counter = IPF_NO_COUNTER };
	change_both(bench, change);
	free(change);
}

/* A table whose delta is empty. */
static void compile_anew(struct bench *bench)
{
	struct change *change = calloc(1, sizeof(*change));
	struct error err = { 0 };
	size_t changed;

	if (!change)
		tap_bail("no memory");
	change->kind = CHANGE_ADD;
	change->count = 1;
	change->rules[0] = (struct rule){ .prefix = prefix_of("198.51.100.1"),
					  .verdict = IPF_DROP,
					  .counter = IPF_NO_COUNTER };
	change->kind = bench->model.count % 2 ? CHANGE_ADD : CHANGE_REMOVE;
	change_rules(change, &bench->model);
	if (rebuild_table(bench, change, &changed, &err))
		tap_bail("%s", err.text);
	change->kind = change->kind == CHANGE_ADD ? CHANGE_REMOVE : CHANGE_ADD;
	change_rules(change, &bench->model);
	if (rebuild_table(bench, change, &changed, &err))
		tap_bail("%s", err.text);
	free(change);
}

static bool has_delta(const struct bench *bench)
{
	return bench->root->generation & IPF_GENERATION_HAS_DELTA;
}

static void test_back_and_forth(struct bench *bench)
{
	compile_anew(bench);
	tap_ok(!has_delta(bench), "a table that was compiled anew has no delta");
	change_host(bench, CHANGE_ADD, IPF_NEVER);
	tap_ok(has_delta(bench) && same_rules(bench), "an add makes one");
	change_host(bench, CHANGE_REMOVE, IPF_NEVER);
	tap_ok(!has_delta(bench) && same_rules(bench), "a del takes it away");
}

/* The number counts up; its lowest bits say where the table is. */
static void test_generations_start_again(struct bench *bench)
{
	const __u32 bits = IPF_GENERATION_STEP - 1;
	bool same = true;

	bench->root->generation |= IPF_GENERATION_MASK & ~(__u64)bits;
	bench->root->settled = bench->root->generation;
	for (int i = 0; i < 4; i++) {
		change_host(bench, i % 2 ? CHANGE_REMOVE : CHANGE_ADD, IPF_NEVER);
		same = same && same_rules(bench) && has_delta(bench) == !(i % 2);
	}
	compile_anew(bench);
	tap_ok(same && same_rules(bench) && bench->root->generation < 16 * IPF_GENERATION_STEP,
	       "generations start again");
}

static struct ipf_counter packets_of_host(const struct bench *bench)
{
	const struct prefix prefix = prefix_of(host_text);
	struct counter *counters;
	struct ipf_counter sum = { 0 };
	struct error err = { 0 };
	struct ruleset rules;

	if (table_read(&bench->filter, &rules, NULL, &err) ||
	    counters_read(&bench->filter, &rules, &counters, &err))
		tap_bail("%s", err.text);
	for (size_t i = 0; i < rules.count; i++)
		if (!prefix_compare(&rules.rules[i].prefix, &prefix))
			sum = counters[i].sum;
	free(counters);
	ruleset_done(&rules);
	return sum;
}

static void test_counters(struct bench *bench)
{
	const struct prefix prefix = prefix_of(host_text);

	change_host(bench, CHANGE_ADD, IPF_NEVER);
	for (int i = 0; i < 5; i++)
		ask(bench, IPF_IPV4, &prefix.key);
	tap_ok(packets_of_host(bench).packets == 5, "a rule of the delta counts");
	change_host(bench, CHANGE_ADD, bench->now + FAR_TICKS);
	ask(bench, IPF_IPV4, &prefix.key);
	tap_ok(packets_of_host(bench).packets == 6, "and goes on when it gets an end");
	compile_anew(bench);
	ask(bench, IPF_IPV4, &prefix.key);
	tap_ok(packets_of_host(bench).packets == 7, "and in a table that is compiled anew");
	change_host(bench, CHANGE_REMOVE, IPF_NEVER);
	change_host(bench, CHANGE_ADD, IPF_NEVER);
	tap_ok(packets_of_host(bench).packets == 0, "a new rule begins at zero");
	change_host(bench, CHANGE_REMOVE, IPF_NEVER);
}

/* The table anew, with its first rule's counter in this slot. */
static void move_first_counter(struct bench *bench, __u32 slot)
{
	struct table_snapshot live = { 0 };
	struct table_change table;
	struct error err = { 0 };
	struct ruleset rules;

	if (table_read(&bench->filter, &rules, &live, &err))
		tap_bail("%s", err.text);
	ruleset_tidy(&rules, bench->now);
	rules.rules[0].counter = slot;
	if (table_prepare(&bench->filter, &live, &rules, &table, &err) ||
	    table_commit(&table, &err))
		tap_bail("%s", err.text);
	table_snapshot_done(&live);
	ruleset_done(&rules);
	for (size_t i = 0; i < bench->model.count; i++)
		bench->model.rules[i].counter = IPF_NO_COUNTER;
}

/* The last set becomes this host. Returns its counter, or IPF_NO_COUNTER if the table is wrong. */
static __u32 replace_by(struct bench *bench, const char *host)
{
	struct change *change = calloc(1, sizeof(*change));
	const struct prefix prefix = prefix_of(host);
	const struct rule *rule;

	if (!change)
		tap_bail("no memory");
	change->kind = CHANGE_REPLACE;
	change->count = 1;
	change->rules[0] = (struct rule){
		.prefix = prefix, .verdict = IPF_DROP, .set = SETS - 1, .counter = IPF_NO_COUNTER
	};
	change_both(bench, change);
	free(change);
	rule = &bench->model.rules[ruleset_find_prefix(&bench->model, &prefix)];
	return same_rules(bench) && has_delta(bench) ? rule->counter : IPF_NO_COUNTER;
}

/* Else a few old rules would keep many blocks of counters. */
static void test_free_counters_are_given_again(struct bench *bench)
{
	const __u32 far = 3 * IPF_COUNTER_BLOCK;
	__u32 slots[3];

	replace_by(bench, "192.0.2.2");
	move_first_counter(bench, far);
	tap_ok(same_rules(bench) && !has_delta(bench), "a rule counts far from all others");
	for (int i = 0; i < 3; i++)
		slots[i] = replace_by(bench, i % 2 ? "192.0.2.4" : "192.0.2.3");
	tap_ok(slots[0] < far && slots[1] < far && slots[2] < far,
	       "new rules get free slots between (%u, %u, %u)", slots[0], slots[1], slots[2]);
	tap_ok(slots[0] != slots[1] && slots[1] != slots[2],
	       "but not one that the delta in use has");
	compile_anew(bench);
	tap_ok(same_rules(bench), "and keep them");
}

static void wait_for_tick(struct bench *bench, __u32 tick)
{
	while (tick_now() < tick)
		;
	bench->now = tick_now();
}

static void test_rules_end(struct bench *bench)
{
	const struct prefix prefix = prefix_of(host_text);

	compile_anew(bench);
	bench->now = tick_now();
	change_host(bench, CHANGE_ADD, bench->now + 5);
	tap_ok(ask(bench, IPF_IPV4, &prefix.key) == IPF_DROP, "a rule with an end drops");
	wait_for_tick(bench, bench->now + 6);
	tap_ok(ask(bench, IPF_IPV4, &prefix.key) == IPF_PASS && same_rules(bench),
	       "and no more after it");
	change_host(bench, CHANGE_REMOVE, IPF_NEVER);
	change_host(bench, CHANGE_ADD, IPF_NEVER);
	change_host(bench, CHANGE_REMOVE, IPF_NEVER);
	tap_ok(!has_delta(bench) && same_rules(bench), "the next change takes it out");
}

/* Both open the table before one of them changes it. */
static void test_the_second_is_refused(struct bench *bench)
{
	struct change change = { .kind = CHANGE_ADD, .count = 1 };
	struct table_change tables[2];
	struct error err = { 0 };
	struct edit edits[2];
	size_t changed;
	int ret;

	change.rules[0] = (struct rule){ .prefix = prefix_of(host_text),
					 .verdict = IPF_DROP,
					 .counter = IPF_NO_COUNTER };
	for (int i = 0; i < 2; i++)
		if (edit_open(&bench->filter, bench->now, &edits[i], &err) ||
		    change_edit(&change, &edits[i], &changed, &err))
			tap_bail("%s", err.text);
	tap_ok(!table_prepare_edit(&edits[0], &tables[0], &err), "one writer edits the table");
	ret = table_prepare_edit(&edits[1], &tables[1], &err);
	tap_ok(ret == -EBUSY, "another one hears that it is at work (%s)", err.text);
	error_clear(&err);
	tap_ok(!edit_check(&edits[1], &err), "the table is still the same");
	tap_ok(!table_commit(&tables[0], &err), "the first one commits");
	tap_ok(edit_check(&edits[1], &err) == -EAGAIN, "for the other one, it is not");
	error_clear(&err);
	ret = table_prepare_edit(&edits[1], &tables[1], &err);
	tap_ok(ret == -EAGAIN, "nor can it change it (%s)", err.text);
	for (int i = 0; i < 2; i++)
		edit_done(&edits[i]);
	change_rules(&change, &bench->model);
	tap_ok(same_rules(bench), "only the first one's rule is there");
	change_host(bench, CHANGE_REMOVE, IPF_NEVER);
}

static void test_an_abort_leaves_it(struct bench *bench)
{
	struct change change = { .kind = CHANGE_ADD, .count = 1 };
	const __u64 before = bench->root->generation;
	struct table_change table;
	struct error err = { 0 };
	struct edit edit;
	size_t changed;

	change.rules[0] = (struct rule){ .prefix = prefix_of(host_text),
					 .verdict = IPF_DROP,
					 .counter = IPF_NO_COUNTER };
	if (edit_open(&bench->filter, bench->now, &edit, &err) ||
	    change_edit(&change, &edit, &changed, &err) || table_prepare_edit(&edit, &table, &err))
		tap_bail("%s", err.text);
	table_abort(&table);
	edit_done(&edit);
	tap_ok(bench->root->generation == before && same_rules(bench),
	       "an edit that is aborted leaves nothing");
}

/* -- Damage ------------------------------------------------------------------------------------ */

static bool is_refused(const struct bench *bench, const char *what)
{
	struct error err = { 0 };
	struct ruleset rules;
	struct edit edit;
	int edited, read = table_read(&bench->filter, &rules, NULL, &err);

	if (!read)
		ruleset_done(&rules);
	error_clear(&err);
	edited = edit_open(&bench->filter, bench->now, &edit, &err);
	if (!edited)
		edit_done(&edit);
	return tap_ok(read == -EBADMSG && (edited == -EBADMSG || edited == -E2BIG),
		      "%s: readers refuse it (%d), writers as well (%d: %s)", what, read, edited,
		      err.text);
}

/* Whatever packets are told, the program ends. */
static void ask_some(struct bench *bench)
{
	const struct prefix prefix = prefix_of(host_text);

	ask(bench, IPF_IPV4, &prefix.key);
	for (size_t i = 0; i < 1000; i++) {
		const struct prefix any = random_prefix();

		ask(bench, any.family, &any.key);
	}
}

static void test_damage(struct bench *bench)
{
	const int chunks = bench->filter.maps[FILTER_CHUNKS];
	struct ipf_slots *slots = slots_map(&bench->filter, PROT_READ | PROT_WRITE);
	struct ipf_header header;
	__u32 table, slot, id;
	__u8 *bytes;
	int chunk;

	change_host(bench, CHANGE_ADD, IPF_NEVER);
	table = half_delta((__u32)bench->root->generation);
	if (!slots || !has_delta(bench))
		tap_bail("there is no delta");
	slot = (table & 1) * IPF_HALF_CHUNKS + IPF_HALF_CHUNKS - 1;
	id = slots->chunk[slot];
	chunk = bpf_map_get_fd_by_id(id);
	bytes = mmap(NULL, IPF_CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, chunk, 0);
	if (chunk < 0 || bytes == MAP_FAILED)
		tap_bail("the delta cannot be reached");

	header = bench->root->header[table];
	for (int i = 0; i < 200; i++) {
		((__u8 *)&bench->root->header[table])[chance_below(sizeof(header))] ^=
			1u << chance_below(8);
		ask_some(bench);
		if (i % 20 == 0 &&
		    memcmp(&header, &bench->root->header[table], sizeof(header)) != 0)
			is_refused(bench, "a damaged header");
	}
	memset(&bench->root->header[table], 0, sizeof(header));
	is_refused(bench, "no header");
	ask_some(bench);
	bench->root->header[table] = header;
	for (int i = 0; i < 20; i++) {
		size_t at = chance_below((__u32)(header.size - sizeof(header)));
		__u8 was = bytes[at];

		bytes[at] = (__u8)~was;
		ask_some(bench);
		if (i % 5 == 0)
			is_refused(bench, "a damaged chunk");
		bytes[at] = was;
	}
	bpf_map_delete_elem(chunks, &slot);
	slots->chunk[slot] = 0;
	ask_some(bench);
	is_refused(bench, "no chunk");
	if (bpf_map_update_elem(chunks, &slot, &chunk, BPF_ANY))
		tap_bail("the chunk cannot be put back");
	slots->chunk[slot] = id;
	tap_ok(same_rules(bench), "all is well again");
	munmap(bytes, IPF_CHUNK_SIZE);
	slots_unmap(slots);
	close(chunk);
}

int main(int argc, char **argv)
{
	const char *path = program_object_path(argc, argv), *reason = program_unavailable();
	struct bench bench;

	if (reason)
		return tap_skip_all(reason);
	tap_note("SEED=%llu", chance_begin());
	bench_open(&bench, path);
	test_random_changes(&bench, (unsigned int)chance_setting("STEPS", 400));
	test_back_and_forth(&bench);
	test_generations_start_again(&bench);
	test_counters(&bench);
	test_free_counters_are_given_again(&bench);
	test_rules_end(&bench);
	test_the_second_is_refused(&bench);
	test_an_abort_leaves_it(&bench);
	test_damage(&bench);
	bench_close(&bench);
	return tap_done();
}
