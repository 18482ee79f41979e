// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of a JSON list say? (Spamhaus drop_v4.json, drop_v6.json.)
 *
 *     {"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"ripencc"}
 *     {"type":"metadata","timestamp":1700000000,"records":1,...}
 *
 * Each line is an object. The metadata line counts the records before it, so a list that was cut
 * short is known by it, or by its absence. Lists may be joined: each has its metadata line.
 */
#include <feed/feed.h>

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include <util/error.h>

static bool begins(const char *line)
{
	while (feed_is_blank(*line))
		line++;
	return *line == '{';
}

/* The parser says where a text ends, not where a value stood: it is looked for. One that is written
 * with escapes is not found. */
static struct word place_of(const char *line, const char *value)
{
	const char *found = strstr(line, value);

	return (struct word){ value, found ? (size_t)(found - line) + 1 : 1 };
}

static int read_record(struct feed *feed, const char *line, const char *cidr, struct error *err)
{
	const struct word word = place_of(line, cidr);
	const struct rule like = feed_plain_rule(feed);
	int ret = feed_read_target(feed, &word, err);

	if (ret)
		return ret;
	feed->ndjson.records++;
	feed->ndjson.whole = false;
	return feed_add_rules(feed, &like, err);
}

static int read_metadata(struct feed *feed, const char *line, const json_t *records,
			 struct error *err)
{
	const struct word whole = { line, 1 };

	if (!json_is_integer(records) || json_integer_value(records) < 0)
		return feed_refuse(feed, &whole, err, "the metadata lack the number of records");
	if (json_integer_value(records) != (json_int_t)feed->ndjson.records)
		return feed_refuse(feed, &whole, err,
				   "%zu records should stand before it, and %zu do; the file is not "
				   "whole",
				   (size_t)json_integer_value(records), feed->ndjson.records);
	feed->ndjson.records = 0;
	feed->ndjson.whole = true;
	return 0;
}

static int read_object(struct feed *feed, const char *line, const json_t *object, struct error *err)
{
	const char *cidr = json_string_value(json_object_get(object, "cidr"));
	const char *type = json_string_value(json_object_get(object, "type"));
	const struct word whole = { line, 1 };

	if (cidr)
		return read_record(feed, line, cidr, err);
	if (type && !strcmp(type, "metadata"))
		return read_metadata(feed, line, json_object_get(object, "records"), err);
	return feed_refuse(feed, &whole, err, "neither a \"cidr\" nor metadata");
}

static int read_line(struct feed *feed, char *line, struct error *err)
{
	const struct word whole = { line, 1 };
	json_error_t problem;
	json_t *object;
	int ret;

	object = json_loads(line, JSON_REJECT_DUPLICATES, &problem);
	if (!object && json_error_code(&problem) == json_error_out_of_memory)
		return feed_no_memory(err);
	if (json_is_object(object))
		ret = read_object(feed, line, object, err);
	else
		ret = feed_refuse(feed, &whole, err, "not a JSON object on one line");
	json_decref(object);
	return ret;
}

static int finish(const struct feed *feed, struct error *err)
{
	if (feed->ndjson.whole)
		return 0;
	return error_set(err, -EINVAL,
			 "%s:%zu:1: no metadata line ends it, so the file is not whole", feed->name,
			 feed->line + 1);
}

const struct feed_format feed_ndjson = {
	.name = "ndjson",
	.begins = begins,
	.read_line = read_line,
	.finish = finish,
};
