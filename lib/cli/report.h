/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is one description of a result written as text or as JSON?
 *
 * A report is a tree. Each field has a key (its name in JSON), a label (its name in text), or both;
 * what has no key is only in the text, what has no label only in the JSON. It is written as it is
 * described, so a million rows need no memory; whoever describes has all facts in hand before.
 *
 * JSON is valid whatever the strings hold: bytes that are not UTF-8 stand as \xNN, as do, in text,
 * the bytes that a terminal would act on.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct error;

/* REPORT_JSON_LINES: each top object is one compact line. */
enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_JSON_LINES };

#define REPORT_DEPTH 8

struct report_level {
	char end; /* bracket that closes it in JSON */
	bool row;
	bool filled; /* has a member in JSON */
	bool indents;
};

struct report {
	FILE *out;
	enum report_format format;
	int failure; /* the first: -ENOMEM, or what a write met */
	unsigned int depth;
	struct report_level levels[REPORT_DEPTH];
};

void report_init(struct report *report, enum report_format format, FILE *out);

/* Opens an object, an array, or an object that stays on one line. `key` is NULL at the top and
 * inside an array. In text an object or array with a heading is that line with its fields
 * indented below; without one its fields stand where they are. A row's fields follow its label. */
void report_object(struct report *report, const char *key, const char *heading);
void report_array(struct report *report, const char *key, const char *heading);
void report_row(struct report *report, const char *key, const char *label);
void report_close(struct report *report);

/* A value of the open object. A string that is NULL is null in JSON and not in the text. */
void report_string(struct report *report, const char *key, const char *label, const char *value);
void report_number(struct report *report, const char *key, const char *label, uint64_t value);
void report_flag(struct report *report, const char *key, bool value);
void report_null(struct report *report, const char *key);

/* A line that is only in the text. */
void report_line(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Flushes. What report_flush() says, or -ENOMEM with the words. */
int report_finish(struct report *report, struct error *err);

/* Has all that went to the stream been written? 0, or a negative errno with the words. A reader that
 * has gone has seen enough, which is no failure: REPORT_CLOSED, without words. */
#define REPORT_CLOSED 1
int report_flush(FILE *out, struct error *err);

/* The same of a write that failed, by its negative errno. */
int report_failure(int failure, struct error *err);

#endif
