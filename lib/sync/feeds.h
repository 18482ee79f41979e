/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do all sources together come to be what filters have?
 *
 * What sources say is made live at once if nothing was for a second, else with all else that comes
 * until the next tick: a thousand changes a second are one transaction a second.
 */
#ifndef SYNC_FEEDS_H
#define SYNC_FEEDS_H

#include <ipfilter/abi.h>
#include <stdbool.h>
#include <stddef.h>

struct config;
struct error;
struct feeding;
struct feeds;
struct keep;
struct loop;
struct netdev;
struct ruleset;

struct feeds_options {
	struct loop *loop;
	const char *cache;       /* the folder of the copies */
	const struct keep *keep; /* knows which interface has which name now */
	bool once;               /* read each source once */
};

/* All of the options must outlive it. Returns 0, or -ENOMEM and sets *err. */
int feeds_new(const struct feeds_options *options, struct feeds **out, struct error *err);
/* Keeps the copies that are not kept yet, and ends the programs. */
void feeds_free(struct feeds *feeds);

/* Follows the sources of this configuration, which must stay until the next one. A source that is
 * as it was goes on; of one that is not there any more, the rules stay; of one that no longer names
 * an interface, the set goes from there. Returns 0, or a negative errno and sets *err with nothing
 * changed. */
int feeds_configure(struct feeds *feeds, const struct config *config, struct error *err);

/* A second has passed. */
void feeds_tick(struct feeds *feeds);
/* Something may have come: makes it live, unless that was done less than a second ago. */
void feeds_look(struct feeds *feeds);
/* A filter was loaded: it gets its sets at the next look. */
void feeds_notice_filter(struct feeds *feeds);

/* What a keep_rules() gets. */
int feeds_rules(const struct feeds *feeds, const struct netdev *dev, enum ipf_verdict policy,
		struct ruleset *out, bool *complete, struct error *err);

/* Has each source been read once, with or without success, or is a copy of it in use? */
bool feeds_have_tried(const struct feeds *feeds);
/* With `once`: have all programs ended, and is what they said live, or did that fail? */
bool feeds_have_ended(const struct feeds *feeds);
/* Returns 0 if every set is as its source says, or a negative errno and sets *err. */
int feeds_result(const struct feeds *feeds, struct error *err);

size_t feeds_count(const struct feeds *feeds);
struct feeding *feeds_item(const struct feeds *feeds, size_t number);
/* What keeps rules from becoming live; NULL: nothing. */
const char *feeds_trouble(const struct feeds *feeds);

#endif
