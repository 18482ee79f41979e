// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of DShield's ipsascii.html say?
 *
 *     192.000.002.001 TAB 1741 TAB 29 TAB 2025-10-01 TAB 2025-10-06
 *
 * A source, how many reports and targets it has, and the days of the first and the last report. The
 * numbers of the address are decimal, padded with zeros. All five must be there, so a line that was
 * cut short is known.
 */
#include <feed/feed.h>

#include <string.h>

/* Each returns what follows, and NULL where no such thing stands; NULL makes NULL. */

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

static bool begins(const char *line)
{
	struct address address;

	return skip_tab(skip_count(skip_tab(address_scan_padded(line, &address))));
}

static int read_line(struct feed *feed, char *line, struct error *err)
{
	const struct rule like = feed_plain_rule(feed);
	const struct word word = { line, 1 };
	struct address address;
	const char *end = address_scan_padded(line, &address);
	const char *rest = skip_tab(skip_count(skip_tab(skip_count(skip_tab(end)))));
	int ret;

	rest = skip_day(skip_tab(skip_day(rest)));
	if (!rest || *rest)
		return feed_refuse(feed, &word, err,
				   "a line is ADDRESS, REPORTS, TARGETS and two days, with tabs "
				   "between them");
	line[end - line] = '\0';
	ret = feed_read_range(feed, &word, &address, &address, err);
	return ret ? ret : feed_add_rules(feed, &like, err);
}

const struct feed_format feed_ipsascii = {
	.name = "ipsascii",
	.begins = begins,
	.read_line = read_line,
};
