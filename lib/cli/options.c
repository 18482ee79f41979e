// SPDX-License-Identifier: GPL-2.0
/*
 * Which options does a command have, and what did the user ask for?
 *
 * getopt_long() splits the arguments, in their order even if POSIXLY_CORRECT is set; the messages
 * are ours.
 */
#include <cli/options.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <util/array.h>
#include <util/duration.h>
#include <util/error.h>
#include <util/number.h>
#include <util/program.h>

#define MAX_OPTIONS 32

/* What getopt_long() returns for a positional and, from here on, for options without a letter. */
enum { FOUND_POSITIONAL = 1, FOUND_LONG = 256 };

static int add_text(struct option_texts *texts, const char *text, struct error *err)
{
	if (array_reserve(&texts->items, &texts->capacity, texts->count + 1, sizeof(*texts->items)))
		return error_no_memory(err);
	texts->items[texts->count++] = text;
	return 0;
}

/* A row with the request that it fills. */
struct row {
	const struct option_spec *spec;
	char *request;
	int id; /* for getopt_long() */
	bool given;
};

/* The tables as getopt_long() wants them, and what it has found. */
struct reading {
	const struct options *options;
	struct row rows[MAX_OPTIONS];
	size_t count;
	struct row positional; /* the row that positionals meet */
	struct option long_options[MAX_OPTIONS + 1];
	char letters[2 * MAX_OPTIONS + 3];
	int argc;
	char **argv;
	bool only_positionals; /* "--" was read */
	const char *text;      /* the argument of the row that was found */
};

static bool is_option(const struct option_spec *spec)
{
	return spec->name;
}

static void add_option(struct reading *reading, struct row *row)
{
	const struct option_spec *spec = row->spec;
	char letter[3] = { spec->letter, spec->argument ? ':' : '\0', '\0' };
	struct option *option = reading->long_options;

	while (option->name)
		option++;
	*option = (struct option){
		.name = spec->name,
		.has_arg = spec->argument ? required_argument : no_argument,
		.val = row->id,
	};
	strcat(reading->letters, letter);
}

static void add_table(struct reading *reading, const struct option_table *table)
{
	for (const struct option_spec *spec = table->specs; spec && spec->kind; spec++) {
		struct row *row = &reading->rows[reading->count];

		if (reading->count == MAX_OPTIONS)
			return;
		*row = (struct row){
			.spec = spec,
			.request = table->request,
			.id = spec->letter ? spec->letter : FOUND_LONG + (int)reading->count,
		};
		reading->count++;
		if (is_option(spec))
			add_option(reading, row);
		else
			reading->positional = *row;
	}
}

static void start(struct reading *reading, const struct options *options, int argc, char **argv)
{
	static const struct option_spec none = OPTION_NO_POSITIONALS(NULL);

	memset(reading, 0, sizeof(*reading));
	reading->options = options;
	reading->argc = argc;
	reading->argv = argv;
	/* "-" returns positionals in their place; ":" tells a missing argument from an unknown
	 * option. */
	strcpy(reading->letters, "-:");
	reading->positional = (struct row){ .spec = &none, .request = options->own.request };
	add_table(reading, &options->own);
	add_table(reading, &options->common);
	opterr = 0;
	optind = 0; /* also forgets where in an argument the last reading stopped */
}

int options_refuse(const struct options *options, struct error *err, const char *format, ...)
{
	char complaint[768];
	va_list args;

	va_start(args, format);
	vsnprintf(complaint, sizeof(complaint), format, args);
	va_end(args);
	if (!options->command)
		return error_set_usage(err, "%s; see '" PROGRAM_NAME " --help'", complaint);
	return error_set_usage(err, "%s: %s; see '" PROGRAM_NAME " %s --help'", options->command,
			       complaint, options->command);
}

static struct row *find_row(struct reading *reading, int id)
{
	for (size_t i = 0; i < reading->count; i++)
		if (is_option(reading->rows[i].spec) && reading->rows[i].id == id)
			return &reading->rows[i];
	return NULL;
}

