// SPDX-License-Identifier: GPL-2.0
/*
 * What would a filter cost that keeps its rules in a map of the kernel?
 *
 * Each program uses its map in the simplest way: it looks the source up and counts the verdict. One
 * object is loaded for each candidate, with maps of the right size.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "peers.h"

struct peer_counter {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct peer_counter);
} peer_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} peer_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct peer_prefix4);
	__type(value, __u32);
} peer_lpm4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct peer_prefix6);
	__type(value, __u32);
} peer_lpm6 SEC(".maps");

static __attribute__((always_inline)) int count(struct xdp_md *ctx, const __u32 *verdict)
{
	__u32 drop = verdict && *verdict == PEER_DROP;
	struct peer_counter *counter = bpf_map_lookup_elem(&peer_counts, &drop);

	if (counter) {
		counter->packets++;
		counter->bytes += ctx->data_end - ctx->data;
	}
	return drop ? XDP_DROP : XDP_PASS;
}

/* The IP header if the frame is of this family and not truncated, else NULL. */
static __attribute__((always_inline)) const __u8 *ip_header(struct xdp_md *ctx, __u16 ethertype,
							    __u8 version, __u32 size)
{
	const __u8 *frame = (void *)(long)ctx->data;

	if (frame + ETH_HLEN + size > (const __u8 *)(long)ctx->data_end ||
	    *(const __be16 *)(frame + 12) != bpf_htons(ethertype) ||
	    frame[ETH_HLEN] >> 4 != version)
		return (void *)0;
	return frame + ETH_HLEN;
}

SEC("xdp.frags")
int hash_ipv4(struct xdp_md *ctx)
{
	const __u8 *ip = ip_header(ctx, ETH_P_IP, 4, 20);
	__u32 source;

	if (!ip)
		return count(ctx, (void *)0);
	source = *(const __u32 *)(ip + 12);
	return count(ctx, bpf_map_lookup_elem(&peer_hash, &source));
}

SEC("xdp.frags")
int lpm_ipv4(struct xdp_md *ctx)
{
	const __u8 *ip = ip_header(ctx, ETH_P_IP, 4, 20);
	struct peer_prefix4 source = { .bits = 32 };

	if (!ip)
		return count(ctx, (void *)0);
	__builtin_memcpy(source.address, ip + 12, 4);
	return count(ctx, bpf_map_lookup_elem(&peer_lpm4, &source));
}

SEC("xdp.frags")
int lpm_ipv6(struct xdp_md *ctx)
{
	const __u8 *ip = ip_header(ctx, ETH_P_IPV6, 6, 40);
	struct peer_prefix6 source = { .bits = 128 };

	if (!ip)
		return count(ctx, (void *)0);
	__builtin_memcpy(source.address, ip + 8, 16);
	return count(ctx, bpf_map_lookup_elem(&peer_lpm6, &source));
}

char _license[] SEC("license") = "GPL";
