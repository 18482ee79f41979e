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

/* A map of counters, read when the first rule asks for it: the first counters, or a block. */
struct block {
	bool looked_for;
	struct ipf_counter *sums; /* over the CPUs; NULL: the filter has no such block */
};
#define MAX_COUNTERS \
	(IPF_COUNTER_BLOCK > IPF_FIRST_COUNTERS ? IPF_COUNTER_BLOCK : IPF_FIRST_COUNTERS)

struct reader {
	const struct filter *filter;
	struct ipf_slots *slots;
	struct block first;
	struct block *blocks; /* IPF_COUNTER_BLOCKS of them */
	unsigned int cpus;
	__u32 *keys;                /* room for MAX_COUNTERS */
	struct ipf_counter *values; /* room for them on each CPU */
};

/* Leaves *out to reader_done() in any case. */
static int reader_open(const struct filter *filter, struct reader *out, struct error *err)
{
	int ret;

	*out = (struct reader){ .filter = filter };
	ret = kernel_cpus(&out->cpus, err);
	if (ret)
		return ret;
	out->blocks = calloc(IPF_COUNTER_BLOCKS, sizeof(*out->blocks));
	out->keys = calloc(MAX_COUNTERS, sizeof(*out->keys));
	out->values = calloc((size_t)MAX_COUNTERS * out->cpus, sizeof(*out->values));
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
	free(reader->first.sums);
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
static int read_one_by_one(const struct reader *reader, int fd, __u32 count,
			   struct ipf_counter *sums)
{
	for (__u32 element = 0; element < count; element++) {
		if (bpf_map_lookup_elem(fd, &element, reader->values))
			return -errno;
		add_up(reader->values, reader->cpus, &sums[element]);
	}
	return 0;
}

/* Reads a map of `elements` counters. */
static int read_sums(const struct reader *reader, int fd, __u32 elements, struct block *block)
{
	__u32 count = elements;
	__u32 next;

	block->sums = calloc(elements, sizeof(*block->sums));
	if (!block->sums)
		return -ENOMEM;

	/* ENOENT: this was the last batch. */
	if (bpf_map_lookup_batch(fd, NULL, &next, reader->keys, reader->values, &count, NULL) &&
	    errno != ENOENT)
		return read_one_by_one(reader, fd, elements, block->sums);
	for (__u32 i = 0; i < count; i++)
		add_up(reader->values + (size_t)i * reader->cpus, reader->cpus,
		       &block->sums[reader->keys[i]]);
	return 0;
}

static int read_block(const struct reader *reader, __u32 number, struct block *block)
{
	auto_fd int fd = block_open(reader->slots->block[number]);

	block->looked_for = true;
	/* The program skips a block that is not there, so nothing is counted. */
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	return read_sums(reader, fd, IPF_COUNTER_BLOCK, block);
}

static int read_first(struct reader *reader)
{
	reader->first.looked_for = true;
	return read_sums(reader, reader->filter->maps[FILTER_FIRST], IPF_FIRST_COUNTERS,
			 &reader->first);
}

static int read_counter(struct reader *reader, __u32 slot, struct counter *out)
{
	const struct block_position position = block_position(slot);
	struct block *block = &reader->first;
	int ret = 0;

	if (position.block != BLOCK_FIRST) {
		/* IPF_NO_COUNTER, for one. */
		if (position.block >= IPF_COUNTER_BLOCKS)
			return 0;
		block = &reader->blocks[position.block];
	}
	if (!block->looked_for)
		ret = position.block == BLOCK_FIRST ? read_first(reader) :
						      read_block(reader, position.block, block);
	if (ret || !block->sums)
		return ret;
	*out = (struct counter){ .sum = block->sums[position.element], .counted = true };
	return 0;
}

static int read_counters(struct reader *reader, const struct ruleset *rules, struct counter **out,
			 struct error *err)
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
