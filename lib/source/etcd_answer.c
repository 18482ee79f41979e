// SPDX-License-Identifier: GPL-2.0
/*
 * What does etcd answer?
 */
#include <source/etcd_answer.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <source/base64.h>
#include <util/error.h>
#include <util/number.h>
#include <util/text.h>

static int refuse(const char *problem, struct error *err)
{
	return error_set(err, -EPROTO, "this is not etcd's JSON gateway: %s", problem);
}

static int load(const char *text, size_t length, json_t **out, struct error *err)
{
	*out = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
	if (!*out)
		return refuse("the answer is not JSON", err);
	if (json_is_object(*out))
		return 0;
	json_decref(*out);
	return refuse("the answer is not an object", err);
}

/* A number that is not there is 0. */
static int read_number(const json_t *object, const char *name, uint64_t *out, struct error *err)
{
	const json_t *value = json_object_get(object, name);

	*out = 0;
	if (!value)
		return 0;
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*out = (uint64_t)json_integer_value(value);
		return 0;
	}
	if (json_is_string(value) && !number_parse(json_string_value(value), 0, UINT64_MAX, out))
		return 0;
	return refuse(name, err);
}

/* Decodes to where `next` is, and moves it on. */
static int read_bytes(const json_t *object, const char *name, uint8_t **next, const uint8_t **out,
		      size_t *size, struct error *err)
{
	const json_t *value = json_object_get(object, name);

	*out = *next;
	*size = 0;
	if (!value)
		return 0;
	if (!json_is_string(value) ||
	    base64_decode(json_string_value(value), json_string_length(value), *next, size))
		return refuse(name, err);
	*next += *size;
	return 0;
}

static int read_pair(const json_t *object, uint8_t **next, struct etcd_answer_pair *pair,
		     struct error *err)
{
	int ret = read_bytes(object, "key", next, &pair->key, &pair->key_size, err);

	if (!ret)
		ret = read_bytes(object, "value", next, &pair->value, &pair->value_size, err);
	if (!ret)
		ret = read_number(object, "mod_revision", &pair->revision, err);
	if (!ret && !pair->key_size)
		ret = refuse("a key without a name", err);
	return ret;
}

static int read_event(const json_t *object, uint8_t **next, struct etcd_answer_pair *pair,
		      struct error *err)
{
	const char *type = json_string_value(json_object_get(object, "type"));

	pair->deleted = type && !strcmp(type, "DELETE");
	return read_pair(json_object_get(object, "kv"), next, pair, err);
}

typedef int (*read_item)(const json_t *object, uint8_t **next, struct etcd_answer_pair *pair,
			 struct error *err);

/* `length`: of the whole text, which has room for whatever is decoded from it. */
static int read_items(const json_t *list, size_t length, read_item read, struct etcd_answer *out,
		      struct error *err)
{
	const size_t count = json_array_size(list);
	uint8_t *next;
	int ret = 0;

	if (list && !json_is_array(list))
		return refuse("its list of keys is no list", err);
	if (!count)
		return 0;
	out->pairs = calloc(count, sizeof(*out->pairs));
	out->bytes = malloc(length);
	if (!out->pairs || !out->bytes)
		return error_no_memory(err);
	next = out->bytes;
	for (; out->count < count && !ret; out->count++)
		ret = read(json_array_get(list, out->count), &next, &out->pairs[out->count], err);
	return ret;
}

/* Every answer has one. */
static int read_header(const json_t *object, struct etcd_answer *out, struct error *err)
{
	const json_t *header = json_object_get(object, "header");
	int ret;

	if (!json_is_object(header))
		return refuse("the answer has no header", err);
	ret = read_number(header, "cluster_id", &out->cluster, err);
	return ret ? ret : read_number(header, "revision", &out->revision, err);
}

static int read_range(const json_t *object, size_t length, struct etcd_answer *out,
		      struct error *err)
{
	int ret = read_header(object, out, err);

	if (!ret)
		ret = read_number(object, "count", &out->total, err);
	out->more = json_is_true(json_object_get(object, "more"));
	if (ret)
		return ret;
	return read_items(json_object_get(object, "kvs"), length, read_pair, out, err);
}

static int read_failure(const json_t *failure, struct error *err)
{
	const char *message = json_string_value(json_object_get(failure, "message"));

	return error_set(err, -EREMOTEIO, "the watch failed: %s", message ? message : "no reason");
}

static int read_watch(const json_t *object, size_t length, struct etcd_answer *out,
		      struct error *err)
{
	const json_t *failure = json_object_get(object, "error");
	const json_t *result = json_object_get(object, "result");
	const char *reason = json_string_value(json_object_get(result, "cancel_reason"));
	int ret;

	if (failure)
		return read_failure(failure, err);
	out->created = json_is_true(json_object_get(result, "created"));
	out->cancelled = json_is_true(json_object_get(result, "canceled"));
	out->fragment = json_is_true(json_object_get(result, "fragment"));
	text_printable(reason ? reason : "", out->reason, sizeof(out->reason));
	ret = read_header(result, out, err);
	if (!ret)
		ret = read_number(result, "compact_revision", &out->compacted, err);
	if (ret)
		return ret;
	return read_items(json_object_get(result, "events"), length, read_event, out, err);
}

int etcd_answer_range(const char *text, size_t length, struct etcd_answer *out, struct error *err)
{
	json_t *object;
	int ret = load(text, length, &object, err);

	*out = (struct etcd_answer){ 0 };
	if (ret)
		return ret;
	ret = read_range(object, length, out, err);
	json_decref(object);
	if (ret)
		etcd_answer_done(out);
	return ret;
}

int etcd_answer_watch(const char *text, size_t length, struct etcd_answer *out, struct error *err)
{
	json_t *object;
	int ret = load(text, length, &object, err);

	*out = (struct etcd_answer){ 0 };
	if (ret)
		return ret;
	ret = read_watch(object, length, out, err);
	json_decref(object);
	if (ret)
		etcd_answer_done(out);
	return ret;
}

void etcd_answer_done(struct etcd_answer *answer)
{
	free(answer->pairs);
	free(answer->bytes);
	*answer = (struct etcd_answer){ 0 };
}

int etcd_answer_token(const char *text, size_t length, char **token, struct error *err)
{
	json_t *object;
	const char *value;
	int ret = load(text, length, &object, err);

	if (ret)
		return ret;
	value = json_string_value(json_object_get(object, "token"));
	/* It becomes a header. */
	if (!value || !*value || strpbrk(value, "\r\n"))
		ret = refuse("no token for the user", err);
	else if (!(*token = strdup(value)))
		ret = error_no_memory(err);
	json_decref(object);
	return ret;
}

void etcd_answer_refusal(const char *text, char message[ETCD_ANSWER_REFUSAL_SIZE])
{
	json_t *object = json_loads(text, 0, NULL);
	const char *said = json_string_value(json_object_get(object, "message"));

	if (!said)
		said = json_string_value(json_object_get(object, "error"));
	text_printable(said ? said : text, message, ETCD_ANSWER_REFUSAL_SIZE);
	json_decref(object);
}
