/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do rules in files and arguments become one input?
 */
#ifndef CONTROL_RULE_INPUT_H
#define CONTROL_RULE_INPUT_H

#include <cli/options.h>
#include <feed/input.h>
#include <ruleset/ruleset.h>

struct error;
struct format;

#define RULE_INPUT_FILE_OPTION(request, field_)            \
	OPTION_TEXTS('f', "file", "FILE", request, field_, \
		     "Read rules from FILE, one per line; - is standard input. May be repeated.")
#define RULE_INPUT_FORMAT_OPTION(request, field_)                                   \
	OPTION_CHOICE(0, "format", "NAME", request, field_, rule_input_format_name, \
		      "The format of the files; by default, each is detected.")
#define RULE_INPUT_SET_OPTION(request, field_, help_)                                              \
	OPTION_NAME('s', "set", "NAME", request, field_, ruleset_name_valid,                       \
		    "a set's name is 1 to 31 of A-Z a-z 0-9 . _ -, the first a letter or a digit", \
		    help_)

/* The names of the formats, for options. */
const char *rule_input_format_name(unsigned int index);

/* The format of this name; NULL for NULL. */
const struct format *rule_input_format(const char *name);

/* Reads the files ("-" is standard input), then the rules. The caller has set the first members of
 * the input. Gives one warning for all rules whose host bits were cleared; with -v, names the
 * format of each file. Returns 0, ERROR_USAGE for bad input, or another negative errno with a
 * message. */
int rule_input_read(struct input *input, const struct option_texts *files,
		    const struct option_texts *rules, struct error *err);

#endif
