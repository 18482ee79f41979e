/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does the kernel say about its routes and addresses?
 *
 * The only user of libmnl. Nothing here needs a capability.
 */
#ifndef SOURCE_NETLINK_H
#define SOURCE_NETLINK_H

#include <ruleset/address.h>
#include <ruleset/prefix.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* A prefix may have several routes in one table. */
struct netlink_route {
	struct prefix prefix;
	uint32_t table;
	/* The same for all messages about one route, and different for any two routes of a prefix
	 * and a table that can exist together. */
	uint64_t identity;
	bool discards;    /* it is a blackhole, an unreachable or a prohibit route */
	bool has_nexthop; /* it uses a nexthop object (ip-nexthop(8)), which may change or go */
};

enum netlink_news {
	NETLINK_LISTED,  /* by netlink_dump(): the route is there */
	NETLINK_ADDED,   /* beside all others */
	NETLINK_CHANGED, /* it is there, and another of its prefix may have gone */
	NETLINK_DELETED,
	NETLINK_NEXTHOPS, /* a nexthop object changed or went, perhaps with routes; the route is
			   * NULL */
};

/* Hears what is new. Returns 0, or a negative errno and sets *err, which ends the call. */
typedef int (*netlink_hear)(void *context, enum netlink_news news,
			    const struct netlink_route *route, struct error *err);

/* A socket for events. Those that came after netlink_open() wait in it until it is full. Both
 * families and all tables are heard of, except IPv4-mapped prefixes, which are no IPv6 addresses of
 * packets, and routes that also look at the source of a packet. */
struct netlink {
	struct mnl_socket *events;
	bool congested; /* private: it ran full, and has not been empty since */
	netlink_hear hear;
	void *context;
};

/* Returns 0, or a negative errno and sets *err. Release with netlink_close(), also afterwards. */
int netlink_open(struct netlink *netlink, netlink_hear hear, void *context, struct error *err);
void netlink_close(struct netlink *netlink);

/* Can be read when there are events. */
int netlink_descriptor(const struct netlink *netlink);

/* Tells of the events that wait, or of the first thousands. Returns 0; -ENOBUFS: some were
 * lost, or perhaps, because the kernel says so once and then drops all until none waits; another
 * negative errno: *err says why. */
int netlink_events(struct netlink *netlink, struct error *err);

/* Tells of all routes of a table, which need not exist, and in between of events, as
 * netlink_events(). Returns 0; -EINTR: the kernel says that the list is not whole; or as
 * netlink_events(). */
int netlink_dump(struct netlink *netlink, enum ipf_family family, uint32_t table,
		 struct error *err);

/* The addresses of this machine that others can send to, in no order. The caller frees *out.
 * Returns 0, or a negative errno and sets *err. */
int netlink_addresses(struct address **out, size_t *count, struct error *err);

#endif
