/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is one source read again and again, and what has come of it?
 *
 * A source program reads it (worker.h), what it delivers is checked (receiver.h) and judged
 * (following.h). A polled source is read at its interval, a file when it changes; the programs of
 * other sources run on. After a failure the next try comes later and later, and what was there
 * before stays. The last good copy is kept on disk (copying.h).
 */
#ifndef SYNC_FEEDING_H
#define SYNC_FEEDING_H

#include <source/following.h>
#include <stdbool.h>
#include <stdint.h>
#include <sync/config.h>

struct copying;
struct error;
struct loop;
struct feeding;

/* What all sources share. */
struct feeding_host {
	struct loop *loop;
	const struct copying *copying;  /* how each one begins */
	bool once;                      /* read each source once */
	void (*changed)(void *context); /* a source said something */
	void *context;
};

/* Begins to follow a source; both must outlive it. Begins with what there was. Returns 0, or
 * -ENOMEM and sets *err. feeding_end() ends its program, if one runs. */
int feeding_begin(const struct config_source *source, const struct feeding_host *host,
		  struct feeding **out, struct error *err);
void feeding_end(struct feeding *feeding);

/* The same source, in another place. */
void feeding_set_source(struct feeding *feeding, const struct config_source *source);

/* A second has passed, or something has happened: starts what is due, ends what hangs. */
void feeding_tick(struct feeding *feeding);

/* After publish_all(): tells the operator when its state has changed, and keeps a copy of the rules
 * now and then; `now`: at once if there is something to keep. */
void feeding_settle(struct feeding *feeding, bool now);

struct following *feeding_following(struct feeding *feeding);
const struct config_source *feeding_source(const struct feeding *feeding);

/* What is wrong with it; NULL: nothing. */
const char *feeding_trouble(const struct feeding *feeding);
/* How often it could not be read. */
uint64_t feeding_failures(const struct feeding *feeding);
/* When it last answered, in seconds since 1970; 0: it has not. */
int64_t feeding_updated(const struct feeding *feeding);
/* Was it read, or did that fail, or is there a copy? */
bool feeding_has_tried(const struct feeding *feeding);
/* With host->once: has its program ended? */
bool feeding_has_ended(const struct feeding *feeding);

#endif
