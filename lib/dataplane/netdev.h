/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which network interfaces are there?
 */
#ifndef DATAPLANE_NETDEV_H
#define DATAPLANE_NETDEV_H

#include <dataplane/rtnl.h>
#include <ipfilter/abi.h>
#include <net/if.h>
#include <stddef.h>

struct error;

struct netdev {
	char name[IF_NAMESIZE];
	unsigned int ifindex;
};

/* Finds an interface by its name or an alternative name. *out has the name itself, so that messages
 * call an interface by one name. -ENODEV: "eth7: no such interface". */
int netdev_find(const char *name, struct netdev *out, struct error *err);

/* All interfaces of this network namespace, by ifindex. The caller frees *out. */
int netdev_all(struct netdev **out, size_t *count, struct error *err);

/* The same, with what the kernel says of each. */
int netdev_links(struct rtnl_link **out, size_t *count, struct error *err);
struct netdev netdev_of_link(const struct rtnl_link *link);

/* The interfaces directly above it (its bridge or bond, the VLAN devices on it), or directly below.
 * The caller frees *out. */
int netdev_above(const struct netdev *dev, struct netdev **out, size_t *count);
int netdev_below(const struct netdev *dev, struct netdev **out, size_t *count);

/* Where the interface is (<ipfilter/abi.h>). Members that cannot be found out are zero. */
void netdev_location(const struct netdev *dev, struct ipf_location *out);

/* The number of this network namespace, which no other ever gets. 0: the kernel has none (before
 * 5.14). */
__u64 netdev_netns_cookie(void);

/* The interface's MTU; 0: it cannot be found out. */
unsigned int netdev_mtu(const struct netdev *dev);

#endif
