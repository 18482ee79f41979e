// SPDX-License-Identifier: GPL-2.0
/*
 * Which frames does a filter see, one of every N?
 */
#include <dataplane/events.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include <dataplane/kernel.h>
#include <dataplane/lock.h>
#include <dataplane/map.h>
#include <dataplane/slots.h>
#include <ruleset/tick.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>

/* A looker that is late, or stopped for a moment, keeps its lease. */
#define LEASE_NS (5 * CLOCK_NS_PER_S)

/* A map for each CPU's ring: others may have taken the slot of a dead map first. */
#define MAX_TRIES 8

/* What is so near to being overwritten counts as overwritten. On a CPU with weakly ordered memory
 * (arm64), a store of the next events may be visible before the head that announces them, for the
 * program has no barrier: the instruction for one is refused by kernels that we support. But such a
 * CPU runs ahead by no more stores than its buffer has room for, about a hundred, and each event
 * takes more than ten. A burst of 1000, which is the default rate, still fits into the ring. */
#define OVERWRITE_MARGIN 16

/* After that time a store is visible from every CPU. It takes less than a thousandth of it. */
#define VISIBLE_NS CLOCK_NS_PER_MS

/* How far one CPU's ring was read. */
struct events_reader {
	__u64 next;    /* sequence of the last event that was read */
	__u64 seen;    /* the head at the last reading */
	__u64 skipped; /* what the ring counts, at the last reading */
	__u64 window_ns;
	__u32 in_window; /* events in the second from window_ns on, for the own rate */
};

/* -- Rings ------------------------------------------------------------------------------------- */

static int make_rings(unsigned int cpus, __u32 *id)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	struct bpf_map_info info;
	auto_fd int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ipf_rings", sizeof(__u32),
					sizeof(struct ipf_ring), cpus, &options);
	int ret = fd < 0 ? -errno : map_info(fd, &info);

	if (ret)
		return ret;
	*id = info.id;
	return auto_take_fd(&fd);
}

/* The id in the root belongs to whoever put it there by compare-and-swap, and only that one puts
 * the map into the slot. Returns -EAGAIN if another looker was faster. */
