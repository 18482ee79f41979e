// SPDX-License-Identifier: GPL-2.0
/*
 * Which fields does a line of comma-separated values have?
 */
#include <feed/csv.h>

#include <string.h>

/* What follows the field; NULL if a quote is out of place. Removes the quotes. */
static char *end_quoted(char *field)
{
	char *to = field, *from = field + 1;

	for (;; from++) {
		if (!*from)
			return NULL;
		if (*from == '"' && *++from != '"')
			break;
		*to++ = *from;
	}
	if (*from && *from != ',')
		return NULL;
	while (to < from)
		*to++ = '\0';
	return from;
}

static char *end_plain(char *field)
{
	char *end = field + strcspn(field, ",\"");

	return *end == '"' ? NULL : end;
}

size_t csv_split(char *text, struct token *fields, size_t most)
{
	char *next = text;
	size_t count = 0;

	for (;;) {
		char *end;
		bool more;

		if (count == most)
			return 0;
		fields[count++] = (struct token){ next, (size_t)(next - text) + 1 };
		end = *next == '"' ? end_quoted(next) : end_plain(next);
		if (!end)
			return 0;
		more = *end == ',';
		*end = '\0';
		if (!more)
			return count;
		next = end + 1;
	}
}
