// SPDX-License-Identifier: GPL-2.0
/*
 * How is etcd asked?
 */
#include <source/etcd_client.h>

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <source/base64.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/backoff.h>

/* A page of a range is asked for so that it is far smaller; a line of a watch is at most a request
 * of etcd, 1.5 MiB unless its operator allowed more. */
#define ANSWER_MAX (UINT64_C(64) << 20)
#define CONNECT_S 5
#define AUTHENTICATE_S 30

struct etcd_client {
	const struct job *job;
	struct http *asks;
	struct http *watches; /* asks go on during a watch */
	size_t endpoint;
	char *header;   /* "Authorization: TOKEN"; NULL: no token */
	bool tokenless; /* the server wants no user */
};

/* What comes in, until it is complete. */
struct text {
	char *bytes;
	size_t length;
	size_t capacity;
};

static int text_add(struct text *text, const char *bytes, size_t count, struct error *err)
{
	if (array_reserve(&text->bytes, &text->capacity, text->length + count, 1))
		return error_no_memory(err);
	memcpy(text->bytes + text->length, bytes, count);
	text->length += count;
	return 0;
}

static int receive_text(void *context, const char *bytes, size_t count, struct error *err)
{
	return text_add(context, bytes, count, err);
}

static const char *endpoint_url(const struct etcd_client *client)
{
	return client->job->location.urls[client->endpoint];
}

/* --- Refusals --------------------------------------------------------------------------------- */

static bool says(const char *message, const char *part)
{
	return strstr(message, part);
}

static bool wants_token(const struct http_response *response)
{
	return response->status == 401 || says(response->body, "invalid auth token") ||
	       says(response->body, "auth store is old");
}

static int explain_status(const struct http_response *response, const char *message)
{
	if (says(message, "has been compacted") || says(message, "is a future revision"))
		return -ESTALE;
	if (response->status == 401 || response->status == 403)
		return -EACCES;
	return response->status == 404 ? -ENOENT : -EREMOTEIO;
}

static const char *hint(int code, const char *message)
{
	if (says(message, "user name is empty"))
		return "; etcd wants a user and a password: user-file = FILE";
	if (says(message, "CommonName of client"))
		return "; a certificate for etcd's gateway must have no common name (CN)";
	if (says(message, "permission denied"))
		return "; the user's role needs the right to read the prefix";
	return code == -ENOENT ? "; is it the client port of an etcd 3.4 or later?" : "";
}

/* The failure of a request that got an answer. */
static int refused(const struct etcd_client *client, const char *path,
		   const struct http_response *response, struct error *err)
{
	char message[ETCD_ANSWER_REFUSAL_SIZE];
	int code;

	etcd_answer_refusal(response->body, message);
	code = explain_status(response, message);
	return error_set(err, code, "%s%s: status %ld: %s%s", endpoint_url(client), path,
			 response->status, message, hint(code, message));
}

/* --- Requests --------------------------------------------------------------------------------- */

static int perform(struct etcd_client *client, struct http *http, struct http_request *request,
		   const char *path, const char *body, struct http_response *response,
		   struct error *err)
{
	const char *const headers[] = { client->header, NULL };
	auto_free char *url = NULL;

	if (asprintf(&url, "%s%s", endpoint_url(client), path) < 0) {
		url = NULL;
		return error_no_memory(err);
	}
	request->url = url;
	request->post = body;
	request->headers = headers;
	request->connect_s = CONNECT_S;
	return http_perform(http, request, response, err);
}

static char *credentials(const struct job *job)
{
	json_t *object = json_pack("{s:s, s:s}", "name", job->user, "password",
				   job->password ? job->password : "");
	char *body = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return body;
}

static int keep_token(struct etcd_client *client, const char *token, struct error *err)
{
	if (asprintf(&client->header, "Authorization: %s", token) >= 0)
		return 0;
	client->header = NULL;
	return error_no_memory(err);
}

