/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules were read, from which lines, for which sets?
 */
#ifndef FEED_INPUT_H
#define FEED_INPUT_H

#include <feed/token.h>
#include <ipfilter/abi.h>
#include <ruleset/prefix.h>
#include <ruleset/rule.h>
#include <ruleset/verdict.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct format;
struct where;

/* A file or an argument whose rules were read. The lines of all sources are numbered consecutively.
 * The `origin` of a rule is that number, which costs nothing, unlike a name and a text. */
struct input_source {
	const char *name;     /* of the file; NULL: an argument */
	const char *argument; /* its text */
	__u32 before;         /* lines of the sources before it */
};

/* The lines that cover most of the addresses in use, except those that pass, are kept as they are
 * written: a message about a rule that is too wide is about one of them. */
#define INPUT_WIDE 4
struct input_wide {
	__u64 covered; /* in the unit of coverage.h */
	__u32 origin;
	__u16 set;
	size_t column;
	struct prefix prefix;       /* the first one that it means */
	bool is_range;              /* it means several */
	char text[TOKEN_TEXT_SIZE]; /* as written in the file */
};

/* A set that rules are for. */
struct input_set {
	char name[IPF_SET_NAME_SIZE];
	__u32 origin; /* the first line that named it; 0: none did */
	bool named;   /* a line names it; false: only rules before any such line use it */
	bool filled;  /* it has a rule */
	bool flushed; /* a line flushes it: it gets exactly these rules */
};

/* What the reader needs before the first line, and its results. The owner zeroes it, sets the first
 * members, and calls input_done(). */
struct input {
	/* In: */
	enum verdict verdict; /* for a line that names none */
	bool verdict_forced;  /* refuse the opposite in a line: --pass or --drop was given */
	__u32 expires;        /* for a line without a timeout */
	__u32 now;            /* tick from which timeouts count */
	uint64_t unix_now_ns; /* the time of day then, clock_unix_ns(), for ends by it */
	/* All rules go to this set, and lines must not name another one. NULL: lines name sets, and
	 * rules before any such line go to `default`. */
	const char *set;
	const struct format *format; /* that of every file; NULL: detected for each */
	bool deletes;                /* refuse lines that empty a set: the rules are for del */
	/* What names the set, the format and the conditions, in messages. NULL: "--set",
	 * "--format", "--where". */
	const char *set_option;
	const char *format_option;
	const char *where_option;
	/* Chooses networks of tables, which are refused without it. */
	struct where *where;
	/* Called now and then with the number of lines of a file that were read; NULL: not
	 * called. */
	void (*progress)(const char *name, size_t lines);
	/* Out: */
	struct rule *rules; /* .set indexes sets, .verdict is an enum verdict, no .counter */
	size_t count;
	size_t capacity;
	struct input_set *sets; /* in order of appearance; the first is `set` or `default` */
	size_t set_count;
	size_t set_capacity;
	const struct format
		*read_as; /* the format of the last file; NULL: not known when reading failed */
	size_t over;      /* lines that were left out, because their end has passed */
	size_t host_bits; /* rules whose host bits were cleared */
	/* The first such rule: "FILE:LINE:COLUMN: '10.0.0.1/8' means 10.0.0.0/8". */
	char host_bits_example[512];
	/* "FILE:LINE:COLUMN: '128.0.0.0/1'" names a last line that has no line end and is wider
	 * than all others of its file: it may have lost digits. Empty: there is none. */
	char truncated_example[512];
	struct input_wide wide[IPF_FAMILIES][INPUT_WIDE]; /* widest first; unused: origin 0 */
	/* All rules that do not pass cover at most this much, in the unit of coverage.h. */
	__u64 most_covered[IPF_FAMILIES];
	/* For the functions below: */
	struct input_source *sources;
	size_t source_count;
	size_t source_capacity;
	__u32 last_origin; /* the last one that input_origin() gave out */
};
/* Begins an input whose rules never end, unless a line says so, and whose times count from now. The
 * caller may change what is "in". */
void input_start(struct input *input);
void input_done(struct input *input);

/* The name of the rule in messages: FILE:LINE:COLUMN, and its text where it is known, else its
 * prefix. "drop.txt:3:1: '::ffff:0:0/96' means 0.0.0.0/0"; for an argument "'10.0.0.1-10.0.0.9'";
 * for a rule that was not read from this input "10.0.0.0/8". */
#define INPUT_POSITION_SIZE 320
void input_describe(const struct input *input, const struct rule *rule,
		    char text[INPUT_POSITION_SIZE]);

/* The same for a line that is kept. */
void input_describe_wide(const struct input *input, const struct input_wide *line,
			 char text[INPUT_POSITION_SIZE]);

/* The source that an origin is in, and the number of the line there. NULL: no source. */
const struct input_source *input_find_source(const struct input *input, __u32 origin, __u32 *line);

/* --- For readers ------------------------------------------------------------------------------ */

/* Starts a source: the lines that follow are from this file or this argument. Opens the first set,
 * which gets rules that come before any set is named. Returns 0 or -ENOMEM. */
int input_open_source(struct input *input, const char *name, const char *argument);

/* The origin of the rules of a line of the last source; 0 if 32 bits cannot number it. */
__u32 input_origin(struct input *input, size_t line);

/* Finds or makes the set, whose name is valid. Returns its index, -ENOMEM or -E2BIG. */
int input_name_set(struct input *input, const char *name);

/* Adds a rule like this one for each of the prefixes, of which there is at least one; this token of
 * that line of the last source asks for them. Returns 0 or -ENOMEM. */
int input_add_rules(struct input *input, const struct rule *like,
		    const struct prefix_list *prefixes, const struct token *token, size_t line);

#endif
