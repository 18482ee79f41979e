// SPDX-License-Identifier: GPL-2.0
/*
 * Which texts say where a set comes from?
 */
#include <source/location.h>

#include <errno.h>
#include <string.h>

#include <util/error.h>

#include "support.h"

struct good_case {
	const char *name; /* the text */
	enum location_kind kind;
	const char *path, *first, *last, *prefix;
	uint32_t table;
};

static const struct good_case good_cases[] = {
	{ "/etc/drop.txt", LOCATION_FILE, "/etc/drop.txt", NULL, NULL, NULL, 0 },
	{ "file:///etc/drop.txt", LOCATION_FILE, "/etc/drop.txt", NULL, NULL, NULL, 0 },
	{ "http://example.net/a?b=c", LOCATION_URL, NULL, "http://example.net/a?b=c",
	  "http://example.net/a?b=c", NULL, 0 },
	{ "https://[2001:db8::1]:8443/drop.txt", LOCATION_URL, NULL,
	  "https://[2001:db8::1]:8443/drop.txt", "https://[2001:db8::1]:8443/drop.txt", NULL, 0 },
	{ "https://example.net/a@b", LOCATION_URL, NULL, "https://example.net/a@b",
	  "https://example.net/a@b", NULL, 0 },
	{ "etcd+http://10.0.0.1:2379/p/", LOCATION_ETCD, NULL, "http://10.0.0.1:2379",
	  "http://10.0.0.1:2379", "/p/", 0 },
	{ "etcd+https://a:2379,b:2379,[::1]:2379/p/q", LOCATION_ETCD, NULL, "https://a:2379",
	  "https://[::1]:2379", "/p/q/", 0 },
	{ "crowdsec+http://127.0.0.1:8080", LOCATION_CROWDSEC, NULL, "http://127.0.0.1:8080",
	  "http://127.0.0.1:8080", NULL, 0 },
	{ "crowdsec+https://lapi/", LOCATION_CROWDSEC, NULL, "https://lapi", "https://lapi", NULL,
	  0 },
	{ "crowdsec+unix:///run/lapi.sock", LOCATION_CROWDSEC, "/run/lapi.sock", NULL, NULL, NULL,
	  0 },
	{ "route:66", LOCATION_ROUTE, NULL, NULL, NULL, NULL, 66 },
	{ "route:4294967295", LOCATION_ROUTE, NULL, NULL, NULL, NULL, 4294967295 },
};

static void assert_text(const char *text, const char *wanted)
{
	if (wanted)
		assert_string_equal(text, wanted);
	else
		assert_null(text);
}

static void check_good(void **state)
{
	const struct good_case *c = *state;
	struct location location;
	struct error err = { 0 };

	assert_int_equal(location_parse(c->name, &location, &err), 0);
	assert_int_equal(location.kind, c->kind);
	assert_string_equal(location.text, c->name);
	assert_text(location.path, c->path);
	assert_text(location.prefix, c->prefix);
	assert_text(location.url_count ? location.urls[0] : NULL, c->first);
	assert_text(location.url_count ? location.urls[location.url_count - 1] : NULL, c->last);
	assert_int_equal(location.table, c->table);
	location_done(&location);
}

struct bad_case {
	const char *name, *problem;
};

static const struct bad_case bad_cases[] = {
	{ "", "not a source" },
	{ "drop.txt", "not a source" },
	{ "ftp://example.net/", "not a source" },
	{ "HTTP://example.net/", "not a source" },
	{ "file://drop.txt", "begins with /" },
	{ "http://", "a host must follow" },
	{ "http:///drop.txt", "a host must follow" },
	{ "http://:80/drop.txt", "a host must follow" },
	{ "https://user:secret@example.net/", "to a file" },
	{ "https://example.net/a b", "%20" },
	{ "etcd+http://", "prefix" },
	{ "etcd+http://a:2379", "prefix" },
	{ "etcd+http://a:2379/", "prefix" },
	{ "etcd+http:///p/", "a host must follow" },
	{ "etcd+http://a:1,,b:1/p/", "a host must follow" },
	{ "etcd+http://root:secret@a:1/p/", "to a file" },
	{ "etcd+http://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a/p", "too many" },
	{ "crowdsec+http://127.0.0.1:8080/v1", "nothing follows" },
	{ "crowdsec+unix://lapi.sock", "begins with /" },
	{ "route:", "number" },
	{ "route:0", "number" },
	{ "route:main", "number" },
	{ "route:4294967296", "number" },
};

static void check_bad(void **state)
{
	const struct bad_case *c = *state;
	struct location location;
	struct error err = { 0 };

	assert_int_equal(location_parse(c->name, &location, &err), -EINVAL);
	assert_true(error_is(&err, ERROR_USAGE));
	assert_non_null(strstr(err.text, c->problem));
	assert_null(location.text);
	assert_int_equal(location.url_count, 0);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_good, good_cases);
	SUITE_TABLE(&suite, check_bad, bad_cases);
	return suite_run(&suite, "location");
}