static int take_token(struct etcd_client *client, const struct text *text, struct error *err)
{
	auto_free char *token = NULL;
	int ret = etcd_answer_token(text->bytes, text->length, &token, err);

	return ret ? ret : keep_token(client, token, err);
}

/* Where nobody needs a user, the one of the job is no mistake: it will be needed one day. */
static int authenticate(struct etcd_client *client, struct error *err)
{
	static const char path[] = "/v3/auth/authenticate";
	struct text text = { 0 };
	struct http_request request = { .receive = receive_text,
					.context = &text,
					.max_bytes = ANSWER_MAX,
					.total_s = AUTHENTICATE_S };
	struct http_response response;
	auto_free char *body = credentials(client->job);
	int ret;

	if (!body)
		return error_no_memory(err);
	ret = perform(client, client->asks, &request, path, body, &response, err);
	explicit_bzero(body, strlen(body));
	if (!ret && response.status == 200)
		ret = take_token(client, &text, err);
	else if (!ret && says(response.body, "authentication is not enabled"))
		client->tokenless = true;
	else if (!ret)
		ret = refused(client, path, &response, err);
	free(text.bytes);
	return ret;
}

static int need_token(struct etcd_client *client, struct error *err)
{
	if (!client->job->user || client->header || client->tokenless)
		return 0;
	return authenticate(client, err);
}

void etcd_client_forget_token(struct etcd_client *client)
{
	free(client->header);
	client->header = NULL;
	client->tokenless = false;
}

/* Has a token, asks, and asks once more with a new one where the old one is no longer good. */
static int ask(struct etcd_client *client, struct http *http, struct http_request *request,
	       const char *path, const char *body, struct error *err)
{
	struct http_response response = { 0 };
	int ret = need_token(client, err);

	if (!ret)
		ret = perform(client, http, request, path, body, &response, err);
	if (!ret && wants_token(&response) && client->job->user) {
		etcd_client_forget_token(client);
		ret = need_token(client, err);
		if (!ret)
			ret = perform(client, http, request, path, body, &response, err);
	}
	if (!ret && response.status != 200)
		ret = refused(client, path, &response, err);
	return ret;
}

/* --- A range ---------------------------------------------------------------------------------- */

static char *encode(const void *bytes, size_t count)
{
	char *text = malloc(BASE64_TEXT_SIZE(count));

	if (text)
		base64_encode(bytes, count, text);
	return text;
}

static char *range_body(const struct etcd_client_range *range)
{
	auto_free char *key = encode(range->key, range->key_size);
	auto_free char *end = range->end ? encode(range->end, range->end_size) : strdup("");
	char *body;

	if (!key || !end ||
	    asprintf(&body,
		     "{\"key\":\"%s\",\"range_end\":\"%s\",\"limit\":\"%" PRIu64
		     "\",\"revision\":\"%" PRIu64 "\",\"keys_only\":%s,\"count_only\":%s}",
		     key, end, range->limit, range->revision, range->keys_only ? "true" : "false",
		     range->count_only ? "true" : "false") < 0)
		return NULL;
	return body;
}

int etcd_client_range(struct etcd_client *client, const struct etcd_client_range *range,
		      struct etcd_answer *out, struct error *err)
{
	static const char path[] = "/v3/kv/range";
	struct text text = { 0 };
	struct http_request request = { .receive = receive_text,
					.context = &text,
					.max_bytes = ANSWER_MAX,
					.total_s = range->total_s };
	auto_free char *body = range_body(range);
	int ret;

	if (!body)
		return error_no_memory(err);
	ret = ask(client, client->asks, &request, path, body, err);
	if (!ret)
		ret = etcd_answer_range(text.bytes, text.length, out, err);
	if (ret == -EPROTO)
		ret = error_prefix(err, ret, "%s%s", endpoint_url(client), path);
	free(text.bytes);
	return ret;
}

/* --- A watch ---------------------------------------------------------------------------------- */

struct watching {
	const struct etcd_client_watch *watch;
	struct text line; /* the beginning of one */
};

