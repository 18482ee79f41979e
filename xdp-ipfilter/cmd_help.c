// SPDX-License-Identifier: GPL-2.0
/*
 * help: what does each command do?
 */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>

#include <util/error.h>

struct help_request {
	const char *name;
};

static const struct option_spec help_options[] = {
	OPTION_POSITIONAL("COMMAND", struct help_request, name, "one command at a time"),
	OPTION_END,
};

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
