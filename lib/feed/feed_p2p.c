// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of a P2P list say?
 *
 *     LABEL:START-END
 *
 * The label may hold anything, colons too, so the last colon ends it. Addresses are IPv4.
 */
#include <feed/feed.h>

#include <string.h>

/* Behind the label; NULL where nothing like a range stands there. */
static const char *range_of(const char *line)
{
	const char *colon = strrchr(line, ':');

	return colon && strchr(colon, '-') ? colon + 1 : NULL;
}

static bool begins(const char *line)
{
	const char *range = range_of(line);
	struct address address;
	const char *end = range ? address_scan(range, &address, NULL) : NULL;

	return end && *end == '-' && !address_parse(end + 1, &address, NULL);
}

static int read_line(struct feed *feed, char *line, struct error *err)
{
	const struct rule like = feed_plain_rule(feed);
	const char *range = range_of(line);
	struct word word;
	int ret;

	if (!range)
		return feed_refuse(feed, &(struct word){ line, 1 }, err,
				   "a line is LABEL:START-END");
	word = (struct word){ range, (size_t)(range - line) + 1 };
	ret = feed_read_target(feed, &word, err);
	return ret ? ret : feed_add_rules(feed, &like, err);
}

const struct feed_format feed_p2p = {
	.name = "p2p",
	.begins = begins,
	.read_line = read_line,
};
