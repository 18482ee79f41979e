// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of a P2P list say?
 *
 *     LABEL:START-END
 *
 * The label can hold anything, colons too: the last colon ends it. Addresses are IPv4.
 */
#include <feed/format.h>

#include <string.h>

#include <feed/line.h>

/* What follows the label; NULL if that is nothing like a range. */
static const char *range_of(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon && strchr(colon, '-') ? colon + 1 : NULL;
}

/* A label can hold anything, so such a line can also be a rule: one with a comment, or of
 * IPv4-mapped addresses. Then it is read as a rule. */
static bool begins(const char *text)
{
	const char *range = range_of(text);
	struct address address;
	const char *end = range ? address_scan(range, &address, NULL) : NULL;

	return end && *end == '-' && !address_parse(end + 1, &address, NULL) &&
	       !format_rules.begins(text);
}

static int read_line(void *state, struct line *line, char *text, struct error *err)
{
	const struct rule like = line_plain_rule(line);
	const char *range = range_of(text);
	struct token token;
	int ret;

	(void)state;
	if (!range)
		return line_refuse(line, &(struct token){ text, 1 }, err,
				   "a line is LABEL:START-END");
	token = (struct token){ range, (size_t)(range - text) + 1 };
	ret = line_read_rule(line, &token, err);
	return ret ? ret : line_add_rules(line, &like, err);
}

const struct format format_p2p = {
	.begins = begins,
	.read_line = read_line,
};
