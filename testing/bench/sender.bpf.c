// SPDX-License-Identifier: GPL-2.0
/*
 * How do real frames with changing sources get onto a wire fast enough to load a filter?
 *
 * This program runs with BPF_F_TEST_XDP_LIVE_FRAMES. It writes the next source into an IPv4 frame,
 * corrects the checksum of its header (the stack refuses a wrong one before any rule sees it) and
 * sends it.
 */
#include "sources.bpf.h"

/* The RFC 1071 checksum of the header, without its own field and the old source. */
static __attribute__((always_inline)) __u16 checksum(const __u8 *ip, const struct source *source)
{
	const __u16 *halves = (const __u16 *)ip;
	__u32 sum = (source->words[0] & 0xffff) + (source->words[0] >> 16);

	sum += (__u32)halves[0] + halves[1] + halves[2] + halves[3] + halves[4] + halves[8] +
	       halves[9];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

SEC("xdp")
int send(struct xdp_md *ctx)
{
	__u8 *frame = (void *)(long)ctx->data;
	const struct source *source = next_source();

	if (!source || frame + FRAME_SIZE > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	*(__u16 *)(frame + FRAME_IPV4_CHECKSUM) = checksum(frame + FRAME_IP, source);
	*(__u32 *)(frame + FRAME_IPV4_SOURCE) = source->words[0];
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
