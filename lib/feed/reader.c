// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a text (a file, standard input, arguments) ask for?
 *
 * Here a file is cut into lines; what they say is the matter of its format (feed.h).
 */
#include <feed/reader.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <feed/feed.h>
#include <util/array.h>
#include <util/error.h>
#include <util/lines.h>

#define PROGRESS_LINES 16384 /* between two calls of input->progress() */

/* The set that rules go to before any line opens another. */
static int open_first_set(struct input *input, struct error *err)
{
	if (input_name_set(input, input->set ? input->set : RULE_DEFAULT_SET) < 0)
		return feed_no_memory(err);
	return 0;
}

/* Says where the rules that follow come from. */
static int open_source(struct input *input, const char *name, const char *argument,
		       struct error *err)
{
	if (array_reserve(&input->sources, &input->source_capacity, input->source_count + 1,
			  sizeof(*input->sources)))
		return feed_no_memory(err);
	input->sources[input->source_count++] =
		(struct input_source){ name, argument, input->last_origin };
	memset(input->shortest, UINT8_MAX, sizeof(input->shortest));
	return 0;
}

/* *line is NULL at the end of the file. */
static int next_line(struct feed *feed, struct lines *lines, char **line, struct error *err)
{
	size_t length;
	enum line_result result = lines_next(lines, line, &length);

	feed->line = lines->number;
	switch (result) {
	case LINE_READ:
		return 0;
	case LINE_END_OF_FILE:
		*line = NULL;
		return 0;
	case LINE_TOO_LONG:
		return error_set(err, -EINVAL, "%s:%zu:%zu: a line has at most %d bytes",
				 feed->name, feed->line, length + 1, LINES_MAX_LENGTH);
	case LINE_HAS_NUL:
		return error_set(err, -EINVAL, "%s:%zu:%zu: a NUL byte; this is not a text",
				 feed->name, feed->line, length + 1);
	case LINE_FAILED:
		break;
	}
	return error_set(err, -EIO, "%s: cannot read it: %s", feed->name, strerror(lines->failure));
}

static bool says_nothing(const char *line)
{
	while (feed_is_blank(*line))
		line++;
	return !*line || *line == '#' || *line == ';';
}

static int read_lines(struct feed *feed, struct lines *lines, struct error *err)
{
	struct input *input = feed->input;
	char *line;
	int ret;

	for (;;) {
		ret = next_line(feed, lines, &line, err);
		if (ret || !line)
			return ret;
		feed->unended = lines->unended;
		if (input->progress && !(feed->line % PROGRESS_LINES))
			input->progress(feed->name, feed->line);
		if (says_nothing(line))
			continue;
		if (!feed->format)
			feed->format = feed_format_of(line);
		ret = feed->format->read_line(feed, line, err);
		if (ret)
			return ret;
	}
}

static int read_feed(struct feed *feed, FILE *file, struct error *err)
{
	struct lines lines;
	int ret;

	ret = open_first_set(feed->input, err);
	if (!ret)
		ret = open_source(feed->input, feed->name, NULL, err);
	if (ret)
		return ret;
	if (lines_init(&lines, file))
		return feed_no_memory(err);
	ret = read_lines(feed, &lines, err);
	if (!ret && !feed->format)
		feed->format = &feed_rules;
	if (!ret && feed->format->finish)
		ret = feed->format->finish(feed, err);
	lines_done(&lines);
	return ret;
}

int reader_read(struct input *input, FILE *file, const char *name, struct error *err)
{
	struct feed feed = { .input = input, .format = input->format, .name = name };
	int ret = read_feed(&feed, file, err);

	input->read_as = feed.format;
	free(feed.ipset.items);
	if (ret == -EINVAL && feed.format && !input->format && err)
		error_set(err, ret, "%s (the file is read as %s; --format changes that)", err->text,
			  feed.format->name);
	return ret;
}

int reader_argument(struct input *input, const char *text, struct error *err)
{
	const struct feed feed = { .input = input, .line = 1 };
	const struct rule like = feed_plain_rule(&feed);
	const struct word word = { .text = text };
	int ret;

	ret = open_first_set(input, err);
	if (!ret)
		ret = open_source(input, NULL, text, err);
	if (ret)
		return ret;
	ret = feed_read_target(&feed, &word, err);
	return ret ? ret : feed_add_rules(&feed, &like, err);
}
