// SPDX-License-Identifier: GPL-2.0
/*
 * How do rules in files and arguments become one input?
 */
#include <control/rule_input.h>

#include <errno.h>
#include <stdio.h>

#include <control/progress.h>
#include <control/stream.h>
#include <feed/format.h>
#include <feed/reader.h>
#include <util/error.h>
#include <util/log.h>
#include <util/number.h>

const char *rule_input_format_name(unsigned int index)
{
	return format_names[index];
}

const struct format *rule_input_format(const char *name)
{
	return name ? format_find(name) : NULL;
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

static int read_file(struct input *input, const char *name, struct error *err)
{
	FILE *file = stream_open(name, err);
	int ret;

	if (!file)
		return -EIO;
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

int rule_input_read(struct input *input, const struct option_texts *files,
		    const struct option_texts *rules, struct error *err)
{
	int ret = 0;

	input->progress = progress_lines;
	for (size_t i = 0; i < files->count && !ret; i++)
		ret = read_file(input, files->items[i], err);
	for (size_t i = 0; i < rules->count && !ret; i++)
		ret = reader_argument(input, rules->items[i], err);
	if (!ret)
		warn_host_bits(input);
	return ret;
}
