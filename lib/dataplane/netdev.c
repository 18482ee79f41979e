/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which network interfaces are there?
 */
#include <dataplane/netdev.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <util/cleanup.h>
#include <util/error.h>

int netdev_find(const char *name, struct netdev *out, struct error *err)
{
	unsigned int ifindex;

	if (!*name || strlen(name) >= IF_NAMESIZE)
		return error_set(err, -ENODEV, "'%s': no such interface; a name has 1 to %d bytes",
				 name, IF_NAMESIZE - 1);
	ifindex = if_nametoindex(name);
	if (!ifindex)
		return error_set(err, -ENODEV, "%s: no such interface; 'ip link' lists them", name);
	memset(out, 0, sizeof(*out));
	strcpy(out->name, name);
	out->ifindex = ifindex;
	return 0;
}

static int by_ifindex(const void *a, const void *b)
{
	const struct netdev *left = a, *right = b;

	return (left->ifindex > right->ifindex) - (left->ifindex < right->ifindex);
}

int netdev_all(struct netdev **out, size_t *count, struct error *err)
{
	struct if_nameindex *names = if_nameindex();
	struct netdev *all;
	size_t n = 0;

	if (!names) {
		int ret = -errno;

		return error_set(err, ret, "cannot list the interfaces: %s", strerror(-ret));
	}
	while (names[n].if_index)
		n++;
	all = calloc(n ? n : 1, sizeof(*all));
	if (!all) {
		if_freenameindex(names);
		return error_set(err, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < n; i++) {
		all[i].ifindex = names[i].if_index;
		strncpy(all[i].name, names[i].if_name, sizeof(all[i].name) - 1);
	}
	if_freenameindex(names);
	qsort(all, n, sizeof(*all), by_ifindex);
	*out = all;
	*count = n;
	return 0;
}

void netdev_place(const struct netdev *dev, struct ipf_place *out)
{
	struct ifreq request = {};
	auto_fd int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(out->netns_cookie);

	memset(out, 0, sizeof(*out));
	out->ifindex = dev->ifindex;
	if (socket_fd < 0 ||
	    getsockopt(socket_fd, SOL_SOCKET, SO_NETNS_COOKIE, &out->netns_cookie, &size))
		out->netns_cookie = 0;
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
