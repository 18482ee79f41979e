// SPDX-License-Identifier: GPL-2.0
/*
 * What does the kernel say about its routes and addresses?
 */
#include <source/netlink.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <util/array.h>
#include <util/error.h>

/* The kernel sends a dump in parts of up to this size to whoever takes them. */
#define PART_SIZE (32 * 1024)

/* Of the socket for events; the kernel gives at most net.core.rmem_max. */
#define EVENTS_SIZE (8 << 20)

/* That are read at once, however fast more come. */
#define MAX_EVENTS 4096

static int fail(const char *what, int code, struct error *err)
{
	return error_set(err, code, "cannot %s: %s", what, strerror(-code));
}

/* -- What a message says ----------------------------------------------------------------------- */

/* IPv4 in 4 bytes, or IPv6 in 16. */
static struct address read_address(enum ipf_family family, const uint8_t *bytes)
{
	struct address address = { .family = family };

	for (int i = 0; i < (family == IPF_IPV4 ? 4 : 8); i++)
		address.key.high |= (__u64)bytes[i] << (56 - 8 * i);
	for (int i = 8; family == IPF_IPV6 && i < 16; i++)
		address.key.low |= (__u64)bytes[i] << (120 - 8 * i);
	return address;
}

static size_t address_size(enum ipf_family family)
{
	return address_family_bits(family) / 8;
}

/* Returns false for a family that is not ours. */
static bool read_family(unsigned char af, enum ipf_family *out)
{
	*out = af == AF_INET6 ? IPF_IPV6 : IPF_IPV4;
	return af == AF_INET || af == AF_INET6;
}

static bool is_mapped(const struct prefix *prefix)
{
	return prefix->family == IPF_IPV6 && prefix->bits >= 96 && !prefix->key.high &&
	       prefix->key.low >> 32 == 0xffff;
}

/* FNV-1a, without the bytes of another. */
static void identify(struct netlink_route *route, const void *bytes, size_t count)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < count; i++)
		route->identity = (route->identity ^ byte[i]) * UINT64_C(0x100000001b3);
}

/* Besides these, only flags and times differ, which change while a route stays the same. */
static void identify_header(struct netlink_route *route, const struct rtmsg *header)
{
	const uint8_t fields[] = { header->rtm_tos, header->rtm_protocol, header->rtm_scope,
				   header->rtm_type };

	route->identity = UINT64_C(0xcbf29ce484222325);
	identify(route, fields, sizeof(fields));
}

static bool read_attribute(struct netlink_route *route, const struct nlattr *attribute)
{
	const uint16_t type = mnl_attr_get_type(attribute);
	const uint16_t size = mnl_attr_get_payload_len(attribute);
	struct address address;

	switch (type) {
	case RTA_DST:
		if (size != address_size(route->prefix.family))
			return false;
		address = read_address(route->prefix.family, mnl_attr_get_payload(attribute));
		route->prefix = prefix_of_address(&address, route->prefix.bits);
		return true;
	case RTA_TABLE:
		if (size != sizeof(uint32_t))
			return false;
		route->table = mnl_attr_get_u32(attribute);
		return true;
	case RTA_NH_ID:
		route->has_nexthop = true;
		break;
	case RTA_PRIORITY:
	case RTA_PREFSRC:
	case RTA_METRICS:
	case RTA_FLOW:
		break;
	default:
		return true;
	}
	identify(route, &type, sizeof(type));
	identify(route, mnl_attr_get_payload(attribute), size);
	return true;
}

static bool discards(unsigned char type)
{
	return type == RTN_BLACKHOLE || type == RTN_UNREACHABLE || type == RTN_PROHIBIT;
}

/* Returns false for a route that nobody is told of. */
static bool read_route(const struct nlmsghdr *message, struct netlink_route *route)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	enum ipf_family family;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header) ||
	    !read_family(header->rtm_family, &family) ||
	    header->rtm_dst_len > address_family_bits(family) || header->rtm_src_len ||
	    header->rtm_flags & RTM_F_CLONED)
		return false;
	*route = (struct netlink_route){ .prefix = { .family = (__u8)family,
						     .bits = header->rtm_dst_len },
					 .table = header->rtm_table,
					 .discards = discards(header->rtm_type) };
	identify_header(route, header);
	mnl_attr_for_each(attribute, message,
			  sizeof(*header)) if (!read_attribute(route, attribute)) return false;
	return !is_mapped(&route->prefix);
}

/* -- Events ------------------------------------------------------------------------------------ */

