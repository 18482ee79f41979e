// SPDX-License-Identifier: GPL-2.0
/* What a dispatcher of a libxdp to come looks like from outside: the name, one map, and in its first
 * bytes libxdp's magic and a version that nobody here knows. It passes everything. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/prog_dispatcher.h>

static const volatile struct xdp_dispatcher_config conf = {
	.magic = XDP_DISPATCHER_MAGIC,
	.dispatcher_version = 99,
	.num_progs_enabled = 2,
};

SEC("xdp")
int xdp_dispatcher(struct xdp_md *ctx)
{
	(void)ctx;
	return conf.num_progs_enabled ? XDP_PASS : XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
