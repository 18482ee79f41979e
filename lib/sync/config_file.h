/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a configuration file of sync say?
 *
 *	interface eth0 { mode = native  policy = allow }
 *	source drop { from = "https://example.net/drop.txt"  every = 6h  interfaces = { eth0 } }
 *
 * The only user of libconfuse. Without that library, config_file_none.c is compiled instead.
 */
#ifndef SYNC_CONFIG_FILE_H
#define SYNC_CONFIG_FILE_H

#include <stdio.h>

struct config;
struct error;

#define CONFIG_FILE_DEFAULT "/etc/xdp-ipfilter/sync.conf"

/* Adds what the file says to *config. Returns 0, or a negative errno and sets *err: ERROR_USAGE for
 * what is wrong with the file, as FILE:LINE: what and where; -ENOTSUP for a build without the
 * library. After a failure *config has some part of the file. One reading at a time: libconfuse has
 * global state. */
int config_file_read(const char *path, struct config *config, struct error *err);

/* The same of an open file; `name` is for messages. */
int config_file_parse(FILE *file, const char *name, struct config *config, struct error *err);

#endif
