/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In which modes can XDP programs be attached, and what are they called?
 */
#ifndef DATAPLANE_ATTACH_MODE_H
#define DATAPLANE_ATTACH_MODE_H

#include <linux/types.h>

/* The numbers are kept in the configuration of a loaded filter (struct ipf_config). */
enum attach_mode { ATTACH_MODE_UNSPECIFIED, ATTACH_MODE_NATIVE, ATTACH_MODE_SKB, ATTACH_MODE_HW };

/* "unspecified", "native", "skb" or "hw". */
const char *attach_mode_name(enum attach_mode mode);

/* What the kernel calls it: XDP_FLAGS_..._MODE, <linux/if_link.h>; 0 for
 * ATTACH_MODE_UNSPECIFIED. */
__u32 attach_mode_flags(enum attach_mode mode);

/* What libxdp calls it: enum xdp_attach_mode, <xdp/libxdp.h>. */
int attach_mode_libxdp(enum attach_mode mode);

#endif
