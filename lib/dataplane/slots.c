// SPDX-License-Identifier: GPL-2.0
/*
 * Which maps lie in the slots of a filter's arrays of maps, and how do they get there?
 */
#include <dataplane/slots.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include <util/auto.h>

#define BLOCK_NAME "ipf_rule_block"

/* So many slots wait together. */
#define MAX_THREADS SLOTS_BATCH
#define STACK_SIZE (128 << 10)

struct ipf_slots *slots_map(const struct filter *filter, int protection)
{
	void *slots =
		mmap(NULL, sizeof(struct ipf_slots), protection, MAP_SHARED, filter->slots, 0);

	return slots == MAP_FAILED ? NULL : slots;
}

void slots_unmap(struct ipf_slots *slots)
{
	if (slots)
		munmap(slots, sizeof(*slots));
}

/* -- What lies there --------------------------------------------------------------------------- */

static int open_map(__u32 id, enum bpf_map_type type, __u32 value_size, __u32 entries)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	auto_fd int fd = -1;

	if (!id)
		return -ENOENT;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	if (info.type != type || info.value_size != value_size || info.max_entries != entries)
		return -ENOENT;
	return auto_take_fd(&fd);
}

int slots_open_chunk(__u32 id)
{
	return open_map(id, BPF_MAP_TYPE_ARRAY, IPF_CHUNK_SIZE, 1);
}

int slots_open_block(__u32 id)
{
	return open_map(id, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct ipf_counter),
			IPF_COUNTER_BLOCK);
}

int slots_new_block(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, BLOCK_NAME, sizeof(__u32),
				sizeof(struct ipf_counter), IPF_COUNTER_BLOCK, NULL);

	return fd < 0 ? -errno : fd;
}

/* -- Change ------------------------------------------------------------------------------------ */

/* Every `step`th slot from `at` on is one thread's. */
struct work {
	int outer;
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
		return bpf_map_update_elem(work->outer, slot, &work->fds[i], BPF_ANY) ? -errno : 0;
	return bpf_map_delete_elem(work->outer, slot) && errno != ENOENT ? -errno : 0;
}

static void *do_work(void *context)
{
	struct work *work = context;

	for (size_t i = work->at; i < work->count && !work->ret; i += work->step)
		work->ret = change_slot(work, i);
	return NULL;
}

/* Threads that cannot be had leave their part to this one. */
static size_t start_threads(struct work *parts, pthread_t *threads, size_t count)
{
	pthread_attr_t attributes;
	size_t started = 1;

	if (count < 2 || pthread_attr_init(&attributes))
		return 1;
	if (!pthread_attr_setstacksize(&attributes, STACK_SIZE)) {
		while (started < count &&
		       !pthread_create(&threads[started], &attributes, do_work, &parts[started]))
			started++;
	}
	pthread_attr_destroy(&attributes);
	return started;
}

static int change_slots(int outer, const __u32 *slots, const int *fds, size_t count)
{
	size_t workers = count < MAX_THREADS ? count : MAX_THREADS;
	struct work parts[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	size_t started;
	int ret = 0;

	for (size_t i = 0; i < workers; i++)
		parts[i] = (struct work){ outer, slots, fds, count, i, workers, 0 };
	started = start_threads(parts, threads, workers);
	for (size_t i = 0; i < workers; i++) {
		if (!i || i >= started)
			do_work(&parts[i]);
	}
	for (size_t i = 0; i < workers; i++) {
		if (i && i < started)
			pthread_join(threads[i], NULL);
		if (!ret)
			ret = parts[i].ret;
	}
	return ret;
}

static int map_id(int fd, __u32 *id)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	*id = info.id;
	return 0;
}

int slots_put(int outer, __u32 *ids, const __u32 *slots, const int *fds, size_t count)
{
	/* First the notes: <ipfilter/abi.h> says why. */
	for (size_t i = 0; i < count; i++) {
		int ret = map_id(fds[i], &ids[slots[i]]);

		if (ret)
			return ret;
	}
	return count ? change_slots(outer, slots, fds, count) : 0;
}

int slots_empty(int outer, __u32 *ids, __u32 first, __u32 count, const bool *keep)
{
	auto_free __u32 *filled = malloc(count * sizeof(*filled));
	size_t n = 0;
	int ret = 0;

	if (!filled)
		return -ENOMEM;
	for (__u32 slot = first; slot < first + count; slot++) {
		if (ids[slot] && (!keep || !keep[slot]))
			filled[n++] = slot;
	}
	if (n)
		ret = change_slots(outer, filled, NULL, n);
	for (size_t i = 0; i < n && !ret; i++)
		ids[filled[i]] = 0;
	return ret;
}
