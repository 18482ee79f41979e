// SPDX-License-Identifier: GPL-2.0
/*
 * What does an interface's filter hold at one moment?
 */
#include <control/snapshot.h>

#include <stdlib.h>

#include <dataplane/enforcement.h>
#include <dataplane/kernel.h>
#include <dataplane/repair.h>
#include <ruleset/tick.h>
#include <util/clock.h>
#include <util/error.h>

static void keep_set(struct ruleset *rules, const char *name)
{
	int index = ruleset_find_set(rules, name);
	size_t kept = 0;

	for (size_t i = 0; i < rules->count; i++)
		if (rules->rules[i].set == index)
			rules->rules[kept++] = rules->rules[i];
	rules->count = kept;
}

static int read_rules(struct snapshot *snapshot, const struct snapshot_parts *parts,
		      struct error *err)
{
	const struct filter *filter = &snapshot->iface->filter;
	int ret = table_read(filter, &snapshot->rules, parts->table ? &snapshot->table : NULL, err);

	if (ret)
		return ret;
	snapshot->tick = tick_now();
	snapshot->unix_ns = clock_unix_ns();
	ruleset_tidy(&snapshot->rules, snapshot->tick);
	if (parts->set)
		keep_set(&snapshot->rules, parts->set);
	return parts->counters ? counters_read(filter, &snapshot->rules, &snapshot->counters, err) :
				 0;
}

static int read_totals(struct snapshot *snapshot, struct error *err)
{
	const struct filter *filter = &snapshot->iface->filter;
	enum enforcement enforcement;
	int ret = totals_read(filter, &snapshot->totals, err);

	snapshot->time_ms = clock_monotonic_ms();
	if (ret)
		return ret;
	ret = enforcement_read(filter, &enforcement);
	if (ret)
		return error_set(err, ret, "cannot read whether it drops: %s",
				 kernel_strerror(ret));
	snapshot->observes = enforcement == ENFORCEMENT_OFF;
	return 0;
}

static int read_parts(struct snapshot *snapshot, const struct snapshot_parts *parts,
		      struct error *err)
{
	const struct iface *iface = snapshot->iface;
	int ret = 0;

	if (parts->still_filters)
		ret = iface_check(iface, err);
	if (ret || !iface->chain.program_id)
		return ret;
	if (parts->repair)
		snapshot->needs_repair = repair_is_needed(&iface->dev, &iface->chain);
	if (parts->rules)
		ret = read_rules(snapshot, parts, err);
	if (!ret && parts->totals)
		ret = read_totals(snapshot, err);
	return ret ? error_prefix(err, ret, "%s", iface->dev.name) : 0;
}

int snapshots_read(struct snapshots *out, const struct ifaces *ifaces,
		   const struct snapshot_parts *parts, struct error *err)
{
	struct snapshots snapshots = { .count = ifaces->count };
	int ret = 0;

	snapshots.items = calloc(ifaces->count + 1, sizeof(*snapshots.items));
	if (!snapshots.items)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		snapshots.items[i].iface = &ifaces->items[i];
		ret = read_parts(&snapshots.items[i], parts, err);
	}
	if (ret)
		snapshots_done(&snapshots);
	else
		*out = snapshots;
	return ret;
}

void snapshots_done(struct snapshots *snapshots)
{
	for (size_t i = 0; i < snapshots->count; i++) {
		ruleset_done(&snapshots->items[i].rules);
		table_snapshot_done(&snapshots->items[i].table);
		free(snapshots->items[i].counters);
		totals_done(&snapshots->items[i].totals);
	}
	free(snapshots->items);
	*snapshots = (struct snapshots){ 0 };
}
