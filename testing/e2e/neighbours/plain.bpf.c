// SPDX-License-Identifier: GPL-2.0
/* An old neighbour: it passes everything, but does not declare xdp.frags, so the chain that it
 * joins cannot take multi-buffer frames. It runs before the filter. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

struct {
	__uint(priority, 2);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(nb_plain);

SEC("xdp")
int nb_plain(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
