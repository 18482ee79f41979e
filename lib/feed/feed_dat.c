// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of eMule's ipfilter.dat say?
 *
 *     192.000.002.000 - 192.000.002.255 , 000 , DESCRIPTION
 *
 * Numbers are decimal, padded with zeros or not. The level after the range says what becomes of it:
 * up to 127 it is blocked; above it is allowed, which makes no exception from other lines, and so no
 * rule. The description may be missing. A line that begins with // is a comment.
 */
#include <feed/feed.h>

#include <stdlib.h>
#include <string.h>

#define LEVEL_DIGITS 3
#define LEVEL_BLOCKED 127
#define LEVEL_MAX 255

static bool is_comment(const char *line)
{
	return !strncmp(line, "//", 2);
}

/* START - END, with blanks or without. Returns what follows, NULL where none stands. */
static const char *scan_range(const char *text, struct address *first, struct address *last)
{
	text = address_scan_padded(text, first);
	if (!text)
		return NULL;
	text = feed_skip_blanks(text);
	return *text == '-' ? address_scan_padded(feed_skip_blanks(text + 1), last) : NULL;
}

static bool begins(const char *line)
{
	struct address first, last;

	line = feed_skip_blanks(line);
	if (is_comment(line))
		return true;
	line = scan_range(line, &first, &last);
	return line && *feed_skip_blanks(line) == ',';
}

/* The level at `text`; the line is cut after it. A last line without its end may have lost digits. */
static int read_level(const struct feed *feed, char *line, const char *text, long *level,
		      struct error *err)
{
	const struct word word = { text, (size_t)(text - line) + 1 };
	size_t digits = strspn(text, "0123456789");
	const char *next = feed_skip_blanks(text + digits);
	bool good = digits && digits <= LEVEL_DIGITS && (!*next || *next == ',');
	bool cut = feed->unended && !*next && digits < LEVEL_DIGITS;

	line[text - line + (digits ? digits : strcspn(text, ","))] = '\0';
	*level = good ? strtol(text, NULL, 10) : LEVEL_MAX + 1;
	if (*level > LEVEL_MAX)
		return feed_refuse(feed, &word, err, "not a level from 0 to 255");
	if (cut)
		return feed_refuse(feed, &word, err,
				   "the file ends here, so the level may have lost digits");
	return 0;
}

static int read_line(struct feed *feed, char *line, struct error *err)
{
	const char *start = feed_skip_blanks(line), *end, *comma;
	const struct word word = { start, (size_t)(start - line) + 1 };
	const struct rule like = feed_plain_rule(feed);
	struct address first, last;
	long level;
	int ret;

	if (is_comment(start))
		return 0;
	end = scan_range(start, &first, &last);
	comma = end ? feed_skip_blanks(end) : NULL;
	if (!comma || *comma != ',')
		return feed_refuse(feed, &word, err, "a line is START - END , LEVEL , DESCRIPTION");
	ret = read_level(feed, line, feed_skip_blanks(comma + 1), &level, err);
	if (ret)
		return ret;
	line[end - line] = '\0';
	ret = feed_read_range(feed, &word, &first, &last, err);
	if (ret || level > LEVEL_BLOCKED)
		return ret;
	return feed_add_rules(feed, &like, err);
}

const struct feed_format feed_dat = {
	.name = "dat",
	.begins = begins,
	.read_line = read_line,
};
