/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do the frames of an interface begin with, and can their source be read?
 *
 * The kernel hands a program each frame from the link layer's header on. If a device has no such
 * header, its driver decides: mostly the frame is the packet, but some drivers leave the outer
 * headers of a tunnel, or those of the device below, in front of it. So interfaces without Ethernet
 * are filtered only where we know what comes first.
 */
#ifndef DATAPLANE_FRAMING_H
#define DATAPLANE_FRAMING_H

#include <dataplane/netdev.h>
#include <ipfilter/abi.h>

struct error;

/* -EOPNOTSUPP: no source can be read there; the message names the type of the interface and says
 * what to do. */
int framing_of(const struct netdev *dev, enum ipf_link *out, struct error *err);

/* Can a filter with this configuration read the frames of an interface that is as `link` says? If
 * not, -EOPNOTSUPP with a message. A bond takes the type of its first port, and xdp-loader does not
 * ask. */
int framing_check(const struct netdev *dev, const struct rtnl_link *link,
		  const struct ipf_config *config, struct error *err);

#endif
