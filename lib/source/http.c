// SPDX-License-Identifier: GPL-2.0
/*
 * How is something asked for by HTTP?
 *
 * By curl's multi interface, because its wait can watch standard input too: a program that is to
 * end does so at once. Options are set anew for each request, so none is left from the last one.
 */
#include <source/http.h>

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <source/stop.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/number.h>
#include <util/program.h>

#define CONNECT_S 30
#define SILENCE_S 60
#define MAX_HEADER_BYTES (128 << 10) /* of all responses of a request */
#define KEEP_ALIVE_S 30
#define WAIT_MS 1000 /* curl's own timers may end a wait sooner */
#define AGENT_SIZE 64

struct http {
	const struct job *job;
	bool with_user;
	bool has_socket;
	int socket;   /* until curl takes it; else -1 */
	int stand_in; /* what curl has connected instead (see connects_again()); else -1 */
	CURLM *multi;
	CURL *easy;
	char agent[AGENT_SIZE];
};

/* One request. */
struct transfer {
	struct http *http;
	const struct http_request *request;
	struct http_response *response;
	struct error *err;
	struct curl_slist *headers;
	uint64_t received; /* bytes of the answer */
	uint64_t header_bytes;
	uint64_t last_ms; /* when a byte came last */
	bool sent;        /* or about to be */
	int failure;      /* of a callback, which has set *err */
	bool enough;      /* the rest of the answer is not needed */
	CURLcode setting; /* the first option that failed */
	char problem[CURL_ERROR_SIZE];
};

/* --- What goes wrong -------------------------------------------------------------------------- */

/* A query may hold a key. */
static int url_length(const char *url)
{
	return (int)strcspn(url, "?#");
}

static int fail(const struct transfer *transfer, int code, const char *what)
{
	const char *url = transfer->request->url;

	return error_set(transfer->err, code, "%.*s: %s", url_length(url), url, what);
}

static int fail_with(const struct transfer *transfer, int code, const char *what,
		     const char *detail, const char *hint)
{
	const char *url = transfer->request->url;

	return error_set(transfer->err, code, "%.*s: %s%s%s%s", url_length(url), url, what,
			 *detail ? ": " : "", detail, hint);
}

static const char *proxy_hint(void)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY",
					     "all_proxy", "ALL_PROXY" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (getenv(names[i]))
			return "; the environment names a proxy (http_proxy, https_proxy, "
			       "all_proxy, no_proxy)";
	return "";
}

static const char *trust_hint(const char *problem)
{
	if (strstr(problem, "expired"))
		return "; the server needs a new one, unless the clock here is wrong";
	if (strstr(problem, "subject name"))
		return "; the URL must have a name that is in the certificate";
	return "; if it comes from an authority of your own, name that one's file: ca = FILE";
}

static bool is_secure(const struct http_request *request)
{
	return !strncasecmp(request->url, "https:", 6);
}

/* Some servers only hang up when they miss a certificate. */
static const char *tls_hint(const struct transfer *transfer)
{
	if (!is_secure(transfer->request))
		return "";
	if (strstr(transfer->problem, "wrong version number"))
		return "; is it a server without TLS? Then its URL begins with http://";
	if (strstr(transfer->problem, "certificate") || !transfer->http->job->cert)
		return "; the server may want a certificate of yours: cert = FILE, key = FILE";
	return "";
}

static int fail_to_connect(const struct transfer *transfer)
{
	char host[256], text[320];
	long code = 0;
	int port;

	if (transfer->http->has_socket)
		return fail(transfer, -ENOTCONN, "the connection has ended");
	curl_easy_getinfo(transfer->http->easy, CURLINFO_OS_ERRNO, &code);
	if (!code)
		code = ECONNREFUSED;
	/* curl names the host that it tried, which may be a proxy's. */
	if (sscanf(transfer->problem, "Failed to connect to %255s port %d", host, &port) != 2)
		return fail_with(transfer, -(int)code, "cannot connect", transfer->problem,
				 proxy_hint());
	snprintf(text, sizeof(text), "cannot connect to port %d of %s", port, host);
	return fail_with(transfer, -(int)code, text, strerror((int)code), proxy_hint());
}

static unsigned int limit_or(unsigned int limit, unsigned int otherwise)
{
	return limit ? limit : otherwise;
}

