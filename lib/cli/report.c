// SPDX-License-Identifier: GPL-2.0
/*
 * How is one description of a result written as text or as JSON?
 *
 * jansson checks and escapes the strings. The brackets around them are written here, because its
 * trees would take a kilobyte for each rule of a list.
 */
#include <cli/report.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>

#include <util/auto.h>
#include <util/error.h>
#include <util/text.h>

#define INDENT 2
#define LABEL_WIDTH 10 /* of fields and rows in text */
#define CELL_WIDTH 12  /* of numbers in rows */
#define TEXT_SIZE 1024

void report_init(struct report *report, enum report_format format, FILE *out)
{
	*report = (struct report){ .out = out, .format = format };
}

void report_begin(struct report *report, enum report_format format, FILE *out)
{
	report_init(report, format, out);
	report_object(report, NULL, NULL);
	report_number(report, "schema", NULL, REPORT_SCHEMA);
}

bool report_is_text(const struct report *report)
{
	return report->format == REPORT_TEXT;
}

static struct report_level *level(struct report *report)
{
	return report->depth ? &report->levels[report->depth - 1] : NULL;
}

/* A stream remembers that a write failed, but not why; errno says that right after the write. */
static void note_failure(struct report *report)
{
	if (!report->failure && ferror(report->out))
		report->failure = errno ? -errno : -EIO;
}

static void text_indent(const struct report *report)
{
	int columns = 0;

	for (unsigned int i = 0; i < report->depth; i++)
		columns += report->levels[i].indents ? INDENT : 0;
	fprintf(report->out, "%*s", columns, "");
}

static void text_puts(const struct report *report, const char *text, int width)
{
	char printable[TEXT_SIZE];

	text_printable(text, printable, sizeof(printable));
	fprintf(report->out, "%-*s", width, printable);
}

/* The number of bytes of the UTF-8 character at text; 0 if it is none. */
static size_t utf8_length(const char *text)
{
	for (size_t length = 1; length <= 4 && text[length - 1]; length++) {
		json_t *character = json_stringn(text, length);

		if (!character)
			continue;
		json_decref(character);
		return length;
	}
	return 0;
}

/* The string, with each byte that is not UTF-8 as \xNN. NULL: out of memory. The caller frees
 * it. */
static char *utf8_escape(const char *text)
{
	char *escaped = malloc(4 * strlen(text) + 1);
	char *end = escaped;

	if (!escaped)
		return NULL;
	while (*text) {
		size_t length = utf8_length(text);

		if (length) {
			memcpy(end, text, length);
			end += length;
			text += length;
		} else {
			end += sprintf(end, "\\x%02x", (unsigned char)*text++);
		}
	}
	*end = '\0';
	return escaped;
}

static json_t *json_any_string(const char *text)
{
	json_t *string = json_string(text);
	auto_free char *escaped = NULL;

	if (string)
		return string;
	escaped = utf8_escape(text);
	return escaped ? json_string(escaped) : NULL;
}

static void json_puts(struct report *report, const char *text)
{
	json_t *string = json_any_string(text);

	if (string)
		json_dumpf(string, report->out, JSON_ENCODE_ANY);
	else
		report->failure = -ENOMEM;
	json_decref(string);
}

static void json_newline(const struct report *report)
{
	if (report->format == REPORT_JSON)
		fprintf(report->out, "\n%*s", (int)report->depth * INDENT, "");
}

/* Everything between the last value and the next one, the next one's key included. */
static void json_start(struct report *report, const char *key)
{
	struct report_level *open = level(report);
	bool compact = report->format == REPORT_JSON_LINES;

	if (!open)
		return;
	if (open->filled)
		fputs(open->row && !compact ? ", " : ",", report->out);
	if (!open->row)
		json_newline(report);
	open->filled = true;
	if (key) {
		json_puts(report, key);
		fputs(compact ? ":" : ": ", report->out);
	}
}

static void json_end(struct report *report, const struct report_level *closed)
{
	if (closed->filled && !closed->row)
		json_newline(report);
	fputc(closed->end, report->out);
	if (!report->depth)
		fputc('\n', report->out);
}

