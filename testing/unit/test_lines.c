// SPDX-License-Identifier: GPL-2.0
/*
 * Are lines split correctly, wherever the blocks of the input end?
 */
#include <util/lines.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* A text of a literal that may have NUL bytes inside. */
#define TEXT(literal) literal, sizeof(literal) - 1

struct line_case {
	const char *name;
	const char *text;
	size_t length;
	const char *lines; /* the resulting lines, each followed by "|" */
	enum line_result end;
	size_t number; /* the number of the line that ended it, or of the last line */
	size_t good;   /* the good bytes of that line */
};

static const struct line_case line_cases[] = {
	{ "nothing", TEXT(""), "", LINE_END_OF_FILE, 0, 0 },
	{ "an empty line", TEXT("\n"), "|", LINE_END_OF_FILE, 1, 0 },
	{ "two lines", TEXT("a\nb\n"), "a|b|", LINE_END_OF_FILE, 2, 0 },
	{ "a last line without its end", TEXT("a\nb"), "a|b|", LINE_END_OF_FILE, 2, 0 },
	{ "CR LF", TEXT("a\r\n\r\nb\r"), "a||b|", LINE_END_OF_FILE, 3, 0 },
	{ "only the last CR is part of the end", TEXT("a\r\r\n"), "a\r|", LINE_END_OF_FILE, 1, 0 },
	{ "a BOM in front", TEXT("\xef\xbb\xbf\n\xef\xbb\xbf\n"), "|\xef\xbb\xbf|",
	  LINE_END_OF_FILE, 2, 0 },
	{ "a BOM alone", TEXT("\xef\xbb\xbf"), "", LINE_END_OF_FILE, 0, 0 },
	{ "half a BOM", TEXT("\xef\xbb"), "\xef\xbb|", LINE_END_OF_FILE, 1, 0 },
	{ "a NUL byte", TEXT("a\nbc\0d\ne\n"), "a|", LINE_HAS_NUL, 2, 2 },
	{ "a NUL byte as the last one", TEXT("a\n\0"), "a|", LINE_HAS_NUL, 2, 0 },
};

static void check_lines(void **state)
{
	const struct line_case *c = *state;
	FILE *file = open_text(c->text, c->length);
	char out[256] = "";
	enum line_result result;
	struct lines lines;
	size_t length = 0;
	char *line;

	assert_int_equal(lines_init(&lines, file), 0);
	while ((result = lines_next(&lines, &line, &length)) == LINE_READ) {
		assert_int_equal(strlen(line), length);
		strcat(strcat(out, line), "|");
	}
	assert_string_equal(out, c->lines);
	assert_int_equal(result, c->end);
	assert_int_equal(lines.number, c->number);
	if (result == LINE_HAS_NUL)
		assert_int_equal(length, c->good);
	lines_done(&lines);
	fclose(file);
}

/* Lines of all lengths, many of them at the limit, over several blocks. */
static char *random_text(size_t size)
{
	char *text = malloc(size + 1);
	size_t left = 0;

	assert_non_null(text);
	for (size_t i = 0; i < size; i++) {
		if (!left)
			left = random_below(8) ? random_below(60) :
						 LINES_MAX_LENGTH - 3 + random_below(4);
		else
			left--;
		text[i] = left ? (char)('a' + i % 26) : random_below(5) ? '\n' : '\r';
	}
	text[size] = '\0';
	return text;
}

static void lines_do_not_depend_on_blocks(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 40; i++) {
		size_t size = 60000 + random_below(200000);
		char *text = random_text(size);
		const char *expected = text;
		FILE *file = open_text(text, size);
		enum line_result result;
		struct lines lines;
		size_t length;
		char *line;

		assert_int_equal(lines_init(&lines, file), 0);
		while ((result = lines_next(&lines, &line, &length)) == LINE_READ) {
			size_t whole = strcspn(expected, "\n");
			size_t shown = whole && expected[whole - 1] == '\r' ? whole - 1 : whole;

			assert_int_equal(length, shown);
			assert_memory_equal(line, expected, length);
			expected += whole + (expected[whole] == '\n');
		}
		/* A CR in a line may have joined two lines that fit. */
		if (result == LINE_TOO_LONG)
			assert_true(strcspn(expected, "\n") > LINES_MAX_LENGTH);
		else
			assert_true(result == LINE_END_OF_FILE && expected == text + size);
		lines_done(&lines);
		fclose(file);
		free(text);
	}
}

/* A device that fails after some bytes. */
struct broken {
	size_t left;
};

static ssize_t broken_read(void *cookie, char *buffer, size_t size)
{
	struct broken *broken = cookie;

	if (!broken->left) {
		errno = ENXIO;
		return -1;
	}
	size = size < broken->left ? size : broken->left;
	memset(buffer, '\n', size);
	broken->left -= size;
	return (ssize_t)size;
}

static void what_cannot_be_read_is_no_end(void **state)
{
	struct broken broken = { .left = 3 };
	FILE *file = fopencookie(&broken, "r", (cookie_io_functions_t){ .read = broken_read });
	struct lines lines;
	size_t length;
	char *line;

	(void)state;
	assert_non_null(file);
	assert_int_equal(lines_init(&lines, file), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(lines_next(&lines, &line, &length), LINE_READ);
	assert_int_equal(lines_next(&lines, &line, &length), LINE_FAILED);
	assert_int_equal(lines.failure, ENXIO);
	lines_done(&lines);
	fclose(file);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_lines, line_cases);
	suite_add(&suite, "lines do not depend on blocks", lines_do_not_depend_on_blocks, NULL);
	suite_add(&suite, "what cannot be read is no end", what_cannot_be_read_is_no_end, NULL);
	return suite_run(&suite, "lines");
}
