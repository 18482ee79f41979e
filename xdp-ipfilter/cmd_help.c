// SPDX-License-Identifier: GPL-2.0
/*
 * help: what does each command do?
 */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>

#include <cli/extension.h>
#include <util/error.h>
#include <util/program.h>

struct help_request {
	const char *name;
};

static const struct option_spec help_options[] = {
	OPTION_POSITIONAL("COMMAND", struct help_request, name, "one command at a time"),
	OPTION_END,
};

/* Only that program knows its options. */
static int show_program(const struct command *command, struct error *err)
{
	char *argv[] = { PROGRAM_NAME, (char *)command->name, "--help", NULL };

	return extension_exec(command->program, argv, err);
}

static int help(void *data, struct error *err)
{
	const struct help_request *request = data;
	const struct command *command;

	if (!request->name) {
		command_table_help(&cmd_table, stdout);
		return 0;
	}
	command = command_find(&cmd_table, request->name, err);
	if (!command)
		return -EINVAL;
	if (command->program)
		return show_program(command, err);
	command_help(command, stdout);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.summary = "explain a command, or list all of them",
	.usage = "[COMMAND]",
	.examples = "  xdp-ipfilter help load\n",
	.options = help_options,
	.request_size = sizeof(struct help_request),
	.run = help,
};
