// SPDX-License-Identifier: GPL-2.0
/*
 * Which kinds of source are there, and what must each do?
 */
#include <source/source.h>

#include <errno.h>

#include <source/alive.h>
#include <util/error.h>

#ifdef HAVE_CURL
#define WITH_CURL(function) .run = (function)
#else
#define WITH_CURL(function) .run = NULL
#endif

#ifdef HAVE_MNL
#define WITH_MNL(function) .run = (function)
#else
#define WITH_MNL(function) .run = NULL
#endif

/* A kind without a function needs a library that this build lacks. */
static const struct {
	source_run run;
	const char *library;
	const char *package;
} kinds[] = {
	[LOCATION_FILE] = { .run = source_run_file },
	[LOCATION_URL] = { WITH_CURL(source_run_url), .library = "libcurl",
			   .package = "libcurl4-openssl-dev" },
	[LOCATION_ETCD] = { WITH_CURL(source_run_etcd), .library = "libcurl",
			    .package = "libcurl4-openssl-dev" },
	[LOCATION_CROWDSEC] = { WITH_CURL(source_run_crowdsec), .library = "libcurl",
				.package = "libcurl4-openssl-dev" },
	[LOCATION_ROUTE] = { WITH_MNL(source_run_route), .library = "libmnl",
			     .package = "libmnl-dev" },
};

int source_check(enum location_kind kind, struct error *err)
{
	if (kinds[kind].run)
		return 0;
	return error_set(err, -ENOTSUP,
			 "this program was built without %s, which sources of kind %s need; "
			 "install %s, then configure and build it again",
			 kinds[kind].library, location_kind_name(kind), kinds[kind].package);
}

int source_follow(const struct job *job, FILE *out, struct error *err)
{
	int ret = source_check(job->location.kind, err);

	if (!location_is_polled(&job->location))
		alive_begin(out);
	return ret ? ret : kinds[job->location.kind].run(job, out, err);
}
