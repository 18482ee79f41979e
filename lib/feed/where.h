/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which networks of a table of countries, continents or AS numbers does the user want?
 *
 * A condition is KEY=VALUE[,VALUE]...: one of the values must be there. All conditions must hold.
 * Case does not count, and neither does AS before an AS number. What a key means depends on the
 * maker of the table, because each names its columns differently.
 */
#ifndef FEED_WHERE_H
#define FEED_WHERE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct error;

#define WHERE_CONDITIONS 8 /* at most */

struct where_value {
	char *text;
	bool found; /* a network has it */
};

struct where_condition {
	const char *text; /* as the user wrote it; not ours */
	char *key;
	struct where_value *values; /* sorted, each once */
	size_t count;
};

#define WHERE_NONE (-1)

/* A place that networks refer to by a number: GeoLite2 has them in a file of their own. */
struct where_place {
	__u32 id;
	int values[WHERE_CONDITIONS]; /* of each condition, what where_find() said */
};

/* Zeroed is empty; release with where_done(). */
struct where {
	struct where_condition conditions[WHERE_CONDITIONS];
	size_t count;
	struct where_place *places; /* sorted by where_sort_places() */
	size_t place_count;
	size_t place_capacity;
	bool places_know[WHERE_CONDITIONS]; /* the file of places has a column for the key */
};
void where_done(struct where *where);

/* Adds a condition; the text must live as long. Returns 0, or a negative errno and sets *err:
 * "'TEXT': PROBLEM". */
int where_add(struct where *where, const char *text, struct error *err);

/* The index of the value, or WHERE_NONE. */
int where_find(const struct where_condition *condition, const char *value);

/* The places of this number; NULL: it is unknown. */
void where_sort_places(struct where *where);
const struct where_place *where_find_place(const struct where *where, __u32 id);

/* After all files are read. Refuses a condition that no network satisfies: -EINVAL and *err. */
int where_check(const struct where *where, struct error *err);

/* Writes "country=KP, country=XX" of the values that no network has; "" if there are none. */
void where_list_missing(const struct where *where, char *text, size_t size);

/* The names that a key can have, the best first, until NULL: a path into a record, with dots. In a
 * CSV they have underscores instead. */
const char *const *where_names(const struct where_condition *condition, const char *own[2]);

/* The keys that have several names, until NULL. */
extern const char *const where_keys[];

#endif
