/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do rules get to the packets, and back?
 *
 * Invariants that hold whenever no command is at work, and that a killed command leaves true for
 * the live half:
 * - a table's chunks fill its half's slots from the first behind the head on, without a gap: they are
 *   put in ascending and taken out descending, so whoever comes next can count them;
 * - the bytes of a half never change while its table is live, nor until no packet uses it; a chunk's
 *   bytes never change at all;
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

#include <dataplane/kernel.h>
#include <util/cleanup.h>
#include <util/error.h>
#include <util/log.h>

/* A writer that is faster than our copying is met seldom; one that always is, never. */
#define MAX_READS 1000

/* Maps that are put into slots with one system call; each takes a descriptor for so long. */
#define MAP_BATCH 64

static __u32 half_of(__u64 generation)
{
	return generation & 1;
}

/* The first slot of the half that a chunk can lie in. */
static __u32 first_slot(__u64 generation)
{
	return half_of(generation) * IPF_HALF_CHUNKS + IPF_HEAD_CHUNKS;
}

/* How many bytes of an image with that many in all lie in the head, and how many chunks it has. */
static size_t head_part(size_t size)
{
	size_t body = size - sizeof(struct ipf_header);

	return body < IPF_HEAD_SIZE ? body : IPF_HEAD_SIZE;
}

static __u32 chunk_count(const struct image *image)
{
	return image->body > IPF_HEAD_SIZE ?
		       (__u32)((image->body - IPF_HEAD_SIZE) / IPF_CHUNK_SIZE) :
		       0;
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

	for (__u32 id; filled < IPF_HALF_CHUNKS - IPF_HEAD_CHUNKS; filled++) {
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

/* The first bytes of one half's head: each page that is mapped costs. NULL where they cannot be. */
static void *map_head(const struct filter *filter, __u64 generation, size_t size, int protection)
{
	void *head = mmap(NULL, size, protection, MAP_SHARED, filter->head,
			  (off_t)(half_of(generation) * IPF_HEAD_SIZE));

	return head == MAP_FAILED ? NULL : head;
}

static int copy_head(const struct filter *filter, __u64 generation, const struct image *image)
{
	size_t size = head_part(image->size);
	void *head = map_head(filter, generation, size, PROT_READ);

	if (!head)
		return -errno;
	memcpy(image_at(image, 0), head, size);
	munmap(head, size);
	return 0;
}

/* Maps the chunks behind the head's bytes, where they lie: their bytes never change, and stay as long
 * as they are mapped. */
static int map_chunks(const struct filter *filter, __u64 generation, const struct image *image)
{
	for (__u32 i = 0; i < chunk_count(image); i++) {
		auto_fd int fd = open_slot(filter->chunks, first_slot(generation) + i);
		void *where = image_at(image, IPF_HEAD_SIZE + (__u64)i * IPF_CHUNK_SIZE);

		if (fd < 0)
			return fd == -ENOENT ? -EBADMSG : fd;
		if (mmap(where, IPF_CHUNK_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) ==
		    MAP_FAILED)
			return -errno;
	}
	return 0;
}

/* The table of that generation, as far as it is there. -EBADMSG: less is there than the header says, or
 * the header is none. */
static int gather(const struct filter *filter, const struct ipf_root *root, __u64 generation,
		  struct image *out)
{
	const struct ipf_header header = root->header[half_of(generation)];
	struct image image = { 0 };
	int ret;

	*out = image;
	if (!header.size)
		return 0;
	if (header.size <= sizeof(header) ||
	    header.size - sizeof(header) > (__u64)IPF_HALF_CHUNKS * IPF_CHUNK_SIZE)
		return -EBADMSG;
	ret = image_reserve(&image, header.size);
	if (ret)
		return ret;
	memcpy(image.data, &header, sizeof(header));
	ret = copy_head(filter, generation, &image);
	if (!ret)
		ret = map_chunks(filter, generation, &image);
	if (ret)
		image_done(&image);
	else
		*out = image;
	return ret;
}

/* The live table: what was gathered counts only if it was live before and after. */
static int read_live(const struct filter *filter, const struct ipf_root *root, struct image *out)
{
	for (int i = 0; i < MAX_READS; i++) {
		__u64 generation = __atomic_load_n(&root->generation, __ATOMIC_ACQUIRE);
		int ret = gather(filter, root, generation, out);

		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&root->generation, __ATOMIC_RELAXED) == generation)
			return ret;
		image_done(out);
	}
	return -EAGAIN;
}

