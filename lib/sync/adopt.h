/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules do filters have already, of a set that is now followed?
 *
 * After a sync that was killed, filters are newer than any copy on disk. What waits to be confirmed
 * (<control/pending.h>) does not count: it would outlive its undoing.
 */
#ifndef SYNC_ADOPT_H
#define SYNC_ADOPT_H

#include <dataplane/netdev.h>
#include <ipfilter/abi.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>
#include <stddef.h>

struct error;
struct joined;

struct adopt_filter {
	struct netdev dev;
	enum ipf_verdict policy;
	struct ruleset rules;
};

/* All filters that run. Zeroed is empty; release with adopt_done(). */
struct adopt {
	struct adopt_filter *filters;
	size_t count;
};
void adopt_done(struct adopt *adopt);

/* Reads them. One that cannot be read is left out, and told of; all are, while a change waits to be
 * confirmed. Returns 0, or a negative errno and sets *err. */
int adopt_read(struct adopt *out, struct error *err);

/* Adds the rules of a set to *out, of the filters that it is for. Returns 0 or -ENOMEM. */
int adopt_join(const struct adopt *adopt, const char *set,
	       bool (*is_for)(void *context, const struct netdev *dev), void *context,
	       struct joined *out);

#endif
