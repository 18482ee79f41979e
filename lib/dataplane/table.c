// SPDX-License-Identifier: GPL-2.0
/*
 * How do rules get to the packets, and back?
 *
 * Invariants that hold whenever no command is at work, and that a killed command leaves true for
 * the live half:
 * - a table's chunks fill its half's slots from the first behind the head on, without a gap;
 * - the bytes of a half never change while its table is live, nor until no packet uses it; a chunk's
 *   bytes never change at all;
 * - the slot of a counter that a live rule has is never given to another rule.
 * Whatever a killed command left in the other half is taken out by the next one.
 *
 * Whoever builds a table claims the filter first: by one compare-and-swap, which fails where the live
 * table is not the one that the new rules were made from, or where somebody else is at work. Another
 * one publishes, which fails where the claim is lost. So two writers harm nobody, whatever lock they
 * share or do not. A claim is the id of a ticket (ticket.h): it ends with its holder, and a number that
 * is none, in memory that somebody wrote over, counts as ended.
 */
#include <dataplane/table.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <dataplane/kernel.h>
#include <dataplane/slots.h>
#include <dataplane/ticket.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>

/* A writer that is faster than our copying is met seldom; one that always is, never. */
#define MAX_READS 1000

#define CLAIM_NAME "ipf_claim"

static __u32 half_of(__u32 generation)
{
	return generation & 1;
}

/* The first slot of the half that a chunk can lie in. */
static __u32 first_slot(__u32 generation)
{
	return half_of(generation) * IPF_HALF_CHUNKS + IPF_HEAD_CHUNKS;
}

static __u32 live_generation(__u64 word)
{
	return (__u32)(word & IPF_GENERATION_MASK);
}

static __u32 claim_of(__u64 word)
{
	return (__u32)(word >> IPF_CLAIM_SHIFT);
}

static __u64 claimed(__u32 generation, __u32 claim)
{
	return (__u64)claim << IPF_CLAIM_SHIFT | generation;
}

/* -- Read -------------------------------------------------------------------------------------- */

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

/* The first bytes of one half's head: each page that is mapped costs. NULL where they cannot be. */
static void *map_head(const struct filter *filter, __u32 generation, size_t size, int protection)
{
	void *head = mmap(NULL, size, protection, MAP_SHARED, filter->head,
			  (off_t)(half_of(generation) * IPF_HEAD_SIZE));

	return head == MAP_FAILED ? NULL : head;
}

static int copy_head(const struct filter *filter, __u32 generation, const struct image *image)
{
	size_t size = head_part(image->size);
	void *head = map_head(filter, generation, size, PROT_READ);

	if (!head)
		return -errno;
	memcpy(image_at(image, 0), head, size);
	munmap(head, size);
	return 0;
}

