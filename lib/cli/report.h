/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is one description of a result written as text or as JSON?
 *
 * A report is a tree. Each field has a key (its name in JSON), a label (its name in text), or both:
 * the text leaves out a field without a label, JSON one without a key. A field is written as soon
 * as it is described, so a million rows need no memory. Callers therefore gather all facts before
 * they begin.
 *
 * The output is valid whatever the strings hold. JSON shows bytes that are not UTF-8 as \xNN, and
 * text those that a terminal would act on.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct error;

enum report_format {
	REPORT_TEXT,
	REPORT_JSON,
	REPORT_JSON_LINES, /* each top object is one compact line */
};

/* Raised when a field of a result goes, or comes to mean something else. */
#define REPORT_SCHEMA 1

#define REPORT_DEPTH 8 /* levels that may be open at a time */

struct report_level {
	char end; /* bracket that closes it in JSON */
	bool row;
	bool filled;  /* has a member in JSON, or a cell in the text of a row */
	bool indents; /* its fields in text */
};

struct report {
	FILE *out;
	enum report_format format;
	int failure; /* the first one: -ENOMEM, or the errno of a write */
	unsigned int depth;
	struct report_level levels[REPORT_DEPTH];
};

void report_init(struct report *report, enum report_format format, FILE *out);
/* The same, and opens the object that is a result in JSON, which says REPORT_SCHEMA. Close it. */
void report_begin(struct report *report, enum report_format format, FILE *out);
bool report_is_text(const struct report *report);

/* Each opens a level, which report_close() closes. `key` is NULL at the top and inside an array.
 *
 * In text, an object or array with a heading is that line, with its fields indented below; without
 * a heading its fields are not indented. A row is an object on one line: its label, then its
 * fields as cells. A row without a label is only in JSON. */
void report_object(struct report *report, const char *key, const char *heading);
void report_array(struct report *report, const char *key, const char *heading);
void report_row(struct report *report, const char *key, const char *label);
void report_close(struct report *report);

/* A field of the open level. A string that is NULL is null in JSON, and left out of the text. */
void report_string(struct report *report, const char *key, const char *label, const char *value);
void report_number(struct report *report, const char *key, const char *label, uint64_t value);
void report_flag(struct report *report, const char *key, bool value);
void report_null(struct report *report, const char *key);

/* A line of the text, not of JSON. */
void report_line(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Flushes, after every level is closed. Returns as report_flush(), or -ENOMEM and sets *err. */
int report_finish(struct report *report, struct error *err);

/* Has everything that went to the stream been written? Returns 0, REPORT_CLOSED, or a negative
 * errno and sets *err. REPORT_CLOSED is no failure and sets no message: the reader of the pipe has
 * gone, so it has seen enough. */
#define REPORT_CLOSED 1
int report_flush(FILE *out, struct error *err);

/* The same for a write that failed with this negative errno. */
int report_failure(int failure, struct error *err);

#endif