static int publish_rings(const struct events *events, __u32 before, __u32 id, int fd)
{
	__u32 only = 0;

	if (!__atomic_compare_exchange_n(&events->root->events_id, &before, id, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return -EAGAIN;
	if (!bpf_map_update_elem(events->filter->maps[FILTER_EVENTS], &only, &fd, BPF_ANY))
		return 0;
	only = errno;
	__atomic_store_n(&events->root->events_id, 0, __ATOMIC_RELEASE);
	return -(int)only;
}

/* Opens the rings that are there, or makes them. Returns a descriptor or a negative errno. */
static int open_rings(struct events *events)
{
	__u32 seen = __atomic_load_n(&events->root->events_id, __ATOMIC_ACQUIRE);
	auto_fd int fd =
		slots_open(seen, BPF_MAP_TYPE_ARRAY, sizeof(struct ipf_ring), events->cpus);
	int ret;

	events->rings_id = seen;
	if (fd != -ENOENT)
		return auto_take_fd(&fd);
	fd = make_rings(events->cpus, &events->rings_id);
	if (fd < 0)
		return fd;
	ret = publish_rings(events, seen, events->rings_id, fd);
	return ret ? ret : auto_take_fd(&fd);
}

static size_t rings_size(const struct events *events)
{
	return events->cpus * sizeof(struct ipf_ring);
}

static void unmap_rings(struct events *events)
{
	if (events->rings)
		munmap((void *)events->rings, rings_size(events));
	events->rings = NULL;
}

/* From the next event on. */
static void begin_reading(struct events *events)
{
	for (unsigned int cpu = 0; cpu < events->cpus; cpu++) {
		const struct ipf_ring *ring = &events->rings[cpu];
		__u64 head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);

		events->readers[cpu] = (struct events_reader){
			.next = head,
			.seen = head,
			.skipped = __atomic_load_n(&ring->skipped, __ATOMIC_RELAXED),
		};
	}
}

static int map_rings(struct events *events)
{
	auto_fd int fd = -EAGAIN;
	void *rings;

	for (int i = 0; i < MAX_TRIES && fd == -EAGAIN; i++)
		fd = open_rings(events);
	if (fd < 0)
		return fd;
	rings = mmap(NULL, rings_size(events), PROT_READ, MAP_SHARED, fd, 0);
	if (rings == MAP_FAILED)
		return -errno;
	unmap_rings(events);
	events->rings = rings;
	begin_reading(events);
	return 0;
}

/* -- Leases ------------------------------------------------------------------------------------ */

static __u64 lease_of(const struct ipf_looker *looker)
{
	return __atomic_load_n(&looker->lease_ns, __ATOMIC_ACQUIRE);
}

/* What serves all lookers. */
static struct events_wish unite(const struct ipf_root *root, __u64 now, __u64 *last_ns)
{
	struct events_wish wish = { .every = IPF_SAMPLE_MAX };

	*last_ns = 0;
	for (__u32 i = 0; i < IPF_LOOKERS; i++) {
		const struct ipf_looker looker = root->looker[i];

		if (looker.lease_ns <= now)
			continue;
		wish.every = looker.every < wish.every ? looker.every : wish.every;
		wish.rate = looker.rate > wish.rate ? looker.rate : wish.rate;
		wish.totals |= looker.totals;
		*last_ns = looker.lease_ns > *last_ns ? looker.lease_ns : *last_ns;
	}
	return wish;
}

/* Begins a new epoch, in which the first event of each total is chosen anew. */
static void begin_epoch(struct ipf_root *root, const struct events_wish *wish)
{
	root->every = wish->every;
	root->totals = wish->totals;
	root->epoch = root->epoch == UINT32_MAX ? 1 : root->epoch + 1;
	__atomic_store_n(&root->modes.sample, root->epoch, __ATOMIC_RELEASE);
}

/* Tells the program. Another looker may do the same at this moment; whatever one of them misses is
 * there at the next renewal. */
static void tell_program(struct ipf_root *root, __u64 now)
{
	__u64 last_ns;
	const struct events_wish wish = unite(root, now, &last_ns);

	__atomic_store_n(&root->rate, wish.rate, __ATOMIC_RELAXED);
	__atomic_store_n(&root->lease_ns, last_ns, __ATOMIC_RELAXED);
	if (!wish.totals)
		__atomic_store_n(&root->modes.sample, 0, __ATOMIC_RELAXED);
	else if (!root->modes.sample || root->every != wish.every || root->totals != wish.totals)
		begin_epoch(root, &wish);
}

/* Takes the looker over, if its lease is the one that was seen. */
static bool take_looker(struct events *events, __u32 i, __u64 seen, __u64 lease)
{
	struct ipf_looker *looker = &events->root->looker[i];

	if (!__atomic_compare_exchange_n(&looker->lease_ns, &seen, lease, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	looker->every = events->wish.every;
	looker->rate = events->wish.rate;
	looker->totals = events->wish.totals;
	events->looker = i;
	events->lease_ns = lease;
	return true;
}

/* Renews our lease or, if it has ended and another looker has its place, takes a free one. */
static int take_lease(struct events *events, __u64 now)
{
	const __u64 lease = now + LEASE_NS;

	if (events->lease_ns && take_looker(events, events->looker, events->lease_ns, lease))
		return 0;
	for (__u32 i = 0; i < IPF_LOOKERS; i++) {
		__u64 seen = lease_of(&events->root->looker[i]);

		if (seen <= now && take_looker(events, i, seen, lease))
			return 0;
	}
	return -EBUSY;
}

static int refuse(int ret, struct error *err)
{
	if (ret == -EBUSY)
		return error_set(err, ret, "%u others look at its packets already; end one of them",
				 IPF_LOOKERS);
	return error_set(err, ret, "cannot make the rings for samples of its packets: %s",
			 kernel_strerror(ret));
}

static bool has_rings(const struct events *events)
{
	return events->rings &&
	       __atomic_load_n(&events->root->events_id, __ATOMIC_ACQUIRE) == events->rings_id;
}

/* Takes a lease, and makes the rings where there are none. The caller holds the lock: otherwise
 * events_sweep() might empty the slot that we have just filled. */
static int begin(struct events *events, struct error *err)
{
	const __u64 now = tick_clock_ns();
	int ret = has_rings(events) ? 0 : map_rings(events);

	if (!ret)
		ret = take_lease(events, now);
	if (ret)
		return refuse(ret, err);
	tell_program(events->root, now);
	return 0;
}

/* Needs no lock: as long as the lease lasts, nobody removes the rings. If it ends during this call,
 * they may be removed, and the next renewal finds that out. */
static bool extend_lease(struct events *events)
{
	const __u64 now = tick_clock_ns();

	if (events->lease_ns <= now || !has_rings(events) ||
	    !take_looker(events, events->looker, events->lease_ns, now + LEASE_NS))
		return false;
	tell_program(events->root, now);
	return true;
}

int events_renew(struct events *events, struct error *err)
{
	auto_fd int lock = -1;

	if (extend_lease(events))
		return 0;
	lock = lock_try(err);
	if (lock >= 0)
		return begin(events, err);
	if (lock != -ETIMEDOUT)
		return lock;
	error_clear(err);
	return 0;
}

/* -- Read -------------------------------------------------------------------------------------- */

/* Copies the event of that sequence. False: it was overwritten, or is being. */
static bool copy_event(const struct ipf_ring *ring, __u64 sequence, struct ipf_event *out)
{
	const struct ipf_event *event = &ring->event[(sequence - 1) & (IPF_RING_EVENTS - 1)];

	*out = *event;
	/* The copy is complete before we look how far the program has come since. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return out->sequence == sequence &&
	       __atomic_load_n(&event->sequence, __ATOMIC_RELAXED) == sequence &&
	       __atomic_load_n(&ring->head, __ATOMIC_RELAXED) - sequence <
		       IPF_RING_EVENTS - OVERWRITE_MARGIN;
}

/* Others may want more events than we do: takes as many as we asked for, at random. */
static bool is_wanted(struct events *events, struct ipf_event *event)
{
	const __u32 every = event->sample;

	if (!(events->wish.totals >> event->total & 1))
		return false;
	if (every >= events->wish.every || !every)
		return true;
	/* Marsaglia's xorshift64. */
	events->random ^= events->random << 13;
	events->random ^= events->random >> 7;
	events->random ^= events->random << 17;
	event->sample = events->wish.every;
	return events->random % events->wish.every < every;
}

/* Likewise for the rate. */
static bool exceeds_rate(const struct events *events, struct events_reader *reader, __u64 time_ns)
{
	if (time_ns - reader->window_ns >= CLOCK_NS_PER_S) {
		reader->window_ns = time_ns;
		reader->in_window = 0;
	}
	return reader->in_window++ >= events->wish.rate;
}

static int read_event(struct events *events, struct events_reader *reader,
		      const struct ipf_ring *ring, events_callback call, void *context)
{
	struct ipf_event event;

	if (!copy_event(ring, ++reader->next, &event)) {
		events->lost++;
		return 0;
	}
	if (!is_wanted(events, &event))
		return 0;
	if (exceeds_rate(events, reader, event.time_ns)) {
		events->skipped++;
		return 0;
	}
	return call(&event, context);
}

static int read_ring(struct events *events, unsigned int cpu, events_callback call, void *context)
{
	struct events_reader *reader = &events->readers[cpu];
	const struct ipf_ring *ring = &events->rings[cpu];
	__u64 head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	__u64 skipped = __atomic_load_n(&ring->skipped, __ATOMIC_RELAXED);
	int ret = 0;

	if (head - reader->next > IPF_RING_EVENTS) {
		events->lost += head - IPF_RING_EVENTS - reader->next;
		reader->next = head - IPF_RING_EVENTS;
	}
	while (reader->next < reader->seen && !ret)
		ret = read_event(events, reader, ring, call, context);
	events->skipped += skipped - reader->skipped;
	reader->skipped = skipped;
	reader->seen = head;
	return ret;
}

int events_read(struct events *events, events_callback call, void *context)
{
	int ret = 0;

	/* After a late call, a timer soon makes the next one. */
	if (clock_monotonic_ns() - events->read_ns < VISIBLE_NS)
		return 0;
	for (unsigned int cpu = 0; cpu < events->cpus && !ret; cpu++)
		ret = read_ring(events, cpu, call, context);
	events->read_ns = clock_monotonic_ns();
	return ret;
}

/* -- Open and close ---------------------------------------------------------------------------- */

void events_done(struct events *events)
{
	unmap_rings(events);
	if (events->root)
		munmap(events->root, sizeof(*events->root));
	free(events->readers);
	*events = (struct events){ 0 };
}

static int open_root(struct events *events, struct error *err)
{
	int ret = kernel_cpus(&events->cpus, err);

	if (ret)
		return ret;
	events->readers = calloc(events->cpus, sizeof(*events->readers));
	if (!events->readers)
		return error_no_memory(err);
	events->root = filter_map_root(events->filter, PROT_READ | PROT_WRITE);
	if (events->root)
		return 0;
	ret = -errno;
	return error_set(err, ret, "cannot map the root of the table: %s", kernel_strerror(ret));
}

int events_open(const struct filter *filter, const struct events_wish *wish, struct events *out,
		struct error *err)
{
	struct events events = { .filter = filter, .wish = *wish };
	int ret = open_root(&events, err);

	events.random = clock_monotonic_ns() | 1;
	if (!ret)
		ret = begin(&events, err);
	if (ret)
		events_done(&events);
	else
		*out = events;
	return ret;
}

/* Does nobody look any more? */
static bool is_unwatched(const struct ipf_root *root, __u64 now)
{
	for (__u32 i = 0; i < IPF_LOOKERS; i++)
		if (lease_of(&root->looker[i]) > now)
			return false;
	return true;
}

/* The id first: if we are killed before the slot is emptied, the next looker makes rings anew. Only
 * the lock keeps one from doing so between the two. */
void events_sweep(const struct filter *filter, struct ipf_root *root)
{
	__u32 id = __atomic_load_n(&root->events_id, __ATOMIC_ACQUIRE), only = 0;
	const __u64 now = tick_clock_ns();

	if (!id || !is_unwatched(root, now))
		return;
	tell_program(root, now);
	if (__atomic_compare_exchange_n(&root->events_id, &id, 0, false, __ATOMIC_ACQ_REL,
					__ATOMIC_RELAXED))
		bpf_map_delete_elem(filter->maps[FILTER_EVENTS], &only);
}

void events_leave(struct events *events)
{
	__u64 *lease = &events->root->looker[events->looker].lease_ns;
	__u64 ours = events->lease_ns;

	__atomic_compare_exchange_n(lease, &ours, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	tell_program(events->root, tick_clock_ns());
}