static int map_chunk(__u32 id, void *where)
{
	auto_fd int fd = slots_open_chunk(id);

	if (fd < 0)
		return fd == -ENOENT ? -EBADMSG : fd;
	if (mmap(where, IPF_CHUNK_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

/* Maps the chunks behind the head's bytes, where they lie: their bytes never change, and stay as long
 * as they are mapped. */
static int map_chunks(const struct filter *filter, __u32 generation, const struct image *image)
{
	__u32 count = chunk_count(image);
	struct ipf_slots *slots = count ? slots_map(filter, PROT_READ) : NULL;
	int ret = count && !slots ? -errno : 0;

	for (__u32 i = 0; i < count && !ret; i++)
		ret = map_chunk(slots->chunk[first_slot(generation) + i],
				image_at(image, IPF_HEAD_SIZE + (__u64)i * IPF_CHUNK_SIZE));
	slots_unmap(slots);
	return ret;
}

/* The table of that generation, as far as it is there. -EBADMSG: less is there than the header says, or
 * the header is none. */
static int gather(const struct filter *filter, const struct ipf_root *root, __u32 generation,
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
static int read_live(const struct filter *filter, const struct ipf_root *root,
		     struct table_snapshot *out)
{
	for (int i = 0; i < MAX_READS; i++) {
		int ret;

		out->generation =
			live_generation(__atomic_load_n(&root->generation, __ATOMIC_ACQUIRE));
		ret = gather(filter, root, out->generation, &out->image);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (live_generation(__atomic_load_n(&root->generation, __ATOMIC_RELAXED)) ==
		    out->generation)
			return ret;
		table_snapshot_done(out);
	}
	return -EAGAIN;
}

static int read_checked(const struct filter *filter, struct table_snapshot *out, struct error *err)
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
	ret = image_check(&out->image, err);
	if (ret)
		table_snapshot_done(out);
	return ret;
}

int table_read(const struct filter *filter, struct ruleset *out, struct table_snapshot *table,
	       struct error *err)
{
	struct table_snapshot live = { 0 };
	int ret = read_checked(filter, &live, err);

	if (!ret)
		ret = image_rules(&live.image, out, err);
	if (!ret && table)
		*table = live;
	else
		table_snapshot_done(&live);
	return ret;
}

void table_snapshot_done(struct table_snapshot *table)
{
	image_done(&table->image);
}

/* -- Claim ------------------------------------------------------------------------------------- */

static int refuse_changed(struct error *err)
{
	return error_set(err, -EAGAIN,
			 "another command changed its rules at the same moment; nothing was changed "
			 "here, try again");
}

static int refuse_claimed(__u32 claim, struct error *err)
{
	char holder[TICKET_HOLDER_SIZE];

	ticket_holder(claim, holder);
	return error_set(err, -EBUSY,
			 "%s is changing its rules; nothing was changed here, try again or wait "
			 "longer with --lock-timeout",
			 holder);
}

/* Claims the filter, whose live table must still be that one. */
static int claim(struct table_change *change, __u32 generation, struct error *err)
{
	__u64 *word = &change->root->generation;
	__u64 seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);

	do {
		if (live_generation(seen) != generation)
			return refuse_changed(err);
		if (claim_of(seen) && ticket_is_held(claim_of(seen), CLAIM_NAME))
			return refuse_claimed(claim_of(seen), err);
	} while (!__atomic_compare_exchange_n(word, &seen, claimed(generation, change->claim),
					      false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return 0;
}

/* False: the claim is not ours any more. */
static bool move_on(const struct table_change *change, __u64 from, __u64 to)
{
	return __atomic_compare_exchange_n(&change->root->generation, &from, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* The new table becomes live, whole. */
static bool publish(const struct table_change *change)
{
	return move_on(change, claimed(change->generation - 1, change->claim),
		       claimed(change->generation, change->claim));
}

/* Not any more, where somebody wrote over it: then its half is another one's by now. */
static bool is_held(const struct table_change *change)
{
	return __atomic_load_n(&change->root->generation, __ATOMIC_ACQUIRE) ==
	       claimed(change->generation - 1, change->claim);
}

static void release(const struct table_change *change, __u32 generation)
{
	move_on(change, claimed(generation, change->claim), claimed(generation, 0));
}

/* -- Counters ---------------------------------------------------------------------------------- */

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

static void close_all(const int *fds, __u32 count)
{
	while (count)
		close(fds[--count]);
}

/* Blocks to be made, so many at once. */
struct new_blocks {
	__u32 slots[SLOTS_BATCH];
	int fds[SLOTS_BATCH];
	__u32 count;
};

static int put_blocks(const struct table_change *change, struct new_blocks *new)
{
	int ret = slots_put(change->filter->rule_counts, change->slots->block, new->slots, new->fds,
			    new->count);

	close_all(new->fds, new->count);
	new->count = 0;
	return ret;
}

static int add_block(const struct table_change *change, __u32 block, struct new_blocks *new)
{
	int fd = slots_new_block();

	if (fd < 0)
		return fd;
	new->slots[new->count] = block;
	new->fds[new->count++] = fd;
	return new->count < SLOTS_BATCH ? 0 : put_blocks(change, new);
}

/* Slots (sorted) of one block: they start at zero, in a block that is there. */
static int prepare_block(const struct table_change *change, const __u32 *fresh, size_t count,
			 unsigned int cpus, struct new_blocks *new)
{
	__u32 block = fresh[0] / IPF_COUNTER_BLOCK;
	auto_fd int fd = slots_open_block(change->slots->block[block]);

	if (fd == -ENOENT)
		return add_block(change, block, new);
	return fd < 0 ? fd : zero_counters(fd, fresh, count, cpus);
}

/* Slots are handed out again: each starts at zero. */
static int prepare_counters(const struct table_change *change, const struct ruleset_slots *fresh)
{
	const __u32 *slots = fresh->items;
	int cpus = libbpf_num_possible_cpus();
	struct new_blocks new = { .count = 0 };
	int ret = 0;

	if (cpus <= 0)
		return -EIO;
	for (size_t i = 0, end; i < fresh->count && !ret; i = end) {
		__u32 block = slots[i] / IPF_COUNTER_BLOCK;

		for (end = i; end < fresh->count && slots[end] / IPF_COUNTER_BLOCK == block; end++)
			;
		ret = prepare_block(change, slots + i, end - i, (unsigned int)cpus, &new);
	}
	if (!ret)
		return put_blocks(change, &new);
	close_all(new.fds, new.count);
	return ret;
}

static void use_block(__u32 counter, struct table_change *change)
{
	if (counter != IPF_NO_COUNTER)
		change->used_blocks[counter / IPF_COUNTER_BLOCK] = true;
}

static bool wants_counters(const struct filter *filter, size_t rules)
{
	return filter->config.counting == IPF_COUNT_ALWAYS ||
	       (filter->config.counting == IPF_COUNT_AUTO && rules <= IPF_COUNTED_RULES);
}

static int give_counters(const struct table_change *change, struct ruleset *rules,
			 const __u32 *live, size_t live_count, struct error *err)
{
	struct ruleset_slots fresh;
	int ret;

	if (ruleset_assign_counters(rules, live, live_count, &fresh))
		return error_set(err, -ENOMEM, "out of memory");
	ret = prepare_counters(change, &fresh);
	free(fresh.items);
	return ret ? error_set(err, ret, "cannot make the rules' counters: %s",
			       kernel_strerror(ret)) :
		     0;
}

/* Gives the rules counters, or takes them, by what the filter was loaded for. Fills in which blocks
 * are used. */
static int assign_counters(struct table_change *change, const struct image *live_image,
			   struct ruleset *rules, struct error *err)
{
	size_t live_count;
	const __u32 *live = image_counters(live_image, &live_count);
	int ret = 0;

	if (wants_counters(change->filter, rules->count)) {
		ret = give_counters(change, rules, live, live_count, err);
		for (size_t i = 0; i < rules->count && !ret; i++)
			use_block(rules->rules[i].counter, change);
	} else if (live_count) {
		ruleset_drop_counters(rules);
	}
	return ret;
}

/* -- Build ------------------------------------------------------------------------------------- */

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
	return auto_take_fd(&fd);
}

/* Puts up to SLOTS_BATCH of the image's chunks, from *next on, into their slots. */
static int fill_some(const struct table_change *change, const struct image *image, __u32 *next)
{
	__u32 slots[SLOTS_BATCH] = { 0 };
	int fds[SLOTS_BATCH] = { 0 };
	__u32 count = 0;
	int ret = 0;

	for (; *next < chunk_count(image) && count < SLOTS_BATCH; ++*next) {
		slots[count] = first_slot(change->generation) + *next;
		fds[count] =
			new_chunk(image_at(image, IPF_HEAD_SIZE + (__u64)*next * IPF_CHUNK_SIZE));
		if (fds[count] < 0) {
			ret = fds[count];
			break;
		}
		count++;
	}
	if (!ret)
		ret = slots_put(change->filter->chunks, change->slots->chunk, slots, fds, count);
	close_all(fds, count);
	return ret;
}

/* On failure some of the slots may be filled. */
static int fill_slots(const struct table_change *change, const struct image *image)
{
	int ret = 0;

	for (__u32 next = 0; next < chunk_count(image) && !ret;)
		ret = fill_some(change, image, &next);
	return ret;
}

/* What is left in it is for the next command. */
static int empty_half(const struct table_change *change, __u32 generation)
{
	return slots_empty(change->filter->chunks, change->slots->chunk, first_slot(generation),
			   IPF_HALF_CHUNKS - IPF_HEAD_CHUNKS, NULL);
}

static int fill_head(const struct table_change *change, const struct image *image)
{
	size_t size = head_part(image->size);
	void *head = map_head(change->filter, change->generation, size, PROT_READ | PROT_WRITE);

	if (!head)
		return -errno;
	memcpy(head, image_at(image, 0), size);
	munmap(head, size);
	return 0;
}

/* The kernel answers an update of an array of maps only after every packet that was under way is
 * done (synchronize_rcu). From then on none uses a table before the live one. */
static int wait_for_packets(const struct table_change *change)
{
	__u32 only = 0;

	if (bpf_map_update_elem(change->filter->barrier, &only, &change->barrier, BPF_ANY))
		return -errno;
	change->root->settled = live_generation(change->root->generation);
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
	struct ipf_header *header = &change->root->header[half_of(change->generation)];
	int ret;

	memset(header, 0, sizeof(*header));
	if (!image->data)
		return 0;
	ret = fill_head(change, image);
	if (!ret)
		ret = fill_slots(change, image);
	if (!ret)
		*header = *image_header(image);
	return ret;
}

/* Takes out what was put into the new half, if it is ours still. */
static void give_up(const struct table_change *change)
{
	if (is_held(change))
		empty_half(change, change->generation);
}

static int build(const struct table_change *change, const struct image *image, struct error *err)
{
	int ret = 0;

	/* A killed command can have left this half without waiting for the packets in it. */
	if (change->root->settled != change->generation - 1)
		ret = wait_for_packets(change);
	if (!ret) {
		ret = empty_half(change, change->generation);
		if (!ret)
			ret = fill_half(change, image);
		if (ret)
			give_up(change);
	}
	return ret ? error_set(err, ret, "cannot build the new table (%zu bytes): %s", image->size,
			       kernel_strerror(ret)) :
		     0;
}

/* -- Change ------------------------------------------------------------------------------------ */

static int open_change(const struct filter *filter, struct table_change *out, struct error *err)
{
	struct table_change change = { .filter = filter, .barrier = -1 };
	int ret = 0;

	change.used_blocks = calloc(IPF_COUNTER_BLOCKS, sizeof(*change.used_blocks));
	if (!change.used_blocks)
		return error_set(err, -ENOMEM, "out of memory");
	change.root = mmap(NULL, sizeof(*change.root), PROT_READ | PROT_WRITE, MAP_SHARED,
			   filter->root, 0);
	if (change.root == MAP_FAILED) {
		ret = -errno;
		error_set(err, ret, "cannot map the root of the table: %s", kernel_strerror(ret));
		goto free_blocks;
	}
	change.slots = slots_map(filter, PROT_READ | PROT_WRITE);
	if (!change.slots) {
		ret = -errno;
		error_set(err, ret, "cannot map the slots of the table: %s", kernel_strerror(ret));
		goto unmap_root;
	}
	change.ticket = ticket_make(CLAIM_NAME, &change.claim);
	if (change.ticket < 0) {
		ret = change.ticket;
		error_set(err, ret, "cannot make a map to claim the table with: %s",
			  kernel_strerror(ret));
		goto unmap_slots;
	}
	change.barrier = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ipf_barrier", sizeof(__u32),
					sizeof(__u32), 1, NULL);
	if (change.barrier < 0) {
		ret = -errno;
		error_set(err, ret, "cannot make a map to wait with: %s", kernel_strerror(ret));
		goto close_ticket;
	}
	*out = change;
	return 0;

close_ticket:
	close(change.ticket);
unmap_slots:
	slots_unmap(change.slots);
unmap_root:
	munmap(change.root, sizeof(*change.root));
free_blocks:
	free(change.used_blocks);
	return ret;
}

static void close_change(struct table_change *change)
{
	close(change->barrier);
	close(change->ticket);
	slots_unmap(change->slots);
	munmap(change->root, sizeof(*change->root));
	free(change->used_blocks);
	memset(change, 0, sizeof(*change));
}

static int fill(struct table_change *change, const struct image *live, struct ruleset *rules,
		struct error *err)
{
	struct image image = { 0 };
	int ret = assign_counters(change, live, rules, err);

	if (!ret)
		ret = compile(rules, &image, err);
	if (!ret)
		ret = build(change, &image, err);
	image_done(&image);
	return ret;
}

int table_prepare(const struct filter *filter, const struct table_snapshot *live,
		  struct ruleset *rules, struct table_change *out, struct error *err)
{
	struct table_change change;
	int ret = open_change(filter, &change, err);

	if (ret)
		return ret;
	change.generation = live->generation + 1;
	ret = claim(&change, live->generation, err);
	if (ret)
		goto close;
	ret = fill(&change, &live->image, rules, err);
	if (ret)
		goto release;
	*out = change;
	return 0;

release:
	release(&change, live->generation);
close:
	close_change(&change);
	return ret;
}

/* Gives back what the old table has, the blocks in which no rule of the new one counts, and what a
 * killed command left. */
static void clean_up(const struct table_change *change)
{
	empty_half(change, change->generation - 1);
	slots_empty(change->filter->rule_counts, change->slots->block, 0, IPF_COUNTER_BLOCKS,
		    change->used_blocks);
}

int table_commit(struct table_change *change, struct error *err)
{
	int ret = publish(change) ? 0 : refuse_changed(err);

	if (!ret) {
		int wait = wait_for_packets(change);

		/* Else the next command waits, and cleans up. */
		if (wait)
			log_verbose("cannot wait for packets under way: %s", kernel_strerror(wait));
		else
			clean_up(change);
		release(change, change->generation);
	}
	close_change(change);
	return ret;
}

void table_abort(struct table_change *change)
{
	give_up(change);
	release(change, change->generation - 1);
	close_change(change);
}

int table_fill(const struct filter *filter, struct ruleset *rules, struct error *err)
{
	struct table_change change;
	int ret = table_prepare(filter, &(struct table_snapshot){ 0 }, rules, &change, err);

	if (ret)
		return ret;
	publish(&change);
	change.root->settled = change.generation;
	release(&change, change.generation);
	close_change(&change);
	return 0;
}
