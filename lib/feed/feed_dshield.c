// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of DShield's block.txt say?
 *
 *     Start TAB End TAB Netblock ...                     (the heading)
 *     192.0.2.0 TAB 192.0.2.255 TAB 24 TAB ...           (what follows is for people)
 *
 * Start and length mean the prefix. The end must be where it ends: a line in which they disagree is
 * damaged.
 */
#include <feed/feed.h>

#include <stdio.h>
#include <string.h>

#define HEADING "Start\tEnd\t"
#define FIELDS 3

static bool begins(const char *line)
{
	struct address address;
	const char *end = address_scan(line, &address, NULL);

	if (!strncmp(line, HEADING, strlen(HEADING)))
		return true;
	return end && *end == '\t' && address_scan(end + 1, &address, NULL);
}

/* Cuts the first fields out of the line, in place. */
static bool cut(char *line, struct word fields[FIELDS])
{
	char *next = line;

	for (int i = 0; i < FIELDS; i++) {
		size_t length = strcspn(next, "\t");
		bool last = !next[length];

		fields[i] = (struct word){ next, (size_t)(next - line) + 1 };
		if (!length || (last && i < FIELDS - 1))
			return false;
		next[length] = '\0';
		next += length + !last;
	}
	return true;
}

static bool ends_at(const struct prefix *prefix, const char *text)
{
	struct ipf_key last = prefix_last(prefix), end;
	struct address address;

	if (address_parse(text, &address, NULL) || address.family != prefix->family)
		return false;
	end = prefix_last(&(struct prefix){ address.key, prefix->family,
					    (__u8)address_family_bits(address.family) });
	return !address_key_compare(&last, &end);
}

static int read_line(struct feed *feed, char *line, struct error *err)
{
	const struct rule like = feed_plain_rule(feed);
	struct word fields[FIELDS], target = { .column = 1 };
	char text[2 * PREFIX_TEXT_SIZE];
	int ret;

	if (!strncmp(line, HEADING, strlen(HEADING)))
		return 0;
	if (!cut(line, fields))
		return feed_refuse(feed, &(struct word){ line, 1 }, err,
				   "a line is START, END and LENGTH, with tabs between them");
	snprintf(text, sizeof(text), "%s/%s", fields[0].text, fields[2].text);
	target.text = text;
	ret = feed_read_target(feed, &target, err);
	if (ret)
		return ret;
	if (!ends_at(&feed->input->scratch.items[0], fields[1].text))
		return feed_refuse(feed, &fields[1], err, "%s ends elsewhere", text);
	return feed_add_rules(feed, &like, err);
}

const struct feed_format feed_dshield = {
	.name = "dshield",
	.begins = begins,
	.read_line = read_line,
};
