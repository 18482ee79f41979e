// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of eMule's ipfilter.dat say?
 *
 *     192.000.002.000 - 192.000.002.255 , 000 , DESCRIPTION
 *
 * Numbers are decimal, padded with zeros or not. The level after the range decides. Up to 127, the
 * range is blocked. Above that, it is allowed: it is no exception from other lines, and makes no
 * rule. The description may be missing. A line that begins with // is a comment.
 */
#include <feed/format.h>

#include <stdlib.h>
#include <string.h>

#include <feed/line.h>

#define LEVEL_DIGITS 3
#define LEVEL_BLOCKED 127
#define LEVEL_MAX 255

static bool is_comment(const char *text)
{
	return !strncmp(text, "//", 2);
}

/* START - END, with blanks or without. Returns what follows, or NULL if the text begins
 * differently. */
static const char *scan_range(const char *text, struct address *first, struct address *last)
{
	text = address_scan_padded(text, first);
	if (!text)
		return NULL;
	text = token_skip_blanks(text);
	return *text == '-' ? address_scan_padded(token_skip_blanks(text + 1), last) : NULL;
}

static bool begins(const char *text)
{
	struct address first, last;

	text = token_skip_blanks(text);
	if (is_comment(text))
		return true;
	text = scan_range(text, &first, &last);
	return text && *token_skip_blanks(text) == ',';
}

/* Reads the level at text[at], and ends the text after it. A last line without its end may have
 * lost digits. */
static int read_level(const struct line *line, char *text, size_t at, long *level,
		      struct error *err)
{
	const struct token token = { text + at, at + 1 };
	size_t digits = strspn(token.text, "0123456789");
	const char *next = token_skip_blanks(token.text + digits);
	bool good = digits && digits <= LEVEL_DIGITS && (!*next || *next == ',');
	bool truncated = line->unended && !*next && digits < LEVEL_DIGITS;

	text[at + (digits ? digits : strcspn(token.text, ","))] = '\0';
	*level = good ? strtol(token.text, NULL, 10) : LEVEL_MAX + 1;
	if (*level > LEVEL_MAX)
		return line_refuse(line, &token, err, "not a level from 0 to 255");
	if (truncated)
		return line_refuse(line, &token, err,
				   "the file ends here, so the level may have lost digits");
	return 0;
}

static int read_line(void *state, struct line *line, char *text, struct error *err)
{
	const char *start = token_skip_blanks(text), *end, *comma;
	const struct token token = { start, (size_t)(start - text) + 1 };
	const struct rule like = line_plain_rule(line);
	struct address first, last;
	long level;
	int ret;

	(void)state;
	if (is_comment(start))
		return 0;
	end = scan_range(start, &first, &last);
	comma = end ? token_skip_blanks(end) : NULL;
	if (!comma || *comma != ',')
		return line_refuse(line, &token, err,
				   "a line is START - END , LEVEL , DESCRIPTION");
	ret = read_level(line, text, (size_t)(token_skip_blanks(comma + 1) - text), &level, err);
	if (ret)
		return ret;
	text[end - text] = '\0';
	ret = line_read_range(line, &token, &first, &last, err);
	if (ret || level > LEVEL_BLOCKED)
		return ret;
	return line_add_rules(line, &like, err);
}

const struct format format_dat = {
	.begins = begins,
	.read_line = read_line,
};
