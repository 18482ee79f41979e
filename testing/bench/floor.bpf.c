// SPDX-License-Identifier: GPL-2.0
/*
 * What is the minimum cost of a source filter?
 *
 * `floor_filter` parses, compares with one constant, counts and drops. `plain_drop` drops at once:
 * it shows the cost of the measurement itself.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* The source to drop, as in the packet, IPv4 in the first element. Set before loading. */
const volatile __u32 floor_source[4] = { 1, 2, 3, 4 };

struct floor_counter {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct floor_counter);
} floor_counts SEC(".maps");

static __attribute__((always_inline)) int matches(const __u8 *frame, const __u8 *end)
{
	const __u32 *source;

	if (frame + 34 > end)
		return 0;
	if (*(const __be16 *)(frame + 12) == bpf_htons(ETH_P_IP)) {
		source = (const __u32 *)(frame + 26);
		return frame[14] >> 4 == 4 && *source == floor_source[0];
	}
	if (*(const __be16 *)(frame + 12) != bpf_htons(ETH_P_IPV6) || frame + 54 > end)
		return 0;
	source = (const __u32 *)(frame + 22);
	return frame[14] >> 4 == 6 && source[0] == floor_source[0] &&
	       source[1] == floor_source[1] && source[2] == floor_source[2] &&
	       source[3] == floor_source[3];
}

SEC("xdp.frags")
int floor_filter(struct xdp_md *ctx)
{
	const __u8 *frame = (void *)(long)ctx->data;
	const __u8 *end = (void *)(long)ctx->data_end;
	__u32 slot = !matches(frame, end);
	struct floor_counter *counter = bpf_map_lookup_elem(&floor_counts, &slot);

	if (counter) {
		counter->packets++;
		counter->bytes += (__u64)(end - frame);
	}
	return slot ? XDP_PASS : XDP_DROP;
}

SEC("xdp.frags")
int plain_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
