// SPDX-License-Identifier: GPL-2.0
/*
 * How is a page served by HTTP?
 */
#include <metrics/server.h>

#include <errno.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cli/openmetrics.h>
#include <metrics/channel.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/loop.h>

#define MAX_CONNECTIONS 16u
#define IDLE_S 10u
#define MAX_NS (30 * CLOCK_NS_PER_S)
#define MEMORY ((size_t)16 * 1024) /* of a connection, for the request and the answer's headers */

#define ALIVE_NS (5 * CLOCK_NS_PER_S)

struct connection {
	int fd;
	uint64_t since_ns; /* 0: there is none */
};

struct server {
	int channel;
	struct MHD_Daemon *daemon;
	struct connection connections[MAX_CONNECTIONS];
	struct loop loop;
};

/* -- Answers ----------------------------------------------------------------------------------- */

static const char *page_type(enum channel_word page)
{
	if (page == CHANNEL_PEOPLE)
		return "text/html; charset=utf-8";
	return openmetrics_content_type(page == CHANNEL_OPENMETRICS ? OPENMETRICS_1_0 :
								      OPENMETRICS_PROMETHEUS);
}

static void add_headers(struct MHD_Response *response, const char *type, unsigned int status)
{
	MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "Vary", "Accept");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Content-Security-Policy",
				"default-src 'none'; style-src 'unsafe-inline'; "
				"frame-ancestors 'none'");
	/* So that an idle client does not keep others out. */
	MHD_add_response_header(response, "Connection", "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
}

/* Takes the response, which is NULL where there is no memory. */
static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned int status,
				     const char *type, struct MHD_Response *response)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	add_headers(response, type, status);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_line(struct MHD_Connection *connection, unsigned int status,
				 const char *line)
{
	struct MHD_Response *response;
	char *body;
	int size = asprintf(&body, "%s\n", line);

	if (size < 0)
		return MHD_NO;
	response = MHD_create_response_from_buffer((size_t)size, body, MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(body);
	return send_response(connection, status, "text/plain; charset=utf-8", response);
}

static enum MHD_Result send_page(const struct server *server, struct MHD_Connection *connection,
				 enum channel_word page)
{
	struct error err = { 0 };
	struct MHD_Response *response;
	size_t size;
	int fd = channel_ask(server->channel, page, &size, &err);

	if (fd < 0)
		return send_line(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, err.text);
	response = MHD_create_response_from_fd(size, fd);
	if (!response)
		close(fd);
	return send_response(connection, MHD_HTTP_OK, page_type(page), response);
}

static enum channel_word metrics_page(struct MHD_Connection *connection)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");

	return openmetrics_choose(accept) == OPENMETRICS_1_0 ? CHANNEL_OPENMETRICS :
							       CHANNEL_PROMETHEUS;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	const struct server *server = context;

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)state;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return send_line(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD.");
	if (!strcmp(url, "/metrics"))
		return send_page(server, connection, metrics_page(connection));
	if (!strcmp(url, "/"))
		return send_page(server, connection, CHANNEL_PEOPLE);
	return send_line(connection, MHD_HTTP_NOT_FOUND, "There are / and /metrics.");
}

/* -- Connections ------------------------------------------------------------------------------- */

static int connection_fd(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static struct connection *find_connection(struct server *server, int fd)
{
	for (size_t i = 0; i < MAX_CONNECTIONS; i++)
		if (server->connections[i].since_ns ? server->connections[i].fd == fd : fd < 0)
			return &server->connections[i];
	return NULL;
}

/* The library's own time-out starts anew with every byte. */
static void note_connection(void *context, struct MHD_Connection *connection, void **state,
			    enum MHD_ConnectionNotificationCode code)
{
	bool begins = code == MHD_CONNECTION_NOTIFY_STARTED;
	int fd = connection_fd(connection);
	struct connection *one = find_connection(context, begins ? -1 : fd);

	(void)state;
	if (one)
		*one = (struct connection){ fd, begins ? clock_monotonic_ns() : 0 };
}

static void end_old(struct server *server)
{
	uint64_t now = clock_monotonic_ns();

	for (size_t i = 0; i < MAX_CONNECTIONS; i++)
		if (server->connections[i].since_ns &&
		    now - server->connections[i].since_ns > MAX_NS)
			shutdown(server->connections[i].fd, SHUT_RDWR);
}

/* -- The loop ---------------------------------------------------------------------------------- */

/* One turn more than is asked for lets those in that had to wait for a connection to end. */
static int serve(void *context, struct error *err)
{
	struct server *server = context;
	MHD_UNSIGNED_LONG_LONG wait_ms;

	(void)err;
	do
		MHD_run(server->daemon);
	while (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES && !wait_ms);
	MHD_run(server->daemon);
	return 0;
}

static int tick(void *context, struct error *err)
{
	end_old(context);
	return serve(context, err);
}

static int tell_alive(void *context, struct error *err)
{
	const struct server *server = context;

	return channel_say_alive(server->channel, err);
}

static int add_all(struct server *server, struct error *err)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int ret = loop_add(&server->loop, info->epoll_fd, serve, server, err);

	if (!ret)
		ret = loop_add_timer(&server->loop, CLOCK_NS_PER_S, tick, server, err);
	if (!ret)
		ret = loop_add_timer(&server->loop, ALIVE_NS, tell_alive, server, err);
	return ret;
}

static int run(struct server *server, struct error *err)
{
	int ret = add_all(server, err);

	if (!ret)
		ret = tell_alive(server, err);
	if (!ret)
		ret = loop_run(&server->loop, err);
	loop_done(&server->loop);
	return ret;
}

int server_run(int listener, int channel, struct error *err)
{
	struct server server = { .channel = channel };
	int ret;

	if (MHD_is_feature_supported(MHD_FEATURE_EPOLL) != MHD_YES)
		return error_set(err, -ENOTSUP, "this libmicrohttpd was built without epoll");
	server.daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, &server,
					 MHD_OPTION_LISTEN_SOCKET, listener,
					 MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
					 MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
					 MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY,
					 MHD_OPTION_NOTIFY_CONNECTION, note_connection, &server,
					 MHD_OPTION_END);
	if (!server.daemon)
		return error_set(err, -EIO, "libmicrohttpd cannot serve that socket");
	ret = run(&server, err);
	/* The socket stays the caller's. */
	MHD_quiesce_daemon(server.daemon);
	MHD_stop_daemon(server.daemon);
	return ret;
}
