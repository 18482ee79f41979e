// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a file, standard input or an argument ask for?
 *
 * This splits a file into lines. Its format reads them.
 */
#include <feed/reader.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <feed/format.h>
#include <feed/line.h>
#include <util/error.h>
#include <util/lines.h>

#define PROGRESS_LINES 16384 /* between two calls of input->progress() */

struct reader {
	struct line line;            /* the current line */
	const struct format *format; /* NULL: not known yet */
	void *state;                 /* the format's; NULL: it has none */
};

static int set_format(struct reader *reader, const struct format *format, struct error *err)
{
	reader->format = format;
	if (!format->state_size)
		return 0;
	reader->state = calloc(1, format->state_size);
	return reader->state ? 0 : error_no_memory(err);
}

static void reader_done(struct reader *reader)
{
	if (reader->state && reader->format->done)
		reader->format->done(reader->state);
	free(reader->state);
	line_done(&reader->line);
}

/* *text is NULL at the end of the file. */
static int next_line(struct line *line, struct lines *lines, char **text, struct error *err)
{
	int ret = lines_read(lines, line->file, text, err);

	line->number = lines->number;
	line->unended = lines->unended;
	return ret;
}

static bool says_nothing(const char *text)
{
	text = token_skip_blanks(text);
	return !*text || *text == '#' || *text == ';';
}

/* What the user chooses must not be lost on a file that knows no choice. */
static int check_where(const struct reader *reader, struct error *err)
{
	const struct line *line = &reader->line;

	if (!line->input->where || reader->format->takes_where)
		return 0;
	return error_set_usage(err, "%s:%zu:1: not a table of networks, of which %s chooses",
			       line->file, line->number,
			       line->input->where_option ? line->input->where_option : "--where");
}

static int read_line(struct reader *reader, char *text, struct error *err)
{
	int ret = 0;

	if (!reader->format)
		ret = set_format(reader, format_of(text), err);
	if (!ret)
		ret = check_where(reader, err);
	return ret ? ret : reader->format->read_line(reader->state, &reader->line, text, err);
}

static int read_lines(struct reader *reader, struct lines *lines, struct error *err)
{
	const struct input *input = reader->line.input;
	char *text;

	for (;;) {
		int ret = next_line(&reader->line, lines, &text, err);

		if (ret || !text)
			return ret;
		if (input->progress && !(lines->number % PROGRESS_LINES))
			input->progress(reader->line.file, lines->number);
		if (says_nothing(text))
			continue;
		ret = read_line(reader, text, err);
		if (ret)
			return ret;
	}
}

static int finish(struct reader *reader, struct error *err)
{
	int ret = 0;

	if (!reader->format)
		ret = set_format(reader, format_of(""), err);
	if (!ret && reader->format->finish)
		ret = reader->format->finish(reader->state, &reader->line, err);
	return ret;
}

static int read_file(struct reader *reader, FILE *file, struct error *err)
{
	struct input *input = reader->line.input;
	struct lines lines;
	int ret = 0;

	if (input_open_source(input, reader->line.file, NULL))
		return error_no_memory(err);
	if (input->format)
		ret = set_format(reader, input->format, err);
	if (ret)
		return ret;
	if (lines_init(&lines, file))
		return error_no_memory(err);
	ret = read_lines(reader, &lines, err);
	if (!ret)
		ret = finish(reader, err);
	lines_done(&lines);
	return ret;
}

int reader_read(struct input *input, FILE *file, const char *name, struct error *err)
{
	struct reader reader = { .format = NULL };
	int ret;

	line_init(&reader.line, input, name);
	ret = read_file(&reader, file, err);
	input->read_as = reader.format;
	if (ret == -EINVAL && reader.format && !input->format && err)
		error_set_usage(err, "%s (the file is read as %s; %s changes that)", err->text,
				format_name(reader.format),
				input->format_option ? input->format_option : "--format");
	reader_done(&reader);
	return ret;
}

int reader_argument(struct input *input, const char *text, struct error *err)
{
	const struct token token = { .text = text };
	struct rule like;
	struct line line;
	int ret;

	if (input_open_source(input, NULL, text))
		return error_no_memory(err);
	line_init(&line, input, NULL);
	like = line_plain_rule(&line);
	ret = line_read_rule(&line, &token, err);
	if (!ret)
		ret = line_add_rules(&line, &like, err);
	line_done(&line);
	return ret;
}
