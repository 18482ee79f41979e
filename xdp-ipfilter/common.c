// SPDX-License-Identifier: GPL-2.0
/*
 * What do several commands do alike while they read their options?
 */
#include "common.h"

#include <stdio.h>
#include <string.h>

#include <dataplane/capability.h>
#include <ruleset/tick.h>
#include <ruleset/ruleset.h>
#include <util/error.h>
#include <util/number.h>

int ready(struct error *err)
{
	int ret = capability_check(err);

	return ret ? ret : tick_check(err);
}

int word_option(struct option_texts *words, const struct options *options, struct error *err)
{
	return option_texts_add(words, options->value, err);
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

int format_option(const struct format **format, const struct options *options, struct error *err)
{
	char names[128] = "";

	*format = format_find(options->value);
	if (*format)
		return 0;
	for (size_t i = 0; format_names[i]; i++) {
		size_t length = strlen(names);

		snprintf(names + length, sizeof(names) - length, "%s%s", i ? ", " : "",
			 format_names[i]);
	}
	return options_refuse(options, err, "'%s': not a format; one of %s", options->value, names);
}

int refuse_positional(const struct options *options, struct error *err)
{
	return options_refuse(options, err,
			      "'%s': unexpected argument; name an interface with --dev",
			      options->value);
}
