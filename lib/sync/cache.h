/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where is the last good copy of a set kept, so that a start without network still filters?
 *
 * In FOLDER/SET.rules, a rule file. It is written under another name, and renamed when it is on
 * disk, so there is never half of one. Its first lines are comments, which say of what it is a
 * copy: one of something else is not used. The last line shows that it is whole:
 *
 *	# source https://example.net/drop.txt
 *	# validator "abc"
 *	192.0.2.0/24
 *	drop 198.51.100.7 until 2026-12-01T00:00:00Z
 *	# end
 */
#ifndef SYNC_CACHE_H
#define SYNC_CACHE_H

#include <ruleset/rule.h>
#include <stddef.h>

struct config_source;
struct error;

struct cache_copy {
	struct rule *rules; /* with an enum verdict; without those that have ended */
	size_t count;
	char *validator; /* NULL: none */
};
void cache_copy_done(struct cache_copy *copy);

/* Makes the folder, if it is missing. Returns 0, or a negative errno and sets *err. */
int cache_open(const char *folder, struct error *err);

/* Reads the copy of a source. Returns 0; without a message -ENOENT if there is none, or -ESTALE if
 * it is one of something else; or another negative errno and sets *err, which names the file: it is
 * damaged, or cannot be read. Release with cache_copy_done() after success. */
int cache_read(const char *folder, const struct config_source *source, struct cache_copy *out,
	       struct error *err);

/* Writes one. The validator may be NULL. Returns 0, or a negative errno and sets *err. */
int cache_write(const char *folder, const struct config_source *source,
		const struct cache_copy *copy, struct error *err);

#endif
