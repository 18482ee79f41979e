// SPDX-License-Identifier: GPL-2.0
/*
 * In which modes can XDP programs be attached, and what are they called?
 */
#include <dataplane/attach_mode.h>

#include <linux/if_link.h>
#include <xdp/libxdp.h>

static const struct mode {
	const char *name;
	__u32 flags;
	enum xdp_attach_mode libxdp;
} modes[] = {
	[ATTACH_MODE_UNSPECIFIED] = { "unspecified", 0, XDP_MODE_UNSPEC },
	[ATTACH_MODE_NATIVE] = { "native", XDP_FLAGS_DRV_MODE, XDP_MODE_NATIVE },
	[ATTACH_MODE_SKB] = { "skb", XDP_FLAGS_SKB_MODE, XDP_MODE_SKB },
	[ATTACH_MODE_HW] = { "hw", XDP_FLAGS_HW_MODE, XDP_MODE_HW },
};

const char *attach_mode_name(enum attach_mode mode)
{
	return modes[mode].name;
}

__u32 attach_mode_flags(enum attach_mode mode)
{
	return modes[mode].flags;
}

int attach_mode_libxdp(enum attach_mode mode)
{
	return modes[mode].libxdp;
}
