// SPDX-License-Identifier: GPL-2.0
/*
 * Which command does the user mean, how is it explained, and in which order does it work?
 */
#include <cli/command.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cli/extension.h>
#include <cli/option_help.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>
#include <util/program.h>
#include <util/signals.h>

#define LOCK_TIMEOUT_S 10
#define LOCK_TIMEOUT_MAX_S 86400

/* The options that every command has, before or after its name. */
struct common {
	bool help, verbose;
	unsigned int lock_timeout_s;
};

static const struct common common_defaults = { .lock_timeout_s = LOCK_TIMEOUT_S };

static const struct option_spec common_options[] = {
	OPTION_STOP('h', "help", struct common, help, "Show this help."),
	OPTION_FLAG('v', "verbose", struct common, verbose, "Report each step on standard error."),
	OPTION_NUMBER(0, "lock-timeout", "SECONDS", struct common, lock_timeout_s, 0,
		      LOCK_TIMEOUT_MAX_S,
		      "Wait this long for another command that changes something."),
	OPTION_END,
};

/* The options before the command. */
struct top {
	bool version;
	struct option_rest rest; /* from the command's name on */
};

static const struct option_spec top_options[] = {
	OPTION_STOP(0, "version", struct top, version, "Show the version."),
	OPTION_REST("COMMAND", struct top, rest),
	OPTION_END,
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

/* Help shows the defaults, not what was asked for. */
static void print_options(const struct option_spec *specs, const void *defaults, FILE *out)
{
	const struct options options = {
		.own = { specs, (void *)defaults },
		.common = { common_options, (void *)&common_defaults },
	};

	option_help_print(&options, out);
}

void command_help(const struct command *command, FILE *out)
{
	fprintf(out, "usage: " PROGRAM_NAME " %s %s\n\n", command->name, command->usage);
	fprintf(out, "%c%s.\n\noptions:\n", command->summary[0] - 'a' + 'A', command->summary + 1);
	print_options(command->options, command->defaults, out);
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
	print_options(top_options, NULL, out);
	fprintf(out,
		"\nCommands and long options can be abbreviated, as long as the abbreviation is unique.\n"
		"'" PROGRAM_NAME " help COMMAND' explains a command.\n\n"
		"exit codes:\n"
		"  0  done\n"
		"  1  failed, nothing changed (status and test: see their help)\n"
		"  2  wrong usage or bad input\n"
		"  3  the filter is not loaded\n");
}

static void apply_common(const struct command_table *table, const struct common *common)
{
	if (common->verbose)
		log_set_level(LOG_VERBOSE);
	table->set_lock_timeout(common->lock_timeout_s);
}

/* Returns 0 with *lock unchanged where the request needs none. */
static int take_lock(const struct command_table *table, const struct command *command,
		     const void *request, int *lock, struct error *err)
{
	if (!command->takes_lock || (command->only_reads && command->only_reads(request)))
		return 0;
	*lock = table->take_lock(err);
	return *lock < 0 ? *lock : 0;
}

static unsigned int needs_of(const struct command *command, const void *request)
{
	return command->needs_nothing && command->needs_nothing(request) ? 0 : command->needs;
}

static int take_steps(const struct command_table *table, const struct command *command,
		      void *request, int *lock, struct error *err)
{
	int ret = 0;

	if (command->read)
		ret = command->read(request, err);
	if (!ret && command->ends_after_read && command->ends_after_read(request))
		return 0;
	if (!ret)
		ret = table->ready(needs_of(command, request), err);
	if (!ret)
		ret = take_lock(table, command, request, lock, err);
	if (!ret && command->run)
		ret = command->run(request, err);
	if (ret || !command->commit)
		return ret;
	signals_hold();
	return command->commit(request, err);
}

/* Also gets the options before the command. Returns only if that fails. */
static int run_program(const struct command *command, char **argv, struct error *err)
{
	int ret = extension_exec(command->program, argv, err);

	if (command->instead_of_program && ret == -ENOENT)
		error_set(err, ret, "%s; %s", err->text, command->instead_of_program);
	return error_prefix(err, ret, "%s", command->name);
}

/* One whose options decide which program it is keeps its capabilities for that one until then. */
static int begin(const struct command_table *table, const struct command *command,
		 const void *request, char **argv, struct error *err)
{
	if (!command->needs_program)
		return 0;
	if (command->needs_program(request))
		return run_program(command, argv, err);
	return table->start(command->needs, err);
}

static int run_request(const struct command_table *table, const struct command *command,
		       const struct option_rest *rest, void *request, struct common *common,
		       char **argv, struct error *err)
{
	const struct options options = {
		.command = command->name,
		.own = { command->options, request },
		.common = { common_options, common },
	};
	const char *complaint = NULL;
	/* Held until the request is released: whatever was prepared in vain is undone under the
	 * lock. */
	auto_fd int lock = -1;
	int ret = options_read(&options, rest->argc, rest->argv, err);

	if (!ret && common->help) {
		command_help(command, stdout);
	} else if (!ret) {
		apply_common(table, common);
		complaint = command->check ? command->check(request) : NULL;
		if (complaint)
			ret = options_refuse(&options, err, "%s", complaint);
		if (!ret)
			ret = begin(table, command, request, argv, err);
		if (!ret)
			ret = take_steps(table, command, request, &lock, err);
	}
	if (command->done)
		command->done(request);
	options_done(&options);
	return ret;
}

static int run_command(const struct command_table *table, const struct command *command,
		       const struct option_rest *rest, struct common *common, char **argv,
		       struct error *err)
{
	auto_free void *request = calloc(1, command->request_size + 1);

	if (!request)
		return error_no_memory(err);
	if (command->defaults)
		memcpy(request, command->defaults, command->request_size);
	return run_request(table, command, rest, request, common, argv, err);
}

static int find_and_run(const struct command_table *table, const struct option_rest *rest,
			struct common *common, char **argv, struct error *err)
{
	const struct command *command;
	int ret;

	if (!rest->argc)
		return error_set_usage(err,
				       "usage: " PROGRAM_NAME " COMMAND [OPTION]... [ARGUMENT]...; "
				       "see '" PROGRAM_NAME " --help'");
	command = command_find(table, rest->argv[0], err);
	if (!command)
		return -EINVAL;
	if (command->program && !command->needs_program)
		return run_program(command, argv, err);
	apply_common(table, common);
	ret = command->needs_program ? 0 : table->start(command->needs, err);
	return ret ? ret : run_command(table, command, rest, common, argv, err);
}

int command_main(const struct command_table *table, int argc, char **argv, struct error *err)
{
	struct common common = common_defaults;
	struct top top = { 0 };
	const struct options options = {
		.own = { top_options, &top },
		.common = { common_options, &common },
	};
	int ret = options_read(&options, argc, argv, err);

	if (ret)
		return ret;
	if (common.help)
		command_table_help(table, stdout);
	else if (top.version)
		printf(PROGRAM_NAME " %s\n", table->version);
	else
		ret = find_and_run(table, &top.rest, &common, argv, err);
	return ret;
}