static int fail_in_time(const struct transfer *transfer)
{
	const struct http_request *request = transfer->request;
	curl_off_t connected = 0;
	unsigned int connect_s = limit_or(request->connect_s, CONNECT_S);
	char text[96];

	curl_easy_getinfo(transfer->http->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	if (!connected) {
		if (request->total_s && request->total_s < connect_s)
			connect_s = request->total_s;
		snprintf(text, sizeof(text), "no connection within %u s", connect_s);
		return fail_with(transfer, -ETIMEDOUT, text, "", proxy_hint());
	}
	snprintf(text, sizeof(text), "the answer was not complete after %u s", request->total_s);
	return fail(transfer, -ETIMEDOUT, text);
}

static int fail_in_the_middle(const struct transfer *transfer)
{
	char text[96];

	if (!transfer->response->status)
		return fail_with(transfer, -ECONNRESET, "the connection ended without an answer",
				 "", tls_hint(transfer));
	snprintf(text, sizeof(text),
		 "the answer is not complete, the connection ended after %llu bytes",
		 (unsigned long long)transfer->received);
	return fail_with(transfer, -ECONNRESET, text, transfer->problem, "");
}

static int fail_too_large(const struct transfer *transfer)
{
	char text[96], limit[NUMBER_TEXT_SIZE];

	number_format(transfer->request->max_bytes, limit);
	snprintf(text, sizeof(text), "the answer is larger than the limit of %s bytes", limit);
	return fail(transfer, -EFBIG, text);
}

/* The failure of a request, in our words where an operator can do something about it. */
static int explain(const struct transfer *transfer, CURLcode code)
{
	const char *problem = transfer->problem;

	switch (code) {
	case CURLE_OUT_OF_MEMORY:
		/* curl says so of a header that is longer than it likes. */
		return fail(transfer, -ENOMEM,
			    "one of its headers is too long, or memory is short");
	case CURLE_COULDNT_RESOLVE_HOST:
		return fail(transfer, -EHOSTUNREACH, "no address is known for its host");
	case CURLE_COULDNT_RESOLVE_PROXY:
		return fail_with(transfer, -EHOSTUNREACH, "no address is known for the proxy", "",
				 proxy_hint());
	case CURLE_COULDNT_CONNECT:
		return fail_to_connect(transfer);
	case CURLE_OPERATION_TIMEDOUT:
		return fail_in_time(transfer);
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return fail_in_the_middle(transfer);
	case CURLE_FILESIZE_EXCEEDED:
		return fail_too_large(transfer);
	case CURLE_TOO_MANY_REDIRECTS:
		return fail(transfer, -ELOOP, "too many redirects");
	case CURLE_UNSUPPORTED_PROTOCOL:
		if (strstr(problem, "HTTP/0.9"))
			return fail(transfer, -EPROTO, "what answers there does not speak HTTP");
		return fail_with(
			transfer, -EPROTO,
			"redirects lead only to http and https, and from https only to https",
			problem, "");
	case CURLE_PEER_FAILED_VERIFICATION:
		return fail_with(transfer, -EACCES, "the certificate is not trusted", problem,
				 trust_hint(problem));
	case CURLE_SSL_CACERT_BADFILE:
		return fail_with(transfer, -EACCES, "the authorities (ca) cannot be read", problem,
				 "; a file of PEM certificates is needed, or the package "
				 "ca-certificates");
	case CURLE_SSL_CERTPROBLEM:
		return fail_with(transfer, -EACCES, "cert or key cannot be used", problem, "");
	case CURLE_SSL_CONNECT_ERROR:
		return fail_with(transfer, -EPROTO, "TLS failed", problem, tls_hint(transfer));
	default:
		return fail_with(transfer, -EIO, curl_easy_strerror(code), problem, "");
	}
}

/* --- What curl calls -------------------------------------------------------------------------- */

/* Ends the request with the message that `failure` belongs to. */
static size_t refuse(struct transfer *transfer, int failure)
{
	transfer->failure = failure;
	return 0;
}

/* Copies the value if the line is of this header. */
static void take_header(const char *line, size_t length, const char *name, char *out, size_t size)
{
	size_t skipped = strlen(name);

	if (length < skipped || strncasecmp(line, name, skipped) != 0)
		return;
	while (skipped < length && strchr(" \t", line[skipped]))
		skipped++;
	while (length > skipped && strchr(" \t\r\n", line[length - 1]))
		length--;
	*out = '\0';
	if (length - skipped < size)
		snprintf(out, size, "%.*s", (int)(length - skipped), line + skipped);
}

static size_t receive_header(char *line, size_t one, size_t length, void *context)
{
	struct transfer *transfer = context;
	struct http_response *response = transfer->response;

	(void)one;
	transfer->last_ms = clock_monotonic_ms();
	transfer->header_bytes += length;
	if (transfer->header_bytes > MAX_HEADER_BYTES)
		return refuse(transfer, fail(transfer, -EFBIG, "its headers are too large"));
	/* The next response after a redirect. */
	if (length > 5 && !strncmp(line, "HTTP/", 5))
		response->etag[0] = response->modified[0] = '\0';
	take_header(line, length, "ETag:", response->etag, sizeof(response->etag));
	take_header(line, length, "Last-Modified:", response->modified, sizeof(response->modified));
	return length;
}

/* Keeps the beginning of what a server says about a failure, and then wants no more. */
static size_t keep_body(struct transfer *transfer, const char *bytes, size_t count)
{
	char *body = transfer->response->body;
	size_t length = strlen(body), room = sizeof(transfer->response->body) - 1 - length;

	memcpy(body + length, bytes, count < room ? count : room);
	body[length + (count < room ? count : room)] = '\0';
	transfer->enough = count > room;
	return transfer->enough ? 0 : count;
}

static size_t receive_body(char *bytes, size_t one, size_t count, void *context)
{
	struct transfer *transfer = context;
	const struct http_request *request = transfer->request;
	long status = 0;
	int ret = 0;

	(void)one;
	transfer->last_ms = clock_monotonic_ms();
	curl_easy_getinfo(transfer->http->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299)
		return keep_body(transfer, bytes, count);
	transfer->received += count;
	if (request->max_bytes && transfer->received > request->max_bytes)
		return refuse(transfer, fail_too_large(transfer));
	if (request->receive)
		ret = request->receive(request->context, bytes, count, transfer->err);
	return ret ? refuse(transfer, ret) : count;
}

/* libcurl 7.88 connects a socket although it is told that it is connected, and fails. So it gets
 * one for which that always works, because it sends nothing; ours takes its place before the
 * request is sent. */
static bool connects_again(void)
{
	const unsigned int version = curl_version_info(CURLVERSION_NOW)->version_num;

	return version >= 0x075800 && version < 0x080000;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http *http = context;

	(void)purpose;
	(void)address;
	if (http->socket < 0 || !connects_again())
		return auto_take_fd(&http->socket);
	http->stand_in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return http->stand_in;
}

static int replace_stand_in(struct http *http)
{
	int ret;

	if (http->stand_in < 0)
		return 0;
	ret = dup3(http->socket, http->stand_in, O_CLOEXEC) < 0 ||
	      fcntl(http->stand_in, F_SETFL, O_NONBLOCK);
	close(auto_take_fd(&http->socket));
	http->stand_in = -1;
	return ret;
}

/* curl is about to send the request, on a new connection or one that it has kept. */
static int before_request(void *context, char *ours, char *theirs, int our_port, int their_port)
{
	struct transfer *transfer = context;

	(void)ours;
	(void)theirs;
	(void)our_port;
	(void)their_port;
	/* A kept connection that ends without an answer makes curl try another one. */
	if (transfer->request->once && transfer->sent) {
		transfer->failure =
			fail(transfer, -ECONNRESET, "the connection ended without an answer");
		return CURL_PREREQFUNC_ABORT;
	}
	transfer->sent = true;
	return replace_stand_in(transfer->http) ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static int socket_is_connected(void *context, curl_socket_t socket, curlsocktype purpose)
{
	(void)context;
	(void)socket;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

/* --- A request -------------------------------------------------------------------------------- */

#define SET(transfer, option, value)                                                     \
	do {                                                                             \
		if (!(transfer)->setting)                                                \
			(transfer)->setting =                                            \
				curl_easy_setopt((transfer)->http->easy, option, value); \
	} while (0)

static void set_limits(struct transfer *transfer)
{
	const struct http_request *request = transfer->request;
	SET(transfer, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(transfer, CURLOPT_REDIR_PROTOCOLS_STR, is_secure(request) ? "https" : "http,https");
	SET(transfer, CURLOPT_FOLLOWLOCATION, request->redirects ? 1L : 0L);
	SET(transfer, CURLOPT_MAXREDIRS, (long)request->redirects);
	SET(transfer, CURLOPT_CONNECTTIMEOUT, (long)limit_or(request->connect_s, CONNECT_S));
	SET(transfer, CURLOPT_TIMEOUT, (long)request->total_s);
	SET(transfer, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_bytes);
	/* An answer may be silent for long, and routers on the way forget connections that are. */
	SET(transfer, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(transfer, CURLOPT_TCP_KEEPIDLE, (long)KEEP_ALIVE_S);
	SET(transfer, CURLOPT_TCP_KEEPINTVL, (long)KEEP_ALIVE_S);
	/* The program does not wait for the thread of a slow look-up when it ends. */
	SET(transfer, CURLOPT_QUICK_EXIT, 1L);
	SET(transfer, CURLOPT_NOSIGNAL, 1L);
}

static void set_blob(struct transfer *transfer, CURLoption option, char *text)
{
	struct curl_blob blob = { .flags = CURL_BLOB_NOCOPY };

	if (!text)
		return;
	blob.data = text;
	blob.len = strlen(text);
	SET(transfer, option, &blob);
}

static void set_trust(struct transfer *transfer)
{
	const struct job *job = transfer->http->job;

	SET(transfer, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(transfer, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(transfer, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	set_blob(transfer, CURLOPT_CAINFO_BLOB, job->ca);
	/* Else the system's authorities would be trusted as well. */
	if (job->ca)
		SET(transfer, CURLOPT_CAPATH, NULL);
	set_blob(transfer, CURLOPT_SSLCERT_BLOB, job->cert);
	set_blob(transfer, CURLOPT_SSLKEY_BLOB, job->key);
	if (!transfer->http->with_user || !job->user)
		return;
	SET(transfer, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	SET(transfer, CURLOPT_USERNAME, job->user);
	SET(transfer, CURLOPT_PASSWORD, job->password ? job->password : "");
}

/* Whoever gave us the connection knows where it leads: no name is looked up, no proxy asked, and no
 * age makes curl give it up. */
static void set_socket(struct transfer *transfer)
{
	if (!transfer->http->has_socket)
		return;
	SET(transfer, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(transfer, CURLOPT_OPENSOCKETDATA, transfer->http);
	SET(transfer, CURLOPT_SOCKOPTFUNCTION, socket_is_connected);
	SET(transfer, CURLOPT_PROXY, "");
	SET(transfer, CURLOPT_CONNECT_TO, NULL);
	SET(transfer, CURLOPT_IPRESOLVE, (long)CURL_IPRESOLVE_V4);
	SET(transfer, CURLOPT_MAXAGE_CONN, 365L * 24 * 3600);
}

static int add_header(struct transfer *transfer, const char *header)
{
	struct curl_slist *longer = curl_slist_append(transfer->headers, header);

	if (!longer)
		return error_no_memory(transfer->err);
	transfer->headers = longer;
	return 0;
}

static int set_headers(struct transfer *transfer)
{
	const char *const *header = transfer->request->headers;
	int ret = 0;

	if (transfer->request->post) {
		ret = add_header(transfer, "Content-Type: application/json");
		/* curl would wait a second for a server that does not know it. */
		if (!ret)
			ret = add_header(transfer, "Expect:");
	}
	for (; !ret && header && *header; header++)
		ret = add_header(transfer, *header);
	SET(transfer, CURLOPT_HTTPHEADER, transfer->headers);
	return ret;
}

static void set_exchange(struct transfer *transfer)
{
	const struct http_request *request = transfer->request;

	SET(transfer, CURLOPT_URL, request->url);
	SET(transfer, CURLOPT_USERAGENT, transfer->http->agent);
	SET(transfer, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(transfer, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(transfer, CURLOPT_ERRORBUFFER, transfer->problem);
	SET(transfer, CURLOPT_HEADERFUNCTION, receive_header);
	SET(transfer, CURLOPT_HEADERDATA, transfer);
	SET(transfer, CURLOPT_WRITEFUNCTION, receive_body);
	SET(transfer, CURLOPT_WRITEDATA, transfer);
	SET(transfer, CURLOPT_PREREQFUNCTION, before_request);
	SET(transfer, CURLOPT_PREREQDATA, transfer);
	if (!request->post)
		return;
	SET(transfer, CURLOPT_POST, 1L);
	SET(transfer, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request->post));
	SET(transfer, CURLOPT_POSTFIELDS, request->post);
}

static int set_options(struct transfer *transfer)
{
	int ret;

	curl_easy_reset(transfer->http->easy);
	set_exchange(transfer);
	set_limits(transfer);
	set_trust(transfer);
	set_socket(transfer);
	ret = set_headers(transfer);
	if (ret)
		return ret;
	return transfer->setting ? explain(transfer, transfer->setting) : 0;
}

/* Connected, and nothing comes. */
static int check_silence(const struct transfer *transfer)
{
	const unsigned int limit_s = limit_or(transfer->request->silence_s, SILENCE_S);
	curl_off_t connected = 0;
	char text[96];

	if (clock_monotonic_ms() - transfer->last_ms < (uint64_t)limit_s * 1000)
		return 0;
	curl_easy_getinfo(transfer->http->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	if (!connected)
		return 0;
	snprintf(text, sizeof(text), "the answer made no progress for %u s", limit_s);
	return fail(transfer, -ETIMEDOUT, text);
}

static int wait_for_more(struct transfer *transfer)
{
	/* Nothing is asked for: poll(2) tells anyhow when the other end is closed. */
	struct curl_waitfd input = { .fd = STDIN_FILENO };
	const struct http_request *request = transfer->request;
	unsigned int wait_ms = WAIT_MS;
	int ret = 0;

	if (request->tick)
		ret = request->tick(request->context, &wait_ms, transfer->err);
	if (ret)
		return ret;
	if (curl_multi_poll(transfer->http->multi, &input, 1, (int)wait_ms, NULL))
		return error_no_memory(transfer->err);
	if (stop_asked())
		return -ECANCELED;
	return check_silence(transfer);
}

static CURLcode result_of(struct http *http)
{
	const CURLMsg *message;
	CURLcode code = CURLE_OK;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			code = message->data.result;
	return code;
}

static int finish(struct transfer *transfer)
{
	const CURLcode code = result_of(transfer->http);
	curl_off_t retry_after = 0;

	curl_easy_getinfo(transfer->http->easy, CURLINFO_RESPONSE_CODE,
			  &transfer->response->status);
	curl_easy_getinfo(transfer->http->easy, CURLINFO_RETRY_AFTER, &retry_after);
	transfer->response->retry_after_s = (uint64_t)retry_after;
	if (transfer->failure)
		return transfer->failure;
	return code && !transfer->enough ? explain(transfer, code) : 0;
}

static int run(struct transfer *transfer)
{
	CURLM *multi = transfer->http->multi;
	int running = 1, ret = 0;

	while (!ret && running) {
		if (curl_multi_perform(multi, &running))
			return error_no_memory(transfer->err);
		if (running)
			ret = wait_for_more(transfer);
	}
	return ret ? ret : finish(transfer);
}

int http_perform(struct http *http, const struct http_request *request,
		 struct http_response *response, struct error *err)
{
	struct transfer transfer = {
		.http = http,
		.request = request,
		.response = response,
		.err = err,
		.last_ms = clock_monotonic_ms(),
	};
	int ret;

	*response = (struct http_response){ 0 };
	ret = set_options(&transfer);
	if (!ret && curl_multi_add_handle(http->multi, http->easy))
		ret = error_no_memory(err);
	if (!ret)
		ret = run(&transfer);
	curl_multi_remove_handle(http->multi, http->easy);
	/* It points to what ends here. */
	curl_easy_reset(http->easy);
	curl_slist_free_all(transfer.headers);
	return ret;
}

/* --- A client --------------------------------------------------------------------------------- */

int http_open(const struct job *job, bool with_user, int socket, struct http **out,
	      struct error *err)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return error_no_memory(err);
	http->job = job;
	http->with_user = with_user;
	http->has_socket = socket >= 0;
	http->socket = http->stand_in = -1;
	snprintf(http->agent, sizeof(http->agent), PROGRAM_NAME "/%s",
		 job->version ? job->version : "0");
	if (!curl_global_init(CURL_GLOBAL_DEFAULT)) {
		http->multi = curl_multi_init();
		http->easy = curl_easy_init();
	}
	if (!http->multi || !http->easy) {
		http_close(http);
		return error_set(err, -ENOMEM, "cannot start libcurl");
	}
	http->socket = socket;
	*out = http;
	return 0;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	curl_easy_cleanup(http->easy);
	curl_multi_cleanup(http->multi);
	if (http->socket >= 0)
		close(http->socket);
	free(http);
}
