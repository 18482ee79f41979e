/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which network interfaces are there?
 */
#ifndef DATAPLANE_NETDEV_H
#define DATAPLANE_NETDEV_H

#include <ipfilter/abi.h>
#include <net/if.h>
#include <stddef.h>

struct error;

struct netdev {
	char name[IF_NAMESIZE];
	unsigned int ifindex;
};

/* The interface with this name or alternative name; *out has its own name, so that messages call an
 * interface by one name. -ENODEV: "eth7: no such interface". */
int netdev_find(const char *name, struct netdev *out, struct error *err);

/* All interfaces of this network namespace, by ifindex. *out is the caller's to free. */
int netdev_all(struct netdev **out, size_t *count, struct error *err);

/* Those directly above it (its bridge or bond, the VLAN devices on it), or directly below. *out is the
 * caller's to free. */
int netdev_above(const struct netdev *dev, struct netdev **out, size_t *count);
int netdev_below(const struct netdev *dev, struct netdev **out, size_t *count);

/* Where the interface is (<ipfilter/abi.h>). What cannot be told stays zero. */
void netdev_location(const struct netdev *dev, struct ipf_location *out);

/* Of this network namespace; never given twice. 0 where the kernel has none (before 5.14). */
__u64 netdev_netns_cookie(void);

/* The interface's MTU, or 0 where it cannot be told. */
unsigned int netdev_mtu(const struct netdev *dev);

#endif
