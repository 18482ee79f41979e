// SPDX-License-Identifier: GPL-2.0
/*
 * How do rules in files and arguments become one input?
 */
#include <control/rule_input.h>

#include <errno.h>
#include <stdio.h>

#include <control/database.h>
#include <control/progress.h>
#include <control/stream.h>
#include <feed/format.h>
#include <feed/mmdb_file.h>
#include <feed/reader.h>
#include <feed/where.h>
#include <util/error.h>
#include <util/log.h>
#include <util/number.h>

const char *rule_input_format_name(unsigned int index)
{
	return format_names[index];
}

static int read_stream(struct input *input, FILE *file, const char *name, struct error *err)
{
	size_t before = input->count;
	char text[NUMBER_COUNT_SIZE];
	int ret;

	progress_lines(name, 0);
	ret = reader_read(input, file, name, err);
	progress_erase();
	if (!ret)
		log_verbose("%s: read as %s: %s", name, format_name(input->read_as),
			    number_count(input->count - before, "rule", text));
	else if (ret == -EINVAL && input->read_as)
		log_verbose("%s: read as %s", name, format_name(input->read_as));
	return ret;
}

static bool is_database(const struct input *input, FILE *file)
{
	return input->format ? input->format == &format_mmdb : mmdb_file_is(fileno(file));
}

static int read_database(struct input *input, FILE *file, const char *name,
			 const struct option_texts *where, struct error *err)
{
	const struct format *format = input->format;
	struct database database;
	int ret = database_open(&database, file, name, where, err);

	if (ret)
		return ret;
	input->format = &format_mmdb;
	ret = read_stream(input, database.table, name, err);
	input->format = format;
	return database_close(&database, name, ret, err);
}

static int read_file(struct input *input, const char *name, const struct option_texts *where,
		     struct error *err)
{
	FILE *file = stream_open(name, err);
	int ret;

	if (!file)
		return -EIO;
	if (is_database(input, file))
		ret = read_database(input, file, name, where, err);
	else
		ret = read_stream(input, file, name, err);
	stream_close(file);
	return ret;
}

static void warn_host_bits(const struct input *input)
{
	if (input->host_bits == 1)
		log_warning("%s", input->host_bits_example);
	else if (input->host_bits)
		log_warning("%s, and %zu more with host bits set", input->host_bits_example,
			    input->host_bits - 1);
}

static void note_over(const struct input *input)
{
	char text[NUMBER_COUNT_SIZE];

	if (input->over)
		log_notice("%s left out, because the end has passed",
			   number_count(input->over, "line", text));
}

/* "a.csv, b.csv": a condition holds in any of them. */
static void join_names(const struct option_texts *names, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < names->count && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "",
					 names->items[i]);
}

static void warn_missing(const struct where *where, const char *files)
{
	char text[512];

	where_list_missing(where, text, sizeof(text));
	if (text[0])
		log_warning("%s: no network has %s", files, text);
}

static int read_files(struct input *input, const struct rule_input_files *files, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < files->names.count && !ret; i++)
		ret = read_file(input, files->names.items[i], &files->where, err);
	return ret;
}

/* Reads them with the conditions that the texts ask for. */
static int read_chosen(struct input *input, const struct rule_input_files *files, struct error *err)
{
	struct where where = { .count = 0 };
	char names[512];
	int ret = 0;

	join_names(&files->names, names, sizeof(names));
	for (size_t i = 0; i < files->where.count && !ret; i++)
		ret = where_add(&where, files->where.items[i], err);
	if (ret)
		error_prefix(err, ret, "--where");
	input->where = &where;
	if (!ret)
		ret = read_files(input, files, err);
	if (!ret && where_check(&where, err))
		ret = error_prefix(err, -EINVAL, "%s", names);
	if (!ret)
		warn_missing(&where, names);
	input->where = NULL;
	where_done(&where);
	return ret;
}

int rule_input_read(struct input *input, const struct rule_input_files *files,
		    const struct option_texts *rules, struct error *err)
{
	int ret;

	input->progress = progress_lines;
	input->format = files->format ? format_find(files->format) : NULL;
	if (files->where.count && !files->names.count)
		return error_set_usage(err, "--where chooses from files; there is no --file");
	ret = files->where.count ? read_chosen(input, files, err) : read_files(input, files, err);
	for (size_t i = 0; i < rules->count && !ret; i++)
		ret = reader_argument(input, rules->items[i], err);
	if (!ret) {
		warn_host_bits(input);
		note_over(input);
	}
	return ret;
}
