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

/* Which files, and how they are read: a field of the request of a command. */
struct rule_input_files {
	struct option_texts names, where;
	const char *format;
};

#define RULE_INPUT_FILE_OPTION(request, field_)                  \
	OPTION_TEXTS('f', "file", "FILE", request, field_.names, \
		     "Read rules from FILE, one per line; - is standard input. May be repeated.")
/* The options that say how. */
/* clang-format off */
#define RULE_INPUT_FORMAT_OPTIONS(request, field_)                                                  \
	OPTION_CHOICE(0, "format", "NAME", request, field_.format, rule_input_format_name,          \
		      "The format of the files; by default, each is detected."),                      \
	OPTION_TEXTS(0, "where", "CONDITION", request, field_.where,                                \
		     "Of a table of networks (csv, mmdb), only those for which KEY=VALUE[,VALUE]... " \
		     "holds, such as country=KP,RU or asn=64500. May be repeated: all must hold.")
/* clang-format on */
#define RULE_INPUT_SET_OPTION(request, field_, help_)                                              \
	OPTION_NAME('s', "set", "NAME", request, field_, ruleset_name_valid,                       \
		    "a set's name is 1 to 31 of A-Z a-z 0-9 . _ -, the first a letter or a digit", \
		    help_)

/* The names of the formats, for options. */
const char *rule_input_format_name(unsigned int index);

/* Reads the files ("-" is standard input), then the rules. The caller has set the first members of
 * the input, but not its format and where. Gives one warning for all rules whose host bits were
 * cleared, and one for values of --where that no network has; says how many lines were left out
 * because their end has passed; with -v, names the format of each file. Returns 0, ERROR_USAGE for
 * bad input, or another negative errno with a message, unless the program that reads a database has
 * printed one. */
int rule_input_read(struct input *input, const struct rule_input_files *files,
		    const struct option_texts *rules, struct error *err);

#endif
