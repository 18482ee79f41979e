// SPDX-License-Identifier: GPL-2.0
/*
 * What does the kernel say about the interfaces of this network namespace?
 */
#include <dataplane/rtnl.h>

#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <util/array.h>
#include <util/auto.h>

/* Interfaces that come and go while they are listed make the kernel ask for another try. */
#define MAX_DUMPS 64

struct links {
	struct rtnl_link *items;
	size_t count;
	size_t capacity;
};

/* -- What a message says ----------------------------------------------------------------------- */

struct attributes {
	const struct rtattr *first;
	int size;
};

/* Those inside another attribute; none if that is NULL. */
static struct attributes inside(const struct rtattr *parent)
{
	return parent ? (struct attributes){ RTA_DATA(parent), (int)RTA_PAYLOAD(parent) } :
			(struct attributes){ NULL, 0 };
}

/* NULL: it is not among them. */
static const struct rtattr *find(struct attributes attributes, unsigned int type)
{
	const struct rtattr *attribute = attributes.first;
	int left = attributes.size;

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
		if ((attribute->rta_type & NLA_TYPE_MASK) == type)
			return attribute;
	return NULL;
}

/* Copies as much of its value as there is room for. */
static void copy_value(struct attributes attributes, unsigned int type, void *out, size_t size)
{
	const struct rtattr *attribute = find(attributes, type);
	size_t length = attribute ? RTA_PAYLOAD(attribute) : 0;

	if (length)
		memcpy(out, RTA_DATA(attribute), length < size ? length : size);
}

static void read_tun(struct attributes data, struct rtnl_link *link)
{
	__u8 type = 0;

	if (!find(data, IFLA_TUN_TYPE))
		return;
	copy_value(data, IFLA_TUN_TYPE, &type, sizeof(type));
	link->tun = type == IFF_TAP ? RTNL_TAP : RTNL_TUN;
}

static void read_ipvlan(struct attributes data, struct rtnl_link *link)
{
	__u16 mode = IPVLAN_MODE_L2;

	copy_value(data, IFLA_IPVLAN_MODE, &mode, sizeof(mode));
	link->is_l3s = mode == IPVLAN_MODE_L3S;
}

static void read_kind(struct attributes info, struct rtnl_link *link)
{
	const struct attributes data = inside(find(info, IFLA_INFO_DATA));

	copy_value(info, IFLA_INFO_KIND, link->kind, sizeof(link->kind) - 1);
	if (!strcmp(link->kind, "tun"))
		read_tun(data, link);
	else if (!strcmp(link->kind, "ipvlan"))
		read_ipvlan(data, link);
}

static void read_xdp(struct attributes data, struct rtnl_xdp *xdp)
{
	copy_value(data, IFLA_XDP_ATTACHED, &xdp->attached, sizeof(xdp->attached));
	copy_value(data, IFLA_XDP_PROG_ID, &xdp->program, sizeof(xdp->program));
	copy_value(data, IFLA_XDP_HW_PROG_ID, &xdp->hw, sizeof(xdp->hw));
	copy_value(data, IFLA_XDP_DRV_PROG_ID, &xdp->native, sizeof(xdp->native));
	copy_value(data, IFLA_XDP_SKB_PROG_ID, &xdp->skb, sizeof(xdp->skb));
}

static struct rtnl_link read_link(const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	const struct attributes all = { IFLA_RTA(info), (int)IFLA_PAYLOAD(message) };
	struct rtnl_link link = {
		.ifindex = (unsigned int)info->ifi_index,
		.type = info->ifi_type,
	};

	copy_value(all, IFLA_IFNAME, link.name, sizeof(link.name) - 1);
	copy_value(all, IFLA_MASTER, &link.master, sizeof(link.master));
	copy_value(all, IFLA_BROADCAST, link.broadcast, sizeof(link.broadcast));
	/* With the id of another network namespace, the number is that of an interface there. */
	if (!find(all, IFLA_LINK_NETNSID))
		copy_value(all, IFLA_LINK, &link.lower, sizeof(link.lower));
	read_kind(inside(find(all, IFLA_LINKINFO)), &link);
	read_xdp(inside(find(all, IFLA_XDP)), &link.xdp);
	return link;
}

/* -- Questions and answers --------------------------------------------------------------------- */

