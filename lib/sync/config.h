/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is sync to follow, and where?
 */
#ifndef SYNC_CONFIG_H
#define SYNC_CONFIG_H

#include <ruleset/verdict.h>
#include <source/location.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* What holds for a source that does not say otherwise. */
#define CONFIG_EVERY_S 3600     /* between two readings of a polled source */
#define CONFIG_LEAST_EVERY_S 60 /* of a URL: its server belongs to others */
#define CONFIG_MAX_BYTES (UINT64_C(1) << 30)
#define CONFIG_CACHE_FOLDER "/var/lib/xdp-ipfilter"

/* A source, and the set that follows it. It owns its texts, each of which may be NULL: not given.
 * The files are read each time that the source is, so that a renewed certificate is used. */
struct config_source {
	char *set;
	struct location location;
	char **interfaces; /* none: all that have the filter */
	size_t interface_count;
	uint64_t every_s;
	uint64_t hold_s;       /* until a withdrawal of all is believed; 0: for ever */
	bool shrink;           /* it is believed at once */
	char *format;          /* NULL: detected */
	enum verdict verdict;  /* of lines that name none */
	char *ca, *cert, *key; /* files, in PEM */
	char *user_file;       /* USER:PASSWORD */
	char *key_file;        /* CrowdSec's key */
	uint64_t max_bytes;    /* of a list, after unpacking */
};

/* Zeroed is empty; release with config_done(), also after a failure. */
struct config {
	struct config_source *sources; /* no two of one set */
	size_t source_count;
	size_t source_capacity;
};
void config_done(struct config *config);

/* Adds a source that is given as SET=SOURCE, with the defaults for all else. Returns 0, or a
 * negative errno and sets *err (ERROR_USAGE for what is wrong with the text). */
int config_add(struct config *config, const char *text, struct error *err);

/* Adds a source of the defaults that follows this location. The name of the set is checked, and
 * that no other source has it. On success *out is the new one, until the next is added. Returns as
 * above. */
int config_add_source(struct config *config, const char *set, const char *location,
		      struct config_source **out, struct error *err);

#endif
