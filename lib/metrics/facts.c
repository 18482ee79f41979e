// SPDX-License-Identifier: GPL-2.0
/*
 * What do the filters and sync of this network namespace say at one moment?
 */
#include <metrics/facts.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dataplane/edit.h>
#include <ruleset/rule.h>
#include <ruleset/tick.h>
#include <util/auto.h>
#include <util/error.h>

/* Others change something now and then, but not all the time. */
#define MAX_READS 5

/* -- Rules ------------------------------------------------------------------------------------- */

/* The rules of each set of a large table's base. */
struct facts_tally {
	__u32 program_id;
	struct edit_identity base;
	struct base_tally *sets;
	size_t set_count;
	bool is_used; /* since facts_read() began */
};

/* Without what no table is now. */
static void forget(struct facts_memory *memory)
{
	size_t kept = 0;

	for (size_t i = 0; i < memory->count; i++) {
		struct facts_tally *item = &memory->items[i];

		if (item->is_used)
			memory->items[kept++] = *item;
		else
			free(item->sets);
	}
	memory->count = kept;
	for (size_t i = 0; i < kept; i++)
		memory->items[i].is_used = false;
}

/* The second time, none is used. */
void facts_memory_done(struct facts_memory *memory)
{
	forget(memory);
	forget(memory);
	free(memory->items);
	*memory = (struct facts_memory){ 0 };
}

static void add_set(struct facts_rules *out, const char *name, const struct base_tally *tally)
{
	struct facts_set *set = &out->sets[out->set_count++];

	memcpy(set->name, name, strnlen(name, sizeof(set->name) - 1));
	for (unsigned int family = 0; family < IPF_FAMILIES; family++) {
		set->count[family] = tally->rules[family];
		out->count[family] += tally->rules[family];
	}
}

/* Sets without rules are left over from earlier ones. A table without any has the default one. */
static int take_tallies(const struct ruleset *named, const struct base_tally *tallies,
			struct facts_rules *out, struct error *err)
{
	static const struct base_tally none;

	out->sets = calloc(named->set_count + 1, sizeof(*out->sets));
	if (!out->sets)
		return error_no_memory(err);
	for (size_t i = 0; i < named->set_count; i++)
		if (tallies[i].rules[IPF_IPV4] || tallies[i].rules[IPF_IPV6])
			add_set(out, named->sets[i].name, &tallies[i]);
	if (!out->set_count)
		add_set(out, RULE_DEFAULT_SET, &none);
	return 0;
}

static int tally_rules(const struct ruleset *rules, struct facts_rules *out, struct error *err)
{
	auto_free struct base_tally *tallies = calloc(rules->set_count + 1, sizeof(*tallies));
	struct base base;
	int ret;

	if (!tallies)
		return error_no_memory(err);
	base_from_ruleset(&base, rules);
	ret = base_tally_sets(&base, tallies, err);
	return ret ? ret : take_tallies(rules, tallies, out, err);
}

/* A table without a delta is so small that all of it is read, which tells the rules that have ended
 * from the others. */
static int count_small(const struct filter *filter, struct facts_rules *out, struct error *err)
{
	struct ruleset rules;
	int ret = table_read(filter, &rules, NULL, err);

	if (ret)
		return ret;
	ruleset_tidy(&rules, tick_now());
	ret = tally_rules(&rules, out, err);
	ruleset_done(&rules);
	return ret;
}

static struct facts_tally *recall(const struct facts_memory *memory, const struct edit *edit)
{
	const struct edit_identity base = edit_identity(edit);

	for (size_t i = 0; i < memory->count; i++) {
		struct facts_tally *item = &memory->items[i];

		if (item->program_id == edit->filter->program_id && item->base.sum == base.sum &&
		    item->base.size == base.size)
			return item;
	}
	return NULL;
}

static int remember(struct facts_memory *memory, const struct edit *edit, struct facts_tally **out,
		    struct error *err)
{
	struct facts_tally *items = reallocarray(memory->items, memory->count + 1, sizeof(*items));
	struct facts_tally *item;

