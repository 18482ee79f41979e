// SPDX-License-Identifier: GPL-2.0
/*
 * Which network interfaces are there?
 */
#include <dataplane/netdev.h>

#include <asm/socket.h> /* SO_NETNS_COOKIE, which not every C library has */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <dataplane/rtnl.h>
#include <util/auto.h>
#include <util/error.h>

static int not_found(const char *name, struct error *err)
{
	size_t length = strlen(name);

	if (!length || length > RTNL_NAME_MAX)
		return error_set(err, -ENODEV, "'%s': no such interface; a name has 1 to %d bytes",
				 name, RTNL_NAME_MAX);
	/* ifconfig(8) labels an address like that, and old system calls end the name there. */
	if (strchr(name, ':'))
		return error_set(
			err, -ENODEV,
			"%s: no such interface; the part after the colon labels an address, so "
			"leave it out",
			name);
	return error_set(err, -ENODEV, "%s: no such interface; 'ip link' lists them", name);
}

int netdev_find(const char *name, struct netdev *out, struct error *err)
{
	struct rtnl_link link;
	int ret = rtnl_find(name, &link);

	if (ret == -ENODEV)
		return not_found(name, err);
	if (ret)
		return error_set(err, ret, "%s: cannot look this interface up: %s", name,
				 strerror(-ret));
	memset(out, 0, sizeof(*out));
	strcpy(out->name, link.name);
	out->ifindex = link.ifindex;
	return 0;
}

static int by_ifindex(const void *a, const void *b)
{
	const struct rtnl_link *left = a, *right = b;

	return (left->ifindex > right->ifindex) - (left->ifindex < right->ifindex);
}

int netdev_links(struct rtnl_link **out, size_t *count, struct error *err)
{
	int ret = rtnl_all(out, count);

	if (ret)
		return error_set(err, ret, "cannot list the interfaces: %s", strerror(-ret));
	if (*count)
		qsort(*out, *count, sizeof(**out), by_ifindex);
	return 0;
}

struct netdev netdev_of_link(const struct rtnl_link *link)
{
	struct netdev dev = { .ifindex = link->ifindex };

	memcpy(dev.name, link->name, sizeof(dev.name));
	return dev;
}

int netdev_all(struct netdev **out, size_t *count, struct error *err)
{
	auto_free struct rtnl_link *links = NULL;
	struct netdev *all;
	size_t n;
	int ret = netdev_links(&links, &n, err);

	if (ret)
		return ret;
	all = calloc(n ? n : 1, sizeof(*all));
	if (!all)
		return error_no_memory(err);
	for (size_t i = 0; i < n; i++)
		all[i] = netdev_of_link(&links[i]);
	*out = all;
	*count = n;
	return 0;
}

/* Two interfaces that sit on each other are the ends of a veth pair: neither is above. */
static bool sits_on(const struct rtnl_link *upper, const struct rtnl_link *lower)
{
	if (lower->master == upper->ifindex)
		return true;
	return upper->ifindex != lower->ifindex && upper->lower == lower->ifindex &&
	       lower->lower != upper->ifindex;
}

enum direction { ABOVE, BELOW };

static int next_to(const struct netdev *dev, enum direction direction, struct netdev **out,
		   size_t *count)
{
	auto_free struct rtnl_link *links = NULL;
	const struct rtnl_link *self = NULL;
	size_t all;
	int ret = rtnl_all(&links, &all);

	if (ret)
		return ret;
	for (size_t i = 0; i < all && !self; i++)
		self = links[i].ifindex == dev->ifindex ? &links[i] : NULL;
	*count = 0;
	*out = calloc(all ? all : 1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; i < all && self; i++) {
		if (direction == ABOVE ? sits_on(&links[i], self) : sits_on(self, &links[i]))
			(*out)[(*count)++] = netdev_of_link(&links[i]);
	}
	return 0;
}

int netdev_above(const struct netdev *dev, struct netdev **out, size_t *count)
{
	return next_to(dev, ABOVE, out, count);
}

int netdev_below(const struct netdev *dev, struct netdev **out, size_t *count)
{
	return next_to(dev, BELOW, out, count);
}

__u64 netdev_netns_cookie(void)
{
	auto_fd int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	__u64 cookie;
	socklen_t size = sizeof(cookie);

	if (socket_fd < 0 || getsockopt(socket_fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size))
		return 0;
	return cookie;
}

void netdev_location(const struct netdev *dev, struct ipf_location *out)
{
	struct ifreq request = {};
	auto_fd int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(out, 0, sizeof(*out));
	out->ifindex = dev->ifindex;
	out->netns_cookie = netdev_netns_cookie();
	memcpy(request.ifr_name, dev->name, sizeof(request.ifr_name));
	if (socket_fd >= 0 && !ioctl(socket_fd, SIOCGIFHWADDR, &request))
		memcpy(out->hardware_address, request.ifr_hwaddr.sa_data,
		       sizeof(out->hardware_address));
}

unsigned int netdev_mtu(const struct netdev *dev)
{
	struct ifreq request = {};
	auto_fd int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (socket_fd < 0)
		return 0;
	memcpy(request.ifr_name, dev->name, sizeof(request.ifr_name));
	if (ioctl(socket_fd, SIOCGIFMTU, &request) || request.ifr_mtu < 0)
		return 0;
	return (unsigned int)request.ifr_mtu;
}
