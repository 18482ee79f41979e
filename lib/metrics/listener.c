// SPDX-License-Identifier: GPL-2.0
/*
 * On which socket are clients waited for?
 */
#include <metrics/listener.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <util/auto.h>
#include <util/error.h>
#include <util/number.h>

#define LOOPBACK "127.0.0.1"
#define BACKLOG 64

/* -- From systemd ------------------------------------------------------------------------------ */

/* The first descriptor that it hands over. */
#define FIRST_FD 3

static uint64_t variable(const char *name)
{
	const char *text = getenv(name);
	uint64_t number = 0;

	return text && !number_parse(text, 0, UINT32_MAX, &number) ? number : 0;
}

static int take_socket(struct error *err)
{
	int listens = 0, ret;
	socklen_t size = sizeof(listens);

	if (variable("LISTEN_PID") != (uint64_t)getpid() || variable("LISTEN_FDS") != 1)
		return error_set_usage(err, "--listen systemd: systemd has not given one socket; "
					    "the unit needs a .socket with one ListenStream=");
	if (getsockopt(FIRST_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) || !listens)
		return error_set_usage(err, "--listen systemd: that is no socket that listens; "
					    "the .socket needs ListenStream= and Accept=no");
	if (fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) || fcntl(FIRST_FD, F_SETFL, O_NONBLOCK)) {
		ret = -errno;
		return error_set(err, ret, "--listen systemd: %s", strerror(-ret));
	}
	return FIRST_FD;
}

/* -- From an address --------------------------------------------------------------------------- */

union place {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool parse_address(const char *text, union place *place)
{
	size_t length = strlen(text);
	char inner[INET6_ADDRSTRLEN];

	if (!length)
		text = LOOPBACK;
	if (*text != '[') {
		place->any.sa_family = AF_INET;
		return inet_pton(AF_INET, text, &place->v4.sin_addr) == 1;
	}
	if (text[length - 1] != ']' || length - 2 >= sizeof(inner))
		return false;
	memcpy(inner, text + 1, length - 2);
	inner[length - 2] = '\0';
	place->any.sa_family = AF_INET6;
	return inet_pton(AF_INET6, inner, &place->v6.sin6_addr) == 1;
}

static bool parse_place(const char *text, union place *place)
{
	const char *colon = strrchr(text, ':');
	char address[INET6_ADDRSTRLEN + 2];
	uint64_t port;

	*place = (union place){ .v6 = { 0 } };
	if (!colon || (size_t)(colon - text) >= sizeof(address) ||
	    number_parse(colon + 1, 1, UINT16_MAX, &port))
		return false;
	memcpy(address, text, (size_t)(colon - text));
	address[colon - text] = '\0';
	/* The port is at the same place in both. */
	place->v4.sin_port = htons((uint16_t)port);
	return parse_address(address, place);
}

/* Only IPv6 on an address of IPv6: whoever wants both says so by a socket of systemd. */
static int open_socket(const union place *place)
{
	static const int on = 1;
	bool v6 = place->any.sa_family == AF_INET6;
	auto_fd int fd =
		socket(place->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) ||
	    bind(fd, &place->any, v6 ? sizeof(place->v6) : sizeof(place->v4)) ||
	    listen(fd, BACKLOG))
		return -errno;
	return auto_take_fd(&fd);
}

static int refuse(const char *text, int ret, struct error *err)
{
	if (ret == -EADDRINUSE)
		return error_set(err, ret, "%s: another program listens there; choose another port",
				 text);
	if (ret == -EACCES)
		return error_set(err, ret, "%s: choose a port above 1023", text);
	return error_set(err, ret, "%s: %s", text, strerror(-ret));
}

int listener_open(const char *text, struct error *err)
{
	union place place;
	int fd;

	if (!strcmp(text, "systemd"))
		return take_socket(err);
	if (!parse_place(text, &place))
		return error_set_usage(err, "--listen '%s': must be " LISTENER_DEMAND, text);
	fd = open_socket(&place);
	return fd < 0 ? refuse(text, fd, err) : fd;
}
