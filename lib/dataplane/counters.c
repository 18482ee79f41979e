// SPDX-License-Identifier: GPL-2.0
/*
 * How many packets did each rule decide?
 */
#include <dataplane/counters.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include <dataplane/blocks.h>
#include <dataplane/kernel.h>
#include <dataplane/slots.h>
#include <util/auto.h>
#include <util/error.h>

/* A block of counters, read when the first rule asks for it. */
struct block {
	bool looked_for;
	struct ipf_counter *sums; /* over the CPUs; NULL: the filter has no such block */
};

struct reader {
	struct ipf_slots *slots;
	struct block *blocks; /* IPF_COUNTER_BLOCKS of them */
	unsigned int cpus;
	__u32 *keys;                /* room for a block */
	struct ipf_counter *values; /* room for a block on each CPU */
};

/* Leaves *out to reader_done() in any case. */
static int reader_open(const struct filter *filter, struct reader *out, struct error *err)
{
	int ret;

	*out = (struct reader){ 0 };
	ret = kernel_cpus(&out->cpus, err);
	if (ret)
		return ret;
	out->blocks = calloc(IPF_COUNTER_BLOCKS, sizeof(*out->blocks));
	out->keys = calloc(IPF_COUNTER_BLOCK, sizeof(*out->keys));
	out->values = calloc((size_t)IPF_COUNTER_BLOCK * out->cpus, sizeof(*out->values));
	if (!out->blocks || !out->keys || !out->values)
		return error_no_memory(err);
	out->slots = slots_map(filter, PROT_READ);
	if (out->slots)
		return 0;
	ret = -errno;
	return error_set(err, ret, "cannot read the rules' counters: %s", kernel_strerror(ret));
}

static void reader_done(struct reader *reader)
{
	for (size_t i = 0; reader->blocks && i < IPF_COUNTER_BLOCKS; i++)
		free(reader->blocks[i].sums);
	free(reader->blocks);
	free(reader->keys);
	free(reader->values);
	slots_unmap(reader->slots);
}

static void add_up(const struct ipf_counter *values, unsigned int cpus, struct ipf_counter *sum)
{
	for (unsigned int cpu = 0; cpu < cpus; cpu++) {
		sum->packets += values[cpu].packets;
		sum->bytes += values[cpu].bytes;
	}
}

/* Before 5.13 the kernel reads per-CPU arrays only one element at a time. */
static int read_one_by_one(const struct reader *reader, int fd, struct ipf_counter *sums)
{
	for (__u32 slot = 0; slot < IPF_COUNTER_BLOCK; slot++) {
		if (bpf_map_lookup_elem(fd, &slot, reader->values))
			return -errno;
		add_up(reader->values, reader->cpus, &sums[slot]);
	}
	return 0;
}

static int read_sums(const struct reader *reader, int fd, struct ipf_counter *sums)
{
	__u32 count = IPF_COUNTER_BLOCK;
	__u32 next;

	/* ENOENT: this was the last batch. */
	if (bpf_map_lookup_batch(fd, NULL, &next, reader->keys, reader->values, &count, NULL) &&
	    errno != ENOENT)
		return read_one_by_one(reader, fd, sums);
	for (__u32 i = 0; i < count; i++)
		add_up(reader->values + (size_t)i * reader->cpus, reader->cpus,
		       &sums[reader->keys[i]]);
	return 0;
}

static int read_block(const struct reader *reader, __u32 number, struct block *block)
{
	auto_fd int fd = block_open(reader->slots->block[number]);

	block->looked_for = true;
	/* The program skips a block that is not there, so nothing is counted. */
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	block->sums = calloc(IPF_COUNTER_BLOCK, sizeof(*block->sums));
	return block->sums ? read_sums(reader, fd, block->sums) : -ENOMEM;
}

static int read_counter(const struct reader *reader, __u32 slot, struct counter *out)
{
	__u32 number = slot / IPF_COUNTER_BLOCK;
	struct block *block;
	int ret = 0;

	/* IPF_NO_COUNTER, for one. */
	if (number >= IPF_COUNTER_BLOCKS)
		return 0;
	block = &reader->blocks[number];
	if (!block->looked_for)
		ret = read_block(reader, number, block);
	if (ret || !block->sums)
		return ret;
	*out = (struct counter){ .sum = block->sums[slot % IPF_COUNTER_BLOCK], .counted = true };
	return 0;
}

static int read_counters(const struct reader *reader, const struct ruleset *rules,
			 struct counter **out, struct error *err)
{
	struct counter *counters = calloc(rules->count + 1, sizeof(*counters));
	int ret = counters ? 0 : -ENOMEM;

	for (size_t i = 0; i < rules->count && !ret; i++)
		ret = read_counter(reader, rules->rules[i].counter, &counters[i]);
	if (ret) {
		free(counters);
		return error_set(err, ret, "cannot read the rules' counters: %s",
				 kernel_strerror(ret));
	}
	*out = counters;
	return 0;
}

int counters_read(const struct filter *filter, const struct ruleset *rules, struct counter **out,
		  struct error *err)
{
	struct reader reader;
	int ret = reader_open(filter, &reader, err);

	if (!ret)
		ret = read_counters(&reader, rules, out, err);
	reader_done(&reader);
	return ret;
}
