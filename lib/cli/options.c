// SPDX-License-Identifier: GPL-2.0
/*
 * Which options does a command have, and which did the user give?
 *
 * getopt_long() splits the words, in the order they stand in whatever POSIXLY_CORRECT says; the
 * words of complaint are ours.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <util/array.h>
#include <util/error.h>
#include <util/program.h>

#define MAX_OPTIONS 32
#define HELP_WIDTH 79

static const struct option_spec common_specs[] = {
	{ OPTION_HELP, "help", NULL, "show this help" },
	{ OPTION_VERBOSE, "verbose", NULL, "say on stderr what is done" },
	{ OPTION_LOCK_TIMEOUT, "lock-timeout", "SECONDS",
	  "wait this long for another command that changes something (default 10)" },
	OPTIONS_TABLE_END,
};

/* What getopt_long() wants to be told, made of the tables by options_start(). */
static struct option long_options[MAX_OPTIONS + 1];
static char letters[2 * MAX_OPTIONS + 3];

int option_texts_add(struct option_texts *texts, const char *text, struct error *err)
{
	if (array_reserve(&texts->items, &texts->capacity, texts->count + 1, sizeof(*texts->items)))
		return error_no_memory(err);
	texts->items[texts->count++] = text;
	return 0;
}

void option_texts_done(struct option_texts *texts)
{
	free(texts->items);
	*texts = (struct option_texts){ 0 };
}

static bool has_letter(const struct option_spec *spec)
{
	return spec->id < OPTION_LONG;
}

static size_t add_specs(const struct option_spec *specs, size_t count)
{
	for (const struct option_spec *spec = specs; spec->id && count < MAX_OPTIONS; spec++) {
		struct option *option = &long_options[count++];

		option->name = spec->name;
		option->has_arg = spec->argument ? required_argument : no_argument;
		option->flag = NULL;
		option->val = spec->id;
		if (has_letter(spec)) {
			char letter[3] = { (char)spec->id, spec->argument ? ':' : '\0', '\0' };

			strcat(letters, letter);
		}
	}
	return count;
}

void options_start(struct options *options, const char *command, const struct option_spec *specs,
		   int argc, char **argv)
{
	size_t count;

	*options =
		(struct options){ .command = command, .specs = specs, .argc = argc, .argv = argv };
	/* "-": positionals come in their place; ":": a missing argument is told from an unknown option. */
	strcpy(letters, "-:");
	count = add_specs(specs, 0);
	count = add_specs(common_specs, count);
	memset(&long_options[count], 0, sizeof(long_options[count]));
	opterr = 0;
	optind = 0; /* also forgets where in a word the last reading stopped */
}

int options_refuse(const struct options *options, struct error *err, const char *format, ...)
{
	char words[768];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	if (!options->command)
		return error_set_usage(err, "%s; see '" PROGRAM_NAME " --help'", words);
	return error_set_usage(err, "%s: %s; see '" PROGRAM_NAME " %s --help'", options->command,
			       words, options->command);
}

static const struct option *find_option(int id)
{
	for (const struct option *option = long_options; option->name; option++)
		if (option->val == id)
			return option;
	return NULL;
}

/* An abbreviation that fits several names, or a name that fits none. */
static int refuse_long(const struct options *options, const char *word, struct error *err)
{
	size_t length = strcspn(word + 2, "=");
	char candidates[256] = "";
	unsigned int count = 0;

	for (const struct option *option = long_options; option->name; option++) {
		size_t used = strlen(candidates);

		if (strncmp(option->name, word + 2, length))
			continue;
		snprintf(candidates + used, sizeof(candidates) - used, "%s--%s", count ? ", " : "",
			 option->name);
		count++;
	}
	if (length && count > 1)
		return options_refuse(options, err, "'%.*s' is ambiguous: %s", (int)length + 2,
				      word, candidates);
	return options_refuse(options, err, "'%.*s': unknown option", (int)length + 2, word);
}

static int refuse_unknown(const struct options *options, struct error *err)
{
	const struct option *option = find_option(optopt);

	if (!optopt)
		return refuse_long(options, options->argv[optind - 1], err);
	if (option)
		return options_refuse(options, err, "'--%s' takes no argument", option->name);
	return options_refuse(options, err, "'-%c': unknown option", optopt);
}

static int refuse_missing(const struct options *options, struct error *err)
{
	const char *word = options->argv[options->argc - 1];
	const struct option *option = find_option(optopt);

	if (!strncmp(word, "--", 2) && option)
		return options_refuse(options, err, "'--%s': its argument is missing",
				      option->name);
	return options_refuse(options, err, "'-%c': its argument is missing", optopt);
}

int options_next_any(struct options *options, struct error *err)
{
	int got;

	options->value = NULL;
	if (!options->ended) {
		got = getopt_long(options->argc, options->argv, letters, long_options, NULL);
		options->value = optarg;
		if (got == '?')
			return refuse_unknown(options, err);
		if (got == ':')
			return refuse_missing(options, err);
		if (got != -1)
			return got;
		options->ended = true;
	}
	if (optind >= options->argc)
		return OPTIONS_END;
	options->value = options->argv[optind++];
	return OPTIONS_POSITIONAL;
}

int options_next(struct options *options, struct error *err)
{
	int id;

	do
		id = options_next_any(options, err);
	while (id == OPTION_HELP || id == OPTION_VERBOSE || id == OPTION_LOCK_TIMEOUT);
	return id;
}

int options_used(const struct options *options)
{
	return optind < options->argc ? optind : options->argc;
}

/* "-m, --mode MODE" */
static int spec_width(const struct option_spec *spec)
{
	return 6 + (int)strlen(spec->name) + (spec->argument ? 1 + (int)strlen(spec->argument) : 0);
}

static int widest(const struct option_spec *specs)
{
	int width = 0;

	for (const struct option_spec *spec = specs; spec->id; spec++)
		if (spec_width(spec) > width)
			width = spec_width(spec);
	return width;
}

/* The text from `column` on, broken between words; later lines start at the same column. */
static void print_wrapped(const char *text, int column, FILE *out)
{
	int at = column;

	while (*text) {
		int length = (int)strcspn(text, " ");

		if (at > column && at + 1 + length > HELP_WIDTH) {
			fprintf(out, "\n%*s", column, "");
			at = column;
		} else if (at > column) {
			fputc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", length, text);
		at += length;
		text += length;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_specs(const struct option_spec *specs, int width, FILE *out)
{
	for (const struct option_spec *spec = specs; spec->id; spec++) {
		if (has_letter(spec))
			fprintf(out, "  -%c, ", spec->id);
		else
			fprintf(out, "      ");
		fprintf(out, "--%s%s%s%*s", spec->name, spec->argument ? " " : "",
			spec->argument ? spec->argument : "", width - spec_width(spec) + 2, "");
		print_wrapped(spec->help, width + 4, out);
	}
}

void options_print(const struct option_spec *specs, FILE *out)
{
	int width = widest(specs) > widest(common_specs) ? widest(specs) : widest(common_specs);

	print_specs(specs, width, out);
	print_specs(common_specs, width, out);
}
