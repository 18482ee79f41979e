/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules were read, from which lines, for which sets?
 */
#ifndef FEED_INPUT_H
#define FEED_INPUT_H

#include <ipfilter/abi.h>
#include <ruleset/prefix.h>
#include <ruleset/rule.h>
#include <ruleset/verdict.h>
#include <stdbool.h>
#include <stddef.h>

struct error;
struct feed_format;
struct word;

/* A file, or an argument, whose rules were read. The lines of all of them are numbered through: that
 * number is the `origin` of their rules, which costs nothing, where a name and a text would. */
struct input_source {
	const char *name;     /* of the file; NULL: an argument */
	const char *argument; /* its text */
	__u32 before;         /* lines of the sources before it */
};

/* The lines that cover most of the addresses in use are kept as they are written, but for those that say
 * pass: a message about too wide a rule is about one of them. */
#define INPUT_WIDE 4
#define INPUT_WIDE_TEXT_SIZE 84
struct input_wide {
	__u64 covered; /* as coverage.h counts */
	__u32 origin;
	__u16 set;
	size_t column;
	struct prefix prefix; /* the only one that it means */
	bool is_range;        /* or it means several */
	char text[INPUT_WIDE_TEXT_SIZE];
};

/* A set that rules are for. */
struct input_set {
	char name[IPF_SET_NAME_SIZE];
	__u32 origin; /* the line that named it first; 0: none */
	bool named;   /* by a line, not only by rules before any such line */
	bool filled;  /* has a rule */
	bool flushed; /* by a line: it gets exactly these rules */
};

/* What the reader is told before the first line, and where it puts what it read. Zeroed, then the
 * first members set. Release with input_done(). */
struct input {
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
	/* "FILE:LINE:COLUMN: '128.0.0.0/1'" of a last line without its end that is wider than all
	 * others of its file: it may have lost digits. Empty: there is none. */
	char cut_example[512];
	struct input_wide wide[IPF_FAMILIES][INPUT_WIDE]; /* widest first; unused: origin 0 */
	__u64 most_covered[IPF_FAMILIES]; /* all rules but those that say pass cover at most so much, as
					   * coverage.h counts */
	/* The reader's own: */
	struct input_source *sources;
	size_t source_count;
	size_t source_capacity;
	__u32 last_origin;           /* that was given out */
	struct prefix_list scratch;  /* what a line means */
	const struct word *target;   /* where it says so */
	__u8 shortest[IPF_FAMILIES]; /* prefix so far in the file at hand */
};
void input_done(struct input *input);

/* What the rule is called in messages: FILE:LINE:COLUMN, and the text where it is known, else the
 * prefix. "drop.txt:3:1: '::ffff:0:0/96' means 0.0.0.0/0"; of an argument "'10.0.0.1-10.0.0.9'"; of a rule
 * that was not read from this input "10.0.0.0/8". */
#define INPUT_PLACE_SIZE 320
void input_describe(const struct input *input, const struct rule *rule,
		    char text[INPUT_PLACE_SIZE]);

/* The same of a line that is kept. */
void input_describe_wide(const struct input *input, const struct input_wide *line,
			 char text[INPUT_PLACE_SIZE]);

/* Where the origin is: the source, and the number of the line in it. NULL: in none. */
const struct input_source *input_find_source(const struct input *input, __u32 origin, __u32 *line);

/* Finds or makes the set, whose name is valid. Returns its index, -ENOMEM or -E2BIG. */
int input_name_set(struct input *input, const char *name);

#endif
