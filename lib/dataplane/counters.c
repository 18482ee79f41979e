/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What has been counted?
 */
#include <dataplane/counters.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <dataplane/kernel.h>
#include <dataplane/slots.h>
#include <util/auto.h>
#include <util/error.h>

static int cpu_count(unsigned int *out, struct error *err)
{
	int cpus = libbpf_num_possible_cpus();

	if (cpus <= 0)
		return error_set(err, cpus ? cpus : -EIO, "cannot count the CPUs");
	*out = (unsigned int)cpus;
	return 0;
}

int totals_read(const struct filter *filter, struct totals *out, struct error *err)
{
	auto_free struct ipf_counter *values = NULL;
	struct totals totals = {};
	int ret = cpu_count(&totals.cpus, err);

	if (ret)
		return ret;
	values = calloc(totals.cpus, sizeof(*values));
	totals.per_cpu = calloc(totals.cpus, sizeof(*totals.per_cpu));
	if (!values || !totals.per_cpu) {
		ret = error_set(err, -ENOMEM, "out of memory");
		goto fail;
	}
	for (__u32 total = 0; total < IPF_TOTALS; total++) {
		if (bpf_map_lookup_elem(filter->totals, &total, values)) {
			ret = -errno;
			error_set(err, ret, "cannot read the counters: %s", kernel_strerror(ret));
			goto fail;
		}
		for (unsigned int cpu = 0; cpu < totals.cpus; cpu++) {
			totals.per_cpu[cpu][total] = values[cpu];
			totals.sum[total].packets += values[cpu].packets;
			totals.sum[total].bytes += values[cpu].bytes;
		}
	}
	*out = totals;
	return 0;
fail:
	totals_done(&totals);
	return ret;
}

void totals_done(struct totals *totals)
{
	free(totals->per_cpu);
	totals->per_cpu = NULL;
}

static void add_up(const struct ipf_counter *values, unsigned int cpus, struct ipf_counter *sum)
{
	for (unsigned int cpu = 0; cpu < cpus; cpu++) {
		sum->packets += values[cpu].packets;
		sum->bytes += values[cpu].bytes;
	}
}

/* Before 5.13 per-CPU arrays were read in no batches. */
static int read_counters(int block, unsigned int cpus, struct ipf_counter *values,
			 struct ipf_counter *sums)
{
	for (__u32 slot = 0; slot < IPF_COUNTER_BLOCK; slot++) {
		if (bpf_map_lookup_elem(block, &slot, values))
			return -errno;
		add_up(values, cpus, &sums[slot]);
	}
	return 0;
}

/* Sums a whole block over the CPUs into `sums`. `values` has room for the block on each CPU. */
static int read_block(int block, unsigned int cpus, __u32 *keys, struct ipf_counter *values,
		      struct ipf_counter *sums)
{
	__u32 count = IPF_COUNTER_BLOCK;
	__u32 next;

	if (bpf_map_lookup_batch(block, NULL, &next, keys, values, &count, NULL) && errno != ENOENT)
		return read_counters(block, cpus, values, sums);
	for (__u32 i = 0; i < count; i++)
		add_up(values + (size_t)i * cpus, cpus, &sums[keys[i]]);
	return 0;
}

static int read_used_blocks(const struct filter *filter, const bool *used, __u32 blocks,
			    struct ipf_counter *sums, bool *present)
{
	unsigned int cpus = 0;
	auto_free __u32 *keys = NULL;
	auto_free struct ipf_counter *values = NULL;
	struct ipf_slots *slots;
	int ret = cpu_count(&cpus, NULL);

	if (ret)
		return ret;
	keys = calloc(IPF_COUNTER_BLOCK, sizeof(*keys));
	values = calloc((size_t)IPF_COUNTER_BLOCK * cpus, sizeof(*values));
	if (!keys || !values)
		return -ENOMEM;
	slots = slots_map(filter, PROT_READ);
	if (!slots)
		return -errno;
	for (__u32 block = 0; block < blocks && !ret; block++) {
		auto_fd int fd = used[block] ? slots_open_block(slots->block[block]) : -ENOENT;

		/* A block that is not there is not counted: the packet path skips it too. */
		if (fd == -ENOENT)
			continue;
		ret = fd < 0 ? fd :
			       read_block(fd, cpus, keys, values,
					  sums + (size_t)block * IPF_COUNTER_BLOCK);
		present[block] = true;
	}
	slots_unmap(slots);
	return ret;
}

int rule_counters_read(const struct filter *filter, const struct ruleset *rules,
		       struct ipf_counter **out, bool **counted, struct error *err)
{
	auto_free struct ipf_counter *sums = NULL;
	auto_free struct ipf_counter *result = calloc(rules->count + 1, sizeof(*result));
	auto_free bool *has = calloc(rules->count + 1, sizeof(*has));
	auto_free bool *used = NULL, *present = NULL;
	__u32 blocks = 0;
	int ret;

	for (size_t i = 0; i < rules->count; i++) {
		__u32 block = rules->rules[i].counter / IPF_COUNTER_BLOCK;

		if (block < IPF_COUNTER_BLOCKS && block >= blocks)
			blocks = block + 1;
	}
	sums = calloc((size_t)blocks * IPF_COUNTER_BLOCK + 1, sizeof(*sums));
	used = calloc(blocks + 1, sizeof(*used));
	present = calloc(blocks + 1, sizeof(*present));
	if (!result || !has || !sums || !used || !present)
		return error_set(err, -ENOMEM, "out of memory");

	for (size_t i = 0; i < rules->count; i++) {
		if (rules->rules[i].counter / IPF_COUNTER_BLOCK < blocks)
			used[rules->rules[i].counter / IPF_COUNTER_BLOCK] = true;
	}
	ret = read_used_blocks(filter, used, blocks, sums, present);
	if (ret)
		return error_set(err, ret, "cannot read the rules' counters: %s",
				 kernel_strerror(ret));

	for (size_t i = 0; i < rules->count; i++) {
		__u32 slot = rules->rules[i].counter;

		if (slot / IPF_COUNTER_BLOCK >= blocks || !present[slot / IPF_COUNTER_BLOCK])
			continue;
		has[i] = true;
		result[i] = sums[slot];
	}
	*out = result;
	*counted = has;
	result = NULL;
	has = NULL;
	return 0;
}
