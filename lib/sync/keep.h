/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which interfaces of the configuration have the filter, and how does it come to the others?
 *
 * An interface is loaded when it appears, with the rules of its sources. If somebody turns its
 * filter off, unloads it or breaks its chain, it is brought back: with the rules that the kernel
 * still has, else with those of the sources. Nothing is ever taken off: not what others loaded, nor
 * a filter with another policy, which is left alone and told of. There are never two of ours. Nor
 * is a filter switched between dropping and observing: an operator decides that, after it was
 * loaded as configured.
 *
 * An interface is known by its number while it is there, so it stays in view when it is renamed.
 * One of its name that appears later takes its place.
 */
#ifndef SYNC_KEEP_H
#define SYNC_KEEP_H

#include <dataplane/chain.h>
#include <ipfilter/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sync/config.h>
#include <util/backoff.h>
#include <util/error.h>

struct ruleset;

enum keep_state {
	KEEP_ABSENT,  /* there is no such interface */
	KEEP_WAITING, /* it denies, and its sources have no rules yet */
	KEEP_FILTERING,
	KEEP_FAILING, /* `trouble` says why */
};
/* "absent", "waiting", "filtering", "failing" */
const char *keep_state_name(enum keep_state state);

/* The rules that an interface starts with: fills *out, which is empty, with those of the sources
 * for the interface. *complete: each of them has rules, or said that it has none. Returns 0, or a
 * negative errno and sets *err. */
typedef int (*keep_rules)(void *context, const struct netdev *dev, enum ipf_verdict policy,
			  struct ruleset *out, bool *complete, struct error *err);

/* An interface of the configuration. */
struct keep_item {
	struct config_interface wanted; /* its name is the item's */
	enum keep_state state;
	struct netdev dev;  /* where it was seen last; ifindex 0: nowhere */
	struct chain chain; /* that filters there, while it does */
	struct {
		unsigned int ifindex, program_id;
	} gone; /* the interface that was there before, and our filter on it; 0: none */
	struct error trouble;
	struct backoff backoff;
	uint64_t next_try_ms;
	unsigned int tried_program; /* on the interface, at the last try */
	bool told_of_difference;
};

/* Zeroed is empty; release with keep_done(). */
struct keep {
	struct keep_item *items;
	size_t count;
	keep_rules rules;
	void *context;
	uint64_t looked_ms;
	bool is_due;
};
void keep_done(struct keep *keep);

/* Keeps what this configuration names from now on. An interface that it does not name any more
 * keeps its filter. Returns 0, or -ENOMEM and sets *err with nothing changed. */
int keep_configure(struct keep *keep, const struct config *config, struct error *err);

/* An interface has changed. */
void keep_notice(struct keep *keep);

/* An interface was deleted; it did not only move. Frees what the pins of its chain still hold. */
void keep_notice_deleted(struct keep *keep, unsigned int ifindex);

/* Looks at the interfaces if something has changed or the last look was a while ago, and loads or
 * repairs those that need it. Trouble is kept in the item and told once. Takes the lock only where
 * there is something to do. True: a filter was loaded or brought back. */
bool keep_look(struct keep *keep);

/* What the configuration calls this interface, which may have been renamed since. */
const char *keep_configured_name(const struct keep *keep, const struct netdev *dev);

#endif