static void append_name(char names[OPTIONS_NAMES_SIZE], const char *prefix, const char *name)
{
	size_t used = strlen(names);

	snprintf(names + used, OPTIONS_NAMES_SIZE - used, "%s%s%s", used ? ", " : "", prefix, name);
}

/* An abbreviation that fits several names, or a name that fits none. */
static int refuse_long(const struct reading *reading, const char *argument, struct error *err)
{
	int length = (int)strcspn(argument + 2, "=");
	char candidates[OPTIONS_NAMES_SIZE] = "";
	unsigned int count = 0;

	for (const struct option *option = reading->long_options; option->name; option++) {
		if (strncmp(option->name, argument + 2, (size_t)length))
			continue;
		append_name(candidates, "--", option->name);
		count++;
	}
	if (length && count > 1)
		return options_refuse(reading->options, err, "'%.*s' is ambiguous: %s", length + 2,
				      argument, candidates);
	return options_refuse(reading->options, err, "'%.*s': unknown option", length + 2,
			      argument);
}

static int refuse_unknown(struct reading *reading, struct error *err)
{
	const struct row *row = find_row(reading, optopt);

	if (!optopt)
		return refuse_long(reading, reading->argv[optind - 1], err);
	if (row)
		return options_refuse(reading->options, err, "'--%s' takes no argument",
				      row->spec->name);
	return options_refuse(reading->options, err, "'-%c': unknown option", optopt);
}

static int refuse_missing(struct reading *reading, struct error *err)
{
	const char *last = reading->argv[reading->argc - 1];
	const struct row *row = find_row(reading, optopt);

	if (!strncmp(last, "--", 2) && row)
		return options_refuse(reading->options, err, "'--%s' needs an argument, %s",
				      row->spec->name, row->spec->argument);
	return options_refuse(reading->options, err, "'-%c' needs an argument%s%s", optopt,
			      row ? ", " : "", row ? row->spec->argument : "");
}

/* Finds the row that the next argument means. Returns 1, 0 at the end, or -EINVAL for an argument
 * that no row explains, after which nothing can be understood. */
static int find_next(struct reading *reading, struct row **row, struct error *err)
{
	int id = -1;

	if (!reading->only_positionals)
		id = getopt_long(reading->argc, reading->argv, reading->letters,
				 reading->long_options, NULL);
	reading->text = optarg;
	if (id == '?')
		return refuse_unknown(reading, err);
	if (id == ':')
		return refuse_missing(reading, err);
	if (id == -1) {
		reading->only_positionals = true;
		if (optind >= reading->argc)
			return 0;
		reading->text = reading->argv[optind++];
		id = FOUND_POSITIONAL;
	}
	*row = id == FOUND_POSITIONAL ? &reading->positional : find_row(reading, id);
	return 1;
}

void options_list_choices(option_choice choice, char names[OPTIONS_NAMES_SIZE])
{
	const char *name;

	names[0] = '\0';
	for (unsigned int value = 0; (name = choice(value)); value++)
		append_name(names, "", name);
}

static int store_choice(const struct reading *reading, const struct option_spec *spec,
			unsigned int *value, struct error *err)
{
	char names[OPTIONS_NAMES_SIZE];
	const char *name;

	for (unsigned int i = 0; (name = spec->choice(i)); i++) {
		if (strcmp(name, reading->text) != 0)
			continue;
		*value = i;
		return 0;
	}
	options_list_choices(spec->choice, names);
	return options_refuse(reading->options, err, "--%s: '%s' is not one of %s", spec->name,
			      reading->text, names);
}

static int store_number(const struct reading *reading, const struct option_spec *spec,
			unsigned int *number, struct error *err)
{
	uint64_t value;

	if (number_parse(reading->text, spec->min, spec->max, &value))
		return options_refuse(reading->options, err,
				      "--%s %s: '%s' is not a number from %" PRIu64 " to %" PRIu64,
				      spec->name, spec->argument, reading->text, spec->min,
				      spec->max);
	*number = (unsigned int)value;
	return 0;
}

static int store_duration(const struct reading *reading, const struct option_spec *spec,
			  uint64_t *seconds, struct error *err)
{
	if (!duration_parse(reading->text, seconds))
		return 0;
	return options_refuse(reading->options, err,
			      "--%s: '%s': not a duration like 90, 90s or 1h30m, from 1s to 3650d",
			      spec->name, reading->text);
}