static int take_line(struct watching *watching, struct error *err)
{
	struct etcd_answer answer;
	int ret = etcd_answer_watch(watching->line.bytes, watching->line.length, &answer, err);

	watching->line.length = 0;
	if (ret)
		return ret;
	ret = watching->watch->line(watching->watch->context, &answer, err);
	etcd_answer_done(&answer);
	return ret;
}

static int receive_lines(void *context, const char *bytes, size_t count, struct error *err)
{
	struct watching *watching = context;
	const char *end;
	int ret = 0;

	while (!ret && (end = memchr(bytes, '\n', count))) {
		ret = text_add(&watching->line, bytes, (size_t)(end - bytes), err);
		if (!ret && watching->line.length)
			ret = take_line(watching, err);
		count -= (size_t)(end + 1 - bytes);
		bytes = end + 1;
	}
	if (!ret && watching->line.length + count > ANSWER_MAX)
		ret = error_set(err, -EFBIG, "a line of the watch is too long");
	return ret ? ret : text_add(&watching->line, bytes, count, err);
}

static int watch_tick(void *context, unsigned int *wait_ms, struct error *err)
{
	const struct etcd_client_watch *watch = ((struct watching *)context)->watch;

	return watch->tick(watch->context, wait_ms, err);
}

static char *watch_body(const struct etcd_client_watch *watch)
{
	auto_free char *key = encode(watch->prefix, watch->prefix_size);
	auto_free char *end = encode(watch->end, strlen(watch->end));
	char *body;

	/* progress_notify: a silent watch says from time to time how far it is. */
	if (!key || !end ||
	    asprintf(&body,
		     "{\"create_request\":{\"key\":\"%s\",\"range_end\":\"%s\",\"start_revision\":"
		     "\"%" PRIu64 "\",\"progress_notify\":true,\"fragment\":true}}",
		     key, end, watch->revision) < 0)
		return NULL;
	return body;
}

int etcd_client_watch(struct etcd_client *client, const struct etcd_client_watch *watch,
		      struct error *err)
{
	static const char path[] = "/v3/watch";
	struct watching watching = { .watch = watch };
	struct http_request request = {
		.receive = receive_lines,
		.tick = watch_tick,
		.context = &watching,
		.silence_s = watch->silence_s,
	};
	auto_free char *body = watch_body(watch);
	int ret;

	if (!body)
		return error_no_memory(err);
	ret = ask(client, client->watches, &request, path, body, err);
	if (!ret)
		ret = error_set(err, -ECONNRESET, "the server ended the watch");
	if (ret == -EPROTO || ret == -ECONNRESET || ret == -EREMOTEIO)
		ret = error_prefix(err, ret, "%s%s", endpoint_url(client), path);
	free(watching.line.bytes);
	return ret;
}

/* --- A client --------------------------------------------------------------------------------- */

/* A fleet begins at all nodes alike. */
static size_t any_endpoint(const struct job *job)
{
	return (size_t)backoff_jitter_ms(UINT64_C(1) << 20) % job->location.url_count;
}

void etcd_client_turn(struct etcd_client *client)
{
	client->endpoint = (client->endpoint + 1) % client->job->location.url_count;
}

int etcd_client_open(const struct job *job, struct etcd_client **out, struct error *err)
{
	struct etcd_client *client = calloc(1, sizeof(*client));
	int ret;

	if (!client)
		return error_no_memory(err);
	client->job = job;
	client->endpoint = any_endpoint(job);
	ret = http_open(job, false, -1, &client->asks, err);
	if (!ret)
		ret = http_open(job, false, -1, &client->watches, err);
	if (ret) {
		etcd_client_close(client);
		return ret;
	}
	*out = client;
	return 0;
}

void etcd_client_close(struct etcd_client *client)
{
	if (!client)
		return;
	http_close(client->asks);
	http_close(client->watches);
	free(client->header);
	free(client);
}