struct request {
	struct nlmsghdr header;
	struct ifinfomsg link;
	char attributes[NLMSG_ALIGN(NLA_HDRLEN + RTNL_NAME_MAX + 1) + NLA_HDRLEN + sizeof(__u32)];
};

static int open_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

static void add_attribute(struct request *request, __u16 type, const void *value, size_t size)
{
	struct nlattr *attribute =
		(struct nlattr *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	attribute->nla_type = type;
	attribute->nla_len = (__u16)(NLA_HDRLEN + size);
	memcpy((char *)attribute + NLA_HDRLEN, value, size);
	request->header.nlmsg_len =
		NLMSG_ALIGN(request->header.nlmsg_len) + NLA_ALIGN(attribute->nla_len);
}

static void init_request(struct request *request, __u16 flags)
{
	const __u32 less = RTEXT_FILTER_SKIP_STATS;

	*request = (struct request){
		.header = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(request->link)),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST | flags,
		},
		.link.ifi_family = AF_UNSPEC,
	};
	add_attribute(request, IFLA_EXT_MASK, &less, sizeof(less));
}

static int send_request(int fd, const struct request *request)
{
	return send(fd, request, request->header.nlmsg_len, 0) < 0 ? -errno : 0;
}

/* One datagram, whatever its size. */
static int receive(int fd, char **buffer, size_t *capacity, size_t *size)
{
	ssize_t length;

	do
		length = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	if (array_reserve(buffer, capacity, (size_t)length, 1))
		return -ENOMEM;
	length = recv(fd, *buffer, *capacity, 0);
	if (length < 0)
		return -errno;
	*size = (size_t)length;
	return 0;
}

/* Reads a datagram. 1: more of them follow; 0: it was the last. */
static int read_datagram(const char *buffer, size_t size, struct links *links)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
	unsigned int left = (unsigned int)size;
	bool multi = false;

	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
		if (message->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(message))->error;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EAGAIN;
		if (message->nlmsg_type == NLMSG_DONE)
			return 0;
		multi = message->nlmsg_flags & NLM_F_MULTI;
		if (message->nlmsg_type != RTM_NEWLINK)
			continue;
		if (array_reserve(&links->items, &links->capacity, links->count + 1,
				  sizeof(*links->items)))
			return -ENOMEM;
		links->items[links->count++] = read_link(message);
	}
	return multi;
}

static int ask(const struct request *request, struct links *links)
{
	auto_fd int fd = open_socket();
	auto_free char *buffer = NULL;
	size_t capacity = 0, size = 0;
	int ret = fd < 0 ? fd : send_request(fd, request);

	if (ret)
		return ret;
	do {
		ret = receive(fd, &buffer, &capacity, &size);
		if (!ret)
			ret = read_datagram(buffer, size, links);
	} while (ret > 0);
	return ret;
}

/* One interface. */
static int ask_for_one(const struct request *request, struct rtnl_link *out)
{
	struct links links = {};
	int ret = ask(request, &links);

	if (!ret && !links.count)
		ret = -ENODEV;
	if (!ret)
		*out = links.items[0];
	free(links.items);
	return ret;
}

int rtnl_find(const char *name, struct rtnl_link *out)
{
	size_t length = strlen(name);
	struct request request;
	int ret;

	if (!length || length > RTNL_NAME_MAX)
		return -ENODEV;
	init_request(&request, 0);
	/* Either attribute finds an alternative name, but a long one fits only the second, which
	 * kernels before 5.5 do not have. */
	add_attribute(&request, length < IF_NAMESIZE ? IFLA_IFNAME : IFLA_ALT_IFNAME, name,
		      length + 1);
	ret = ask_for_one(&request, out);
	return ret == -EINVAL ? -ENODEV : ret; /* -EINVAL: a kernel before 5.5 */
}

int rtnl_get(unsigned int ifindex, struct rtnl_link *out)
{
	struct request request;

	init_request(&request, 0);
	request.link.ifi_index = (int)ifindex;
	return ask_for_one(&request, out);
}

int rtnl_all(struct rtnl_link **out, size_t *count)
{
	struct request request;
	struct links links = {};
	int ret = -EAGAIN;

	init_request(&request, NLM_F_DUMP);
	for (int i = 0; i < MAX_DUMPS && ret == -EAGAIN; i++) {
		links.count = 0;
		ret = ask(&request, &links);
	}
	if (ret) {
		free(links.items);
		return ret;
	}
	*out = links.items;
	*count = links.count;
	return 0;
}
