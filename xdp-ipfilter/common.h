/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do several commands do alike while they read their options?
 */
#ifndef COMMON_H
#define COMMON_H

#include <cli/command.h>
#include <feed/format.h>
#include <feed/input.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* Each reads the value of the option, or the positional, at hand. They return 0, or -EINVAL or
 * -ENOMEM with a message. */
int word_option(struct option_texts *words, const struct options *options, struct error *err);
int set_option(const char **set, const struct options *options, struct error *err);
int number_option(unsigned int *number, unsigned int min, unsigned int max,
		  const struct options *options, struct error *err);

/* A name of format.h. */
int format_option(const struct format **format, const struct options *options, struct error *err);

/* For a positional of a command that has none. */
int refuse_positional(const struct options *options, struct error *err);

/* Before a command looks at filters: the capabilities that it needs, and the clock that rules end by. */
int ready(struct error *err);

/* The option of the commands that read files. */
#define FORMAT_WORD(name) " " #name
#define FORMAT_OPTION(id)                                                     \
	{                                                                     \
		id, "format", "NAME",                                         \
			"how files are written: one of" FORMAT_LIST(          \
				FORMAT_WORD) " (default: found out for each)" \
	}

#endif
