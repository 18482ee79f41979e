// SPDX-License-Identifier: GPL-2.0
/*
 * What do several commands do alike while they read their options?
 */
#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dataplane/capability.h>
#include <feed/reader.h>
#include <ruleset/tick.h>
#include <ruleset/ruleset.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>
#include <util/number.h>

#include "progress.h"

void words_done(struct words *words)
{
	free(words->items);
	*words = (struct words){ 0 };
}

int ready(struct error *err)
{
	int ret = capability_check(err);

	return ret ? ret : tick_check(err);
}

int word_option(struct words *words, const struct options *options, struct error *err)
{
	if (array_reserve(&words->items, &words->capacity, words->count + 1, sizeof(*words->items)))
		return error_no_memory(err);
	words->items[words->count++] = options->value;
	return 0;
}

int set_option(const char **set, const struct options *options, struct error *err)
{
	if (!ruleset_name_valid(options->value))
		return options_refuse(
			options, err,
			"'%s': a set's name is 1 to 31 of A-Z a-z 0-9 . _ -, the first a letter or a "
			"digit",
			options->value);
	*set = options->value;
	return 0;
}

int number_option(unsigned int *number, unsigned int min, unsigned int max,
		  const struct options *options, struct error *err)
{
	uint64_t value;

	if (number_parse(options->value, min, max, &value))
		return options_refuse(options, err, "'%s': not a number from %u to %u",
				      options->value, min, max);
	*number = (unsigned int)value;
	return 0;
}

int format_option(const struct feed_format **format, const struct options *options,
		  struct error *err)
{
	*format = feed_format_find(options->value);
	if (*format)
		return 0;
	return options_refuse(options, err, "'%s': not a format; one of " FEED_FORMATS,
			      options->value);
}

int refuse_positional(const struct options *options, struct error *err)
{
	return options_refuse(options, err,
			      "'%s': unexpected argument; an interface stands behind --dev",
			      options->value);
}

static int read_stream(struct input *input, FILE *file, const char *name, struct error *err)
{
	size_t before = input->count;
	char text[COUNT_TEXT_SIZE];
	int ret;

	progress_lines(name, 0);
	ret = reader_read(input, file, name, err);
	progress_erase();
	if (!ret)
		log_verbose("%s: read as %s: %s", name, input->read_as->name,
			    count_text(text, input->count - before, "rule"));
	else if (ret == -EINVAL && input->read_as)
		log_verbose("%s: read as %s", name, input->read_as->name);
	return ret;
}

static int read_file(struct input *input, const char *name, struct error *err)
{
	auto_file FILE *file = NULL;
	int ret;

	if (!strcmp(name, "-"))
		return read_stream(input, stdin, name, err);
	file = fopen(name, "re");
	if (!file) {
		ret = -errno;
		/* Who is not root at all hears of that, when it is time. */
		if (ret == -EACCES && capability_has(CAPABILITY_BPF) &&
		    !capability_has(CAPABILITY_FILES))
			return error_set(err, ret,
					 "%s: cannot open it: %s, and CAP_DAC_READ_SEARCH (files of "
					 "other users need it) is missing",
					 name, strerror(-ret));
		return error_set(err, ret == -EINVAL ? -EIO : ret, "%s: cannot open it: %s", name,
				 strerror(-ret));
	}
	return read_stream(input, file, name, err);
}

static void warn_host_bits(const struct input *input)
{
	if (input->host_bits == 1)
		log_warning("%s", input->host_bits_example);
	else if (input->host_bits)
		log_warning("%s, and %zu more with host bits set", input->host_bits_example,
			    input->host_bits - 1);
}

int rules_read(struct input *input, const struct words *files, const struct words *rules,
	       struct error *err)
{
	int ret = 0;

	input->progress = progress_lines;
	for (size_t i = 0; i < files->count && !ret; i++)
		ret = read_file(input, files->items[i], err);
	for (size_t i = 0; i < rules->count && !ret; i++)
		ret = reader_argument(input, rules->items[i], err);
	if (ret)
		return error_set_kind(err, ret, ret == -EINVAL ? ERROR_USAGE : ERROR_FAILURE);
	warn_host_bits(input);
	return 0;
}

const char *count_text(char text[COUNT_TEXT_SIZE], size_t count, const char *thing)
{
	snprintf(text, COUNT_TEXT_SIZE, "%zu %s%s", count, thing, count == 1 ? "" : "s");
	return text;
}
