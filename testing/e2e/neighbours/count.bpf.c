// SPDX-License-Identifier: GPL-2.0
/* A neighbour that counts frames and passes them: how many frames did the filter pass? */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#ifndef SECTION
#define SECTION "xdp.frags"
#endif

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} nb_count_seen SEC(".maps");

struct {
	__uint(priority, 20);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(nb_count);

SEC(SECTION)
int nb_count(struct xdp_md *ctx)
{
	__u32 slot = 0;
	__u64 *seen = bpf_map_lookup_elem(&nb_count_seen, &slot);

	(void)ctx;
	if (seen)
		__sync_fetch_and_add(seen, 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
