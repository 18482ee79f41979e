/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does the kernel say of the interfaces of this network namespace?
 *
 * By netlink: names of 16 bytes and more do not fit into an ioctl, and which interface lies above
 * another is told nowhere else. (sysfs may be that of another network namespace.)
 */
#ifndef DATAPLANE_RTNL_H
#define DATAPLANE_RTNL_H

#include <net/if.h>
#include <stddef.h>

/* An interface can have alternative names of so many bytes (Linux 5.5). */
#define RTNL_NAME_MAX 127

struct rtnl_link {
	unsigned int ifindex;
	unsigned int master; /* the bridge, bond or the like that it is a port of; 0 for none */
	unsigned int lower; /* what it sits on, as a VLAN device does, or the other end of a veth */
	char name[IF_NAMESIZE];
};

/* The interface with this name or alternative name. -ENODEV: none has it. */
int rtnl_find(const char *name, struct rtnl_link *out);

/* All of them. *out is the caller's to free. */
int rtnl_all(struct rtnl_link **out, size_t *count);

#endif
