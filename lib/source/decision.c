// SPDX-License-Identifier: GPL-2.0
/*
 * What does an answer of CrowdSec's local API say?
 *
 * jansson reads one decision at a time: a tree of all would need ten times the memory of the text.
 */
#include <source/decision.h>

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <source/go_duration.h>
#include <util/array.h>
#include <util/error.h>

struct reading {
	const char *text, *next, *end;
	struct decision_origins *origins;
	struct decision_answer *answer;
	bool has_fresh, has_deleted;
};

static int refuse(const struct reading *reading, struct error *err)
{
	return error_set(err, -EBADMSG, "byte %zu of the answer is not what CrowdSec's API says",
			 (size_t)(reading->next - reading->text) + 1);
}

static void skip_blanks(struct reading *reading)
{
	while (reading->next < reading->end && strchr(" \t\r\n", *reading->next) && *reading->next)
		reading->next++;
}

/* Is this the next character? Then it is taken. */
static bool take(struct reading *reading, char c)
{
	skip_blanks(reading);
	if (reading->next == reading->end || *reading->next != c)
		return false;
	reading->next++;
	return true;
}

/* Takes the next value, whatever it is; NULL: there is none. */
static json_t *take_value(struct reading *reading)
{
	json_error_t error;
	json_t *value = json_loadb(reading->next, (size_t)(reading->end - reading->next),
				   JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &error);

	if (value)
		reading->next += error.position;
	return value;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* "crowdsec"; of lists, their name too, as CrowdSec's own metrics have it. */
static int format_origin(const json_t *object, char **out)
{
	const char *origin = text_of(object, "origin");
	bool list = !strcmp(origin, "lists");

	if (asprintf(out, "%s%s%s", origin, list ? ":" : "",
		     list ? text_of(object, "scenario") : "") < 0)
		return -ENOMEM;
	return 0;
}

/* Takes the name. */
static __u32 find_origin(struct decision_origins *origins, char *name)
{
	size_t i = 0;

	while (i < origins->count && strcmp(origins->names[i], name) != 0)
		i++;
	if (i < origins->count || i == DECISION_MAX_ORIGINS)
		free(name);
	else
		origins->names[origins->count++] = name;
	return (__u32)(i < DECISION_MAX_ORIGINS ? i : DECISION_MAX_ORIGINS - 1);
}

static int format_owner(const json_t *object, char **out)
{
	char *c;

	if (asprintf(out, "%s %s %s", text_of(object, "scope"), text_of(object, "type"),
		     text_of(object, "value")) < 0)
		return -ENOMEM;
	/* Addresses mean the same in both cases, too. */
	for (c = *out; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

/* The scope says address or range, and may be wrong: the value itself tells. */
static bool is_ban(const json_t *object)
{
	const char *scope = text_of(object, "scope");

	return (!strcasecmp(scope, "ip") || !strcasecmp(scope, "range")) &&
	       !strcasecmp(text_of(object, "type"), "ban") &&
	       !json_is_true(json_object_get(object, "simulated"));
}

/* A ban that makes no sense to us must not keep out the others. */
static void note_unreadable(struct decision_answer *answer, const char *text, const char *problem)
{
	if (!answer->unreadable++)
		snprintf(answer->first_unreadable, sizeof(answer->first_unreadable), "'%.60s': %s",
			 text, problem);
}

static void decision_done(struct decision *decision)
{
	free(decision->owner);
	prefix_list_done(&decision->prefixes);
}

/* Returns a problem, or NULL. */
static const char *parse_value(const char *value, struct prefix_list *out, int *ret)
{
	enum prefix_problem problem = prefix_parse(value, out, NULL);

	*ret = problem == PREFIX_NO_MEMORY ? -ENOMEM : 0;
	return problem ? prefix_problem_text(problem) : NULL;
}

static int append(struct decision_list *list, const struct decision *decision)
{
	int ret =
		array_reserve(&list->items, &list->capacity, list->count + 1, sizeof(*list->items));

	if (!ret)
		list->items[list->count++] = *decision;
	return ret;
}

static int add_decision(struct reading *reading, const json_t *object, struct decision *decision,
			struct decision_list *list)
{
	char *origin = NULL;
	int ret = format_owner(object, &decision->owner);

	if (!ret)
		ret = format_origin(object, &origin);
	if (ret)
		return ret;
	decision->origin = find_origin(reading->origins, origin);
	return append(list, decision);
}

static int read_ban(struct reading *reading, const json_t *object, struct decision_list *list)
{
	bool fresh = list == &reading->answer->fresh;
	const char *value = text_of(object, "value"), *duration = text_of(object, "duration");
	struct decision decision = { 0 };
	int ret;
	const char *problem = parse_value(value, &decision.prefixes, &ret);

	/* What is left of a deleted one is less than nothing. */
	if (!ret && !problem && fresh && go_duration_parse(duration, &decision.left_ns)) {
		value = duration;
		problem = "not a duration";
	}
	if (!ret && !problem)
		ret = add_decision(reading, object, &decision, list);
	else if (!ret && fresh)
		note_unreadable(reading->answer, value, problem);
	if (ret || problem)
		decision_done(&decision);
	return ret;
}

static int read_decision(struct reading *reading, struct decision_list *list, struct error *err)
{
	json_t *object = take_value(reading);
	int ret = 0;

	if (!json_is_object(object)) {
		json_decref(object);
		return refuse(reading, err);
	}
	if (is_ban(object))
		ret = read_ban(reading, object, list);
	json_decref(object);
	return ret ? error_no_memory(err) : 0;
}

/* An array, or null. */
static int read_list(struct reading *reading, struct decision_list *list, struct error *err)
{
	json_t *value;
	bool null;
	int ret = 0;

	if (!take(reading, '[')) {
		value = take_value(reading);
		null = json_is_null(value);
		json_decref(value);
		return null ? 0 : refuse(reading, err);
	}
	if (take(reading, ']'))
		return 0;
	do {
		ret = read_decision(reading, list, err);
	} while (!ret && take(reading, ','));
	if (!ret && !take(reading, ']'))
		ret = refuse(reading, err);
	return ret;
}

static int skip_value(struct reading *reading, struct error *err)
{
	json_t *value = take_value(reading);
	int ret = value ? 0 : refuse(reading, err);

	json_decref(value);
	return ret;
}

static int read_named(struct reading *reading, const char *name, struct error *err)
{
	if (!strcmp(name, "new")) {
		reading->has_fresh = true;
		return read_list(reading, &reading->answer->fresh, err);
	}
	if (!strcmp(name, "deleted")) {
		reading->has_deleted = true;
		return read_list(reading, &reading->answer->deleted, err);
	}
	return skip_value(reading, err);
}

static int read_member(struct reading *reading, struct error *err)
{
	json_t *name = take_value(reading);
	int ret;

	if (json_is_string(name) && take(reading, ':'))
		ret = read_named(reading, json_string_value(name), err);
	else
		ret = refuse(reading, err);
	json_decref(name);
	return ret;
}

static int read_answer(struct reading *reading, struct error *err)
{
	int ret;

	if (!take(reading, '{'))
		return refuse(reading, err);
	do {
		ret = read_member(reading, err);
	} while (!ret && take(reading, ','));
	if (ret)
		return ret;
	if (!take(reading, '}'))
		return refuse(reading, err);
	skip_blanks(reading);
	/* An error that some proxy sends with status 200 has neither list. */
	if (reading->next < reading->end || !reading->has_fresh || !reading->has_deleted)
		return refuse(reading, err);
	return 0;
}

static int compare_decisions(const void *a, const void *b)
{
	const struct decision *x = a, *y = b;
	int order = strcmp(x->owner, y->owner);

	return order ? order : (x->left_ns > y->left_ns) - (x->left_ns < y->left_ns);
}

/* Keeps the longest of those with one owner. */
static void keep_longest(struct decision_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_decisions);
	for (size_t i = 0; i < list->count; i++) {
		if (i + 1 < list->count && !strcmp(list->items[i].owner, list->items[i + 1].owner))
			decision_done(&list->items[i]);
		else
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

int decision_read(const char *text, size_t length, struct decision_origins *origins,
		  struct decision_answer *out, struct error *err)
{
	struct reading reading = {
		.text = text, .next = text, .end = text + length, .origins = origins, .answer = out
	};
	int ret;

	*out = (struct decision_answer){ 0 };
	ret = read_answer(&reading, err);
	if (ret)
		decision_answer_done(out);
	else
		keep_longest(&out->fresh);
	return ret;
}

static void list_done(struct decision_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		decision_done(&list->items[i]);
	free(list->items);
}

void decision_answer_done(struct decision_answer *answer)
{
	list_done(&answer->deleted);
	list_done(&answer->fresh);
	*answer = (struct decision_answer){ 0 };
}

void decision_origins_done(struct decision_origins *origins)
{
	for (size_t i = 0; i < origins->count; i++)
		free(origins->names[i]);
	*origins = (struct decision_origins){ 0 };
}
