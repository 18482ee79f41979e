/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do the frames of an interface begin with, and can their source be read?
 *
 * The kernel hands a program what lies from the link layer's header on. Where a device has none, that
 * is up to its driver: mostly it is the packet, but some leave the outer headers of a tunnel, or those
 * of the device below, in front of it. So interfaces without Ethernet are filtered only where that is
 * known.
 */
#ifndef DATAPLANE_FRAMING_H
#define DATAPLANE_FRAMING_H

#include <dataplane/netdev.h>
#include <ipfilter/abi.h>

struct error;

/* -EOPNOTSUPP: no source can be read there; the words name the type of the interface, and say what to do. */
int framing_of(const struct netdev *dev, enum ipf_link *out, struct error *err);

/* Does a filter that was loaded for such frames read those that the interface has now? -EOPNOTSUPP with the
 * words where not: a bond takes the type of its first port, and xdp-loader asks nobody. */
int framing_check(const struct netdev *dev, const struct ipf_config *config, struct error *err);

#endif
