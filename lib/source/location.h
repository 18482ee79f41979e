/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where does a set come from?
 *
 *	/path  file:///path                                a file of rules
 *	http://...  https://...                            the same, fetched
 *	etcd+http://HOST:PORT[,HOST:PORT]/PREFIX           the keys below /PREFIX/
 *	crowdsec+http://HOST:PORT  crowdsec+unix:///path   decisions of a local API
 *	route:TABLE                                        blackhole routes of a routing table
 *
 * etcd+ and crowdsec+ take https, too.
 */
#ifndef SOURCE_LOCATION_H
#define SOURCE_LOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum location_kind {
	LOCATION_FILE,
	LOCATION_URL,
	LOCATION_ETCD,
	LOCATION_CROWDSEC,
	LOCATION_ROUTE,
};

#define LOCATION_MAX_ENDPOINTS 16

/* Zeroed is empty. It owns its texts; those that its kind does not have are NULL. */
struct location {
	enum location_kind kind;
	char *text; /* as it was written; it has no secrets, because those are refused */
	char *path; /* a file; a socket: CrowdSec's, instead of urls */
	char *urls[LOCATION_MAX_ENDPOINTS]; /* without a / at the end, except a URL's own */
	size_t url_count;
	char *prefix; /* of etcd's keys; ends with / */
	uint32_t table;
};

/* Returns 0; or a negative errno and sets *err (ERROR_USAGE for a text that is none, which the
 * message names) with *out zeroed. Release with location_done(). */
int location_parse(const char *text, struct location *out, struct error *err);
void location_done(struct location *location);

/* "file", "url", "etcd", "crowdsec", "route" */
const char *location_kind_name(enum location_kind kind);

/* Is the source asked again and again? The others say themselves when something changes. */
bool location_is_polled(const struct location *location);

#endif
