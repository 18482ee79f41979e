// SPDX-License-Identifier: GPL-2.0
/* An imitation of libxdp's dispatcher, of the format VERSION. Seen from outside, it has the name,
 * and one map whose first bytes are libxdp's magic and the version. The object has the version in
 * its BTF. It is built for two programs, has none, and passes everything. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifndef VERSION
#define VERSION 3 /* for tools that look at each source alone */
#endif

static const volatile struct {
	__u8 magic, version, program_count, frags;
	__u32 chain_call_actions[10], priorities[10], program_flags[10];
#if VERSION >= 3
	__u8 bound_to_device;
#endif
} conf = {
	.magic = 'X' + 'D' + 'P',
	.version = VERSION,
	.program_count = 2,
};

SEC("xdp")
int xdp_dispatcher(struct xdp_md *ctx)
{
	(void)ctx;
	return conf.program_count ? XDP_PASS : XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
__uint(dispatcher_version, VERSION) SEC("xdp_metadata");
