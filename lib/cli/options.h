/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which options does a command have, and which did the user give?
 *
 * A command's table is the one source for parsing, for its --help, and for what the man page and
 * the completion are checked against. Options and positionals may be mixed; "--" ends the options.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct error;

/* Texts of the command line, owned by argv. Zeroed is empty; release with option_texts_done(). */
struct option_texts {
	const char **items;
	size_t count;
	size_t capacity;
};
int option_texts_add(struct option_texts *texts, const char *text, struct error *err);
void option_texts_done(struct option_texts *texts);

/* What options_next() returns besides an option's id. */
enum { OPTIONS_END = 0, OPTIONS_POSITIONAL = 1 };

/* Ids of a command's options without a letter start here, and end before OPTION_COMMON. */
#define OPTION_LONG 256
#define OPTION_COMMON 512

/* The options that every command has; options_next() steps over them. */
enum { OPTION_HELP = 'h', OPTION_VERBOSE = 'v', OPTION_LOCK_TIMEOUT = OPTION_COMMON };

struct option_spec {
	int id;               /* its letter, or a number from OPTION_LONG on; 0 ends a table */
	const char *name;     /* behind "--" */
	const char *argument; /* what its value is called in the help; NULL: it takes none */
	const char *help;
};
#define OPTIONS_TABLE_END           \
	{                           \
		0, NULL, NULL, NULL \
	}

struct options {
	const char *command; /* in messages; NULL: the options before the command */
	const struct option_spec *specs;
	int argc;
	char **argv;       /* from the word before the first one to read */
	bool ended;        /* only positionals are left */
	const char *value; /* of the option, or the positional itself; NULL: the option takes none */
};

/* Starts reading argv[1] and what follows. One reading at a time: getopt_long() keeps its place in
 * globals. argv is not changed. */
void options_start(struct options *options, const char *command, const struct option_spec *specs,
		   int argc, char **argv);

/* The next option's id with its argument in ->value, OPTIONS_POSITIONAL with the word in ->value,
 * OPTIONS_END, or -EINVAL with the words for a word that is none of these. */
int options_next(struct options *options, struct error *err);

/* The same, not stepping over the options that every command has. */
int options_next_any(struct options *options, struct error *err);

/* How many words of argv have been read, argv[0] among them. */
int options_used(const struct options *options);

/* "COMMAND: words; see 'xdp-ipfilter COMMAND --help'". Returns -EINVAL. */
int options_refuse(const struct options *options, struct error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The options, aligned, for a help text; those that every command has come last. */
void options_print(const struct option_spec *specs, FILE *out);

#endif
