/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do rules get to the packets, and back?
 *
 * Invariants that hold whenever no command is at work, and that a killed command leaves true for
 * the live half:
 * - a table's chunks fill its half's slots from the first on, without a gap: they are put in
 *   ascending and taken out descending, so whoever comes next can count them;
 * - a chunk's bytes never change once its table is live;
 * - the slot of a counter that a live rule has is never given to another rule.
 * Whatever a killed command left in the other half is taken out by the next one.
 */
#include <dataplane/table.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <util/cleanup.h>
#include <util/error.h>
#include <util/log.h>

/* A writer that is faster than our copying is met seldom; one that always is, never. */
#define MAX_READS 1000

/* Maps that are put into slots with one system call; each takes a descriptor for so long. */
#define MAP_BATCH 64

static __u32 first_slot(__u64 generation)
{
	return (generation & 1) * IPF_HALF_CHUNKS;
}

/* A descriptor of the map in a slot of an array of maps, or -ENOENT for an empty slot. */
static int open_slot(int outer, __u32 slot)
{
	__u32 id;
	int fd;

	/* Between the two calls a writer can take the map out and end it: then it is not there. */
	if (bpf_map_lookup_elem(outer, &slot, &id))
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

/* How many slots are filled, from `first` on. Only an answer counts: a slot that could not be looked
 * at is not empty, and a table is not what is left of it. */
static int count_chunks(const struct filter *filter, __u32 first, __u32 *count)
{
	__u32 filled = 0;

	for (__u32 id; filled < IPF_HALF_CHUNKS; filled++) {
		__u32 slot = first + filled;

		if (!bpf_map_lookup_elem(filter->chunks, &slot, &id))
			continue;
		if (errno != ENOENT)
			return -errno;
		break;
	}
	*count = filled;
	return 0;
}

/* Highest first, so that whoever comes next can count what is left. */
static void remove_chunks(const struct filter *filter, __u32 first, __u32 count)
{
	while (count) {
		__u32 slot = first + --count;

		bpf_map_delete_elem(filter->chunks, &slot);
	}
}

/* Empties a half, as far as it can be looked at: what is left is overwritten or emptied by the next. */
static void empty_half(const struct filter *filter, __u32 first)
{
	__u32 count = 0;

	if (!count_chunks(filter, first, &count))
		remove_chunks(filter, first, count);
}

static int read_root(const struct filter *filter, struct ipf_root *root)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(filter->root, &only, root) ? -errno : 0;
}

/* Maps the chunks of this half one behind the other, as one run of bytes. -ENOENT where one is not
 * there any more. */
