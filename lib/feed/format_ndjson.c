// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of a JSON list say? (Spamhaus drop_v4.json, drop_v6.json.)
 *
 *     {"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"ripencc"}
 *     {"type":"metadata","timestamp":1700000000,"records":1,...}
 *
 * Each line is an object. The metadata line counts the records before it: a wrong count, or no such
 * line, shows a list that was truncated. Lists may be joined: each has its metadata line.
 */
#include <feed/format.h>

#include <jansson.h>
#include <string.h>

#include <feed/line.h>
#include <util/error.h>

struct state {
	size_t records; /* since the last metadata line */
	bool complete;  /* the last line was a metadata line */
};

static bool begins(const char *text)
{
	return *token_skip_blanks(text) == '{';
}

/* The parser reports where a text ends, not where a value is, so this searches for the value. It
 * does not find a value that is written with escapes. */
static struct token find_value(const char *text, const char *value)
{
	const char *found = strstr(text, value);

	return (struct token){ value, found ? (size_t)(found - text) + 1 : 1 };
}

static int read_record(struct state *state, struct line *line, const struct token *cidr,
		       struct error *err)
{
	const struct rule like = line_plain_rule(line);
	int ret = line_read_rule(line, cidr, err);

	if (ret)
		return ret;
	state->records++;
	state->complete = false;
	return line_add_rules(line, &like, err);
}

static int read_metadata(struct state *state, const struct line *line, const struct token *whole,
			 const json_t *records, struct error *err)
{
	if (!json_is_integer(records) || json_integer_value(records) < 0)
		return line_refuse(line, whole, err,
				   "the metadata line lacks the number of records");
	if (json_integer_value(records) != (json_int_t)state->records)
		return line_refuse(line, whole, err,
				   "the metadata line counts %zu records, but %zu come before it; the "
				   "file is not complete",
				   (size_t)json_integer_value(records), state->records);
	*state = (struct state){ .complete = true };
	return 0;
}

static int read_object(struct state *state, struct line *line, const char *text,
		       const json_t *object, struct error *err)
{
	const char *cidr = json_string_value(json_object_get(object, "cidr"));
	const char *type = json_string_value(json_object_get(object, "type"));
	const struct token whole = { text, 1 };
	struct token value;

	if (cidr) {
		value = find_value(text, cidr);
		return read_record(state, line, &value, err);
	}
	if (type && !strcmp(type, "metadata"))
		return read_metadata(state, line, &whole, json_object_get(object, "records"), err);
	return line_refuse(line, &whole, err, "neither a \"cidr\" nor metadata");
}

static int read_line(void *state, struct line *line, char *text, struct error *err)
{
	const struct token whole = { text, 1 };
	json_error_t problem;
	json_t *object;
	int ret;

	object = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
	if (!object && json_error_code(&problem) == json_error_out_of_memory)
		return error_no_memory(err);
	if (json_is_object(object))
		ret = read_object(state, line, text, object, err);
	else
		ret = line_refuse(line, &whole, err, "not a JSON object on one line");
	json_decref(object);
	return ret;
}

static int finish(const void *state, const struct line *line, struct error *err)
{
	if (((const struct state *)state)->complete)
		return 0;
	return error_set_usage(
		err,
		"%s:%zu:1: the metadata line at the end is missing, so the file is not complete",
		line->file, line->number + 1);
}

const struct format format_ndjson = {
	.begins = begins,
	.state_size = sizeof(struct state),
	.read_line = read_line,
	.finish = finish,
};
