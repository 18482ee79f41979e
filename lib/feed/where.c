// SPDX-License-Identifier: GPL-2.0
/*
 * Which networks of a table of countries, continents or AS numbers does the user want?
 */
#include <feed/where.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <util/error.h>

/* Of a column's name, or a path into a record. */
#define KEY_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."

const char *const where_keys[] = { "country", "continent", "asn", NULL };

/* MaxMind and DB-IP, IPinfo's present databases, IPinfo's earlier ones. There `country` is a code,
 * while it is a name where there is a country_code. */
static const char *const country_names[] = { "country.iso_code", "country_code", "country", NULL };
static const char *const continent_names[] = { "continent.code", "continent_code", "continent",
					       NULL };
static const char *const asn_names[] = { "autonomous_system_number",
					 "traits.autonomous_system_number", "asn", NULL };

static const char *const *const names_of_keys[] = { country_names, continent_names, asn_names };

const char *const *where_names(const struct where_condition *condition, const char *own[2])
{
	for (size_t i = 0; where_keys[i]; i++)
		if (!strcmp(where_keys[i], condition->key))
			return names_of_keys[i];
	own[0] = condition->key;
	own[1] = NULL;
	return own;
}

void where_done(struct where *where)
{
	for (size_t i = 0; i < where->count; i++) {
		free(where->conditions[i].key);
		free(where->conditions[i].values);
	}
	free(where->places);
	*where = (struct where){ .count = 0 };
}

/* --- Values ----------------------------------------------------------------------------------- */

/* "AS64500" is "64500"; AS alone is American Samoa. */
static const char *bare(const char *text)
{
	bool is_asn = !strncasecmp(text, "AS", 2) && text[2] >= '0' && text[2] <= '9';

	return is_asn ? text + 2 : text;
}

static int compare_values(const void *a, const void *b)
{
	return strcasecmp(((const struct where_value *)a)->text,
			  ((const struct where_value *)b)->text);
}

int where_find(const struct where_condition *condition, const char *value)
{
	const struct where_value wanted = { .text = (char *)bare(value) };
	const struct where_value *found = bsearch(&wanted, condition->values, condition->count,
						  sizeof(wanted), compare_values);

	return found ? (int)(found - condition->values) : WHERE_NONE;
}

static void sort_values(struct where_condition *condition)
{
	size_t kept = 1;

	qsort(condition->values, condition->count, sizeof(*condition->values), compare_values);
	for (size_t i = 1; i < condition->count; i++)
		if (compare_values(&condition->values[kept - 1], &condition->values[i]))
			condition->values[kept++] = condition->values[i];
	condition->count = kept;
}

/* --- Conditions ------------------------------------------------------------------------------- */

static int refuse(const char *text, const char *problem, struct error *err)
{
	return error_set_usage(err, "'%.80s': %s", text, problem);
}

/* The values are texts inside ->key, which is a copy of the whole condition. */
static int read_values(struct where_condition *condition, char *list, struct error *err)
{
	size_t most = 1;

	for (const char *next = list; *next; next++)
		most += *next == ',';
	condition->values = calloc(most, sizeof(*condition->values));
	if (!condition->values)
		return error_no_memory(err);
	while (list) {
		char *value = strsep(&list, ",");

		if (!*bare(value))
			return refuse(condition->text, "an empty value", err);
		condition->values[condition->count++].text = (char *)bare(value);
	}
	sort_values(condition);
	return 0;
}

int where_add(struct where *where, const char *text, struct error *err)
{
	struct where_condition *condition = &where->conditions[where->count];
	char *equals;

	if (where->count == WHERE_CONDITIONS)
		return refuse(text, "too many conditions", err);
	*condition = (struct where_condition){ .text = text, .key = strdup(text) };
	if (!condition->key)
		return error_no_memory(err);
	where->count++;
	equals = strchr(condition->key, '=');
	if (!equals || equals == condition->key ||
	    strspn(condition->key, KEY_CHARACTERS) != (size_t)(equals - condition->key))
		return refuse(text, "a condition is KEY=VALUE[,VALUE]..., like country=KP,RU", err);
	*equals = '\0';
	return read_values(condition, equals + 1, err);
}

static bool is_found(const struct where_condition *condition)
{
	for (size_t i = 0; i < condition->count; i++)
		if (condition->values[i].found)
			return true;
	return false;
}

int where_check(const struct where *where, struct error *err)
{
	for (size_t i = 0; i < where->count; i++)
		if (!is_found(&where->conditions[i]))
			return error_set_usage(err,
					       where->count > 1 ?
						       "no network has %.80s and the rest" :
						       "no network has %.80s",
					       where->conditions[i].text);
	return 0;
}

void where_list_missing(const struct where *where, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < where->count; i++) {
		const struct where_condition *condition = &where->conditions[i];

		for (size_t j = 0; j < condition->count; j++) {
			if (condition->values[j].found || used >= size)
				continue;
			used += (size_t)snprintf(text + used, size - used, "%s%s=%s",
						 used ? ", " : "", condition->key,
						 condition->values[j].text);
		}
	}
}

/* --- Places ----------------------------------------------------------------------------------- */

static int compare_places(const void *a, const void *b)
{
	__u32 one = ((const struct where_place *)a)->id, two = ((const struct where_place *)b)->id;

	return (one > two) - (one < two);
}

void where_sort_places(struct where *where)
{
	if (where->place_count)
		qsort(where->places, where->place_count, sizeof(*where->places), compare_places);
}

const struct where_place *where_find_place(const struct where *where, __u32 id)
{
	const struct where_place wanted = { .id = id };

	if (!where->place_count)
		return NULL;
	return bsearch(&wanted, where->places, where->place_count, sizeof(wanted), compare_places);
}
