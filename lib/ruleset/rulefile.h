/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules does a text (a file, standard input, arguments) ask for?
 *
 * How files are written is told by feed.h. CR LF, a UTF-8 BOM and blank lines are fine.
 */
#ifndef RULESET_RULEFILE_H
#define RULESET_RULEFILE_H

#include <ruleset/rule.h>
#include <ruleset/ruleset.h>
#include <stdio.h>

struct error;
struct feed_format;

/* A set that rules are for. */
struct input_set {
	char name[IPF_SET_NAME_SIZE];
	bool named;   /* by a line, not only by rules before any such line */
	bool filled;  /* has a rule */
	bool flushed; /* by a line: it gets exactly these rules */
};

/* What the reader is told before the first line, and where it puts what it read. Zeroed, then the
 * first members set. Release with rule_input_done(). */
struct rule_input {
	/* In: */
	enum ipf_verdict verdict; /* of a line that names none */
	bool verdict_forced; /* --pass or --drop was given: the opposite in a line is refused */
	__u32 expires;       /* of a line without a timeout */
	__u32 now;           /* tick from which timeouts count */
	const char *set;     /* -s NAME: all rules go there, and `set` lines are refused; NULL: a
			  * file may name sets, and rules before it does go to `default` */
	const struct feed_format *format; /* of every file; NULL: found out for each */
	bool deletes; /* the rules are to go: lines that empty a set are refused */
	/* Told now and then how many lines of a file were read; NULL: nobody asks. */
	void (*progress)(const char *name, size_t lines);
	/* Out: */
	struct rule *rules; /* .set indexes sets; .counter is IPF_NO_COUNTER */
	size_t count;
	size_t capacity;
	struct input_set *sets; /* in order of appearance; the first is `set` or `default` */
	size_t set_count;
	size_t set_capacity;
	const struct feed_format *read_as; /* the last file; NULL where nobody could tell yet */
	size_t host_bits;                  /* rules whose host bits were cleared */
	/* The first of them: "FILE:LINE:COLUMN: '10.0.0.1/8' means 10.0.0.0/8". */
	char host_bits_example[512];
	/* The reader's own: */
	struct prefix_list scratch;
};
void rule_input_done(struct rule_input *input);

/* Reads lines until the end of the file. `name` is the file's name in messages ("-" for standard
 * input). Returns 0; -EINVAL with FILE:LINE:COLUMN: 'WORD': what is wrong (and the
 * format that the file was taken for, unless it was told); -EIO, -ENOMEM. Columns count bytes from 1. After a failure the input only may be released. Several calls append (a set that a
 * file opens ends with it). A line longer than 4096 bytes or with a NUL byte is refused, and so is a
 * file that by its own account is not whole; such a message has no WORD. */
int rule_input_read(struct rule_input *input, FILE *file, const char *name, struct error *err);

/* One RULE from the command line; messages have no position: "'10.0.0.300': not an address, ...". */
int rule_input_argument(struct rule_input *input, const char *text, struct error *err);

/* Finds or makes the set, whose name is valid. Returns its index, -ENOMEM or -E2BIG. */
int rule_input_name_set(struct rule_input *input, const char *name);

/* Writes rules as rule_input_read() reads them: verdict, prefix, timeout left; a `set` line before the
 * rules of each set, none when `default` is the only one; `default` first, the others by name. What
 * has ended, and sets without rules, are left out. Flushes. Returns 0, -ENOMEM, or the negative errno of
 * the write that failed. */
int rule_text_write(const struct ruleset *set, __u32 now, FILE *out);

#endif
