// SPDX-License-Identifier: GPL-2.0
/*
 * Which command does the user mean, and how is it explained?
 */
#include "command.h"

#include <errno.h>
#include <string.h>

#include <util/error.h>
#include <util/log.h>
#include <util/number.h>
#include <util/program.h>

enum { OPTION_VERSION = OPTION_LONG };

#define LOCK_TIMEOUT_MAX_S 86400u

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
		error_set_usage(err, "'%s' is ambiguous: %s", name, candidates);
	else
		error_set_usage(err, "'%s': unknown command; see '" PROGRAM_NAME " --help'", name);
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
	fprintf(out, "\nA command may be cut short where what is left is unique.\n"
		     "'" PROGRAM_NAME " help COMMAND' explains a command.\n\n"
		     "exit codes:\n"
		     "  0  done\n"
		     "  1  failed, nothing changed (of status and test: see their help)\n"
		     "  2  wrong usage or bad input\n"
		     "  3  the filter is not loaded there\n");
}

/* An option that every command has, but --help. */
static int common_option(const struct command_table *table, int id, const struct options *options,
			 struct error *err)
{
	uint64_t seconds;

	if (id == OPTION_VERBOSE) {
		log_set_level(LOG_VERBOSE);
	} else if (id == OPTION_LOCK_TIMEOUT) {
		if (number_parse(options->value, 0, LOCK_TIMEOUT_MAX_S, &seconds))
			return options_refuse(options, err,
					      "'%s': not a number of seconds from 0 to %u",
					      options->value, LOCK_TIMEOUT_MAX_S);
		table->set_lock_timeout((unsigned int)seconds);
	}
	return 0;
}

/* They are read before the command starts: --help wins over all that stands behind it. */
static int read_common(const struct command_table *table, const struct command *command, int argc,
		       char **argv, bool *help, struct error *err)
{
	struct options options;
	int ret = 0;
	int id;

	*help = false;
	options_start(&options, command->name, command->options, argc, argv);
	while (!*help && (id = options_next_any(&options, NULL)) > OPTIONS_END) {
		*help = id == OPTION_HELP;
		if (!ret)
			ret = common_option(table, id, &options, err);
	}
	return ret;
}

static int cmd_run(const struct command_table *table, const struct command *command, int argc,
		   char **argv, struct error *err)
{
	struct error refusal = { 0 };
	struct options options;
	bool help;
	int ret;

	ret = read_common(table, command, argc, argv, &help, &refusal);
	if (help) {
		command_help(command, stdout);
		return 0;
	}
	if (ret) {
		*err = refusal;
		return ret;
	}
	ret = table->ready(command->needs, err);
	if (ret)
		return ret;
	options_start(&options, command->name, command->options, argc, argv);
	return command->run(&options, err);
}

int command_main(const struct command_table *table, int argc, char **argv, struct error *err)
{
	const struct command *command;
	struct options options;
	int used, id;
	int ret = 0;

	options_start(&options, NULL, top_options, argc, argv);
	while (!ret && (id = options_next_any(&options, err)) > OPTIONS_POSITIONAL) {
		switch (id) {
		case OPTION_HELP:
			command_table_help(table, stdout);
			return 0;
		case OPTION_VERSION:
			printf(PROGRAM_NAME " %s\n", table->version);
			return 0;
		default:
			ret = common_option(table, id, &options, err);
		}
	}
	if (ret || id < 0)
		return ret ? ret : id;
	if (id == OPTIONS_END)
		return error_set_usage(err,
				       "usage: " PROGRAM_NAME " COMMAND [OPTION]... [ARGUMENT]...; "
				       "see '" PROGRAM_NAME " --help'");
	command = command_find(table, options.value, err);
	if (!command)
		return -EINVAL;
	ret = table->start(command->needs, err);
	if (ret)
		return ret;
	used = options_used(&options);
	return cmd_run(table, command, argc - used + 1, argv + used - 1, err);
}
