// SPDX-License-Identifier: GPL-2.0
/*
 * Where does a set come from?
 */
#include <source/location.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <util/auto.h>
#include <util/error.h>
#include <util/number.h>

static int refuse(const char *text, const char *problem, struct error *err)
{
	return error_set_usage(err, "'%s': %s", text, problem);
}

/* What follows the beginning; NULL if the text begins differently. */
static const char *skip(const char *text, const char *beginning)
{
	size_t length = strlen(beginning);

	return strncmp(text, beginning, length) ? NULL : text + length;
}

static int copy(const char *text, size_t length, char **out, struct error *err)
{
	*out = strndup(text, length);
	return *out ? 0 : error_no_memory(err);
}

/* The host of a URL ends where its path, query or fragment begins. */
static size_t host_length(const char *host)
{
	return strcspn(host, "/?#");
}

/* A password in a URL would be seen in the list of processes, in messages and in `status`. */
static int check_host(const char *text, const char *host, size_t length, struct error *err)
{
	if (!length || *host == ':')
		return refuse(text, "a host must follow ://", err);
	if (memchr(host, '@', length))
		return refuse(text, "write the user and password to a file, which user-file names",
			      err);
	if (strpbrk(text, " \t\r\n"))
		return refuse(text, "blanks in a URL are written as %20", err);
	return 0;
}

static int parse_file(const char *path, struct location *out, struct error *err)
{
	out->kind = LOCATION_FILE;
	if (*path != '/')
		return refuse(out->text, "the path of a file begins with /", err);
	return copy(path, strlen(path), &out->path, err);
}

static int parse_url(const char *host, struct location *out, struct error *err)
{
	int ret = check_host(out->text, host, host_length(host), err);

	out->kind = LOCATION_URL;
	if (ret)
		return ret;
	out->url_count = 1;
	return copy(out->text, strlen(out->text), &out->urls[0], err);
}

/* "HOST:PORT" as "http://HOST:PORT" */
static int add_url(const char *scheme, const char *host, size_t length, struct location *out,
		   struct error *err)
{
	int ret = check_host(out->text, host, length, err);

	if (!ret && out->url_count == LOCATION_MAX_ENDPOINTS)
		ret = refuse(out->text, "too many hosts", err);
	if (ret)
		return ret;
	if (asprintf(&out->urls[out->url_count], "%s://%.*s", scheme, (int)length, host) < 0) {
		out->urls[out->url_count] = NULL;
		return error_no_memory(err);
	}
	out->url_count++;
	return 0;
}

/* HOST:PORT,HOST:PORT/PREFIX */
static int parse_etcd(const char *scheme, const char *hosts, struct location *out,
		      struct error *err)
{
	size_t length = host_length(hosts);
	const char *prefix = hosts + length, *end = hosts + length;
	int ret = 0;

	out->kind = LOCATION_ETCD;
	if (*prefix != '/' || !prefix[1])
		return refuse(out->text, "the prefix of the keys must follow, as /xdp-ipfilter/",
			      err);
	while (!ret && hosts < end) {
		size_t host = strcspn(hosts, ",/");

		ret = add_url(scheme, hosts, host, out, err);
		hosts += host + 1;
	}
	if (!ret && !out->url_count)
		ret = refuse(out->text, "a host must follow ://", err);
	if (ret)
		return ret;
	if (asprintf(&out->prefix, "%s%s", prefix, prefix[strlen(prefix) - 1] == '/' ? "" : "/") <
	    0) {
		out->prefix = NULL;
		return error_no_memory(err);
	}
	return 0;
}

static int parse_crowdsec(const char *scheme, const char *host, struct location *out,
			  struct error *err)
{
	size_t length = host_length(host);

	out->kind = LOCATION_CROWDSEC;
	if (host[length] && strcmp(host + length, "/") != 0)
		return refuse(out->text, "nothing follows HOST:PORT", err);
	return add_url(scheme, host, length, out, err);
}

static int parse_crowdsec_socket(const char *path, struct location *out, struct error *err)
{
	out->kind = LOCATION_CROWDSEC;
	if (*path != '/')
		return refuse(out->text, "the path of a socket begins with /", err);
	return copy(path, strlen(path), &out->path, err);
}

static int parse_route(const char *table, struct location *out, struct error *err)
{
	uint64_t number;

	out->kind = LOCATION_ROUTE;
	if (number_parse(table, 1, UINT32_MAX, &number))
		return refuse(out->text, "a routing table is a number from 1 to 4294967295", err);
	out->table = (uint32_t)number;
	return 0;
}

static int parse(struct location *out, struct error *err)
{
	const char *text = out->text, *rest;

	if (*text == '/')
		return parse_file(text, out, err);
	if ((rest = skip(text, "file://")))
		return parse_file(rest, out, err);
	if ((rest = skip(text, "http://")) || (rest = skip(text, "https://")))
		return parse_url(rest, out, err);
	if ((rest = skip(text, "etcd+http://")))
		return parse_etcd("http", rest, out, err);
	if ((rest = skip(text, "etcd+https://")))
		return parse_etcd("https", rest, out, err);
	if ((rest = skip(text, "crowdsec+http://")))
		return parse_crowdsec("http", rest, out, err);
	if ((rest = skip(text, "crowdsec+https://")))
		return parse_crowdsec("https", rest, out, err);
	if ((rest = skip(text, "crowdsec+unix://")))
		return parse_crowdsec_socket(rest, out, err);
	if ((rest = skip(text, "route:")))
		return parse_route(rest, out, err);
	return refuse(text,
		      "not a source: /path, http(s)://, etcd+http(s)://HOST:PORT/PREFIX, "
		      "crowdsec+http(s)://HOST:PORT, crowdsec+unix:///path or route:TABLE",
		      err);
}

int location_parse(const char *text, struct location *out, struct error *err)
{
	int ret;

	*out = (struct location){ 0 };
	ret = copy(text, strlen(text), &out->text, err);
	if (!ret)
		ret = parse(out, err);
	if (ret)
		location_done(out);
	return ret;
}

void location_done(struct location *location)
{
	free(location->text);
	free(location->path);
	free(location->prefix);
	for (size_t i = 0; i < location->url_count; i++)
		free(location->urls[i]);
	*location = (struct location){ 0 };
}

const char *location_kind_name(enum location_kind kind)
{
	static const char *const names[] = {
		[LOCATION_FILE] = "file",   [LOCATION_URL] = "url",
		[LOCATION_ETCD] = "etcd",   [LOCATION_CROWDSEC] = "crowdsec",
		[LOCATION_ROUTE] = "route",
	};

	return names[kind];
}

bool location_is_polled(const struct location *location)
{
	return location->kind == LOCATION_FILE || location->kind == LOCATION_URL;
}
