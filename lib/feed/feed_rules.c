// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of our own text say?
 *
 *     set NAME
 *     [pass|drop] RULE [timeout DURATION]
 *
 * Behind # and ; stands a comment, so lists of one prefix a line (FireHOL's .ipset and .netset,
 * blocklist.de) and `PREFIX ; SBL1` (Spamhaus DROP) are such texts as they come. A line is cut into
 * words, which are read from left to right: of two faults the first is told.
 */
#include <feed/feed.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/duration.h>

#include <errno.h>
#include <string.h>

#define MAX_WORDS 5 /* One more than the longest good line has. */

static bool ends_line(char c)
{
	return !c || c == '#' || c == ';';
}

/* What stands behind the keyword and blanks; NULL where the text begins otherwise. */
static const char *behind_keyword(const char *text, const char *keyword)
{
	size_t length = strlen(keyword);

	if (strncmp(text, keyword, length) != 0 || !feed_is_blank(text[length]))
		return NULL;
	return feed_skip_blanks(text + length);
}

static bool begins(const char *line)
{
	struct address address;
	const char *rest;

	line = feed_skip_blanks(line);
	rest = behind_keyword(line, "pass");
	if (!rest)
		rest = behind_keyword(line, "drop");
	if (address_scan(rest ? rest : line, &address, NULL))
		return true;
	rest = behind_keyword(line, "set");
	if (!rest)
		return false;
	while (!ends_line(*rest) && !feed_is_blank(*rest)) {
		if (*rest++ == ':') /* No name has one, but a label that begins so has. */
			return false;
	}
	return ends_line(*feed_skip_blanks(rest));
}

/* Cuts the line into words, in place, up to a comment. Words beyond MAX_WORDS are left: the line is
 * bad already. */
static size_t split(char *line, struct word words[MAX_WORDS])
{
	size_t count = 0;
	char *next = line;
	bool more = true;

	while (more && count < MAX_WORDS) {
		while (feed_is_blank(*next))
			next++;
		if (ends_line(*next))
			break;
		words[count++] = (struct word){ next, (size_t)(next - line) + 1 };
		while (!feed_is_blank(*next) && !ends_line(*next))
			next++;
		more = feed_is_blank(*next);
		*next++ = '\0';
	}
	return count;
}

/* Each word was cut with a NUL a moment ago, and strcmp(3), which loads many bytes at once, would wait
 * for that to arrive. */
static bool is(const struct word *word, const char *keyword)
{
	const char *text = word->text;

	for (; *keyword && *text == *keyword; keyword++)
		text++;
	return *text == *keyword;
}

static int read_timeout(const struct feed *feed, const struct word *word, __u32 *expires,
			struct error *err)
{
	uint64_t seconds;

	switch (duration_parse(word->text, &seconds)) {
	case 0:
		*expires = tick_after(feed->input->now, seconds);
		return 0;
	case -ERANGE:
		return feed_refuse(feed, word, err, "a timeout lasts from 1s to 3650d");
	default:
		return feed_refuse(feed, word, err, "not a duration like 90, 90s or 1h30m");
	}
}

static int refuse_more(const struct feed *feed, const struct word *word, struct error *err)
{
	return feed_refuse(feed, word, err,
			   "unexpected; a line is [pass|drop] RULE [timeout DURATION]");
}

static int read_verdict(const struct feed *feed, const struct word *word, __u8 *verdict,
			struct error *err)
{
	const struct input *input = feed->input;

	*verdict = word->text[0] == 'd' ? IPF_DROP : IPF_PASS;
	if (input->verdict_forced && *verdict != input->verdict)
		return feed_refuse(feed, word, err, "contradicts --%s",
				   verdict_name(input->verdict));
	return 0;
}

/* [pass|drop] RULE [timeout DURATION] */
static int read_rule(const struct feed *feed, const struct word *words, size_t count,
		     struct error *err)
{
	struct rule rule = feed_plain_rule(feed);
	size_t next = 0;
	int ret;

	if (is(&words[0], "pass") || is(&words[0], "drop")) {
		ret = read_verdict(feed, &words[0], &rule.verdict, err);
		if (ret)
			return ret;
		if (count == 1)
			return feed_refuse(feed, &words[0], err,
					   "an address, prefix or range must follow");
		next = 1;
	}
	/* Before what follows: in `deny 10.0.0.1` it is the first word that is wrong. */
	ret = feed_read_target(feed, &words[next++], err);
	if (ret)
		return ret;
	if (next < count) {
		if (!is(&words[next], "timeout"))
			return refuse_more(feed, &words[next], err);
		if (next + 1 == count)
			return feed_refuse(feed, &words[next], err, "a duration must follow");
		ret = read_timeout(feed, &words[next + 1], &rule.expires, err);
		if (ret)
			return ret;
		next += 2;
	}
	if (next < count)
		return refuse_more(feed, &words[next], err);
	return feed_add_rules(feed, &rule, err);
}

/* set NAME */
static int read_set(struct feed *feed, const struct word *words, size_t count, struct error *err)
{
	int ret;

	if (count == 1)
		return feed_refuse(feed, &words[0], err, "a name must follow");
	/* What list --set prints names that set, and may be read back. */
	if (feed->input->set && !is(&words[1], feed->input->set))
		return feed_refuse(feed, &words[1], err, "not the set that --set names, %s",
				   feed->input->set);
	ret = feed_open_set(feed, &words[1], &feed->set, err);
	if (!ret && count > 2)
		ret = feed_refuse(feed, &words[2], err, "unexpected; a line is set NAME");
	return ret;
}

static int read_line(struct feed *feed, char *line, struct error *err)
{
	struct word words[MAX_WORDS];
	size_t count = split(line, words);

	if (is(&words[0], "set"))
		return read_set(feed, words, count, err);
	return read_rule(feed, words, count, err);
}

const struct feed_format feed_rules = {
	.name = "rules",
	.begins = begins,
	.read_line = read_line,
};
