// SPDX-License-Identifier: GPL-2.0
/*
 * Does the XDP program write the events that lookers ask for, and nothing else?
 *
 *     test_events [OBJECT]
 *
 * The test tells the program what to sample, as lookers do, and reads the ring of the only CPU that
 * it runs on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <dataplane/kernel.h>

#include "corpus.h"
#include "program.h"
#include "rules.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ALL_TOTALS ((1u << IPF_TOTALS) - 1)
#define MANY_FRAMES 100000
#define SECOND 1000000000ull

static struct program program;
static struct ipf_ring *ring;
static const char *variant;

static void must(int ret, const char *what)
{
	if (ret)
		tap_bail("%s: %s", what, strerror(-ret));
}

static __u64 boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (__u64)now.tv_sec * SECOND + (__u64)now.tv_nsec;
}

static void sample(__u32 every, __u32 totals, __u32 rate, __u64 lease_ns)
{
	const struct program_sample sample = { every, totals, rate, lease_ns };

	program_begin_sampling(&program, &sample);
	ring->window_ns = 0;
}

static void run(const struct frame *frame, __u32 linear, int repeat, __u32 *action)
{
	const struct program_input input = {
		.frame = frame->bytes,
		.size = frame->size,
		.linear = linear,
	};

	must(program_run(&program, &input, repeat, action), "running the program");
}

static const struct ipf_event *last_event(void)
{
	return &ring->event[(ring->head - 1) & (IPF_RING_EVENTS - 1)];
}

/* -- Each kind of frame ------------------------------------------------------------------------ */

static const struct kind {
	const char *name;
	struct packet packet;
	enum ipf_total total;
	enum ipf_verdict verdict;
} kinds[] = {
	{ "dropped", { .body = BODY_IPV4 }, IPF_DROPPED, IPF_DROP },
	{ "passed, tagged", { .body = BODY_IPV6, .tags = { 0x8100 } }, IPF_PASSED, IPF_PASS },
	{ "not IP", { .body = BODY_ARP }, IPF_OTHER, IPF_PASS },
	{ "malformed", { .body = BODY_IPV4, .kept = 20 }, IPF_MALFORMED, IPF_PASS },
	{ "dropped, longer than the copy",
	  { .body = BODY_IPV4, .size = 300 },
	  IPF_DROPPED,
	  IPF_DROP },
};

static bool is_event_of(const struct ipf_event *event, const struct kind *kind,
			const struct frame *frame, bool observed)
{
	__u32 copied = frame->size < IPF_HEADERS_COPIED ? frame->size : IPF_HEADERS_COPIED;

	/* Without the helper, headers are copied by two bytes. */
	if (program.options.length == PROGRAM_LENGTH_BUFFER || !kernel_has_multi_buffer())
		copied &= ~1u;
	return event->sequence == ring->head && event->verdict == kind->verdict &&
	       event->total == kind->total && event->bytes == frame->size && event->sample == 1 &&
	       event->generation == (__u32)program.root->generation &&
	       event->observed == observed && event->copied == copied &&
	       !memcmp(event->headers, frame->bytes, copied);
}

static void test_kind(const struct kind *kind, bool observed)
{
	static struct frame frame;
	__u32 action, wanted = kind->verdict == IPF_DROP && !observed ? XDP_DROP : XDP_PASS;
	__u64 head, before, after;
	bool ok;

	packet_build(&kind->packet, &frame);
	program.root->modes.observe = observed;
	sample(1, ALL_TOTALS, 1000, boot_ns() + 60 * SECOND);
	head = ring->head;
	before = boot_ns();
	run(&frame, 0, 1, &action);
	after = boot_ns();
	ok = ring->head == head + 1 && is_event_of(last_event(), kind, &frame, observed);
	tap_ok(ok && action == wanted && last_event()->time_ns >= before &&
		       last_event()->time_ns <= after,
	       "%s, %s%s: one event, as it is", variant, kind->name, observed ? ", observed" : "");
	sample(1, ALL_TOTALS & ~(1u << kind->total), 1000, boot_ns() + 60 * SECOND);
	head = ring->head;
	run(&frame, 0, 1, &action);
	tap_ok(ring->head == head && action == wanted, "%s, %s%s: of other totals, none", variant,
	       kind->name, observed ? ", observed" : "");
	program.root->modes.observe = 0;
}

/* The first buffer has nearly nothing of the frame. */
static void test_split(void)
{
	const struct kind kind = {
		"split", { .body = BODY_IPV4, .size = 6000 }, IPF_DROPPED, IPF_DROP
	};
	const char *unable = program_too_large(6000);
	static struct frame frame;
	__u32 action;

	if (program.options.length == PROGRAM_LENGTH_BUFFER)
		return;
	if (unable) {
		tap_skip(unable, "%s: a multi-buffer frame", variant);
		return;
	}
	packet_build(&kind.packet, &frame);
	sample(1, ALL_TOTALS, 1000, boot_ns() + 60 * SECOND);
	run(&frame, 20, 1, &action);
	tap_ok(is_event_of(last_event(), &kind, &frame, false) && action == XDP_DROP,
	       "%s: a multi-buffer frame", variant);
}

/* -- How many ---------------------------------------------------------------------------------- */