static int map_chunks(const struct filter *filter, __u32 first, __u32 count, __u8 *where)
{
	for (__u32 i = 0; i < count; i++) {
		auto_fd int fd = open_slot(filter->chunks, first + i);

		if (fd < 0)
			return fd;
		if (mmap(where + (size_t)i * IPF_CHUNK_SIZE, IPF_CHUNK_SIZE, PROT_READ,
			 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			return -errno;
	}
	return 0;
}

/* The table of this half, where it lies: its bytes never change, and stay as long as they are
 * mapped. */
static int map_table(const struct filter *filter, __u32 first, struct image *out)
{
	struct image image = { 0 };
	__u32 count = 0;
	int ret;

	*out = image;
	ret = count_chunks(filter, first, &count);
	if (ret || !count)
		return ret;
	image.mapped = (size_t)count * IPF_CHUNK_SIZE;
	image.data = mmap(NULL, image.mapped, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (image.data == MAP_FAILED)
		return -errno;
	ret = map_chunks(filter, first, count, image.data);
	if (!ret) {
		/* Not trusted yet: only bytes that are there may be looked at. */
		image.size = ((const struct ipf_header *)image.data)->size;
		if (image.size < sizeof(struct ipf_header) || image.size > image.mapped)
			ret = -EBADMSG;
	}
	if (ret)
		image_done(&image);
	else
		*out = image;
	return ret;
}

/* Packets go by the root's copy of the layout. */
static int check_layout(const struct image *image, const struct ipf_layout *layout,
			struct error *err)
{
	static const struct ipf_layout empty;
	const struct ipf_header *header = image->data;

	if (!memcmp(layout, header ? &header->layout : &empty, sizeof(*layout)))
		return 0;
	return error_set(err, -EBADMSG,
			 "the rule table is damaged: its root describes another table");
}

static int check_image(const struct image *image, const struct ipf_layout *layout,
		       struct error *err)
{
	int ret = image_check(image, err);

	return ret ? ret : check_layout(image, layout, err);
}

/* The live table: what was mapped counts only if it was live before and after. */
static int read_image(const struct filter *filter, struct image *out, struct error *err)
{
	int ret = -EAGAIN;

	for (int i = 0; i < MAX_READS; i++) {
		struct ipf_root before, after;
		struct image image = { 0 };

		ret = read_root(filter, &before);
		if (ret)
			break;
		ret = map_table(filter, first_slot(before.generation), &image);
		if (!read_root(filter, &after) && after.generation == before.generation) {
			if (ret)
				break;
			ret = check_image(&image, &before.layout[before.generation & 1], err);
			if (ret)
				image_done(&image);
			else
				*out = image;
			return ret;
		}
		image_done(&image);
		ret = -EAGAIN;
	}
	if (ret == -EBADMSG)
		return error_set(err, ret, "the rule table is damaged: its size is wrong");
	return error_set(err, ret, "cannot read the live table: %s", strerror(-ret));
}

int table_read(const struct filter *filter, struct ruleset *out, struct image *image,
	       struct error *err)
{
	struct image live = { 0 };
	int ret = read_image(filter, &live, err);

	if (!ret)
		ret = image_rules(&live, out, err);
	if (!ret && image)
		*image = live;
	else
		image_done(&live);
	return ret;
}

/* The counter slots that packets may be counted in right now. */
static const __u32 *live_counters(const struct image *live, size_t *count)
{
	const struct ipf_header *header = live->data;
	const struct ipf_space *spaces = header ? header->layout.space : NULL;

	*count = 0;
	if (!header || !header->layout.counters)
		return NULL;
	*count = (size_t)spaces[IPF_IPV4].rule_count + spaces[IPF_IPV6].rule_count;
	return (const void *)((const __u8 *)live->data + header->layout.counters);
}

static int by_number(const void *a, const void *b)
{
	__u32 left = *(const __u32 *)a, right = *(const __u32 *)b;

	return (left > right) - (left < right);
}

static int zero_counters(int block, const __u32 *slots, size_t count, unsigned int cpus)
{
	auto_free __u32 *keys = malloc(count * sizeof(*keys));
	auto_free struct ipf_counter *zeros = calloc(count * cpus, sizeof(*zeros));
	__u32 done = (__u32)count;

	if (!keys || !zeros)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		keys[i] = slots[i] % IPF_COUNTER_BLOCK;
	return bpf_map_update_batch(block, keys, zeros, &done, NULL) ? -errno : 0;
}

/* Each update of an array of maps waits until all packets under way are done; from 6.8 on a batch
 * of them waits once. */
static int put_maps(int outer, const __u32 *slots, const int *fds, __u32 count)
{
	__u32 done = count;

	if (!bpf_map_update_batch(outer, slots, fds, &done, NULL))
		return 0;
	/* Before 5.19 arrays of maps took no batches. */
	for (__u32 i = 0; i < count; i++) {
		if (bpf_map_update_elem(outer, &slots[i], &fds[i], BPF_ANY))
			return -errno;
	}
	return 0;
}

static void close_all(const int *fds, __u32 count)
{
	while (count)
		close(fds[--count]);
}

static int new_block(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "ipf_rule_block", sizeof(__u32),
				sizeof(struct ipf_counter), IPF_COUNTER_BLOCK, NULL);

	return fd < 0 ? -errno : fd;
}

/* Makes the blocks of these slots (sorted) that are not there; up to MAP_BATCH of them. *next is
 * where to go on. */
static int make_blocks(const struct filter *filter, const __u32 *slots, size_t count, size_t *next)
{
	__u32 blocks[MAP_BATCH], last = IPF_COUNTER_BLOCKS;
	int fds[MAP_BATCH] = { 0 };
	__u32 made = 0;
	int ret = 0;

	for (; *next < count && made < MAP_BATCH; ++*next) {
		__u32 block = slots[*next] / IPF_COUNTER_BLOCK;
		__u32 id;

		if (block == last || !bpf_map_lookup_elem(filter->rule_counts, &block, &id))
			continue;
		if (errno != ENOENT) {
			ret = -errno;
			break;
		}
		last = blocks[made] = block;
		fds[made] = new_block();
		if (fds[made] < 0) {
			ret = fds[made];
			break;
		}
		made++;
	}
	if (!ret && made)
		ret = put_maps(filter->rule_counts, blocks, fds, made);
	close_all(fds, made);
	return ret;
}

/* Slots are handed out again: each starts at zero, in a block that is there. */
static int prepare_counters(const struct filter *filter, __u32 *fresh, size_t count)
{
	int cpus = libbpf_num_possible_cpus();
	int ret = 0;

	if (cpus <= 0)
		return -EIO;
	qsort(fresh, count, sizeof(*fresh), by_number);
	for (size_t i = 0, end; i < count && !ret; i = end) {
		__u32 block = fresh[i] / IPF_COUNTER_BLOCK;
		auto_fd int fd = open_slot(filter->rule_counts, block);

		for (end = i; end < count && fresh[end] / IPF_COUNTER_BLOCK == block; end++)
			;
		if (fd >= 0)
			ret = zero_counters(fd, fresh + i, end - i, (unsigned int)cpus);
		else if (fd != -ENOENT)
			ret = fd;
	}
	for (size_t next = 0; next < count && !ret;)
		ret = make_blocks(filter, fresh, count, &next);
	return ret;
}

static void raise_bound(__u32 counter, __u32 *bound)
{
	if (counter != IPF_NO_COUNTER && counter / IPF_COUNTER_BLOCK >= *bound)
		*bound = counter / IPF_COUNTER_BLOCK + 1;
}

static void use_block(__u32 counter, struct table_change *change)
{
	if (counter == IPF_NO_COUNTER)
		return;
	change->used_blocks[counter / IPF_COUNTER_BLOCK] = true;
	raise_bound(counter, &change->block_bound);
}

static bool wants_counters(const struct filter *filter, size_t rules)
{
	return filter->config.counting == IPF_COUNT_ALWAYS ||
	       (filter->config.counting == IPF_COUNT_AUTO && rules <= IPF_COUNTED_RULES);
}

static int give_counters(const struct filter *filter, struct ruleset *rules, const __u32 *live,
			 size_t live_count, struct error *err)
{
	auto_free __u32 *fresh = malloc((rules->count + 1) * sizeof(*fresh));
	size_t fresh_count;
	int ret;

	if (!fresh || ruleset_assign_counters(rules, live, live_count, fresh, &fresh_count))
		return error_set(err, -ENOMEM, "out of memory");
	ret = prepare_counters(filter, fresh, fresh_count);
	return ret ? error_set(err, ret, "cannot make the rules' counters: %s", strerror(-ret)) : 0;
}

/* Gives the rules counters, or takes them, by what the filter was loaded for. Fills in which blocks
 * are used, and the bound of those that were. */
static int assign_counters(const struct filter *filter, const struct image *live_image,
			   struct ruleset *rules, struct table_change *change, struct error *err)
{
	size_t live_count;
	const __u32 *live = live_counters(live_image, &live_count);
	int ret = 0;

	for (size_t i = 0; i < live_count; i++)
		raise_bound(live[i], &change->block_bound);
	if (wants_counters(filter, rules->count)) {
		ret = give_counters(filter, rules, live, live_count, err);
		for (size_t i = 0; i < rules->count && !ret; i++)
			use_block(rules->rules[i].counter, change);
	} else if (live_count) {
		ruleset_drop_counters(rules);
	}
	return ret;
}

/* Gives back the blocks in which no rule of the table counts, and the next ones, which a killed
 * command can have left. */
static void remove_unused_blocks(const struct filter *filter, const bool *used, __u32 bound)
{
	for (__u32 block = 0, id; block < IPF_COUNTER_BLOCKS; block++) {
		if (used[block])
			continue;
		if (!bpf_map_lookup_elem(filter->rule_counts, &block, &id))
			bpf_map_delete_elem(filter->rule_counts, &block);
		else if (block >= bound)
			break;
	}
}

static int new_chunk(const __u8 *bytes, size_t size)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	auto_fd int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ipf_chunk", sizeof(__u32),
					IPF_CHUNK_SIZE, 1, &options);
	void *chunk;

	if (fd < 0)
		return -errno;
	chunk = mmap(NULL, IPF_CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (chunk == MAP_FAILED)
		return -errno;
	memcpy(chunk, bytes, size);
	munmap(chunk, IPF_CHUNK_SIZE);
	return fd_take(&fd);
}

/* Puts up to MAP_BATCH chunks, from *offset on, into the slots from `first` on. */
static int fill_some(const struct filter *filter, __u32 first, const struct image *image,
		     size_t *offset)
{
	__u32 slots[MAP_BATCH] = { 0 };
	int fds[MAP_BATCH] = { 0 };
	__u32 count = 0;
	int ret = 0;

	for (; *offset < image->size && count < MAP_BATCH; *offset += IPF_CHUNK_SIZE) {
		size_t left = image->size - *offset;

		slots[count] = first + (__u32)(*offset / IPF_CHUNK_SIZE);
		fds[count] = new_chunk((const __u8 *)image->data + *offset,
				       left < IPF_CHUNK_SIZE ? left : IPF_CHUNK_SIZE);
		if (fds[count] < 0) {
			ret = fds[count];
			break;
		}
		count++;
	}
	if (!ret)
		ret = put_maps(filter->chunks, slots, fds, count);
	close_all(fds, count);
	return ret;
}

/* Puts the image into the slots from `first` on. On failure some of them may be filled. */
static int fill(const struct filter *filter, __u32 first, const struct image *image)
{
	int ret = 0;

	for (size_t offset = 0; offset < image->size && !ret;)
		ret = fill_some(filter, first, image, &offset);
	return ret;
}

/* The kernel answers an update of an array of maps only after every packet that was under way is
 * done (synchronize_rcu). So the first chunk of the old table is put where it is already. */
static void wait_for_packets(const struct filter *filter, __u32 slot)
{
	auto_fd int fd = open_slot(filter->chunks, slot);

	if (fd >= 0 && bpf_map_update_elem(filter->chunks, &slot, &fd, BPF_ANY))
		log_verbose("cannot wait for packets under way: %s", strerror(errno));
}

static int compile(const struct ruleset *rules, struct image *image, struct error *err)
{
	int ret = image_compile(rules, image);

	if (ret == -E2BIG)
		return error_set(err, ret, "%zu rules are more than one table can hold",
				 rules->count);
	if (ret)
		return error_set(err, ret, "out of memory for a table of %zu rules", rules->count);
	return 0;
}

/* Builds the table in the half that is not live, and writes its layout where nobody looks yet. */
static int build(struct table_change *change, const struct image *image, struct error *err)
{
	const struct filter *filter = change->filter;
	__u32 half = change->generation & 1, first = first_slot(change->generation);
	int ret;

	empty_half(filter, first);
	ret = fill(filter, first, image);
	if (ret) {
		empty_half(filter, first);
		return error_set(err, ret, "cannot build the new table (%zu bytes): %s",
				 image->size, strerror(-ret));
	}
	/* A killed command can have switched to this half and back without waiting for packets; to
	 * fill the half waited for them. An empty table has nothing to fill. */
	if (!image->data)
		wait_for_packets(filter, first_slot(change->generation - 1));
	memset(&change->root->layout[half], 0, sizeof(change->root->layout[half]));
	if (image->data)
		change->root->layout[half] = ((const struct ipf_header *)image->data)->layout;
	return 0;
}

int table_prepare(const struct filter *filter, const struct image *live, struct ruleset *rules,
		  struct table_change *out, struct error *err)
{
	struct table_change change = { .filter = filter };
	struct image image = { 0 };
	int ret;

	change.used_blocks = calloc(IPF_COUNTER_BLOCKS, sizeof(*change.used_blocks));
	if (!change.used_blocks)
		return error_set(err, -ENOMEM, "out of memory");
	ret = assign_counters(filter, live, rules, &change, err);
	if (!ret)
		ret = compile(rules, &image, err);
	if (ret)
		goto free_blocks;

	change.root = mmap(NULL, sizeof(*change.root), PROT_READ | PROT_WRITE, MAP_SHARED,
			   filter->root, 0);
	if (change.root == MAP_FAILED) {
		ret = -errno;
		error_set(err, ret, "cannot map the root of the table: %s", strerror(-ret));
		goto free_image;
	}
	change.generation = change.root->generation + 1;
	change.old_chunks = (__u32)(live->mapped / IPF_CHUNK_SIZE);
	ret = build(&change, &image, err);
	if (ret)
		goto unmap_root;
	image_done(&image);
	*out = change;
	return 0;

unmap_root:
	munmap(change.root, sizeof(*change.root));
free_image:
	image_done(&image);
free_blocks:
	free(change.used_blocks);
	return ret;
}

static void change_done(struct table_change *change)
{
	munmap(change->root, sizeof(*change->root));
	free(change->used_blocks);
	memset(change, 0, sizeof(*change));
}

void table_commit(struct table_change *change)
{
	const struct filter *filter = change->filter;
	__u32 old_first = first_slot(change->generation - 1);

	/* This store makes the new table live, whole. */
	__atomic_store_n(&change->root->generation, change->generation, __ATOMIC_RELEASE);
	if (change->old_chunks)
		wait_for_packets(filter, old_first);
	remove_chunks(filter, old_first, change->old_chunks);
	remove_unused_blocks(filter, change->used_blocks, change->block_bound);
	change_done(change);
}

void table_abort(struct table_change *change)
{
	empty_half(change->filter, first_slot(change->generation));
	change_done(change);
}
