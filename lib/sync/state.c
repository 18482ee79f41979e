// SPDX-License-Identifier: GPL-2.0
/*
 * What does sync tell others about its sources?
 */
#include <sync/state.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sync/instance.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/text.h>

#define SCHEMA 1

/* -- Writing ----------------------------------------------------------------------------------- */

/* A text that is not UTF-8 is made so. */
static json_t *text_or_null(const char *text)
{
	char printable[4096];
	json_t *string = text ? json_string(text) : json_null();

	if (string)
		return string;
	text_printable(text, printable, sizeof(printable));
	return json_string(printable);
}

static json_t *source_to_json(const struct state_source *source)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "set", text_or_null(source->set),
			 "from", text_or_null(source->from), "state", text_or_null(source->state),
			 "updated", source->updated ? json_integer(source->updated) : json_null(),
			 "rules", (json_int_t)source->rules, "failures",
			 (json_int_t)source->failures, "error", text_or_null(source->error));
}

static json_t *interface_to_json(const struct state_interface *iface)
{
	return json_pack("{s:o, s:o, s:o}", "ifname", text_or_null(iface->ifname), "state",
			 text_or_null(iface->state), "error", text_or_null(iface->error));
}

static json_t *to_json(const struct state *state)
{
	json_t *sources = json_array(), *interfaces = json_array();

	for (size_t i = 0; i < state->source_count; i++)
		json_array_append_new(sources, source_to_json(&state->sources[i]));
	for (size_t i = 0; i < state->interface_count; i++)
		json_array_append_new(interfaces, interface_to_json(&state->interfaces[i]));
	return json_pack("{s:i, s:I, s:o, s:o, s:o}", "schema", SCHEMA, "pid", (json_int_t)getpid(),
			 "error", text_or_null(state->error), "sources", sources, "interfaces",
			 interfaces);
}

static int fail(const char *path, struct error *err)
{
	int ret = -errno;

	return error_set(err, ret, "%s: %s", path, strerror(-ret));
}

static int write_text(const char *text, const char *path, struct error *err)
{
	auto_file FILE *file = fopen(path, "we");

	if (!file || fchmod(fileno(file), 0644) || fputs(text, file) == EOF ||
	    putc('\n', file) == EOF || fflush(file))
		return fail(path, err);
	return 0;
}

static int replace_file(const char *text, struct error *err)
{
	char path[INSTANCE_PATH_SIZE], fresh[INSTANCE_PATH_SIZE];
	int ret;

	instance_path("json", path);
	instance_path("json.new", fresh);
	ret = write_text(text, fresh, err);
	if (!ret && rename(fresh, path))
		ret = fail(path, err);
	if (ret)
		unlink(fresh);
	return ret;
}

int state_write(const struct state *state, char **written, struct error *err)
{
	json_t *json = to_json(state);
	auto_free char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int ret = 0;

	json_decref(json);
	if (!text)
		return error_no_memory(err);
	if (*written && !strcmp(text, *written))
		return 0;
	ret = replace_file(text, err);
	if (ret)
		return ret;
	free(*written);
	*written = text;
	text = NULL;
	return 0;
}

void state_remove(void)
{
	char path[INSTANCE_PATH_SIZE];

	instance_path("json", path);
	unlink(path);
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* NULL: null, or no text. */
static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* Of what is never null, whatever is in the file. */
static const char *name_of(const json_t *object, const char *key)
{
	const char *text = text_of(object, key);

	return text ? text : "?";
}

static int read_sources(const json_t *array, struct state *out, struct error *err)
{
	struct state_source *sources = calloc(json_array_size(array) + 1, sizeof(*sources));
	const json_t *one;
	size_t i;

	if (!sources)
		return error_no_memory(err);
	json_array_foreach(array, i, one) sources[i] = (struct state_source){
		.set = name_of(one, "set"),
		.from = name_of(one, "from"),
		.state = name_of(one, "state"),
		.error = text_of(one, "error"),
		.updated = json_integer_value(json_object_get(one, "updated")),
		.rules = (uint64_t)json_integer_value(json_object_get(one, "rules")),
		.failures = (uint64_t)json_integer_value(json_object_get(one, "failures")),
	};
	out->sources = sources;
	out->source_count = json_array_size(array);
	return 0;
}

static int read_interfaces(const json_t *array, struct state *out, struct error *err)
{
	struct state_interface *interfaces =
		calloc(json_array_size(array) + 1, sizeof(*interfaces));
	const json_t *one;
	size_t i;

	if (!interfaces)
		return error_no_memory(err);
	json_array_foreach(array, i, one) interfaces[i] = (struct state_interface){
		.ifname = name_of(one, "ifname"),
		.state = name_of(one, "state"),
		.error = text_of(one, "error"),
	};
	out->interfaces = interfaces;
	out->interface_count = json_array_size(array);
	return 0;
}

/* One that a sync which was killed has left counts for nothing. */
static bool is_current(const json_t *json, pid_t process)
{
	json_int_t pid = json_integer_value(json_object_get(json, "pid"));

	return json_integer_value(json_object_get(json, "schema")) == SCHEMA &&
	       (process == INSTANCE_HIDDEN || pid == process);
}

int state_read(struct state *out, struct error *err)
{
	pid_t process = instance_find();
	char path[INSTANCE_PATH_SIZE];
	json_t *json;
	int ret;

	*out = (struct state){ 0 };
	if (!process)
		return 0;
	out->pid = process;
	instance_path("json", path);
	/* It is not there before the first round. */
	json = json_load_file(path, 0, NULL);
	if (!json)
		return 0;
	out->owner = json;
	if (!is_current(json, process))
		return 0;
	out->error = text_of(json, "error");
	ret = read_sources(json_object_get(json, "sources"), out, err);
	if (!ret)
		ret = read_interfaces(json_object_get(json, "interfaces"), out, err);
	if (ret)
		state_done(out);
	return ret;
}

void state_done(struct state *state)
{
	free((void *)state->sources);
	free((void *)state->interfaces);
	json_decref(state->owner);
	*state = (struct state){ 0 };
}
