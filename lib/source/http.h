/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is something asked for by HTTP?
 *
 * The only user of libcurl. Each call blocks until it is done, has failed, or the program is to end
 * (stop.h). Nothing that a server sends makes a call endless or large, where the request sets
 * limits.
 */
#ifndef SOURCE_HTTP_H
#define SOURCE_HTTP_H

#include <source/job.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* A client, which keeps its connections. Certificates are checked; proxies are those of the
 * environment; User-Agent is "xdp-ipfilter/VERSION". */
struct http;

/* With the job's TLS and, if `with_user`, its user and password for basic authentication, which no
 * other host gets after a redirect. `socket` is a connected socket that every request goes through,
 * whatever the host of its URL; once that connection has ended, requests fail with -ENOTCONN. -1:
 * connections are made to the URL's host. Returns 0, and then owns the socket; or a negative errno
 * and sets *err. The job must outlive the client. */
int http_open(const struct job *job, bool with_user, int socket, struct http **out,
	      struct error *err);
void http_close(struct http *http); /* NULL: nothing */

/* What the server sends, in pieces as they come. It is not decoded, because curl takes packed bytes
 * that were cut off for all; no server packs them unless a header asks for it. Returns 0, or a
 * negative errno and sets *err, which ends the request. */
typedef int (*http_receive)(void *context, const char *bytes, size_t count, struct error *err);

/* Called before each wait, of *wait_ms at most, which it may shorten. It may ask something else,
 * by another client. Returns as above. */
typedef int (*http_tick)(void *context, unsigned int *wait_ms, struct error *err);

struct http_request {
	const char *url;
	const char *post; /* a body of JSON; NULL: GET */
	/* "Name: value", NULL after the last; NULL: none. Redirects take them along to other hosts:
	 * a request with a secret in one must follow none. */
	const char *const *headers;
	http_receive receive; /* only for a status of 200 to 299; NULL: the answer is not needed */
	http_tick tick;       /* while an answer takes its time; NULL: nothing else is to be done */
	void *context;
	uint64_t max_bytes; /* of the answer; 0: no limit */
	/* Followed at most; only to http and https, from https only to https. 0: the answer is the
	 * redirect. */
	unsigned int redirects;
	/* To send it twice would change what it means: where a kept connection ends without an
	 * answer, it fails, and is not tried by another connection. */
	bool once;
	unsigned int connect_s; /* to connect at most; 0: 30 s */
	unsigned int silence_s; /* connected and without a byte of an answer at most; 0: 60 s */
	unsigned int total_s;   /* in all at most; 0: no limit */
};

struct http_response {
	long status;            /* 0: there was none */
	char etag[256];         /* "": none, or too long */
	char modified[64];      /* Last-Modified, likewise */
	uint64_t retry_after_s; /* the server asks not to come back sooner; 0: it does not say */
	char body[512]; /* the beginning of what a server says with a status that is not 2xx */
};

/* Returns 0 where there is a whole response, whatever its status; -ECANCELED where the program is
 * to end; or another negative errno and sets *err, which names the URL without what follows its ?
 * and says what is wrong and what can be done. */
int http_perform(struct http *http, const struct http_request *request,
		 struct http_response *response, struct error *err);

#endif
