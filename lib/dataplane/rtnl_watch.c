// SPDX-License-Identifier: GPL-2.0
/*
 * When does an interface of this network namespace change?
 */
#include <dataplane/rtnl_watch.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <util/error.h>

/* What the kernel makes room for. */
#define MESSAGE_SIZE (32 << 10)

int rtnl_watch_open(struct error *err)
{
	const struct sockaddr_nl links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), ret;

	if (fd >= 0 && !bind(fd, (const struct sockaddr *)&links, sizeof(links)))
		return fd;
	ret = -errno;
	if (fd >= 0)
		close(fd);
	return error_set(err, ret, "cannot watch the interfaces: %s", strerror(-ret));
}

/* A port that leaves its bridge is told of in the same way, but for its family; and one that moves,
 * but for where it went. */
static bool is_deletion(const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	const struct rtattr *attribute = IFLA_RTA(info);
	int left = (int)IFLA_PAYLOAD(message);

	if (message->nlmsg_type != RTM_DELLINK || info->ifi_family != AF_UNSPEC)
		return false;
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
		if (attribute->rta_type == IFLA_NEW_NETNSID ||
		    attribute->rta_type == IFLA_NEW_IFINDEX)
			return false;
	return true;
}

static void read_messages(const char *bytes, size_t size, rtnl_watch_deleted deleted, void *context)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
	unsigned int left = (unsigned int)size;

	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
		const struct ifinfomsg *info = NLMSG_DATA(message);

		if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(*info)) && is_deletion(message))
			deleted(context, (unsigned int)info->ifi_index);
	}
}

/* ENOBUFS says once that messages were lost; reading goes on after it. */
void rtnl_watch_drain(int fd, rtnl_watch_deleted deleted, void *context)
{
	char bytes[MESSAGE_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t length;

	do {
		length = recv(fd, bytes, sizeof(bytes), 0);
		if (length > 0)
			read_messages(bytes, (size_t)length, deleted, context);
	} while (length >= 0 || errno == ENOBUFS || errno == EINTR);
}