static int read_image(const struct filter *filter, struct image *out, struct error *err)
{
	struct ipf_root *root = mmap(NULL, sizeof(*root), PROT_READ, MAP_SHARED, filter->root, 0);
	int ret;

	if (root == MAP_FAILED) {
		ret = -errno;
		return error_set(err, ret, "cannot read the live table: %s", kernel_strerror(ret));
	}
	ret = read_live(filter, root, out);
	munmap(root, sizeof(*root));
	if (ret == -EBADMSG)
		return error_set(err, ret, "the rule table is damaged: its size is wrong");
	if (ret)
		return error_set(err, ret, "cannot read the live table: %s", kernel_strerror(ret));
	ret = image_check(out, err);
	if (ret)
		image_done(out);
	return ret;
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
	const struct ipf_header *header = image_header(live);
	const struct ipf_space *spaces = header ? header->layout.space : NULL;

	*count = 0;
	if (!header || !header->layout.counters)
		return NULL;
	*count = (size_t)spaces[IPF_IPV4].rule_count + spaces[IPF_IPV6].rule_count;
	return image_at(live, header->layout.counters);
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
	if (!bpf_map_update_batch(block, keys, zeros, &done, NULL))
		return 0;
	/* Before 5.13 per-CPU arrays took no batches. */
	for (size_t i = 0; i < count; i++) {
		if (bpf_map_update_elem(block, &keys[i], zeros, BPF_ANY))
			return -errno;
	}
	return 0;
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
	return ret ? error_set(err, ret, "cannot make the rules' counters: %s",
			       kernel_strerror(ret)) :
		     0;
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

static int new_chunk(const void *bytes)
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
	memcpy(chunk, bytes, IPF_CHUNK_SIZE);
	munmap(chunk, IPF_CHUNK_SIZE);
	return fd_take(&fd);
}