	if (!items)
		return error_no_memory(err);
	memory->items = items;
	item = &items[memory->count];
	*item = (struct facts_tally){ .program_id = edit->filter->program_id,
				      .base = edit_identity(edit),
				      .set_count = edit->base.set_count };
	item->sets = calloc(item->set_count + 1, sizeof(*item->sets));
	if (!item->sets)
		return error_no_memory(err);
	memory->count++;
	*out = item;
	return base_tally_sets(&edit->base, item->sets, err);
}

/* Of all sets, those of the delta too. */
static int tally_edit(struct facts_memory *memory, const struct edit *edit,
		      struct base_tally *tallies, struct error *err)
{
	struct facts_tally *base = recall(memory, edit);
	int ret = base ? 0 : remember(memory, edit, &base, err);

	if (ret)
		return ret;
	base->is_used = true;
	memcpy(tallies, base->sets, base->set_count * sizeof(*tallies));
	return delta_tally_sets(&edit->delta, tallies, err);
}

/* Where all rules are of one set, none has to be looked at. */
static int count_large(struct facts_memory *memory, const struct edit *edit,
		       struct facts_rules *out, struct error *err)
{
	const struct ruleset *named = &edit->delta.rules;
	auto_free struct base_tally *tallies = calloc(named->set_count + 1, sizeof(*tallies));
	int ret = 0;

	if (!tallies)
		return error_no_memory(err);
	if (named->set_count == 1)
		for (unsigned int family = 0; family < IPF_FAMILIES; family++)
			tallies->rules[family] = delta_count_family(&edit->delta, family);
	else
		ret = tally_edit(memory, edit, tallies, err);
	return ret ? ret : take_tallies(named, tallies, out, err);
}

static int count_rules(const struct filter *filter, struct facts_memory *memory,
		       struct facts_rules *out, struct error *err)
{
	struct edit edit;
	int ret = edit_open(filter, tick_now(), &edit, err);

	if (ret == -E2BIG)
		return count_small(filter, out, err);
	if (ret)
		return ret;
	ret = count_large(memory, &edit, out, err);
	/* A table that another command replaces meanwhile seems to be damaged. */
	if ((!ret || ret == -EBADMSG) && edit_check(&edit, NULL))
		ret = edit_check(&edit, err);
	if (ret)
		facts_memory_done(memory);
	edit_done(&edit);
	return ret;
}

static int count_all_rules(struct facts *facts, struct facts_memory *memory, struct error *err)
{
	const struct ifaces *ifaces = &facts->ifaces;
	int ret = 0;

	facts->rules = calloc(ifaces->count + 1, sizeof(*facts->rules));
	if (!facts->rules)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		const struct iface *iface = &ifaces->items[i];

		if (iface->chain.program_id)
			ret = count_rules(&iface->filter, memory, &facts->rules[i], err);
		if (ret)
			error_prefix(err, ret, "%s", iface->dev.name);
	}
	return ret;
}

/* -- All of it --------------------------------------------------------------------------------- */

static int read_once(struct facts *facts, struct facts_memory *memory, struct error *err)
{
	static const struct snapshot_parts parts = { .totals = true };
	const struct option_texts all = { 0 };
	int ret = ifaces_find(&all, &facts->ifaces, err);

	if (!ret)
		ret = ifaces_open(&facts->ifaces, err);
	if (!ret)
		ret = snapshots_read(&facts->snapshots, &facts->ifaces, &parts, err);
	if (!ret)
		ret = count_all_rules(facts, memory, err);
	return ret ? ret : state_read(&facts->sync, err);
}

int facts_read(struct facts *out, struct facts_memory *memory, struct error *err)
{
	struct facts facts = { 0 };
	int ret = read_once(&facts, memory, err);

	for (int i = 1; i < MAX_READS && (ret == -EAGAIN || ret == -ENOENT || ret == -ENODEV);
	     i++) {
		facts_done(&facts);
		error_clear(err);
		ret = read_once(&facts, memory, err);
	}
	if (ret)
		facts_done(&facts);
	else
		*out = facts;
	forget(memory);
	return ret;
}

void facts_done(struct facts *facts)
{
	state_done(&facts->sync);
	for (size_t i = 0; i < facts->ifaces.count && facts->rules; i++)
		free(facts->rules[i].sets);
	free(facts->rules);
	snapshots_done(&facts->snapshots);
	ifaces_done(&facts->ifaces);
	*facts = (struct facts){ 0 };
}
