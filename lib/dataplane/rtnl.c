// SPDX-License-Identifier: GPL-2.0
/*
 * What does the kernel say of the interfaces of this network namespace?
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
#define MAX_DUMPS 16

struct request {
	struct nlmsghdr header;
	struct ifinfomsg link;
	char attributes[NLMSG_ALIGN(NLA_HDRLEN + RTNL_NAME_MAX + 1) + NLA_HDRLEN + sizeof(__u32)];
};

struct links {
	struct rtnl_link *items;
	size_t count;
	size_t capacity;
};

static int open_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

static void init_request(struct request *request, __u16 flags)
{
	*request = (struct request){
		.header = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(request->link)),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST | flags,
		},
		.link.ifi_family = AF_UNSPEC,
	};
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

static void read_tun(const struct rtattr *data, struct rtnl_link *link)
{
	const struct rtattr *attribute = RTA_DATA(data);
	int left = (int)RTA_PAYLOAD(data);

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
		if ((attribute->rta_type & NLA_TYPE_MASK) == IFLA_TUN_TYPE)
			link->tun = *(const __u8 *)RTA_DATA(attribute) == IFF_TAP ? RTNL_TAP :
										    RTNL_TUN;
}

static void read_ipvlan(const struct rtattr *data, struct rtnl_link *link)
{
	const struct rtattr *attribute = RTA_DATA(data);
	int left = (int)RTA_PAYLOAD(data);

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
		if ((attribute->rta_type & NLA_TYPE_MASK) == IFLA_IPVLAN_MODE)
			link->is_l3s = *(const __u16 *)RTA_DATA(attribute) == IPVLAN_MODE_L3S;
}

/* The kind comes before what is particular to it. */
static void read_kind(const struct rtattr *info, struct rtnl_link *link)
{
	const struct rtattr *attribute = RTA_DATA(info);
	int left = (int)RTA_PAYLOAD(info);

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		unsigned int type = attribute->rta_type & NLA_TYPE_MASK;

		if (type == IFLA_INFO_KIND)
			strncpy(link->kind, RTA_DATA(attribute), sizeof(link->kind) - 1);
		else if (type == IFLA_INFO_DATA && !strcmp(link->kind, "tun"))
			read_tun(attribute, link);
		else if (type == IFLA_INFO_DATA && !strcmp(link->kind, "ipvlan"))
			read_ipvlan(attribute, link);
	}
}

static void read_xdp(const struct rtattr *data, struct rtnl_xdp *xdp)
{
	const struct rtattr *attribute = RTA_DATA(data);
	int left = (int)RTA_PAYLOAD(data);

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		const void *value = RTA_DATA(attribute);

		switch (attribute->rta_type & NLA_TYPE_MASK) {
		case IFLA_XDP_ATTACHED:
			xdp->attached = *(const __u8 *)value;
			break;
		case IFLA_XDP_PROG_ID:
			memcpy(&xdp->program, value, sizeof(xdp->program));
			break;
		case IFLA_XDP_HW_PROG_ID:
			memcpy(&xdp->hw, value, sizeof(xdp->hw));
			break;
		case IFLA_XDP_DRV_PROG_ID:
			memcpy(&xdp->native, value, sizeof(xdp->native));
			break;
		case IFLA_XDP_SKB_PROG_ID:
			memcpy(&xdp->skb, value, sizeof(xdp->skb));
			break;
		default:
			break;
		}
	}
}

static void read_broadcast(const struct rtattr *attribute, struct rtnl_link *link)
{
	size_t size = RTA_PAYLOAD(attribute);

	if (size > sizeof(link->broadcast))
		size = sizeof(link->broadcast);
	memcpy(link->broadcast, RTA_DATA(attribute), size);
}

static void read_attributes(const struct nlmsghdr *message, struct rtnl_link *link)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	const struct rtattr *attribute = IFLA_RTA(info);
	int left = (int)IFLA_PAYLOAD(message);
	bool elsewhere = false;

	*link = (struct rtnl_link){
		.ifindex = (unsigned int)info->ifi_index,
		.type = info->ifi_type,
	};
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		const void *value = RTA_DATA(attribute);

		switch (attribute->rta_type & NLA_TYPE_MASK) {
		case IFLA_IFNAME:
			strncpy(link->name, value, sizeof(link->name) - 1);
			break;
		case IFLA_MASTER:
			memcpy(&link->master, value, sizeof(link->master));
			break;
		case IFLA_LINK:
			memcpy(&link->lower, value, sizeof(link->lower));
			break;
		case IFLA_LINKINFO:
			read_kind(attribute, link);
			break;
		case IFLA_XDP:
			read_xdp(attribute, &link->xdp);
			break;
		case IFLA_BROADCAST:
			read_broadcast(attribute, link);
			break;
		case IFLA_LINK_NETNSID:
			elsewhere = true;
			break;
		default:
			break;
		}
	}
	if (elsewhere)
		link->lower = 0; /* the number is that of another network namespace */
}

/* Reads what a datagram says. 1 where more datagrams follow, 0 at the end. */
static int take(const char *buffer, size_t size, struct links *links)
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
		read_attributes(message, &links->items[links->count++]);
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
			ret = take(buffer, size, links);
	} while (ret > 0);
	return ret;
}

int rtnl_find(const char *name, struct rtnl_link *out)
{
	const __u32 less = RTEXT_FILTER_SKIP_STATS;
	struct request request;
	struct links links = {};
	size_t length = strlen(name);
	int ret;

	if (!length || length > RTNL_NAME_MAX)
		return -ENODEV;
	init_request(&request, 0);
	/* An alternative name is found by either attribute, but a long one fits only the second, which
	 * kernels before 5.5 have not. */
	add_attribute(&request, length < IF_NAMESIZE ? IFLA_IFNAME : IFLA_ALT_IFNAME, name,
		      length + 1);
	add_attribute(&request, IFLA_EXT_MASK, &less, sizeof(less));
	ret = ask(&request, &links);
	if (ret == -EINVAL || (!ret && !links.count)) /* -EINVAL: a kernel before 5.5 */
		ret = -ENODEV;
	if (!ret)
		*out = links.items[0];
	free(links.items);
	return ret;
}

int rtnl_get(unsigned int ifindex, struct rtnl_link *out)
{
	const __u32 less = RTEXT_FILTER_SKIP_STATS;
	struct request request;
	struct links links = {};
	int ret;

	init_request(&request, 0);
	request.link.ifi_index = (int)ifindex;
	add_attribute(&request, IFLA_EXT_MASK, &less, sizeof(less));
	ret = ask(&request, &links);
	if (!ret && !links.count)
		ret = -ENODEV;
	if (!ret)
		*out = links.items[0];
	free(links.items);
	return ret;
}

int rtnl_all(struct rtnl_link **out, size_t *count)
{
	const __u32 less = RTEXT_FILTER_SKIP_STATS;
	struct request request;
	struct links links = {};
	int ret = -EAGAIN;

	init_request(&request, NLM_F_DUMP);
	add_attribute(&request, IFLA_EXT_MASK, &less, sizeof(less));
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
