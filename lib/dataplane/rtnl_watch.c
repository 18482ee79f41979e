// SPDX-License-Identifier: GPL-2.0
/*
 * When does an interface of this network namespace change?
 */
#include <dataplane/rtnl_watch.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <util/error.h>

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

/* ENOBUFS says once that messages were lost; reading goes on after it. */
void rtnl_watch_drain(int fd)
{
	char byte;
	ssize_t length;

	do
		length = recv(fd, &byte, sizeof(byte), MSG_TRUNC);
	while (length >= 0 || errno == ENOBUFS || errno == EINTR);
}
