// SPDX-License-Identifier: GPL-2.0
/*
 * Which blocks of counters does a filter have for its rules?
 */
#include <dataplane/blocks.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include <dataplane/kernel.h>
#include <dataplane/slots.h>
#include <util/auto.h>
#include <util/error.h>

#define BLOCK_NAME "ipf_rule_block"

int blocks_open(const struct filter *filter, struct ipf_slots *slots, struct blocks *out,
		struct error *err)
{
	bool *used = calloc(IPF_COUNTER_BLOCKS, sizeof(*used));

	if (!used)
		return error_no_memory(err);
	*out = (struct blocks){ filter, slots, used };
	return 0;
}

void blocks_done(struct blocks *blocks)
{
	free(blocks->used);
	blocks->used = NULL;
}

void blocks_drop_unused(const struct blocks *blocks)
{
	const struct slots_array array = slots_of_blocks(blocks->filter, blocks->slots);

	slots_empty(&array, 0, IPF_COUNTER_BLOCKS, blocks->used);
}

/* -- One block --------------------------------------------------------------------------------- */

int block_open(__u32 id)
{
	return slots_open(id, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct ipf_counter),
			  IPF_COUNTER_BLOCK);
}

/* Makes a block whose counters are all zero. */
static int create_block(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, BLOCK_NAME, sizeof(__u32),
				sizeof(struct ipf_counter), IPF_COUNTER_BLOCK, NULL);

	return fd < 0 ? -errno : fd;
}

struct block_position block_position(__u32 slot)
{
	if (slot < IPF_FIRST_COUNTERS)
		return (struct block_position){ BLOCK_FIRST, slot };
	slot -= IPF_FIRST_COUNTERS;
	return (struct block_position){ slot / IPF_COUNTER_BLOCK, slot % IPF_COUNTER_BLOCK };
}

/* Sets the counters in these slots, which are all in this map, to zero. */
static int zero_counters(int map, const __u32 *slots, size_t count, unsigned int cpus)
{
	auto_free __u32 *keys = calloc(count, sizeof(*keys));
	auto_free struct ipf_counter *zeros = calloc(count * cpus, sizeof(*zeros));
	__u32 done = (__u32)count;

	if (!keys || !zeros)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		keys[i] = block_position(slots[i]).element;
	if (!bpf_map_update_batch(map, keys, zeros, &done, NULL))
		return 0;
	/* Before 5.13 per-CPU arrays have no batches. */
	for (size_t i = 0; i < count; i++) {
		if (bpf_map_update_elem(map, &keys[i], zeros, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* -- Counters of new rules --------------------------------------------------------------------- */

/* Zeroes these counters, which are all in one map, or makes the block if it is missing. */
static int prepare_block(const struct blocks *blocks, const __u32 *fresh, size_t count,
			 unsigned int cpus, struct slots_batch *missing)
{
	__u32 number = block_position(fresh[0]).block;
	auto_fd int fd = -1;

	if (number == BLOCK_FIRST)
		return zero_counters(blocks->filter->maps[FILTER_FIRST], fresh, count, cpus);
	fd = block_open(blocks->slots->block[number]);
	if (fd == -ENOENT) {
		fd = create_block();
		return fd < 0 ? fd : slots_add(missing, number, auto_take_fd(&fd));
	}
	return fd < 0 ? fd : zero_counters(fd, fresh, count, cpus);
}

/* How many of the sorted counters, from the first on, are in the same map as it. */
static size_t same_map(const __u32 *counters, size_t count)
{
	__u32 block = block_position(counters[0]).block;
	size_t same = 1;

	while (same < count && block_position(counters[same]).block == block)
		same++;
	return same;
}

/* Lets these counters start at zero: rules of earlier tables may have had them. */
static int prepare_counters(const struct blocks *blocks, const struct ruleset_slots *fresh,
			    unsigned int cpus)
{
	struct slots_batch missing = { .array = slots_of_blocks(blocks->filter, blocks->slots) };
	int ret = 0;

	for (size_t i = 0, same; i < fresh->count && !ret; i += same) {
		same = same_map(fresh->items + i, fresh->count - i);
		ret = prepare_block(blocks, fresh->items + i, same, cpus, &missing);
	}
	return slots_finish(&missing, ret);
}

/* The counters of a table in use: of its base, then of its delta. *joined owns them, where they had
 * to be joined. */
static int reserve(const struct image *base, const struct image *delta, struct blocks_reserved *out,
		   __u32 **joined)
{
	size_t more;
	const __u32 *slots = image_counters(delta, &more);

	*joined = NULL;
	out->slots = image_counters(base, &out->count);
	if (!more)
		return 0;
	*joined = malloc((out->count + more) * sizeof(**joined));
	if (!*joined)
		return -ENOMEM;
	if (out->count)
		memcpy(*joined, out->slots, out->count * sizeof(**joined));
	memcpy(*joined + out->count, slots, more * sizeof(**joined));
	out->slots = *joined;
	out->count += more;
	return 0;
}

static int make_counters(const struct blocks *blocks, const struct ruleset_slots *fresh,
			 struct error *err)
{
	unsigned int cpus;
	int ret = kernel_cpus(&cpus, err);

	if (ret)
		return ret;
	ret = prepare_counters(blocks, fresh, cpus);
	return ret ? error_set(err, ret, "cannot make the rules' counters: %s",
			       kernel_strerror(ret)) :
		     0;
}

/* New counters are from slot `first` on. */
static int give_counters(const struct blocks *blocks, __u32 first,
			 const struct blocks_reserved *reserved, struct ruleset *rules,
			 struct error *err)
{
	struct ruleset_slots fresh;
	int ret;

	if (ruleset_assign_counters(rules, first, reserved->slots, reserved->count, &fresh))
		return error_no_memory(err);
	ret = make_counters(blocks, &fresh, err);
	free(fresh.items);
	return ret;
}

/* -- Assign ------------------------------------------------------------------------------------ */

bool blocks_are_wanted(const struct filter *filter, size_t rules)
{
	return filter->config.counting == IPF_COUNT_ALWAYS ||
	       (filter->config.counting == IPF_COUNT_AUTO && rules <= IPF_COUNTED_RULES);
}

static void mark_used(const struct blocks *blocks, const struct ruleset *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		__u32 counter = rules->rules[i].counter;
		__u32 block = block_position(counter).block;

		if (counter != IPF_NO_COUNTER && block != BLOCK_FIRST)
			blocks->used[block] = true;
	}
}

int blocks_assign(struct blocks *blocks, const struct image *base, const struct image *delta,
		  struct ruleset *rules, struct error *err)
{
	struct blocks_reserved reserved;
	auto_free __u32 *joined = NULL;
	int ret = 0;

	if (reserve(base, delta, &reserved, &joined))
		return error_no_memory(err);
	if (blocks_are_wanted(blocks->filter, rules->count)) {
		ret = give_counters(blocks, 0, &reserved, rules, err);
		if (!ret)
			mark_used(blocks, rules);
	} else if (reserved.count) {
		/* Rules made from a table without counters have none. */
		ruleset_drop_counters(rules);
	}
	return ret;
}

int blocks_extend(struct blocks *blocks, __u32 first, const struct blocks_reserved *reserved,
		  struct ruleset *rules, struct error *err)
{
	if ((__u64)first + reserved->count + rules->count >
	    (__u64)IPF_COUNTER_BLOCK * IPF_COUNTER_BLOCKS)
		return -E2BIG;
	return give_counters(blocks, first, reserved, rules, err);
}
