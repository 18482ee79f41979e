// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of DShield's ipsascii.html say?
 *
 *     192.000.002.001 TAB 1741 TAB 29 TAB 2025-10-01 TAB 2025-10-06
 *
 * A source, the numbers of its reports and targets, and the days of the first and the last report.
 * The numbers of the address are decimal, padded with zeros. All five columns must be there: fewer
 * show that the line was truncated.
 */
#include <feed/format.h>

#include <string.h>

#include <feed/line.h>

/* Each returns what follows, or NULL if the text begins differently; NULL gives NULL. */

static const char *skip_tab(const char *text)
{
	return text && *text == '\t' ? text + 1 : NULL;
}

static const char *skip_count(const char *text)
{
	size_t digits = text ? strspn(text, "0123456789") : 0;

	return digits ? text + digits : NULL;
}

static const char *skip_day(const char *text)
{
	for (const char *form = "dddd-dd-dd"; text && *form; form++, text++) {
		bool good = *form == 'd' ? *text >= '0' && *text <= '9' : *text == *form;

		if (!good)
			return NULL;
	}
	return text;
}

static bool begins(const char *text)
{
	struct address address;

	return skip_tab(skip_count(skip_tab(address_scan_padded(text, &address))));
}

static int read_line(void *state, struct line *line, char *text, struct error *err)
{
	const struct rule like = line_plain_rule(line);
	const struct token token = { text, 1 };
	struct address address;
	const char *end = address_scan_padded(text, &address);
	const char *next = skip_tab(skip_count(skip_tab(skip_count(skip_tab(end)))));
	int ret;

	(void)state;
	next = skip_day(skip_tab(skip_day(next)));
	if (!next || *next)
		return line_refuse(line, &token, err,
				   "a line is ADDRESS, REPORTS, TARGETS and two days, with tabs "
				   "between them");
	text[end - text] = '\0';
	ret = line_read_range(line, &token, &address, &address, err);
	return ret ? ret : line_add_rules(line, &like, err);
}

const struct format format_ipsascii = {
	.begins = begins,
	.read_line = read_line,
};
