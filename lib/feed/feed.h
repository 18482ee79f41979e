/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are the lists written that others publish, and which way is this file written?
 *
 * A format reads line by line. In every format blank lines, and lines that begin with # or ;, say
 * nothing; the first other one tells which format it is. A line that is not of that format is
 * refused, so a mixed or damaged file is refused as a whole.
 *
 * For the formats among themselves, and for who names one; files are read by reader_read().
 */
#ifndef FEED_FEED_H
#define FEED_FEED_H

#include <feed/input.h>
#include <ruleset/rule.h>
#include <stdbool.h>
#include <stddef.h>

struct error;
struct input;

/* A part of a line, for messages. */
struct word {
	const char *text;
	size_t column; /* bytes, from 1 */
};

/* A set of an ipset file, and what `create` says of it. */
struct ipset {
	char name[IPF_SET_NAME_SIZE];
	const char *type;       /* NULL: not created by a line */
	enum ipf_family family; /* where created */
	__u32 expires;          /* of an entry without a timeout */
	__u16 set;
	bool filled; /* has an entry */
};

/* A file on its way into the input. */
struct feed {
	struct input *input;
	const struct feed_format *format; /* NULL: not known yet */
	const char *name;                 /* NULL: an argument, which has no lines */
	size_t line;                      /* number, from 1 */
	bool unended;                     /* the line at hand is the last one and has no line end */
	__u16 set;                        /* that `set` opened */
	struct {
		size_t records; /* since the last metadata line */
		bool whole;     /* a metadata line was the last line */
	} ndjson;
	struct {
		struct ipset *items;
		size_t count, capacity;
		size_t last; /* the one of the line before */
	} ipset;
};

struct feed_format {
	const char *name; /* for --format */
	/* Is a file of this format whose first line that says something is this one? */
	bool (*begins)(const char *line);
	/* Reads a line that says something, as it stands in the file but for its end; may write to
	 * it. */
	int (*read_line)(struct feed *feed, char *line, struct error *err);
	/* May the file end here? NULL: anywhere. */
	int (*finish)(const struct feed *feed, struct error *err);
};

extern const struct feed_format feed_rules;    /* our own text, plain lists, Spamhaus DROP text */
extern const struct feed_format feed_ndjson;   /* Spamhaus drop_v4.json */
extern const struct feed_format feed_dshield;  /* DShield block.txt */
extern const struct feed_format feed_ipsascii; /* DShield ipsascii.html */
extern const struct feed_format feed_dat;      /* eMule ipfilter.dat */
extern const struct feed_format feed_p2p;      /* LABEL:START-END */
extern const struct feed_format feed_ipset;    /* ipset save */

/* All of them, for messages. */
#define FEED_FORMATS "rules, ndjson, dshield, ipsascii, dat, p2p, ipset"

/* NULL: none has this name. */
const struct feed_format *feed_format_find(const char *name);
/* The format that begins with this line; feed_rules, whose message is the plainest, where none
 * does. */
const struct feed_format *feed_format_of(const char *line);

static inline bool feed_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline const char *feed_skip_blanks(const char *text)
{
	while (feed_is_blank(*text))
		text++;
	return text;
}

/* What formats are made of. Each returns 0, or a negative errno with the words. */

/* "FILE:LINE:COLUMN: 'WORD': PROBLEM", and -EINVAL. Of an argument only "'WORD': PROBLEM". */
int feed_refuse(const struct feed *feed, const struct word *word, struct error *err,
		const char *problem, ...) __attribute__((format(printf, 4, 5)));
int feed_no_memory(struct error *err);

/* The prefixes that a RULE means go to input->scratch; cleared host bits are noted. */
int feed_read_target(const struct feed *feed, const struct word *word, struct error *err);
/* The same of a range, which the word stands for. */
int feed_read_range(const struct feed *feed, const struct word *word, const struct address *first,
		    const struct address *last, struct error *err);
/* Each of those becomes a rule like this one. */
int feed_add_rules(const struct feed *feed, const struct rule *like, struct error *err);
/* Finds or makes the set. Refuses a bad name, and one too many. */
int feed_open_set(const struct feed *feed, const struct word *name, __u16 *set, struct error *err);
/* A rule of a line that says nothing about verdict, set and time. */
struct rule feed_plain_rule(const struct feed *feed);

#endif
