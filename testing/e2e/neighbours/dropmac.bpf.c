// SPDX-License-Identifier: GPL-2.0
/* A neighbour with its own verdict: it drops frames from 02:00:00:00:00:dd. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <xdp/xdp_helpers.h>

#ifndef SECTION
#define SECTION "xdp.frags"
#endif

struct {
	__uint(priority, 3);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(nb_dropmac);

SEC(SECTION)
int nb_dropmac(struct xdp_md *ctx)
{
	const struct ethhdr *eth = (const void *)(long)ctx->data;

	if ((const void *)(eth + 1) > (const void *)(long)ctx->data_end)
		return XDP_PASS;
	return eth->h_source[0] == 0x02 && eth->h_source[5] == 0xdd ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
