// SPDX-License-Identifier: GPL-2.0
/*
 * Does systemd get what a service tells it?
 */
#include <util/notify.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

static int listener; /* as systemd's */

static void listen_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

	memcpy(address.sun_path, name, strlen(name));
	if (*name == '@')
		address.sun_path[0] = '\0';
	listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static void assert_told(const char *beginning)
{
	char text[512];
	ssize_t length = recv(listener, text, sizeof(text) - 1, 0);

	assert_true(length > 0);
	text[length] = '\0';
	text[strlen(beginning)] = '\0';
	assert_string_equal(text, beginning);
}

static void assert_told_nothing(void)
{
	char byte;

	assert_true(recv(listener, &byte, 1, 0) < 0);
}

static void tell_all(void)
{
	notify_ready();
	notify_reloading();
	notify_status("%d sources\nREADY=1", 3);
	notify_alive();
	notify_stopping();
}

static void check_all(const char *name)
{
	listen_at(name);
	tell_all();
	assert_told("READY=1");
	assert_told("RELOADING=1\nMONOTONIC_USEC=");
	/* A line end in a text must not begin another message. */
	assert_told("STATUS=3 sources\\x0aREADY=1");
	assert_told("WATCHDOG=1");
	assert_told("STOPPING=1");
	assert_told_nothing();
	close(listener);
}

static void check_path(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "/tmp/xdp-ipfilter-notify-%d", getpid());
	check_all(name);
	unlink(name);
	/* Nobody listens there any more. */
	tell_all();
}

static void check_abstract(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "@xdp-ipfilter-notify-%d", getpid());
	check_all(name);
}

static void check_nobody(void **state)
{
	static const char *const names[] = { "", "@", "relative", "vsock:2:1" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		tell_all();
	}
	unsetenv("NOTIFY_SOCKET");
	tell_all();
}

struct watchdog_case {
	const char *name;
	const char *limit_us, *process; /* NULL: not set */
	uint64_t interval_ns;
};

static const struct watchdog_case watchdog_cases[] = {
	{ "without a watchdog", NULL, NULL, 0 },
	{ "every ten seconds of twenty", "20000000", NULL, 10000000000 },
	{ "for this process", "2", "self", 1000 },
	{ "for another process", "20000000", "1", 0 },
	{ "not a number", "20s", NULL, 0 },
	{ "none at all", "0", NULL, 0 },
	{ "too large", "18446744073709551615", NULL, 0 },
};

static void check_watchdog(void **state)
{
	const struct watchdog_case *c = *state;
	char self[24];

	snprintf(self, sizeof(self), "%d", getpid());
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (c->limit_us)
		setenv("WATCHDOG_USEC", c->limit_us, 1);
	if (c->process)
		setenv("WATCHDOG_PID", strcmp(c->process, "self") ? c->process : self, 1);
	assert_int_equal(notify_interval_ns(), c->interval_ns);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "a path", check_path, NULL);
	suite_add(&suite, "an abstract name", check_abstract, NULL);
	suite_add(&suite, "nobody listens", check_nobody, NULL);
	SUITE_TABLE(&suite, check_watchdog, watchdog_cases);
	return suite_run(&suite, "notify");
}
