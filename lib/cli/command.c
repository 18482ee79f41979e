/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which command does the user mean, and how is it explained?
 */
#include "command.h"

#include <errno.h>
#include <string.h>

#include <util/error.h>
#include <util/log.h>

enum { OPTION_VERSION = OPTION_LONG };

static const struct option_spec top_options[] = {
	{ OPTION_VERSION, "version", NULL, "show the version" },
	OPTIONS_TABLE_END,
};

static const struct command *find_exact(const struct command_table *table, const char *name)
{
	for (const struct command *const *command = table->commands; *command; command++)
		if (!strcmp((*command)->name, name))
			return *command;
	return NULL;
}

const struct command *command_find(const struct command_table *table, const char *name,
				   struct error *err)
{
	const struct command *found = find_exact(table, name);
	char candidates[256] = "";
	unsigned int count = 0;

	if (found)
		return found;
	for (const struct command *const *command = table->commands; *name && *command; command++) {
		size_t used = strlen(candidates);

		if (strncmp((*command)->name, name, strlen(name)))
			continue;
		snprintf(candidates + used, sizeof(candidates) - used, "%s%s", count ? ", " : "",
			 (*command)->name);
		found = *command;
		count++;
	}
	if (count == 1)
		return found;
	if (count)
		error_set(err, -EINVAL, "'%s' is ambiguous: %s", name, candidates);
	else
		error_set(err, -EINVAL, "'%s': unknown command; see '" PROGRAM_NAME " --help'",
			  name);
	return NULL;
}

void command_help(const struct command *command, FILE *out)
{
	fprintf(out, "usage: " PROGRAM_NAME " %s %s\n\n", command->name, command->usage);
	fprintf(out, "%c%s.\n\noptions:\n", command->summary[0] - 'a' + 'A', command->summary + 1);
	options_print(command->options, out);
	if (command->notes)
		fprintf(out, "\n%s", command->notes);
	if (command->examples)
		fprintf(out, "\nexamples:\n%s", command->examples);
	if (command->exit_codes)
		fprintf(out, "\nexit codes:\n%s", command->exit_codes);
}

void command_table_help(const struct command_table *table, FILE *out)
{
	fprintf(out,
		"usage: " PROGRAM_NAME " COMMAND [OPTION]... [ARGUMENT]...\n\n%s\n\ncommands:\n",
		table->summary);
	for (const struct command *const *command = table->commands; *command; command++)
		fprintf(out, "  %-8s  %s\n", (*command)->name, (*command)->summary);
	fprintf(out, "\noptions:\n");
	options_print(top_options, out);
	fprintf(out, "\nThe beginning of a command is enough where it is the only one.\n"
		     "'" PROGRAM_NAME " help COMMAND' explains a command.\n\n"
		     "exit codes:\n"
		     "  0  done\n"
		     "  1  failed, nothing changed (of status and test: see their help)\n"
		     "  2  wrong usage or bad input\n"
		     "  3  the filter is not loaded there\n");
}

/* --help wins over all that stands behind it, so it is looked for before the command starts. */
static bool wants_help(const struct command *command, int argc, char **argv)
{
	struct options options;
	int id;

	options_start(&options, command->name, command->options, argc, argv);
	while ((id = options_next_any(&options, NULL)) > OPTIONS_END) {
		if (id == OPTION_HELP)
			return true;
		if (id == OPTION_VERBOSE)
			log_set_level(LOG_VERBOSE);
	}
	return false;
}

static enum exit_code run_command(const struct command *command, int argc, char **argv,
				  struct error *err)
{
	struct options options;

	if (wants_help(command, argc, argv)) {
		command_help(command, stdout);
		return EXIT_DONE;
	}
	options_start(&options, command->name, command->options, argc, argv);
	return command->run(&options, err);
}

enum exit_code command_main(const struct command_table *table, int argc, char **argv,
			    struct error *err)
{
	const struct command *command;
	struct options options;
	int used;
	int id;

	options_start(&options, NULL, top_options, argc, argv);
	while ((id = options_next_any(&options, err)) > OPTIONS_POSITIONAL) {
		switch (id) {
		case OPTION_HELP:
			command_table_help(table, stdout);
			return EXIT_DONE;
		case OPTION_VERSION:
			printf(PROGRAM_NAME " %s\n", table->version);
			return EXIT_DONE;
		default:
			log_set_level(LOG_VERBOSE);
		}
	}
	if (id < 0)
		return EXIT_USAGE;
	if (id == OPTIONS_END) {
		error_set(err, -EINVAL,
			  "usage: " PROGRAM_NAME " COMMAND [OPTION]... [ARGUMENT]...; "
			  "see '" PROGRAM_NAME " --help'");
		return EXIT_USAGE;
	}
	command = command_find(table, options.value, err);
	if (!command)
		return EXIT_USAGE;
	if (table->start(command->needs, err))
		return EXIT_FAILED;
	used = options_used(&options);
	return run_command(command, argc - used + 1, argv + used - 1, err);
}
