// SPDX-License-Identifier: GPL-2.0
/*
 * How does an unmodified program get another source with every frame?
 *
 * This program writes the next source into the frame and tail-calls the program under test. A call
 * of a program that only drops measures the cost of this one.
 */
#include "sources.bpf.h"

/* Set before loading. */
const volatile __u8 driver_ipv6 = 0;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} driver_target SEC(".maps");

/* The attach type and the frags flag are set before loading, to those of the program under test. */
SEC("xdp")
int drive(struct xdp_md *ctx)
{
	__u8 *frame = (void *)(long)ctx->data;
	const struct source *source = next_source();

	if (!source || frame + FRAME_SIZE > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (driver_ipv6)
		__builtin_memcpy(frame + FRAME_IPV6_SOURCE, source, 16);
	else
		__builtin_memcpy(frame + FRAME_IPV4_SOURCE, source, 4);
	bpf_tail_call(ctx, &driver_target, 0);
	return XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
