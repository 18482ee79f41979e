// SPDX-License-Identifier: GPL-2.0
/*
 * How does a service tell systemd how it is doing?
 */
#include <util/notify.h>

#include <stdarg.h>
#include <stddef.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <util/auto.h>
#include <util/clock.h>
#include <util/loop.h>
#include <util/number.h>
#include <util/text.h>

#define NS_PER_US (CLOCK_NS_PER_MS / 1000)

static void send_text(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = path ? strlen(path) : 0;
	auto_fd int fd = -1;

	if (length < 2 || length >= sizeof(address.sun_path) || !strchr("/@", *path))
		return;
	memcpy(address.sun_path, path, length);
	if (*path == '@') /* an abstract name, which begins with a NUL */
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}

void notify_ready(void)
{
	send_text("READY=1");
}

void notify_reloading(void)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		 clock_monotonic_ns() / NS_PER_US);
	send_text(text);
}

void notify_stopping(void)
{
	send_text("STOPPING=1");
}

void notify_status(const char *format, ...)
{
	char raw[256], printable[4 * sizeof(raw)], text[sizeof(printable) + 16];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(raw, sizeof(raw), format, arguments);
	va_end(arguments);
	text_printable(raw, printable, sizeof(printable));
	snprintf(text, sizeof(text), "STATUS=%s", printable);
	send_text(text);
}

uint64_t notify_interval_ns(void)
{
	const char *limit = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t us, process;

	if (!limit || number_parse(limit, 2, UINT64_MAX / NS_PER_US, &us))
		return 0;
	/* It may be meant for the process that started us. */
	if (pid && (number_parse(pid, 1, UINT64_MAX, &process) || process != (uint64_t)getpid()))
		return 0;
	return us * NS_PER_US / 2;
}

void notify_alive(void)
{
	send_text("WATCHDOG=1");
}

static int tell_alive(void *context, struct error *err)
{
	(void)context;
	(void)err;
	notify_alive();
	return 0;
}

int notify_alive_by(struct loop *loop, struct error *err)
{
	const uint64_t interval_ns = notify_interval_ns();

	return interval_ns ? loop_add_timer(loop, interval_ns, tell_alive, NULL, err) : 0;
}
