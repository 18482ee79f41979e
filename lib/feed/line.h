/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a line ask for, and how is a bad one refused?
 *
 * The formats (format.h) read lines; this is what they read them with.
 */
#ifndef FEED_LINE_H
#define FEED_LINE_H

#include <feed/input.h>
#include <feed/token.h>
#include <ruleset/prefix.h>
#include <ruleset/rule.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

/* The current line of a file, or an argument. */
struct line {
	struct input *input; /* where its rules go */
	const char *file;    /* its name in messages; NULL: an argument */
	size_t number;       /* from 1 */
	bool unended;        /* the last line of the file, without a line end */
	/* Used only by the functions below: */
	struct prefix_list prefixes; /* those of its rule */
	struct token rule;           /* for messages */
	__u8 shortest[IPF_FAMILIES]; /* prefix of the lines before; UINT8_MAX: there is none */
};
void line_init(struct line *line, struct input *input, const char *file);
void line_done(struct line *line);

/* Each of these returns 0, or a negative errno with a message. */

/* Refuses a token: -EINVAL, "FILE:LINE:COLUMN: 'TOKEN': PROBLEM", or for an argument "'TOKEN':
 * PROBLEM". */
int line_refuse(const struct line *line, const struct token *token, struct error *err,
		const char *problem, ...) __attribute__((format(printf, 4, 5)));

/* Reads a RULE, as prefix_parse() does, into line->prefixes. Notes it in the input when host bits
 * were cleared. */
int line_read_rule(struct line *line, const struct token *token, struct error *err);

/* The same for a range whose ends the caller has read; messages show the token. */
int line_read_range(struct line *line, const struct token *token, const struct address *first,
		    const struct address *last, struct error *err);

/* A rule for a line that gives no verdict, set or time: the options and the set for lines that name
 * none supply them. */
struct rule line_plain_rule(const struct line *line);

/* Adds a rule like this one for each prefix that was read last. */
int line_add_rules(struct line *line, const struct rule *like, struct error *err);

/* Finds or makes the set that the line names. Refuses a bad name, and one set too many. */
int line_open_set(const struct line *line, const struct token *name, __u16 *set, struct error *err);

#endif