static int store_text(const struct reading *reading, const struct option_spec *spec,
		      const char **text, struct error *err)
{
	unsigned int ignored;
	int ret = spec->choice ? store_choice(reading, spec, &ignored, err) : 0;

	if (ret)
		return ret;
	if (spec->is_valid && !spec->is_valid(reading->text))
		return options_refuse(reading->options, err, "--%s: '%s': %s", spec->name,
				      reading->text, spec->demand);
	*text = reading->text;
	return 0;
}

static int store_positional(const struct reading *reading, const struct option_spec *spec,
			    const char **text, struct error *err)
{
	if (*text)
		return options_refuse(reading->options, err, "%s", spec->help);
	*text = reading->text;
	return 0;
}

/* "--pass or --drop, not both" */
static int store_value(const struct reading *reading, const struct row *row, unsigned int *value,
		       struct error *err)
{
	for (size_t i = 0; i < reading->count; i++) {
		const struct row *other = &reading->rows[i];

		if (other == row || !other->given || other->spec->kind != OPTION_KIND_VALUE ||
		    other->request != row->request || other->spec->field != row->spec->field)
			continue;
		return options_refuse(reading->options, err, "--%s or --%s, not both",
				      other->spec->name, row->spec->name);
	}
	*value = row->spec->value;
	return 0;
}

/* From the positional that was read last. */
static void store_rest(const struct reading *reading, struct option_rest *rest)
{
	rest->argc = reading->argc - optind + 1;
	rest->argv = reading->argv + optind - 1;
}

static int store(struct reading *reading, struct row *row, struct error *err)
{
	const struct option_spec *spec = row->spec;
	void *field = row->request + spec->field;

	row->given = true;
	switch (spec->kind) {
	case OPTION_KIND_FLAG:
	case OPTION_KIND_STOP:
		*(bool *)field = true;
		return 0;
	case OPTION_KIND_VALUE:
		return store_value(reading, row, field, err);
	case OPTION_KIND_ENUM:
		return store_choice(reading, spec, field, err);
	case OPTION_KIND_NUMBER:
		return store_number(reading, spec, field, err);
	case OPTION_KIND_DURATION:
		return store_duration(reading, spec, field, err);
	case OPTION_KIND_TEXT:
		return store_text(reading, spec, field, err);
	case OPTION_KIND_TEXTS:
	case OPTION_KIND_POSITIONALS:
		return add_text(field, reading->text, err);
	case OPTION_KIND_POSITIONAL:
		return store_positional(reading, spec, field, err);
	case OPTION_KIND_REST:
		store_rest(reading, field);
		return 0;
	default:
		return options_refuse(reading->options, err, "'%s': unexpected argument%s%s",
				      reading->text, spec->help ? "; " : "",
				      spec->help ? spec->help : "");
	}
}

int options_read(const struct options *options, int argc, char **argv, struct error *err)
{
	struct reading reading;
	struct row *row = NULL;
	int found, stored, ret = 0;

	start(&reading, options, argc, argv);
	/* Goes on after the first refusal, which is the one to report: --help may follow. */
	while ((found = find_next(&reading, &row, ret ? NULL : err)) > 0) {
		stored = store(&reading, row, ret ? NULL : err);
		if (!ret)
			ret = stored;
		if (row->spec->kind == OPTION_KIND_STOP) {
			error_clear(err);
			return 0;
		}
		if (row->spec->kind == OPTION_KIND_REST)
			return ret;
	}
	return ret ? ret : found;
}

static void table_done(const struct option_table *table)
{
	struct option_texts *texts;

	for (const struct option_spec *spec = table->specs; spec && spec->kind; spec++) {
		if (spec->kind != OPTION_KIND_TEXTS && spec->kind != OPTION_KIND_POSITIONALS)
			continue;
		texts = (void *)((char *)table->request + spec->field);
		free(texts->items);
		*texts = (struct option_texts){ 0 };
	}
}

void options_done(const struct options *options)
{
	table_done(&options->own);
	table_done(&options->common);
}