static const struct limit {
	const char *name;
	__u32 every, totals, rate;
	__s64 lease_s;
	__u32 least, most, skipped_least, skipped_most; /* of MANY_FRAMES */
	bool stays_on;
} limits[] = {
	/* Six standard deviations: the distance between events is uniform, so each adds 1/3. */
	{ "one of 100", 100, ALL_TOTALS, 1000000, 60, 890, 1110, 0, 0, true },
	{ "all", 1, ALL_TOTALS, 1000000, 60, MANY_FRAMES, MANY_FRAMES, 0, 0, true },
	{ "one of eight million", IPF_SAMPLE_MAX, ALL_TOTALS, 1000000, 60, 0, 2, 0, 0, true },
	{ "other totals", 1, 1u << IPF_OTHER, 1000000, 60, 0, 0, 0, 0, true },
	/* The frames take less than ten seconds, each with its own limit. */
	{ "all, ten in a second", 1, ALL_TOTALS, 10, 60, 10, 100, MANY_FRAMES - 100,
	  MANY_FRAMES - 10, true },
	{ "a lease that has ended", 1, ALL_TOTALS, 1000000, -1, 0, 0, 0, 0, false },
};

static void test_limit(const struct limit *limit)
{
	static const struct packet plain = { .body = BODY_IPV4 };
	static struct frame frame;
	__u32 action, events, skipped;
	__u64 head, dropped;

	packet_build(&plain, &frame);
	sample(limit->every, limit->totals, limit->rate,
	       boot_ns() + (__u64)(limit->lease_s * (__s64)SECOND));
	head = ring->head;
	skipped = (__u32)ring->skipped;
	dropped = program_total(&program, IPF_DROPPED).packets;
	run(&frame, 0, MANY_FRAMES, &action);
	events = (__u32)(ring->head - head);
	skipped = (__u32)ring->skipped - skipped;
	tap_ok(events >= limit->least && events <= limit->most && skipped >= limit->skipped_least &&
		       skipped <= limit->skipped_most &&
		       !program.root->modes.sample == !limit->stays_on && action == XDP_DROP &&
		       program_total(&program, IPF_DROPPED).packets == dropped + MANY_FRAMES,
	       "%s, %s: %u events, %u skipped", variant, limit->name, events, skipped);
}

static void count_up_to(__u64 packets)
{
	__u32 total = IPF_DROPPED;
	int ret;

	program_total(&program, total);
	program.per_cpu_total[sched_getcpu()].counter.packets = packets;
	ret = bpf_map_update_elem(program.totals_fd, &total, program.per_cpu_total, BPF_ANY);
	must(ret ? -errno : 0, "counters of many packets");
}

/* Each epoch begins anew, whatever its number, and after however many packets. */
static void test_epochs(void)
{
	static const __u32 before[] = { 0x70000000, 0xe0000000, 0xfffffffe };
	static const struct packet plain = { .body = BODY_IPV4 };
	static struct frame frame;
	bool ok = true;
	__u32 action;

	packet_build(&plain, &frame);
	for (size_t i = 0; i < COUNT(before); i++) {
		program.root->epoch = before[i];
		/* Sets an event far ahead, which the next epoch has to forget. */
		sample(IPF_SAMPLE_MAX, ALL_TOTALS, 1000, boot_ns() + 60 * SECOND);
		run(&frame, 0, 1, &action);
		sample(1, ALL_TOTALS, 1000000, boot_ns() + 60 * SECOND);
		ring->head = 0;
		run(&frame, 0, 10, &action);
		ok = ok && ring->head == 10;
		count_up_to(((i + 1ull) << 32) - 5);
		run(&frame, 0, 10, &action);
		ok = ok && ring->head == 20;
	}
	tap_ok(ok, "%s: epochs of all numbers, and more than 2^32 packets", variant);
}

/* Rings that are not there, or only for other CPUs, change no verdict. */
static void test_no_rings(void)
{
	int slots = bpf_object__find_map_fd_by_name(program.object, IPF_MAP_EVENTS);
	static const struct packet plain = { .body = BODY_IPV4 };
	static struct frame frame;
	__u32 action, only = 0;
	__u64 head = ring->head;

	packet_build(&plain, &frame);
	sample(1, ALL_TOTALS, 1000, boot_ns() + 60 * SECOND);
	must(bpf_map_delete_elem(slots, &only) ? -errno : 0, "emptying the slot");
	run(&frame, 0, 1000, &action);
	tap_ok(action == XDP_DROP && ring->head == head, "%s: without rings", variant);
}

static void test_variant(const char *path, enum program_length length, const char *name, int cpu)
{
	static const struct rule_line lines[] = { DROP(CORPUS_IPV4), PASS(CORPUS_IPV6) };
	const struct program_options options = { .length = length };
	struct table table;

	variant = name;
	must(program_open(&program, path, &options), path);
	table_from_lines(&table, lines, COUNT(lines));
	must(program_add_blocks_for(&program, COUNT(lines)), "counter blocks");
	must(program_fill(&program, 1, &table.image), "filling a half");
	program_switch(&program, 1);
	must(program_add_rings(&program), "rings");
	ring = &program.rings[cpu];
	for (size_t i = 0; i < 2 * COUNT(kinds); i++)
		test_kind(&kinds[i / 2], i % 2);
	test_split();
	for (size_t i = 0; i < COUNT(limits); i++)
		test_limit(&limits[i]);
	test_epochs();
	test_no_rings();
	table_done(&table);
	program_close(&program);
}

int main(int argc, char **argv)
{
	const char *unavailable = program_unavailable();
	const char *path = program_object_path(argc, argv);
	cpu_set_t only;
	int cpu = sched_getcpu();

	if (unavailable)
		return tap_skip_all(unavailable);
	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	if (sched_setaffinity(0, sizeof(only), &only))
		tap_bail("cannot stay on one CPU: %s", strerror(errno));
	test_variant(path, PROGRAM_LENGTH_BEST, "the kernel's best", cpu);
	test_variant(path, PROGRAM_LENGTH_HELPER, "lengths by the helper", cpu);
	test_variant(path, PROGRAM_LENGTH_BUFFER, "before 5.18", cpu);
	return tap_done();
}
