// SPDX-License-Identifier: GPL-2.0
/*
 * How is a page served by HTTP?
 */
#include <metrics/server.h>

#include <errno.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cli/openmetrics.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/log.h>
#include <util/loop.h>
#include <util/notify.h>
#include <util/signals.h>

#define MAX_CONNECTIONS 16u
#define IDLE_S 10u
#define MAX_NS (30 * CLOCK_NS_PER_S)
#define MEMORY ((size_t)16 * 1024) /* of a connection, for the request and the answer's headers */

/* Ends loop_run(). */
#define LAST 1

struct connection {
	int fd;
	uint64_t since_ns; /* 0: there is none */
};

struct server {
	server_write write;
	void *context;
	struct MHD_Daemon *daemon;
	struct connection connections[MAX_CONNECTIONS];
	int signals;
	struct loop loop;
};

/* -- Answers ----------------------------------------------------------------------------------- */

static const char *page_type(enum server_page page)
{
	if (page == SERVER_PEOPLE)
		return "text/html; charset=utf-8";
	return openmetrics_content_type(page == SERVER_OPENMETRICS ? OPENMETRICS_1_0 :
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

/* Takes the body. */
static enum MHD_Result send_body(struct MHD_Connection *connection, unsigned int status,
				 const char *type, char *body, size_t size)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response) {
		free(body);
		return MHD_NO;
	}
	add_headers(response, type, status);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_line(struct MHD_Connection *connection, unsigned int status,
				 const char *line)
{
	char *body;
	int size = asprintf(&body, "%s\n", line);

	return size < 0 ? MHD_NO :
			  send_body(connection, status, "text/plain; charset=utf-8", body,
				    (size_t)size);
}

static int write_page(const struct server *server, enum server_page page, char **body, size_t *size,
		      struct error *err)
{
	FILE *out = open_memstream(body, size);
	int ret;

	if (!out)
		return error_no_memory(err);
	ret = server->write(server->context, page, out, err);
	if (fclose(out) && !ret)
		ret = error_no_memory(err);
	if (ret)
		free(*body);
	return ret;
}

static enum MHD_Result send_page(const struct server *server, struct MHD_Connection *connection,
				 enum server_page page)
{
	struct error err = { 0 };
	size_t size;
	char *body;

	if (!write_page(server, page, &body, &size, &err))
		return send_body(connection, MHD_HTTP_OK, page_type(page), body, size);
	log_warning("%s", err.text);
	return send_line(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, err.text);
}

static enum server_page metrics_page(struct MHD_Connection *connection)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");

	return openmetrics_choose(accept) == OPENMETRICS_1_0 ? SERVER_OPENMETRICS :
							       SERVER_PROMETHEUS;
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
		return send_page(server, connection, SERVER_PEOPLE);
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
	(void)context;
	(void)err;
	notify_alive();
	return 0;
}

static int take_signal(void *context, struct error *err)
{
	const struct server *server = context;

	(void)err;
	return signals_read(server->signals) ? LAST : 0;
}

static int add_all(struct server *server, struct error *err)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	uint64_t alive_ns = notify_interval_ns();
	int ret = loop_add(&server->loop, server->signals, take_signal, server, err);

	if (!ret)
		ret = loop_add(&server->loop, info->epoll_fd, serve, server, err);
	if (!ret)
		ret = loop_add_timer(&server->loop, CLOCK_NS_PER_S, tick, server, err);
	if (!ret && alive_ns)
		ret = loop_add_timer(&server->loop, alive_ns, tell_alive, server, err);
	return ret;
}

static int run(struct server *server, struct error *err)
{
	int ret = add_all(server, err);

	if (!ret) {
		notify_ready();
		ret = loop_run(&server->loop, err);
	}
	notify_stopping();
	loop_done(&server->loop);
	return ret < 0 ? ret : 0;
}

int server_check(struct error *err)
{
	if (MHD_is_feature_supported(MHD_FEATURE_EPOLL) == MHD_YES)
		return 0;
	return error_set(err, -ENOTSUP, "--listen: this libmicrohttpd was built without epoll");
}

int server_run(int listener, server_write write, void *context, struct error *err)
{
	struct server server = { .write = write, .context = context };
	auto_fd int signals = signals_open(err);
	int ret;

	if (signals < 0)
		return signals;
	server.signals = signals;
	server.daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, &server,
					 MHD_OPTION_LISTEN_SOCKET, listener,
					 MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
					 MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
					 MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY,
					 MHD_OPTION_NOTIFY_CONNECTION, note_connection, &server,
					 MHD_OPTION_END);
	if (!server.daemon)
		return error_set(err, -EIO, "--listen: libmicrohttpd cannot serve that socket");
	ret = run(&server, err);
	/* The socket stays the caller's. */
	MHD_quiesce_daemon(server.daemon);
	MHD_stop_daemon(server.daemon);
	return ret;
}