static void text_open(struct report *report, const char *heading, bool row)
{
	if (!heading)
		return;
	text_indent(report);
	text_puts(report, heading, row ? LABEL_WIDTH : 0);
	if (!row)
		fputc('\n', report->out);
}

static void open_level(struct report *report, const char *key, const char *heading,
		       struct report_level opened)
{
	assert(report->depth < REPORT_DEPTH);
	if (report_is_text(report)) {
		text_open(report, heading, opened.row);
	} else {
		json_start(report, key);
		fputc(opened.end == ']' ? '[' : '{', report->out);
	}
	opened.indents = heading && !opened.row;
	report->levels[report->depth++] = opened;
	note_failure(report);
}

void report_object(struct report *report, const char *key, const char *heading)
{
	open_level(report, key, heading, (struct report_level){ .end = '}' });
}

void report_array(struct report *report, const char *key, const char *heading)
{
	open_level(report, key, heading, (struct report_level){ .end = ']' });
}

void report_row(struct report *report, const char *key, const char *label)
{
	open_level(report, key, label, (struct report_level){ .end = '}', .row = true });
}

void report_close(struct report *report)
{
	struct report_level closed;

	assert(report->depth);
	closed = report->levels[--report->depth];
	if (!report_is_text(report))
		json_end(report, &closed);
	else if (closed.row && closed.filled)
		fputc('\n', report->out);
	note_failure(report);
}

/* A line of its own, or a cell of the open row. */
static void text_field(struct report *report, const char *label, const char *value)
{
	struct report_level *open = level(report);

	if (open && open->row) {
		open->filled = true;
		fprintf(report->out, " %*s %s", CELL_WIDTH, value, label);
		return;
	}
	text_indent(report);
	text_puts(report, label, LABEL_WIDTH);
	fputc(' ', report->out);
	text_puts(report, value, 0);
	fputc('\n', report->out);
}

void report_string(struct report *report, const char *key, const char *label, const char *value)
{
	if (report_is_text(report)) {
		if (label && value)
			text_field(report, label, value);
	} else if (key && value) {
		json_start(report, key);
		json_puts(report, value);
	} else if (key) {
		report_null(report, key);
	}
}

void report_number(struct report *report, const char *key, const char *label, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	if (report_is_text(report)) {
		if (label)
			text_field(report, label, digits);
	} else if (key) {
		json_start(report, key);
		fputs(digits, report->out);
	}
}

static void json_literal(struct report *report, const char *key, const char *literal)
{
	if (report_is_text(report))
		return;
	json_start(report, key);
	fputs(literal, report->out);
}

void report_flag(struct report *report, const char *key, bool value)
{
	json_literal(report, key, value ? "true" : "false");
}

void report_null(struct report *report, const char *key)
{
	json_literal(report, key, "null");
}

void report_line(struct report *report, const char *format, ...)
{
	char line[TEXT_SIZE];
	va_list args;

	if (!report_is_text(report))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	text_indent(report);
	text_puts(report, line, 0);
	fputc('\n', report->out);
	note_failure(report);
}

/* Has the reader of this pipe gone? */
static bool is_closed(FILE *out)
{
	struct pollfd stream = { .fd = fileno(out) };

	return poll(&stream, 1, 0) == 1 && (stream.revents & POLLERR);
}

int report_flush(FILE *out, struct error *err)
{
	if (fflush(out))
		return report_failure(-errno, err);
	if (!ferror(out))
		return 0;
	/* An earlier write failed, and the stream does not say why. */
	return is_closed(out) ? REPORT_CLOSED : error_set(err, -EIO, "cannot write the output");
}

int report_failure(int failure, struct error *err)
{
	if (failure == -EPIPE)
		return REPORT_CLOSED;
	return error_set(err, failure, "cannot write the output: %s", strerror(-failure));
}

int report_finish(struct report *report, struct error *err)
{
	assert(!report->depth);
	return report->failure ? report_failure(report->failure, err) :
				 report_flush(report->out, err);
}
