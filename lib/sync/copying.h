/* SPDX-License-Identifier: GPL-2.0 */
/*
 * With which rules does a set begin, and when is its copy on disk (cache.h) written?
 *
 * It begins with what filters have: they are newer than a copy after a sync that was killed. The
 * copy stands in where no filter has the set. If the copy is one of another source, or was read in
 * another way, so may be the rules of filters: they are left alone until the source answers.
 */
#ifndef SYNC_COPYING_H
#define SYNC_COPYING_H

#include <stdbool.h>
#include <stdint.h>
#include <util/error.h>

struct config_source;
struct following;
struct joined;

/* The caller sets the first members, and zeroes the others. */
struct copying {
	const char *folder;
	/* Adds what filters have in the set of this source. Returns 0, or a negative errno and sets
	 * *err. */
	int (*join_live)(void *context, const struct config_source *source, struct joined *out,
			 struct error *err);
	void *context;
	bool differs; /* the copy is not what the source said last; the caller sets it */
	/* Private: */
	uint64_t next_ms;
	struct error trouble;
};

/* Gives the set its first rules. *validator is what the source called them, or NULL; the caller
 * frees it. Tells of trouble. */
void copying_begin(struct copying *copying, const struct config_source *source,
		   struct following *following, char **validator);

/* Writes the copy if it differs: now and then, or `at_once`. Tells once of what keeps it from
 * that. */
void copying_settle(struct copying *copying, const struct config_source *source,
		    struct following *following, const char *validator, bool at_once);

#endif