/* What a callback of libmnl needs. */
struct hearing {
	struct netlink *netlink;
	int ret; /* why the caller's function ended it */
	struct error *err;
};

static int tell(struct hearing *hearing, enum netlink_news news, const struct netlink_route *route)
{
	const struct netlink *netlink = hearing->netlink;

	hearing->ret = netlink->hear(netlink->context, news, route, hearing->err);
	return hearing->ret ? MNL_CB_STOP : MNL_CB_OK;
}

/* NLM_F_REPLACE in an event says that it did replace another. */
static enum netlink_news news_of(const struct nlmsghdr *message)
{
	if (message->nlmsg_type == RTM_DELROUTE)
		return NETLINK_DELETED;
	return message->nlmsg_flags & NLM_F_REPLACE ? NETLINK_CHANGED : NETLINK_ADDED;
}

static int hear_event(const struct nlmsghdr *message, void *context)
{
	struct hearing *hearing = context;
	struct netlink_route route;

	switch (message->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (!read_route(message, &route))
			return MNL_CB_OK;
		return tell(hearing, news_of(message), &route);
	case RTM_NEWNEXTHOP:
		if (!(message->nlmsg_flags & NLM_F_REPLACE))
			return MNL_CB_OK;
		return tell(hearing, NETLINK_NEXTHOPS, NULL);
	case RTM_DELNEXTHOP:
		return tell(hearing, NETLINK_NEXTHOPS, NULL);
	default:
		return MNL_CB_OK;
	}
}

static int subscribe(struct mnl_socket *socket, struct error *err)
{
	int size = EVENTS_SIZE, nexthops = RTNLGRP_NEXTHOP;
	int groups[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &groups[i],
					  sizeof(groups[i])))
			return fail("listen to changes of routes", -errno, err);
	/* Kernels before 5.3 have no nexthop objects. A small buffer only loses events sooner. */
	mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &nexthops, sizeof(nexthops));
	setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return 0;
}

int netlink_open(struct netlink *netlink, netlink_hear hear, void *context, struct error *err)
{
	*netlink = (struct netlink){ .hear = hear, .context = context };
	netlink->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!netlink->events || mnl_socket_bind(netlink->events, 0, MNL_SOCKET_AUTOPID))
		return fail("open a netlink socket", -errno, err);
	return subscribe(netlink->events, err);
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->events)
		mnl_socket_close(netlink->events);
	netlink->events = NULL;
}

int netlink_descriptor(const struct netlink *netlink)
{
	return mnl_socket_get_fd(netlink->events);
}

int netlink_events(struct netlink *netlink, struct error *err)
{
	struct hearing hearing = { .netlink = netlink, .err = err };
	char part[PART_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool lost = netlink->congested;

	for (int i = 0; i < MAX_EVENTS && !hearing.ret; i++) {
		ssize_t size = mnl_socket_recvfrom(netlink->events, part, sizeof(part));

		if (size < 0 && errno == EAGAIN) {
			netlink->congested = false;
			break;
		}
		if (size >= 0)
			mnl_cb_run(part, (size_t)size, 0, 0, hear_event, &hearing);
		else if (errno == ENOBUFS)
			lost = netlink->congested = true;
		else if (errno != EINTR)
			return fail("read changes of routes", -errno, err);
	}
	return hearing.ret || !lost ? hearing.ret : -ENOBUFS;
}

/* -- Requests ---------------------------------------------------------------------------------- */

/* The code of a refusal, or at the end of a list. */
static int hear_end(const struct nlmsghdr *message, void *context)
{
	const int *code = mnl_nlmsg_get_payload(message);

	(void)context;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*code) || *code >= 0)
		return MNL_CB_STOP;
	errno = -*code;
	return MNL_CB_ERROR;
}

/* Reads the next part of an answer. Returns 1 where more follow, 0 after the last one, or a
 * negative errno. */
static int read_part(struct mnl_socket *socket, mnl_cb_t call, void *context)
{
	mnl_cb_t ends[] = { [NLMSG_ERROR] = hear_end, [NLMSG_DONE] = hear_end };
	char part[PART_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t size = mnl_socket_recvfrom(socket, part, sizeof(part));
	int more;

	if (size < 0)
		return -errno;
	more = mnl_cb_run2(part, (size_t)size, 0, 0, call, context, ends,
			   sizeof(ends) / sizeof(ends[0]));
	return more < 0 ? -errno : more > MNL_CB_STOP;
}

/* A socket that asks for what a request wants, and for nothing else, where the kernel can tell
 * (since 4.20). Returns NULL and sets errno if there is none. */
static struct mnl_socket *send_request(const struct nlmsghdr *request)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int on = 1, code;

	if (!socket)
		return NULL;
	mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (!mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) &&
	    mnl_socket_sendto(socket, request, request->nlmsg_len) >= 0)
		return socket;
	code = errno;
	mnl_socket_close(socket);
	errno = code;
	return NULL;
}

