/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which networks does a MaxMind DB file have, as a table of text?
 *
 * The only user of libmaxminddb.
 */
#ifndef SOURCE_MMDB_H
#define SOURCE_MMDB_H

#include <stddef.h>
#include <stdio.h>

struct error;
struct where_condition;

/* An open file. Release with mmdb_close(). */
struct mmdb;

/* Returns NULL and sets *err. `name` is the file's in messages, and must live as long. */
struct mmdb *mmdb_open(const char *path, const char *name, struct error *err);
void mmdb_close(struct mmdb *mmdb);

/* Writes the table that <feed/networks.h> reads: START, END, and for the key of each condition what
 * the records have. Neighbours with the same values are one line, IPv4 networks are written once,
 * however many aliases the tree has for them, and networks without any value are left out. Returns
 * 0, or a negative errno and sets *err: -EINVAL, the file is damaged, or no record has a key.
 * Whatever the file has, it works no longer than a second, and two for each megabyte. */
int mmdb_write(struct mmdb *mmdb, const struct where_condition *conditions, size_t count, FILE *out,
	       struct error *err);

#endif
