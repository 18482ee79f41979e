// SPDX-License-Identifier: GPL-2.0
/*
 * Which maps are in the slots of a filter's two arrays of maps, and how do they get there?
 */
#include <dataplane/slots.h>

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include <dataplane/map.h>
#include <util/auto.h>

/* Each thread waits for one slot at a time, so this many waits overlap. */
#define MAX_THREADS SLOTS_BATCH
#define STACK_SIZE (128 << 10)

/* -- What is there ----------------------------------------------------------------------------- */

struct ipf_slots *slots_map(const struct filter *filter, int protection)
{
	void *slots = mmap(NULL, sizeof(struct ipf_slots), protection, MAP_SHARED,
			   filter->maps[FILTER_SLOTS], 0);

	return slots == MAP_FAILED ? NULL : slots;
}

void slots_unmap(struct ipf_slots *slots)
{
	if (slots)
		munmap(slots, sizeof(*slots));
}

struct slots_array slots_of_chunks(const struct filter *filter, struct ipf_slots *slots)
{
	return (struct slots_array){ filter->maps[FILTER_CHUNKS], slots->chunk };
}

struct slots_array slots_of_blocks(const struct filter *filter, struct ipf_slots *slots)
{
	return (struct slots_array){ filter->maps[FILTER_BLOCKS], slots->block };
}

int slots_open(__u32 id, enum bpf_map_type type, __u32 value_size, __u32 entries)
{
	struct bpf_map_info info;
	auto_fd int fd = id ? map_open(id, &info) : -ENOENT;

	if (fd < 0)
		return fd;
	if (info.type != type || info.value_size != value_size || info.max_entries != entries)
		return -ENOENT;
	return auto_take_fd(&fd);
}

/* -- Change many at once ----------------------------------------------------------------------- */

/* One thread changes every `step`th slot, from position `at` on. */
struct work {
	int map;
	const __u32 *slots;
	const int *fds; /* NULL: the slots are emptied */
	size_t count;
	size_t at, step;
	int ret;
};

static int change_slot(const struct work *work, size_t i)
{
	const __u32 *slot = &work->slots[i];

	if (work->fds)
		return bpf_map_update_elem(work->map, slot, &work->fds[i], BPF_ANY) ? -errno : 0;
	return bpf_map_delete_elem(work->map, slot) && errno != ENOENT ? -errno : 0;
}

static void *do_work(void *context)
{
	struct work *work = context;

	for (size_t i = work->at; i < work->count && !work->ret; i += work->step)
		work->ret = change_slot(work, i);
	return NULL;
}

/* Starts a thread for each of the works but the first, as far as that is possible. Returns how many
 * of the works are taken care of; the first one counts. */
static size_t start_threads(struct work *works, pthread_t *threads, size_t count)
{
	pthread_attr_t attributes;
	size_t started = 1;

	if (count < 2 || pthread_attr_init(&attributes))
		return 1;
	if (!pthread_attr_setstacksize(&attributes, STACK_SIZE)) {
		while (started < count &&
		       !pthread_create(&threads[started], &attributes, do_work, &works[started]))
			started++;
	}
	pthread_attr_destroy(&attributes);
	return started;
}

static int change_slots(int map, const __u32 *slots, const int *fds, size_t count)
{
	size_t workers = count < MAX_THREADS ? count : MAX_THREADS;
	struct work works[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	size_t started;
	int ret = 0;

	for (size_t i = 0; i < workers; i++)
		works[i] = (struct work){ map, slots, fds, count, i, workers, 0 };
	started = start_threads(works, threads, workers);
	/* This thread does the first work, and those that no thread could be started for. */
	for (size_t i = 0; i < workers; i++) {
		if (!i || i >= started)
			do_work(&works[i]);
	}
	for (size_t i = 0; i < workers; i++) {
		if (i && i < started)
			pthread_join(threads[i], NULL);
		if (!ret)
			ret = works[i].ret;
	}
	return ret;
}

/* -- Put and empty ----------------------------------------------------------------------------- */

static int put(struct slots_batch *batch)
{
	/* First the notes: <ipfilter/abi.h> says why. */
	for (size_t i = 0; i < batch->count; i++) {
		struct bpf_map_info info;
		int ret = map_info(batch->fds[i], &info);

		if (ret)
			return ret;
		batch->array.ids[batch->slots[i]] = info.id;
	}
	return batch->count ?
		       change_slots(batch->array.map, batch->slots, batch->fds, batch->count) :
		       0;
}

int slots_finish(struct slots_batch *batch, int ret)
{
	if (!ret)
		ret = put(batch);
	while (batch->count)
		close(batch->fds[--batch->count]);
	return ret;
}

int slots_add(struct slots_batch *batch, __u32 slot, int fd)
{
	batch->slots[batch->count] = slot;
	batch->fds[batch->count++] = fd;
	return batch->count < SLOTS_BATCH ? 0 : slots_finish(batch, 0);
}

/* Returns the next filled slot from `slot` on, or `end`. Nearly all are empty, and there are too
 * many for each command to look at them one by one. */
static __u32 next_filled(const __u32 *ids, __u32 slot, __u32 end)
{
	while (slot + 8 <= end && !(ids[slot] | ids[slot + 1] | ids[slot + 2] | ids[slot + 3] |
				    ids[slot + 4] | ids[slot + 5] | ids[slot + 6] | ids[slot + 7]))
		slot += 8;
	while (slot < end && !ids[slot])
		slot++;
	return slot;
}

int slots_empty(const struct slots_array *array, __u32 first, __u32 count, const bool *keep)
{
	auto_free __u32 *filled = malloc(count * sizeof(*filled));
	const __u32 end = first + count;
	size_t n = 0;
	int ret = 0;

	if (!filled)
		return -ENOMEM;
	for (__u32 slot = first; (slot = next_filled(array->ids, slot, end)) < end; slot++) {
		if (!keep || !keep[slot])
			filled[n++] = slot;
	}
	if (n)
		ret = change_slots(array->map, filled, NULL, n);
	for (size_t i = 0; i < n && !ret; i++)
		array->ids[filled[i]] = 0;
	return ret;
}
