/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which sources does sync follow, which interfaces does it keep, and how?
 *
 * The words come from the command line or from a file (config_file.h). Both set members by the name
 * of a key, so that there is one list of keys, and one check of each value.
 */
#ifndef SYNC_CONFIG_H
#define SYNC_CONFIG_H

#include <cli/options.h>
#include <dataplane/attach.h>
#include <ruleset/verdict.h>
#include <source/location.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define CONFIG_CACHE_DEFAULT "/var/lib/xdp-ipfilter"

/* A set, and where it comes from. It owns its texts; those that were not given are NULL. */
struct config_source {
	char *set;
	struct location location;
	uint64_t every_s;      /* between two looks at a source that does not say when it changes */
	uint64_t hold_s;       /* how long rules outlive their source; 0: for ever */
	bool shrink;           /* believe a list that lost most of its rules */
	char *format;          /* NULL: detected */
	char *where;           /* conditions (<feed/where.h>), one a line; NULL: none */
	enum verdict verdict;  /* of rules that name none */
	uint64_t max_bytes;    /* of a list, after unpacking */
	char *ca, *cert, *key; /* files (secrets.h) */
	char *user_file, *key_file;
	char **interfaces; /* none: all that have the filter */
	size_t interface_count, interface_capacity;
};

/* An interface that gets the filter when it appears, and keeps it. */
struct config_interface {
	char *name;
	struct attach_options attach;
};

/* Zeroed is empty; release with config_done(). */
struct config {
	struct config_source *sources;
	size_t source_count, source_capacity;
	struct config_interface *interfaces;
	size_t interface_count, interface_capacity;
};
void config_done(struct config *config);

/* The functions below return 0, or a negative errno and set *err: ERROR_USAGE with a message that
 * says what is wrong and what to do. */

/* Adds a source or an interface, with the defaults. Refuses a name that is none, and a second one
 * of the same name. The pointer is valid until the next one is added. */
int config_add_source(struct config *config, const char *set, struct config_source **out,
		      struct error *err);
int config_add_interface(struct config *config, const char *name, struct config_interface **out,
			 struct error *err);

/* Gives a member, by the name of its key, the value that a text says. Of a source, the key "from"
 * comes first: it decides which others there are. A list gets one more text with each call. */
int config_set_source(struct config_source *source, const char *key, const char *text,
		      struct error *err);
int config_set_interface(struct config_interface *iface, const char *key, const char *text,
			 struct error *err);

/* After the last key: fills in what depends on others, and refuses what does not fit together and
 * what this build lacks. */
int config_finish_source(struct config_source *source, struct error *err);

/* The names of keys, by number from 0; NULL after the last. The first one of a source is "from". */
const char *config_source_key(unsigned int number);
const char *config_interface_key(unsigned int number);
bool config_is_list(const char *key);

/* Adds the source that an argument SET=SOURCE names. every_s: 0 for the default. */
int config_add_argument(struct config *config, const char *argument, uint64_t every_s,
			const struct option_texts *interfaces, struct error *err);

/* Is the source for the interface that the configuration calls by this name? */
bool config_source_is_for(const struct config_source *source, const char *name);

/* Refuses what does not fit together in the whole of it. */
int config_check(const struct config *config, struct error *err);

/* Is the source the same in each respect? Then nothing has to start again. */
bool config_same_source(const struct config_source *a, const struct config_source *b);
bool config_same_interface(const struct config_interface *a, const struct config_interface *b);

#endif
