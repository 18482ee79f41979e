// SPDX-License-Identifier: GPL-2.0
/*
 * What do the filters and sync of this network namespace say at one moment?
 */
#include <metrics/facts.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <util/error.h>

/* Others change something now and then, but not all the time. */
#define MAX_READS 5

static int copy_sets(const struct ruleset *rules, struct facts_rules *out, struct error *err)
{
	out->sets = calloc(rules->set_count + 1, sizeof(*out->sets));
	if (!out->sets)
		return error_no_memory(err);
	out->set_count = rules->set_count;
	for (size_t i = 0; i < rules->set_count; i++)
		memcpy(out->sets[i].name, rules->sets[i].name, sizeof(out->sets[i].name));
	return 0;
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
	for (unsigned int family = 0; family < IPF_FAMILIES; family++)
		out->count[family] = ruleset_count_family(&rules, family);
	ret = copy_sets(&rules, out, err);
	ruleset_done(&rules);
	return ret;
}

static int count_rules(const struct filter *filter, struct facts_rules *out, struct error *err)
{
	struct edit edit;
	int ret = edit_open(filter, tick_now(), &edit, err);

	if (ret == -E2BIG)
		return count_small(filter, out, err);
	if (ret)
		return ret;
	for (unsigned int family = 0; family < IPF_FAMILIES; family++)
		out->count[family] = delta_count_family(&edit.delta, family);
	ret = copy_sets(&edit.delta.rules, out, err);
	if (!ret)
		ret = edit_check(&edit, err);
	edit_done(&edit);
	return ret;
}

static int count_all_rules(struct facts *facts, struct error *err)
{
	const struct ifaces *ifaces = &facts->ifaces;
	int ret = 0;

	facts->rules = calloc(ifaces->count + 1, sizeof(*facts->rules));
	if (!facts->rules)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		const struct iface *iface = &ifaces->items[i];

		if (iface->chain.program_id)
			ret = count_rules(&iface->filter, &facts->rules[i], err);
		if (ret)
			error_prefix(err, ret, "%s", iface->dev.name);
	}
	return ret;
}

static int read_once(struct facts *facts, struct error *err)
{
	static const struct snapshot_parts parts = { .totals = true };
	const struct option_texts all = { 0 };
	int ret = ifaces_find(&all, &facts->ifaces, err);

	if (!ret)
		ret = ifaces_open(&facts->ifaces, err);
	if (!ret)
		ret = snapshots_read(&facts->snapshots, &facts->ifaces, &parts, err);
	if (!ret)
		ret = count_all_rules(facts, err);
	return ret ? ret : state_read(&facts->sync, err);
}

int facts_read(struct facts *out, struct error *err)
{
	struct facts facts = { 0 };
	int ret = read_once(&facts, err);

	for (int i = 1; i < MAX_READS && (ret == -EAGAIN || ret == -ENOENT || ret == -ENODEV);
	     i++) {
		facts_done(&facts);
		error_clear(err);
		ret = read_once(&facts, err);
	}
	if (ret)
		facts_done(&facts);
	else
		*out = facts;
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
