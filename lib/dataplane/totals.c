// SPDX-License-Identifier: GPL-2.0
/*
 * How many packets did a filter drop and pass, in all?
 */
#include <dataplane/totals.h>

#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include <dataplane/kernel.h>
#include <util/auto.h>
#include <util/error.h>

static void add_total(struct totals *totals, enum ipf_total total,
		      const struct ipf_total_counter *values)
{
	for (unsigned int cpu = 0; cpu < totals->cpus; cpu++) {
		totals->per_cpu[cpu][total] = values[cpu].counter;
		totals->sum[total].packets += values[cpu].counter.packets;
		totals->sum[total].bytes += values[cpu].counter.bytes;
	}
}

/* `values` has room for one counter on each CPU. */
static int read_totals(const struct filter *filter, struct ipf_total_counter *values,
		       struct totals *totals)
{
	for (__u32 total = 0; total < IPF_TOTALS; total++) {
		if (bpf_map_lookup_elem(filter->maps[FILTER_TOTALS], &total, values))
			return -errno;
		add_total(totals, total, values);
	}
	return 0;
}

int totals_read(const struct filter *filter, struct totals *out, struct error *err)
{
	auto_free struct ipf_total_counter *values = NULL;
	struct totals totals = { 0 };
	int ret = kernel_cpus(&totals.cpus, err);

	if (ret)
		return ret;
	values = calloc(totals.cpus, sizeof(*values));
	totals.per_cpu = calloc(totals.cpus, sizeof(*totals.per_cpu));
	if (!values || !totals.per_cpu)
		ret = error_no_memory(err);
	if (!ret) {
		ret = read_totals(filter, values, &totals);
		if (ret)
			error_set(err, ret, "cannot read the counters: %s", kernel_strerror(ret));
	}
	if (ret)
		totals_done(&totals);
	else
		*out = totals;
	return ret;
}

void totals_done(struct totals *totals)
{
	free(totals->per_cpu);
	totals->per_cpu = NULL;
}
