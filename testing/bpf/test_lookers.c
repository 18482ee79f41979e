// SPDX-License-Identifier: GPL-2.0
/*
 * Do lookers get whole events, and go on to get them whatever others do?
 *
 *     test_lookers [OBJECT]
 *
 * What happens between two steps of lib/dataplane/events.c happens here between two of its system
 * calls. What a CPU with weakly ordered memory would show, the test writes into the ring itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <dataplane/events.h>
#include <dataplane/filter.h>
#include <dataplane/lock.h>
#include <dataplane/slots.h>
#include <util/error.h>

#include "corpus.h"
#include "program.h"
#include "rules.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MANY_READS 100000

static struct program program;
static struct filter filter;
static struct ipf_root *root;
static struct events looker;
static struct error error;
static int cpu;

static void must(int ret, const char *what)
{
	if (ret)
		tap_bail("%s: %s (%s)", what, strerror(-ret), error.text);
}

/* -- Between two steps ------------------------------------------------------------------------- */

/* Called once, before an element is deleted: in a sweep, that is the slot of the rings. */
static void (*before_delete)(void);

int __real_bpf_map_delete_elem(int fd, const void *key);
int __wrap_bpf_map_delete_elem(int fd, const void *key);

int __wrap_bpf_map_delete_elem(int fd, const void *key)
{
	void (*call)(void) = before_delete;

	before_delete = NULL;
	if (call)
		call();
	return __real_bpf_map_delete_elem(fd, key);
}

/* -- A looker ---------------------------------------------------------------------------------- */

static void look(void)
{
	static const struct events_wish all = {
		.every = 1,
		.rate = 1000000,
		.totals = (1u << IPF_TOTALS) - 1,
	};
	int lock = lock_take(&error);

	must(lock < 0 ? lock : 0, "taking the lock");
	must(events_open(&filter, &all, &looker, &error), "beginning to look");
	close(lock);
}

static void end_looking(void)
{
	int lock = lock_take(&error);

	must(lock < 0 ? lock : 0, "taking the lock");
	events_leave(&looker);
	events_sweep(&filter, root);
	events_done(&looker);
	close(lock);
}

/* Its lease ends, as if it had been stopped for that long. */
static void end_lease(void)
{
	looker.lease_ns = 1;
	root->looker[looker.looker].lease_ns = 1;
}

static void sweep(void)
{
	int lock = lock_take(&error);

	must(lock < 0 ? lock : 0, "taking the lock");
	events_sweep(&filter, root);
	close(lock);
}

static void renew(void)
{
	must(events_renew(&looker, &error), "renewing the lease");
}

struct seen {
	unsigned int count;
	struct ipf_event last;
};

static int note(const struct ipf_event *event, void *context)
{
	struct seen *seen = context;

	seen->count++;
	seen->last = *event;
	return 0;
}

/* Reads until `count` events were delivered or lost. */
static struct seen read_events(unsigned int count)
{
	const __u64 lost = looker.lost;
	struct seen seen = { 0 };

	for (int i = 0; i < MANY_READS && seen.count + (looker.lost - lost) < count; i++) {
		must(events_read(&looker, note, &seen), "reading events");
		sched_yield();
	}
	return seen;
}

static void send(int frames)
{
	static const struct packet plain = { .body = BODY_IPV4 };
	static struct frame frame;
	struct program_input input = { .frame = frame.bytes };
	__u32 action;

	packet_build(&plain, &frame);
	input.size = frame.size;
	must(program_run(&program, &input, frames, &action), "running the program");
}

static bool sees_packets(void)
{
	send(3);
	return read_events(3).count == 3;
}

/* -- Whole events ------------------------------------------------------------------------------ */

/* How far the program has come when the looker reads the first event, whose place it overwrites
 * after that. */
static const struct lapping {
	const char *name;
	__u64 ahead;
	bool delivered;
} lappings[] = {
	{ "the only one", 0, true },
	{ "1000 are the default rate", 999, true },
	{ "the program is two events away, but what it writes next may be visible early",
	  IPF_RING_EVENTS - 2, false },
	{ "the program is writing it", IPF_RING_EVENTS - 1, false },
	{ "it was overwritten", IPF_RING_EVENTS, false },
};

/* Our CPU's ring, mapped to write. */
static struct ipf_ring *own_ring(void)
{
	size_t size = looker.cpus * sizeof(struct ipf_ring);
	int fd = slots_open(root->events_id, BPF_MAP_TYPE_ARRAY, sizeof(struct ipf_ring),
			    looker.cpus);
	void *rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd < 0 || rings == MAP_FAILED)
		tap_bail("the rings cannot be opened");
	close(fd);
	return (struct ipf_ring *)rings + cpu;
}