/* Puts up to MAP_BATCH of the image's chunks, from *next on, into the slots from `first` on. */
static int fill_some(const struct filter *filter, __u32 first, const struct image *image,
		     __u32 *next)
{
	__u32 slots[MAP_BATCH] = { 0 };
	int fds[MAP_BATCH] = { 0 };
	__u32 count = 0;
	int ret = 0;

	for (; *next < chunk_count(image) && count < MAP_BATCH; ++*next) {
		slots[count] = first + *next;
		fds[count] =
			new_chunk(image_at(image, IPF_HEAD_SIZE + (__u64)*next * IPF_CHUNK_SIZE));
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

/* Puts the image's chunks into the slots from `first` on. On failure some of them may be filled. */
static int fill_slots(const struct filter *filter, __u32 first, const struct image *image)
{
	int ret = 0;

	for (__u32 next = 0; next < chunk_count(image) && !ret;)
		ret = fill_some(filter, first, image, &next);
	return ret;
}

static int fill_head(const struct filter *filter, __u64 generation, const struct image *image)
{
	size_t size = head_part(image->size);
	void *head = map_head(filter, generation, size, PROT_READ | PROT_WRITE);

	if (!head)
		return -errno;
	memcpy(head, image_at(image, 0), size);
	munmap(head, size);
	return 0;
}

/* A map to put into the barrier's slot: that which is there, once there is one. */
static int open_barrier(const struct filter *filter)
{
	int fd = open_slot(filter->barrier, 0);

	if (fd != -ENOENT)
		return fd;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ipf_barrier", sizeof(__u32), sizeof(__u32), 1,
			    NULL);
	return fd < 0 ? -errno : fd;
}

/* The kernel answers an update of an array of maps only after every packet that was under way is
 * done (synchronize_rcu). From then on none uses a table before the live one. */
static int wait_for_packets(const struct table_change *change)
{
	__u32 only = 0;

	if (bpf_map_update_elem(change->filter->barrier, &only, &change->barrier, BPF_ANY))
		return -errno;
	change->root->settled = change->root->generation;
	return 0;
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

/* Puts the image into the half of the new generation, which nobody looks at yet. */
static int fill_half(const struct table_change *change, const struct image *image)
{
	const struct filter *filter = change->filter;
	struct ipf_header *header = &change->root->header[half_of(change->generation)];
	int ret;

	memset(header, 0, sizeof(*header));
	if (!image->data)
		return 0;
	ret = fill_head(filter, change->generation, image);
	if (!ret)
		ret = fill_slots(filter, first_slot(change->generation), image);
	if (!ret)
		*header = *image_header(image);
	return ret;
}

static int build(struct table_change *change, const struct image *image, struct error *err)
{
	const struct filter *filter = change->filter;
	__u32 first = first_slot(change->generation);
	int ret = 0;

	/* A killed command can have left this half without waiting for the packets in it. */
	if (change->root->settled != change->root->generation)
		ret = wait_for_packets(change);
	empty_half(filter, first);
	if (!ret)
		ret = fill_half(change, image);
	if (ret) {
		empty_half(filter, first);
		return error_set(err, ret, "cannot build the new table (%zu bytes): %s",
				 image->size, kernel_strerror(ret));
	}
	return 0;
}

static void change_done(struct table_change *change)
{
	munmap(change->root, sizeof(*change->root));
	close(change->barrier);
	free(change->used_blocks);
	memset(change, 0, sizeof(*change));
}

int table_prepare(const struct filter *filter, const struct image *live, struct ruleset *rules,
		  struct table_change *out, struct error *err)
{
	struct table_change change = { .filter = filter, .old_chunks = chunk_count(live) };
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

	change.barrier = open_barrier(filter);
	if (change.barrier < 0) {
		ret = change.barrier;
		error_set(err, ret, "cannot make a map to wait with: %s", kernel_strerror(ret));
		goto free_image;
	}
	change.root = mmap(NULL, sizeof(*change.root), PROT_READ | PROT_WRITE, MAP_SHARED,
			   filter->root, 0);
	if (change.root == MAP_FAILED) {
		ret = -errno;
		error_set(err, ret, "cannot map the root of the table: %s", kernel_strerror(ret));
		goto close_barrier;
	}
	change.generation = change.root->generation + 1;
	ret = build(&change, &image, err);
	image_done(&image);
	if (ret)
		change_done(&change);
	else
		*out = change;
	return ret;

close_barrier:
	close(change.barrier);
free_image:
	image_done(&image);
free_blocks:
	free(change.used_blocks);
	return ret;
}

/* This store makes the new table live, whole. */
static void make_live(const struct table_change *change)
{
	__atomic_store_n(&change->root->generation, change->generation, __ATOMIC_RELEASE);
}

void table_commit(struct table_change *change)
{
	const struct filter *filter = change->filter;
	int ret;

	make_live(change);
	ret = wait_for_packets(change);
	if (ret) {
		/* The next command waits, and gives back what the old table has. */
		log_verbose("cannot wait for packets under way: %s", kernel_strerror(ret));
	} else {
		remove_chunks(filter, first_slot(change->generation - 1), change->old_chunks);
		remove_unused_blocks(filter, change->used_blocks, change->block_bound);
	}
	change_done(change);
}

void table_abort(struct table_change *change)
{
	empty_half(change->filter, first_slot(change->generation));
	change_done(change);
}

int table_fill(const struct filter *filter, struct ruleset *rules, struct error *err)
{
	struct table_change change;
	int ret = table_prepare(filter, &(struct image){ 0 }, rules, &change, err);

	if (ret)
		return ret;
	make_live(&change);
	change.root->settled = change.generation;
	change_done(&change);
	return 0;
}
