// SPDX-License-Identifier: GPL-2.0
/*
 * How does a program that must not be changed get another source with every frame?
 *
 * This one writes the next source into the frame and tail-calls the program under test. Its own
 * cost is measured by calling a program that only drops.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "frame.h"

/* Set before loading. */
const volatile __u8 driver_ipv6 = 0;

/* Set between runs. */
struct source_state driver_state;

struct source {
	__u64 words[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SOURCES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct source);
} driver_sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} driver_target SEC(".maps");

/* Attach type and frags flag are set before loading, to those of the program under test. */
SEC("xdp")
int drive(struct xdp_md *ctx)
{
	__u8 *frame = (void *)(long)ctx->data;
	__u32 at = driver_state.position++ & driver_state.mask;
	const struct source *source = bpf_map_lookup_elem(&driver_sources, &at);

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
