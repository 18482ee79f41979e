/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do several commands do alike while they read their options?
 */
#ifndef COMMON_H
#define COMMON_H

#include <cli/command.h>
#include <feed/feed.h>
#include <feed/input.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* Words of the command line. Zeroed is empty; the owner calls words_done(). */
struct words {
	const char **items; /* of argv */
	size_t count;
	size_t capacity;
};
void words_done(struct words *words);

/* Each reads the value of the option, or the positional, at hand. They return 0, or -EINVAL or
 * -ENOMEM with a message. */
int word_option(struct words *words, const struct options *options, struct error *err);
int set_option(const char **set, const struct options *options, struct error *err);
int number_option(unsigned int *number, unsigned int min, unsigned int max,
		  const struct options *options, struct error *err);

/* A name of feed.h. */
int format_option(const struct feed_format **format, const struct options *options,
		  struct error *err);

/* For a positional of a command that has none. */
int refuse_positional(const struct options *options, struct error *err);

/* Before a command looks at filters: the capabilities that it needs, and the clock that rules end by. */
int ready(struct error *err);

/* Reads the files ("-" is standard input), then the rules, into the input, whose first members are
 * set. Rules whose host bits were cleared give one warning; with -v, each file's format is told. */
int rules_read(struct input *input, const struct words *files, const struct words *rules,
	       struct error *err);

/* The option of the commands that read files. */
#define FORMAT_OPTION(id)                                             \
	{                                                             \
		id, "format", "NAME",                                 \
			"how files are written: one of " FEED_FORMATS \
			" (default: found out for each)"              \
	}

/* "1 rule", "2 rules" */
#define COUNT_TEXT_SIZE 40
const char *count_text(char text[COUNT_TEXT_SIZE], size_t count, const char *thing);

#endif
