/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which command does the user mean, and how is it explained?
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <cli/options.h>
#include <stdio.h>

struct error;

struct command {
	const char *name;
	const char *summary; /* a sentence without its full stop: "put the filter on interfaces" */
	const char *usage;   /* behind the command's name */
	const struct option_spec *options;
	unsigned int needs;     /* for command_table.start */
	const char *notes;      /* whole lines; NULL: none */
	const char *examples;   /* whole lines, each a command as typed; NULL: none */
	const char *exit_codes; /* whole lines, where there is more to say than 0, 1, 2; NULL */
	/* Reads its options, does its work. Returns 0 or a negative errno with *err set: its kind, and a
	 * message unless the output says it all. */
	int (*run)(struct options *options, struct error *err);
};

struct command_table {
	const char *version;
	const char *summary;
	const struct command *const *commands; /* the last is NULL */
	/* Called with command.needs when the command is known, before its options are read. */
	int (*start)(unsigned int needs, struct error *err);
	/* Called likewise when they are read, before the command runs; not for --help. */
	int (*ready)(unsigned int needs, struct error *err);
	void (*set_lock_timeout)(unsigned int seconds);
};

/* Finds the command in argv, handles --version and the options that every command has, and runs it.
 * Returns what the command returns. */
int command_main(const struct command_table *table, int argc, char **argv, struct error *err);

/* A whole name, or the beginning of just one. NULL with a message when it is not. */
const struct command *command_find(const struct command_table *table, const char *name,
				   struct error *err);

void command_help(const struct command *command, FILE *out);
void command_table_help(const struct command_table *table, FILE *out);

#endif
