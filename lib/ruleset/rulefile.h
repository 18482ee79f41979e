/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules does a text (a file, standard input, arguments) ask for?
 *
 *     # comment            ; comment
 *     set NAME
 *     [pass|drop] RULE [timeout DURATION]
 *
 * CR LF, a UTF-8 BOM and blank lines are fine. Keywords are lower case.
 */
#ifndef RULESET_RULEFILE_H
#define RULESET_RULEFILE_H

#include <ruleset/rule.h>
#include <ruleset/ruleset.h>
#include <stdio.h>

struct error;

/* What the reader is told before the first line, and where it puts what it read. Zeroed, then the
 * first members set. Release with rule_input_done(). */
struct rule_input {
	/* In: */
	enum ipf_verdict verdict; /* of a line that names none */
	bool verdict_forced; /* --pass or --drop was given: the opposite in a line is refused */
	__u32 expires;       /* of a line without a timeout */
	__u32 now;           /* tick from which timeouts count */
	const char *set;     /* -s NAME: `set` lines are refused; NULL: they are allowed and
			  * rules before the first go to `default` */
	/* Out: */
	struct rule *rules; /* .set indexes sets; .counter is IPF_NO_COUNTER */
	size_t count;
	size_t capacity;
	struct ipf_set *sets; /* in order of appearance; the first is `set` or `default` */
	size_t set_count;
	size_t set_capacity;
	bool first_set_named; /* by a `set` line, not only by rules before any such line */
	size_t host_bits;     /* rules whose host bits were cleared */
	/* The first of them: "FILE:LINE:COLUMN: '10.0.0.1/8' means 10.0.0.0/8". */
	char host_bits_example[512];
	/* The reader's own: */
	struct prefix_list scratch;
};
void rule_input_done(struct rule_input *input);

/* Reads lines until the end of the file. `name` is the file's name in messages ("-" for standard
 * input). Returns 0; -EINVAL with FILE:LINE:COLUMN: 'WORD': what is wrong; -EIO, -ENOMEM. Columns count
 * bytes from 1. After a failure the input only may be released. Several calls append (a file's
 * `set` line ends with the file). A line longer than 4096 bytes or with a NUL byte is refused; such
 * a message has no WORD. */
int rule_input_read(struct rule_input *input, FILE *file, const char *name, struct error *err);

/* One RULE from the command line; messages have no position: "'10.0.0.300': not an address, ...". */
int rule_input_argument(struct rule_input *input, const char *text, struct error *err);

/* Writes rules as rule_input_read() reads them: verdict, prefix, timeout left; a `set` line before the
 * rules of each set, none when `default` is the only one; `default` first, the others by name. What
 * has ended, and sets without rules, are left out. Flushes. Returns 0, -EIO or -ENOMEM. */
int rule_text_write(const struct ruleset *set, __u32 now, FILE *out);

#endif
