// SPDX-License-Identifier: GPL-2.0
/*
 * What does it cost to send a frame onto a wire and drop it at the other end?
 *
 *     live KIND COUNT
 *
 * Sends IPv4 frames with sources under drop rules of the workload. Reads wires from stdin, one per
 * line, and answers each with one line of JSON when all its frames are gone:
 *
 *     IFINDEX MAC FRAMES ACTIVE   from this end of a veth pair, to the address of the other end,
 *                                 with so many sources in turn (a power of two)
 *
 *     {"cpu_ns": per frame, "wall_ns": per frame}
 *
 * The kernel sends from this thread (BPF_F_TEST_XDP_LIVE_FRAMES), and serves the other end of the
 * pair in it too. The figures include sending, which costs the same for all, and dropping.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <util/number.h>

#include "clock.h"
#include "fail.h"
#include "object.h"
#include "sources.h"
#include "workload.h"

/* The batch of NAPI: the frames sent at once fit into the ring of a veth and into one poll. */
enum { BATCH = 64 };

struct wire {
	unsigned int ifindex;
	__u8 mac[6];
	unsigned int frames;
	unsigned int active;
};

static struct wire wire_parse(const char *line)
{
	struct wire wire;
	__u8 *mac = wire.mac;

	if (sscanf(line, "%u %hhx:%hhx:%hhx:%hhx:%hhx:%hhx %u %u", &wire.ifindex, &mac[0], &mac[1],
		   &mac[2], &mac[3], &mac[4], &mac[5], &wire.frames, &wire.active) != 9 ||
	    !wire.frames || wire.frames > INT_MAX || !wire.active || wire.active > SOURCES ||
	    wire.active & (wire.active - 1))
		fail("'%s': not IFINDEX MAC FRAMES ACTIVE", line);
	return wire;
}

static void send_frames(int sender_fd, const struct sources *sources, const struct wire *wire)
{
	__u8 frame[FRAME_SIZE];
	struct xdp_md context = { .data_end = sizeof(frame), .ingress_ifindex = wire->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = (int)wire->frames,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	double cpu, wall;

	sources_frame(sources, frame);
	memcpy(frame, wire->mac, sizeof(wire->mac));
	cpu = cpu_ns();
	wall = wall_ns();
	must(bpf_prog_test_run_opts(sender_fd, &options), "sending frames");
	cpu = cpu_ns() - cpu;
	wall = wall_ns() - wall;
	printf("{\"cpu_ns\": %.3f, \"wall_ns\": %.3f}\n", cpu / wire->frames, wall / wire->frames);
	fflush(stdout);
}

static void choose_sources(struct bpf_object *object, unsigned int active)
{
	volatile struct source_state *state = sources_map_state(object);

	state->mask = active - 1;
	sources_unmap_state(state);
}

static int load_sender(const struct sources *sources, struct bpf_object **object)
{
	struct bpf_program *program;

	*object = object_open("sender.bpf.o");
	program = object_choose(*object, "send");
	sources_give(sources, *object);
	must(bpf_object__load(*object), "loading the sender");
	return bpf_program__fd(program);
}

int main(int argc, char **argv)
{
	struct workload workload;
	struct bpf_object *object;
	struct sources *sources;
	char line[128];
	enum kind kind;
	uint64_t count;
	int sender_fd;

	if (argc != 3 || !kind_parse(argv[1], &kind) || number_parse(argv[2], 1, INT_MAX, &count))
		fail("usage: live random|mixed COUNT");
	must(workload_make(&workload, FAMILY_IPV4, kind, count), "making the rules");
	sources = sources_new(FAMILY_IPV4);
	must(workload_sources(&workload, OUTCOME_HIT, sources_bytes(sources), SOURCES),
	     "sources that hit");
	workload_done(&workload);
	sender_fd = load_sender(sources, &object);
	clock_stay_here();

	while (fgets(line, sizeof(line), stdin)) {
		struct wire wire = wire_parse(line);

		choose_sources(object, wire.active);
		send_frames(sender_fd, sources, &wire);
	}
	bpf_object__close(object);
	sources_free(sources);
	return EXIT_SUCCESS;
}
