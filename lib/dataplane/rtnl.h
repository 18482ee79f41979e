/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does the kernel say about the interfaces of this network namespace?
 *
 * Netlink answers this: names of 16 bytes and more do not fit into an ioctl, and nothing else shows
 * which interface is above another. (sysfs may be that of another network namespace.)
 */
#ifndef DATAPLANE_RTNL_H
#define DATAPLANE_RTNL_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#define RTNL_KIND_SIZE 16

/* How long an alternative name can be (Linux 5.5). */
#define RTNL_NAME_MAX 127

/* What a device of kind "tun" is. */
enum rtnl_tun { RTNL_NO_TUN, RTNL_TUN, RTNL_TAP };

/* The programs that an interface runs, by their ids; 0 for none. */
struct rtnl_xdp {
	unsigned char attached; /* XDP_ATTACHED_..., <linux/if_link.h> */
	unsigned int program;   /* the only one, in the mode that `attached` gives */
	unsigned int hw;
	unsigned int native;
	unsigned int skb;
};

struct rtnl_link {
	unsigned int ifindex;
	unsigned int master; /* the bridge, bond or the like that it is a port of; 0 for none */
	unsigned int lower;  /* what it sits on, as a VLAN device does; of a veth: the other end */
	char name[IF_NAMESIZE];
	unsigned short type;       /* ARPHRD_..., <linux/if_arp.h> */
	char kind[RTNL_KIND_SIZE]; /* "veth", "gre"; empty: it was not made by netlink */
	enum rtnl_tun tun;
	bool is_l3s; /* an ipvlan device in that mode */
	struct rtnl_xdp xdp;
	unsigned char broadcast[4]; /* its first bytes; of a tunnel over IPv4: the remote end */
};

/* The interface with this name or alternative name. -ENODEV: none has it. */
int rtnl_find(const char *name, struct rtnl_link *out);

/* The interface with this number. -ENODEV: none has it. */
int rtnl_get(unsigned int ifindex, struct rtnl_link *out);

/* All of them. The caller frees *out. */
int rtnl_all(struct rtnl_link **out, size_t *count);

#endif