static void test_lapping(const struct lapping *lapping)
{
	struct ipf_ring *ring;
	struct seen seen;

	look();
	ring = own_ring();
	ring->event[0] = (struct ipf_event){ .sequence = 1, .sample = 1, .bytes = 60 };
	ring->head = 1;
	(void)read_events(0);
	must(events_read(&looker, note, &seen), "reading events");
	ring->head += lapping->ahead;
	seen = read_events(1);
	tap_ok(seen.count == lapping->delivered && looker.lost == !lapping->delivered,
	       "an event is %s: %s", lapping->delivered ? "delivered" : "lost", lapping->name);
	munmap(ring - cpu, looker.cpus * sizeof(*ring));
	end_looking();
}

/* A head that is visible says nothing about the event, unless some time has passed. */
static void test_early_reading(void)
{
	int early = 0;

	look();
	for (int i = 0; i < 100; i++) {
		struct seen seen = { 0 };

		send(1);
		must(events_read(&looker, note, &seen), "reading events");
		must(events_read(&looker, note, &seen), "reading events");
		early += seen.count;
		(void)read_events(1 - seen.count);
	}
	/* A busy machine may let time pass. */
	tap_ok(early < 50, "what was written just now is not read yet");
	end_looking();
}

/* -- Leases ------------------------------------------------------------------------------------ */

static void test_swept(void)
{
	look();
	end_lease();
	sweep();
	tap_ok(!root->events_id && !root->modes.sample, "no looker, no rings");
	renew();
	tap_ok(sees_packets(),
	       "a looker whose lease ended, and whose rings were removed, sees again");
	end_looking();
}

/* The looker finds no rings while they are being removed. */
static void test_renewed_in_sweep(void)
{
	look();
	end_lease();
	before_delete = renew;
	sweep();
	tap_ok(!before_delete, "the looker came back in the middle of a sweep");
	renew();
	tap_ok(sees_packets(), "it sees again after that");
	end_looking();
}

static void test_locked(void)
{
	__u32 rings;
	int lock;

	look();
	rings = root->events_id;
	end_lease();
	sweep();
	lock = lock_take(&error);
	must(lock < 0 ? lock : 0, "taking the lock");
	renew();
	tap_ok(!root->events_id && !*error.text,
	       "while another command has the lock, no rings are made");
	close(lock);
	renew();
	tap_ok(root->events_id && root->events_id != rings && sees_packets(),
	       "after that it sees again");
	end_looking();
}

static void test_renewed_without_lock(void)
{
	int lock;
	__u64 lease;

	look();
	lock = lock_take(&error);
	must(lock < 0 ? lock : 0, "taking the lock");
	lease = looker.lease_ns;
	renew();
	tap_ok(looker.lease_ns > lease && root->looker[looker.looker].lease_ns == looker.lease_ns &&
		       sees_packets(),
	       "a lease that lasts is renewed while another command has the lock");
	close(lock);
	end_looking();
}

/* -- All --------------------------------------------------------------------------------------- */

static void open_filter(const char *path)
{
	const struct ipf_config config = { .magic = IPF_MAGIC, .abi_version = IPF_ABI_VERSION };
	static const struct rule_line lines[] = { DROP(CORPUS_IPV4) };
	struct table table;

	must(program_open(&program, path, &(struct program_options){ 0 }), path);
	table_from_lines(&table, lines, COUNT(lines));
	must(program_add_blocks_for(&program, COUNT(lines)), "counter blocks");
	must(program_fill(&program, 1, &table.image), "filling a half");
	program_switch(&program, 1);
	table_done(&table);
	filter = filter_of_object(program.object, &config);
	root = (struct ipf_root *)program.root;
}

/* The program and what a test writes go to the same ring. */
static void stay_on_one_cpu(void)
{
	cpu_set_t only;

	cpu = sched_getcpu();
	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	if (sched_setaffinity(0, sizeof(only), &only))
		tap_bail("cannot stay on one CPU: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	const char *unavailable = program_unavailable();

	if (unavailable)
		return tap_skip_all(unavailable);
	stay_on_one_cpu();
	open_filter(program_object_path(argc, argv));
	for (size_t i = 0; i < COUNT(lappings); i++)
		test_lapping(&lappings[i]);
	test_early_reading();
	test_swept();
	test_renewed_in_sweep();
	test_locked();
	test_renewed_without_lock();
	program_close(&program);
	return tap_done();
}