/* Routes of one table. A kernel that cannot tell tables apart lists all. */
struct listing {
	struct hearing hearing;
	uint32_t table;
	enum ipf_family family;
};

static int hear_listed(const struct nlmsghdr *message, void *context)
{
	struct listing *listing = context;
	struct netlink_route route;

	if (message->nlmsg_type != RTM_NEWROUTE || !read_route(message, &route) ||
	    route.table != listing->table || route.prefix.family != listing->family)
		return MNL_CB_OK;
	return tell(&listing->hearing, NETLINK_LISTED, &route);
}

/* Events are read in between, because the kernel keeps only some hundreds. */
static int read_listing(struct netlink *netlink, struct mnl_socket *socket, struct listing *listing)
{
	bool lost = false;
	int more = 1, ret;

	while (more > 0) {
		more = read_part(socket, hear_listed, listing);
		if (listing->hearing.ret)
			return listing->hearing.ret;
		ret = netlink_events(netlink, listing->hearing.err);
		if (ret && ret != -ENOBUFS)
			return ret;
		lost = lost || ret;
	}
	if (more < 0 && more != -ENOENT && more != -EINTR) /* -ENOENT: there is no such table */
		return fail("list routes", more, listing->hearing.err);
	if (more == -EINTR)
		return more;
	return lost ? -ENOBUFS : 0;
}

/* The kernel could tell types apart too, but takes routes with a nexthop object that discards for
 * others then. */
int netlink_dump(struct netlink *netlink, enum ipf_family family, uint32_t table, struct error *err)
{
	struct listing listing = { .hearing = { .netlink = netlink, .err = err },
				   .table = table,
				   .family = family };
	char buffer[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	struct mnl_socket *socket;
	int ret;

	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->rtm_family = family == IPF_IPV4 ? AF_INET : AF_INET6;
	mnl_attr_put_u32(request, RTA_TABLE, table);
	socket = send_request(request);
	if (!socket)
		return fail("ask for routes", -errno, err);
	ret = read_listing(netlink, socket, &listing);
	mnl_socket_close(socket);
	return ret;
}

/* -- Addresses --------------------------------------------------------------------------------- */

struct addresses {
	struct address *items;
	size_t count;
	size_t capacity;
};

/* IFA_LOCAL is the own end of a point-to-point link, whose IFA_ADDRESS is the other one. */
static bool read_own(const struct nlmsghdr *message, struct address *out)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	bool found = false, local = false;
	enum ipf_family family;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header) ||
	    !read_family(header->ifa_family, &family) || header->ifa_scope == RT_SCOPE_HOST)
		return false;
	mnl_attr_for_each(attribute, message, sizeof(*header))
	{
		const uint16_t type = mnl_attr_get_type(attribute);

		if ((type != IFA_LOCAL && (type != IFA_ADDRESS || local)) ||
		    mnl_attr_get_payload_len(attribute) != address_size(family))
			continue;
		*out = read_address(family, mnl_attr_get_payload(attribute));
		local = type == IFA_LOCAL;
		found = true;
	}
	return found;
}

static int hear_address(const struct nlmsghdr *message, void *context)
{
	struct addresses *addresses = context;
	struct address own;

	if (message->nlmsg_type != RTM_NEWADDR || !read_own(message, &own))
		return MNL_CB_OK;
	if (array_reserve(&addresses->items, &addresses->capacity, addresses->count + 1,
			  sizeof(*addresses->items))) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	addresses->items[addresses->count++] = own;
	return MNL_CB_OK;
}

int netlink_addresses(struct address **out, size_t *count, struct error *err)
{
	char buffer[64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct addresses addresses = { 0 };
	struct mnl_socket *socket;
	int more = 1;

	request->nlmsg_type = RTM_GETADDR;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
	socket = send_request(request);
	if (!socket)
		return fail("ask for addresses", -errno, err);
	while (more > 0)
		more = read_part(socket, hear_address, &addresses);
	mnl_socket_close(socket);
	if (more < 0 && more != -EINTR) { /* -EINTR: one may be missing, which only warnings miss */
		free(addresses.items);
		return fail("list addresses", more, err);
	}
	*out = addresses.items;
	*count = addresses.count;
	return 0;
}
