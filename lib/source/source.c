// SPDX-License-Identifier: GPL-2.0
/*
 * Which kinds of source are there, and what must each do?
 */
#include <source/source.h>

#include <source/alive.h>
#include <source/needs.h>

#ifdef HAVE_CURL
#define WITH_CURL(function) (function)
#else
#define WITH_CURL(function) NULL
#endif

#ifdef HAVE_MNL
#define WITH_MNL(function) (function)
#else
#define WITH_MNL(function) NULL
#endif

/* NULL: it needs a library that this build lacks. */
static const source_run runs[] = {
	[LOCATION_FILE] = source_run_file,
	[LOCATION_URL] = WITH_CURL(source_run_url),
	[LOCATION_ETCD] = WITH_CURL(source_run_etcd),
	[LOCATION_CROWDSEC] = WITH_CURL(source_run_crowdsec),
	[LOCATION_ROUTE] = WITH_MNL(source_run_route),
};

int source_follow(const struct job *job, FILE *out, struct error *err)
{
	int ret = needs_check(job->location.kind, err);

	if (!location_is_polled(&job->location))
		alive_begin(out);
	return ret ? ret : runs[job->location.kind](job, out, err);
}
