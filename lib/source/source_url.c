// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a URL answer?
 *
 * One thread fetches, another one reads what comes: so a list of any size needs little memory but
 * for its rules, and a wrong one ends the request at its first bad line. Nothing is delivered
 * before all has come.
 */
#include <source/source.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <source/delivery.h>
#include <source/http.h>
#include <source/list.h>
#include <util/auto.h>
#include <util/duration.h>
#include <util/error.h>
#include <util/text.h>

#define REDIRECTS 5
#define TOTAL_S (15 * 60)
/* A server that has answered, though not by a list, is not asked again sooner: many ban who asks
 * too often. One that did not answer may only be restarting. */
#define LATER_S 60
#define HEADER_SIZE 320
#define VALIDATOR_SIZE 352
#define NAME_SIZE 256 /* of the URL in messages */
#define STACK_SIZE (1 << 20)

/* The thread that reads. */
struct reading {
	const struct job *job;
	char name[NAME_SIZE];
	int in;
	struct input input;
	int ret;
	struct error err;
};

/* --- Validators: "LAST-MODIFIED|ETAG", as the server sent them -------------------------------- */

static void join_validator(const struct http_response *response, char text[VALIDATOR_SIZE])
{
	snprintf(text, VALIDATOR_SIZE, "%s|%s", response->modified, response->etag);
}

struct conditions {
	char modified[HEADER_SIZE], etag[HEADER_SIZE];
	const char *headers[4];
};

static void make_conditions(const char *validator, struct conditions *conditions)
{
	const char *bar = validator ? strchr(validator, '|') : NULL;
	size_t count = 0;

	/* The list may be packed itself: unpack.h unpacks both. */
	conditions->headers[count++] = "Accept-Encoding: gzip";
	if (bar && bar[1]) {
		snprintf(conditions->etag, HEADER_SIZE, "If-None-Match: %s", bar + 1);
		conditions->headers[count++] = conditions->etag;
	}
	if (bar && bar != validator) {
		snprintf(conditions->modified, HEADER_SIZE, "If-Modified-Since: %.*s",
			 (int)(bar - validator), validator);
		conditions->headers[count++] = conditions->modified;
	}
	conditions->headers[count] = NULL;
}

/* --- The answer ------------------------------------------------------------------------------- */

static const char *advice(long status)
{
	switch (status) {
	case 401:
	case 403:
		return "; it may want a user and a password: user-file";
	case 407:
		return "; the proxy wants a user and a password";
	case 404:
	case 410:
		return "; there is no list at this URL";
	case 429:
		return "; it is asked too often";
	default:
		return status >= 300 && status < 400 ? "; it leads nowhere" : "";
	}
}

/* The server's own first line, unless it is a page. */
static void quote_body(const char *body, char text[128])
{
	char printable[100];

	text[0] = '\0';
	body += strspn(body, " \t\r\n");
	if (!*body || *body == '<')
		return;
	text_printable(body, printable, sizeof(printable));
	snprintf(text, 128, ": \"%.*s\"", (int)strcspn(printable, "\\"), printable);
}

static int refuse_status(const struct reading *reading, const struct http_response *response,
			 struct error *err)
{
	char quoted[128], pause[DURATION_TEXT_SIZE];

	quote_body(response->body, quoted);
	duration_format(response->retry_after_s, pause);
	return error_set(err, -EPROTO, "%s: the server answers %ld%s%s%s%s", reading->name,
			 response->status, quoted, advice(response->status),
			 response->retry_after_s ? "; it asks for a pause of " : "",
			 response->retry_after_s ? pause : "");
}

static int deliver(const struct reading *reading, const struct http_response *response, FILE *out,
		   struct error *err)
{
	char validator[VALIDATOR_SIZE];

	if (response->status == 304 && reading->job->validator)
		return delivery_same(out, err);
	if (response->status != 200)
		return refuse_status(reading, response, err);
	join_validator(response, validator);
	return list_deliver(&reading->input, validator[1] ? validator : NULL, out, err);
}

/* --- Two threads ------------------------------------------------------------------------------ */

static int pass_on(void *context, const char *bytes, size_t count, struct error *err)
{
	const int *to = context;
	ssize_t written;

	while (count) {
		written = write(*to, bytes, count);
		if (written < 0 && errno == EINTR)
			continue;
		/* The reader has failed; it knows why. */
		if (written < 0)
			return error_set(err, -EPIPE, "not a list");
		bytes += written;
		count -= (size_t)written;
	}
	return 0;
}

static void *read_list(void *context)
{
	struct reading *reading = context;

	reading->ret =
		list_read(reading->job, reading->in, reading->name, &reading->input, &reading->err);
	close(reading->in);
	return NULL;
}

static int ask(const struct job *job, int to, struct http_response *response, struct error *err)
{
	struct conditions conditions;
	const struct http_request request = {
		.url = job->location.urls[0],
		.headers = conditions.headers,
		.receive = pass_on,
		.context = &to,
		.max_bytes = job->max_bytes,
		.redirects = REDIRECTS,
		.silence_s = job->silence_s,
		.total_s = job->total_s ? job->total_s : TOTAL_S,
	};
	struct http *http;
	int ret = http_open(job, true, -1, &http, err);

	if (ret)
		return ret;
	make_conditions(job->validator, &conditions);
	ret = http_perform(http, &request, response, err);
	http_close(http);
	return ret;
}

/* musl gives a thread 128 KiB, too little for JSON that is nested as deeply as jansson takes it. */
static int start_thread(pthread_t *thread, void *(*run)(void *), void *context)
{
	pthread_attr_t attributes;
	int ret = pthread_attr_init(&attributes);

	if (ret)
		return ret;
	ret = pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (!ret)
		ret = pthread_create(thread, &attributes, run, context);
	pthread_attr_destroy(&attributes);
	return ret;
}

/* A reader that failed ended the request: its message says more. What it makes of a list that was
 * cut off, or of no list, is no news. */
static int fetch(struct reading *reading, struct http_response *response, struct error *err)
{
	pthread_t thread;
	int ends[2], ret;

	if (pipe2(ends, O_CLOEXEC))
		return error_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
	reading->in = ends[0];
	ret = start_thread(&thread, read_list, reading);
	if (ret) {
		close(ends[0]);
		close(ends[1]);
		return error_set(err, -ret, "cannot start a thread: %s", strerror(ret));
	}
	ret = ask(reading->job, ends[1], response, err);
	close(ends[1]);
	pthread_join(thread, NULL);
	if (reading->ret && (ret == -EPIPE || (!ret && response->status == 200))) {
		*err = reading->err;
		return reading->ret;
	}
	return ret;
}

static uint64_t later_s(const struct http_response *response)
{
	return response->retry_after_s > LATER_S ? response->retry_after_s : LATER_S;
}

int source_run_url(const struct job *job, FILE *out, struct error *err)
{
	const char *url = job->location.urls[0];
	struct http_response response = { 0 };
	struct reading *reading = calloc(1, sizeof(*reading));
	int ret;

	if (!reading)
		return error_no_memory(err);
	reading->job = job;
	snprintf(reading->name, sizeof(reading->name), "%.*s", (int)strcspn(url, "?#"), url);
	ret = fetch(reading, &response, err);
	if (!ret)
		ret = deliver(reading, &response, out, err);
	if (ret && response.status)
		delivery_later(out, later_s(&response), NULL);
	input_done(&reading->input);
	free(reading);
	return ret == -ECANCELED ? 0 : ret;
}
