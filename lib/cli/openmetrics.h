/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are counters and states written for Prometheus?
 *
 * In the text format of Prometheus, version 0.0.4, or in OpenMetrics 1.0. The two differ in the
 * names of families whose samples have a suffix, in their types, and in the last line.
 */
#ifndef CLI_OPENMETRICS_H
#define CLI_OPENMETRICS_H

#include <stdint.h>
#include <stdio.h>

enum openmetrics_format {
	OPENMETRICS_PROMETHEUS, /* what every scraper and the textfile collector read */
	OPENMETRICS_1_0,        /* for those that ask for it */
};

enum openmetrics_type {
	OPENMETRICS_COUNTER, /* its samples end in _total */
	OPENMETRICS_GAUGE,
	OPENMETRICS_INFO, /* always 1, and the labels say it all; its sample ends in _info */
};

struct openmetrics {
	FILE *out;
	enum openmetrics_format format;
	const char *family; /* the open one, and the suffix of its samples */
	const char *suffix;
};

/* Values may be any bytes: they are escaped, and what is not UTF-8 is written as \xNN. */
struct openmetrics_label {
	const char *name, *value;
};

/* Labels as an argument. */
#define OPENMETRICS_LABELS(...) \
	((const struct openmetrics_label[]){ __VA_ARGS__, { .name = NULL } })

void openmetrics_init(struct openmetrics *metrics, enum openmetrics_format format, FILE *out);

/* Begins a family. The name has no suffix and stays the caller's; the help is one line without a
 * backslash. */
void openmetrics_family(struct openmetrics *metrics, const char *name, enum openmetrics_type type,
			const char *help);

/* A sample of that family. The labels end with one that has no name. */
void openmetrics_sample(struct openmetrics *metrics, const struct openmetrics_label *labels,
			uint64_t value);

/* Nothing follows. Whether all was written, report_flush() says. */
void openmetrics_finish(struct openmetrics *metrics);

/* The format that an HTTP header "Accept" prefers; NULL: there is none. OpenMetrics must be named,
 * in a version that is known here, and liked no less than text/plain. */
enum openmetrics_format openmetrics_choose(const char *accept);

/* For the HTTP header "Content-Type". */
const char *openmetrics_content_type(enum openmetrics_format format);

#endif
