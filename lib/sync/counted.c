// SPDX-License-Identifier: GPL-2.0
/*
 * What have filters counted for a set?
 */
#include <sync/counted.h>

#include <errno.h>

#include <control/iface.h>
#include <control/snapshot.h>
#include <util/error.h>

static void add_totals(const struct totals *totals, struct tally *out)
{
	for (unsigned int i = 0; i < IPF_TOTALS; i++) {
		out->all_packets += totals->sum[i].packets;
		out->all_bytes += totals->sum[i].bytes;
	}
	out->dropped_packets += totals->sum[IPF_DROPPED].packets;
	out->dropped_bytes += totals->sum[IPF_DROPPED].bytes;
}

static int add_rules(const struct snapshot *snapshot, struct tally *out)
{
	int ret = 0;

	for (size_t i = 0; i < snapshot->rules.count && !ret; i++) {
		const struct counter *counter = &snapshot->counters[i];

		if (counter->counted && counter->sum.packets)
			ret = tally_add(out, &snapshot->rules.rules[i].prefix, counter->sum.packets,
					counter->sum.bytes);
	}
	return ret;
}

static int read_ifaces(const struct ifaces *ifaces, const char *set, struct tally *out,
		       struct error *err)
{
	const struct snapshot_parts parts = {
		.rules = true,
		.counters = true,
		.totals = true,
		.set = set,
	};
	struct snapshots snapshots;
	int ret = snapshots_read(&snapshots, ifaces, &parts, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < snapshots.count && !ret; i++) {
		add_totals(&snapshots.items[i].totals, out);
		ret = add_rules(&snapshots.items[i], out);
	}
	snapshots_done(&snapshots);
	tally_sort(out);
	return ret ? error_no_memory(err) : 0;
}

int counted_read(const char *set, struct tally *out, struct error *err)
{
	struct ifaces ifaces = { 0 };
	int ret;

	*out = (struct tally){ 0 };
	ret = ifaces_running(&ifaces, err);
	if (!ret)
		ret = read_ifaces(&ifaces, set, out, err);
	ifaces_done(&ifaces);
	return ret;
}
