/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which command does the user mean, how is it explained, and in which order does it work?
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <cli/options.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct error;

/* A command, as one row. Its steps are taken in the order of their members, until one fails; those
 * that return int return 0 or a negative errno with *err set: its kind, and a message unless the
 * output says it all. Any of them may be NULL. */
struct command {
	const char *name;
	const char *summary; /* without its full stop: "put the filter on interfaces" */
	const char *program; /* another program is this command (extension.h), help included, and
				 * the members below are its business; NULL: this one is */
	/* For which requests is it that program? It then reads the options again. NULL: for all. */
	bool (*needs_program)(const void *request);
	const char *instead_of_program; /* what the user can do without it; NULL: nothing */
	const char *usage;              /* after the command's name */
	const char *notes;              /* whole lines; NULL: none */
	const char *examples;           /* whole lines, each a command as typed; NULL: none */
	const char *exit_codes; /* whole lines, where there is more to say than 0, 1, 2; NULL */

	/* Options are read into a request of this size, which starts as a copy of the defaults
	 * (NULL: all zero). */
	const struct option_spec *options;
	size_t request_size;
	const void *defaults;

	/* What is wrong with the request as a whole; NULL: nothing. */
	const char *(*check)(const void *request);
	/* Reads the input, such as rule files. Bad input is therefore reported without any
	 * privilege, and slow input does not keep others waiting. */
	int (*read)(void *request, struct error *err);
	/* Has reading done all that was asked for? Then no other step is taken. NULL: no. */
	bool (*ends_after_read)(const void *request);
	/* What the command needs from here on, for command_table.start and .ready. 0: nothing. */
	unsigned int needs;
	/* Does this request work on files alone, and therefore need none of that? NULL: no. */
	bool (*needs_nothing)(const void *request);
	/* Waits for other commands that change something, and keeps them waiting until the end. */
	bool takes_lock;
	/* Does this request change nothing, and therefore need no lock? NULL: no. */
	bool (*only_reads)(const void *request);
	/* Does the work. In a command that changes something, it only prepares the change, and can
	 * fail or be killed without a trace. */
	int (*run)(void *request, struct error *err);
	/* The part that no signal may interrupt. Signals are held back from before it until the
	 * program ends. */
	int (*commit)(void *request, struct error *err);

	/* Releases what the request owns besides its lists of texts, whatever happened before. */
	void (*done)(void *request);
};

struct command_table {
	const char *version;
	const char *summary;
	const struct command *const *commands; /* the last is NULL */
	/* Called when the command is known, before its options are read; where they decide which
	 * program it is, after that. */
	int (*start)(unsigned int needs, struct error *err);
	/* Called when its input is read; refuses what cannot work. Not called for --help. */
	int (*ready)(unsigned int needs, struct error *err);
	void (*set_lock_timeout)(unsigned int seconds);
	/* Returns a descriptor that holds the lock until it is closed, or a negative errno. */
	int (*take_lock)(struct error *err);
};

/* Finds the command in argv, reads the options, handles those that every command has, and takes the
 * command's steps. Returns 0 or a negative errno, as the steps do. */
int command_main(const struct command_table *table, int argc, char **argv, struct error *err);

/* A whole name, or the beginning of just one. Returns NULL and sets *err when it is not. */
const struct command *command_find(const struct command_table *table, const char *name,
				   struct error *err);

void command_help(const struct command *command, FILE *out);
void command_table_help(const struct command_table *table, FILE *out);

#endif
