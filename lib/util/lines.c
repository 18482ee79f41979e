// SPDX-License-Identifier: GPL-2.0
/*
 * What is the next line of a file?
 *
 * When no line end follows in a block, what is left of it moves to the front, and the next block is
 * read after it.
 */
#include <util/lines.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <util/error.h>

#define BLOCK_SIZE (1u << 16)

/* The longest good line with its CR LF. This many bytes are enough to refuse a longer line. */
#define ENOUGH (LINES_MAX_LENGTH + 2)
_Static_assert(BLOCK_SIZE > 2 * ENOUGH, "a block has room after what is left of the last one");

int lines_init(struct lines *lines, FILE *file)
{
	*lines = (struct lines){ .file = file, .buffer = malloc(BLOCK_SIZE + 1) };
	return lines->buffer ? 0 : -ENOMEM;
}

void lines_done(struct lines *lines)
{
	free(lines->buffer);
	*lines = (struct lines){ 0 };
}

static void read_block(struct lines *lines)
{
	size_t left = lines->end - lines->next;
	size_t room = BLOCK_SIZE - left;
	size_t got;

	memmove(lines->buffer, lines->buffer + lines->next, left);
	errno = 0;
	got = fread(lines->buffer + left, 1, room, lines->file);
	if (got < room) {
		lines->all_read = true;
		if (ferror(lines->file))
			lines->failure = errno ? errno : EIO;
	}
	lines->next = 0;
	lines->end = left + got;
}

/* Finds the end of the next line: its LF, or the end of the file. Reads on until one is found, or
 * the line is too long. */
static char *find_end(struct lines *lines)
{
	for (;;) {
		char *start = lines->buffer + lines->next;
		size_t left = lines->end - lines->next;
		char *end = memchr(start, '\n', left);

		if (end)
			return end;
		if (left >= ENOUGH || lines->all_read)
			return start + left;
		read_block(lines);
	}
}

/* Before the first line starts, so that messages count columns without the BOM. */
static void skip_bom(struct lines *lines)
{
	static const char bom[] = "\xef\xbb\xbf";
	const size_t size = sizeof(bom) - 1;

	read_block(lines);
	if (lines->end >= size && !memcmp(lines->buffer, bom, size))
		lines->next = size;
}

enum line_result lines_next(struct lines *lines, char **line, size_t *length)
{
	char *start, *end, *nul;
	size_t count;

	if (!lines->number)
		skip_bom(lines);
	end = find_end(lines);
	start = lines->buffer + lines->next;
	count = (size_t)(end - start);
	if (lines->failure && end == lines->buffer + lines->end)
		return LINE_FAILED;
	if (end == lines->buffer + lines->end && !count)
		return LINE_END_OF_FILE;

	lines->number++;
	nul = memchr(start, '\0', count < ENOUGH - 1 ? count : ENOUGH - 1);
	if (nul) {
		*length = (size_t)(nul - start);
		return LINE_HAS_NUL;
	}
	if (count && end[-1] == '\r')
		count--;
	if (count > LINES_MAX_LENGTH) {
		*length = LINES_MAX_LENGTH;
		return LINE_TOO_LONG;
	}
	start[count] = '\0';
	lines->next = (size_t)(end - lines->buffer) + 1;
	lines->unended = lines->next > lines->end;
	if (lines->unended)
		lines->next = lines->end;
	*line = start;
	*length = count;
	return LINE_READ;
}

int lines_read(struct lines *lines, const char *name, char **line, struct error *err)
{
	size_t length;

	switch (lines_next(lines, line, &length)) {
	case LINE_READ:
		return 0;
	case LINE_END_OF_FILE:
		*line = NULL;
		return 0;
	case LINE_TOO_LONG:
		return error_set_usage(err, "%s:%zu:%zu: a line can have at most %d bytes", name,
				       lines->number, length + 1, LINES_MAX_LENGTH);
	case LINE_HAS_NUL:
		return error_set_usage(err, "%s:%zu:%zu: a NUL byte; this is not a text file", name,
				       lines->number, length + 1);
	case LINE_FAILED:
		break;
	}
	return error_set(err, -EIO, "%s: cannot read it: %s", name, strerror(lines->failure));
}
