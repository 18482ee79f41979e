// SPDX-License-Identifier: GPL-2.0
/*
 * How are options explained to the user?
 */
#include <cli/option_help.h>

#include <string.h>

#include <cli/options.h>

#define HELP_WIDTH 79

/* "-m, --mode MODE" */
static int spec_width(const struct option_spec *spec)
{
	return 6 + (int)strlen(spec->name) + (spec->argument ? 1 + (int)strlen(spec->argument) : 0);
}

static int widest(const struct option_table *table, int width)
{
	for (const struct option_spec *spec = table->specs; spec && spec->kind; spec++)
		if (spec->name && spec_width(spec) > width)
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

/* "The policy. One of allow, deny; default allow." */
static void explain(const struct option_table *table, const struct option_spec *spec, char *text,
		    size_t size)
{
	unsigned int value = 0;
	char names[OPTIONS_NAMES_SIZE];
	int used = snprintf(text, size, "%s", spec->help);

	text += used;
	size -= (size_t)used;
	if (table->request && (spec->kind == OPTION_KIND_ENUM || spec->kind == OPTION_KIND_NUMBER))
		memcpy(&value, (const char *)table->request + spec->field, sizeof(value));
	if (spec->choice)
		options_list_choices(spec->choice, names);
	if (spec->kind == OPTION_KIND_ENUM)
		snprintf(text, size, " One of %s; default %s.", names, spec->choice(value));
	else if (spec->choice)
		snprintf(text, size, " One of %s.", names);
	else if (spec->kind == OPTION_KIND_NUMBER && value)
		snprintf(text, size, " Default %u.", value);
}

static void print_table(const struct option_table *table, int width, FILE *out)
{
	char text[1024];

	for (const struct option_spec *spec = table->specs; spec && spec->kind; spec++) {
		if (!spec->name)
			continue;
		if (spec->letter)
			fprintf(out, "  -%c, ", spec->letter);
		else
			fprintf(out, "      ");
		fprintf(out, "--%s%s%s%*s", spec->name, spec->argument ? " " : "",
			spec->argument ? spec->argument : "", width - spec_width(spec) + 2, "");
		explain(table, spec, text, sizeof(text));
		print_wrapped(text, width + 4, out);
	}
}

void option_help_print(const struct options *options, FILE *out)
{
	int width = widest(&options->common, widest(&options->own, 0));

	print_table(&options->own, width, out);
	print_table(&options->common, width, out);
}
