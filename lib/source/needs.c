// SPDX-License-Identifier: GPL-2.0
/*
 * Which libraries does a kind of source need, and does this build have them?
 */
#include <source/needs.h>

#include <errno.h>
#include <stdbool.h>

#include <util/error.h>

struct library {
	const char *name, *package;
	bool is_there;
};

static const struct library curl = {
	.name = "libcurl",
	.package = "libcurl4-openssl-dev",
#ifdef HAVE_CURL
	.is_there = true,
#endif
};

static const struct library mnl = {
	.name = "libmnl",
	.package = "libmnl-dev",
#ifdef HAVE_MNL
	.is_there = true,
#endif
};

/* NULL: none. */
static const struct library *const needs[] = {
	[LOCATION_FILE] = NULL,      [LOCATION_URL] = &curl,  [LOCATION_ETCD] = &curl,
	[LOCATION_CROWDSEC] = &curl, [LOCATION_ROUTE] = &mnl,
};

int needs_check(enum location_kind kind, struct error *err)
{
	const struct library *library = needs[kind];

	if (!library || library->is_there)
		return 0;
	return error_set(err, -ENOTSUP,
			 "this program was built without %s, which sources of kind %s need; "
			 "install %s, then configure and build it again",
			 library->name, location_kind_name(kind), library->package);
}
