// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line that `ipset save` wrote, and `ipset restore` reads, say?
 *
 *     create SET hash:net family inet ... [timeout SECONDS]
 *     add SET ADDR [timeout SECONDS] [nomatch] [comment "..."] [packets N] [bytes N]
 *
 * An ipset becomes a set of ours of that name, unless --set says where all rules go. Of `create`
 * count the type (only sets of source addresses are rules), the family and the timeout of entries
 * that have none. nomatch is an exception: it gets the opposite verdict. A timeout of 0 never ends.
 */
#include <ruleset/feed.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <ruleset/rulefile.h>
#include <util/array.h>
#include <util/text.h>

/* Of an entry, what says nothing about its verdict. */
static const struct {
	const char *name;
	bool has_value;
} ignored_options[] = {
	{ "packets", true }, { "bytes", true },    { "comment", true }, { "skbmark", true },
	{ "skbprio", true }, { "skbqueue", true }, { "-exist", false },
};

#define IGNORED_OPTIONS (sizeof(ignored_options) / sizeof(ignored_options[0]))

/* Where in the line the next word starts. */
struct cursor {
	char *line;
	char *next;
};

static bool begins(const char *line)
{
	return !strncmp(line, "create ", 7) || !strncmp(line, "add ", 4);
}

/* Cuts the next word off, in place; a quoted one ends at its quote. Empty at the end of the line. */
static struct word next_word(struct cursor *cursor)
{
	char *start = cursor->next, *end;

	while (feed_is_blank(*start))
		start++;
	end = start + strcspn(start, " \t");
	if (*start == '"') {
		char *quote = strchr(start + 1, '"');

		end = quote ? quote + 1 : start + strlen(start);
	}
	cursor->next = end;
	if (*end) {
		*end = '\0';
		cursor->next++;
	}
	return (struct word){ start, (size_t)(start - cursor->line) + 1 };
}

static bool is(const struct word *word, const char *text)
{
	return !strcmp(word->text, text);
}

/* The set of this name as an index, -ENOENT where no line has named it yet. Lines of one set stand
 * together, so the last one is asked first. */
static int find_set(const struct feed *feed, const char *name)
{
	if (feed->ipset.count && !strcmp(feed->ipset.items[feed->ipset.last].name, name))
		return (int)feed->ipset.last;
	for (size_t i = 0; i < feed->ipset.count; i++)
		if (!strcmp(feed->ipset.items[i].name, name))
			return (int)i;
	return -ENOENT;
}

static int make_set(struct feed *feed, const struct word *name, struct ipset **out,
		    struct error *err)
{
	struct ipset fresh = { .expires = feed->input->expires };
	int ret;

	if (strlen(name->text) >= sizeof(fresh.name) || !*name->text)
		return feed_refuse(feed, name, err, "the name of an ipset has 1 to 31 bytes");
	snprintf(fresh.name, sizeof(fresh.name), "%s", name->text);
	if (!feed->input->set) {
		ret = feed_open_set(feed, name, &fresh.set, err);
		if (ret)
			return ret;
	}
	if (array_reserve(&feed->ipset.items, &feed->ipset.capacity, feed->ipset.count + 1,
			  sizeof(fresh)))
		return feed_no_memory(err);
	feed->ipset.items[feed->ipset.count] = fresh;
	*out = &feed->ipset.items[feed->ipset.count++];
	return 0;
}

static int open_set(struct feed *feed, const struct word *name, struct ipset **out,
		    struct error *err)
{
	int index = find_set(feed, name->text);
	int ret = 0;

	if (index >= 0)
		*out = &feed->ipset.items[index];
	else
		ret = make_set(feed, name, out, err);
	if (!ret)
		feed->ipset.last = (size_t)(*out - feed->ipset.items);
	return ret;
}

static int read_timeout(const struct feed *feed, const struct word *word, __u32 *expires,
			struct error *err)
{
	uint64_t seconds;

	if (number_parse(word->text, 0, DURATION_MAX_S, &seconds))
		return feed_refuse(feed, word, err, "not a number of seconds from 0 to %llu",
				   DURATION_MAX_S);
	*expires = seconds ? tick_after(feed->input->now, seconds) : IPF_NEVER;
	return 0;
}

static int read_family(const struct feed *feed, const struct word *word, enum ipf_family *family,
		       struct error *err)
{
	if (!is(word, "inet") && !is(word, "inet6"))
		return feed_refuse(feed, word, err, "not a family; inet or inet6");
	*family = is(word, "inet") ? IPF_IPV4 : IPF_IPV6;
	return 0;
}

/* create SET TYPE [OPTION]... */
static int read_create(struct feed *feed, struct cursor *cursor, struct error *err)
{
	struct word name = next_word(cursor), type = next_word(cursor), option;
	struct ipset *set;
	int ret;

	if (!is(&type, "hash:ip") && !is(&type, "hash:net") && !is(&type, "bitmap:ip"))
		return feed_refuse(feed, &type, err,
				   "only ipsets of source addresses are read: hash:ip, hash:net, "
				   "bitmap:ip");
	ret = open_set(feed, &name, &set, err);
	if (ret)
		return ret;
	if (set->created)
		return feed_refuse(feed, &name, err, "created a second time");
	set->created = true;
	while (!ret && (option = next_word(cursor), *option.text)) {
		if (is(&option, "family")) {
			option = next_word(cursor);
			ret = read_family(feed, &option, &set->family, err);
		} else if (is(&option, "timeout")) {
			option = next_word(cursor);
			ret = read_timeout(feed, &option, &set->expires, err);
		} else if (is(&option, "netmask") || is(&option, "bitmask")) {
			/* An entry then stands for more than it says. */
			ret = feed_refuse(feed, &option, err,
					  "an ipset with a mask is not read; make a hash:net of it");
		}
	}
	return ret;
}

static int skip_option(const struct feed *feed, const struct word *option, struct cursor *cursor,
		       struct error *err)
{
	for (size_t i = 0; i < IGNORED_OPTIONS; i++) {
		if (!is(option, ignored_options[i].name))
			continue;
		if (!ignored_options[i].has_value || *next_word(cursor).text)
			return 0;
		return feed_refuse(feed, option, err, "its value must follow");
	}
	return feed_refuse(feed, option, err,
			   "unexpected; a line is add SET ADDR [timeout SECONDS] [nomatch]");
}

static int read_options(const struct feed *feed, struct cursor *cursor, struct rule *rule,
			struct error *err)
{
	struct word option;
	int ret = 0;

	while (!ret && (option = next_word(cursor), *option.text)) {
		if (is(&option, "timeout")) {
			option = next_word(cursor);
			ret = read_timeout(feed, &option, &rule->expires, err);
		} else if (is(&option, "nomatch")) {
			rule->verdict = (__u8)verdict_opposite(feed->input->verdict);
		} else {
			ret = skip_option(feed, &option, cursor, err);
		}
	}
	return ret;
}

/* add SET ADDR [OPTION]... */
static int read_add(struct feed *feed, struct cursor *cursor, struct error *err)
{
	struct word name = next_word(cursor), target = next_word(cursor);
	struct rule rule = feed_plain_rule(feed);
	struct ipset *set;
	int ret;

	ret = open_set(feed, &name, &set, err);
	if (!ret)
		ret = feed_read_target(feed, &target, err);
	if (ret)
		return ret;
	if (set->created && feed->input->scratch.items[0].family != set->family)
		return feed_refuse(feed, &target, err, "not of the family of its ipset, %s",
				   family_name(set->family));
	rule.set = set->set;
	rule.expires = set->expires;
	ret = read_options(feed, cursor, &rule, err);
	return ret ? ret : feed_add_rules(feed, &rule, err);
}

static int read_line(struct feed *feed, char *line, struct error *err)
{
	struct cursor cursor = { line, line };
	struct word command = next_word(&cursor);

	if (is(&command, "add"))
		return read_add(feed, &cursor, err);
	if (is(&command, "create"))
		return read_create(feed, &cursor, err);
	return feed_refuse(feed, &command, err, "only the lines create and add are read");
}

const struct feed_format feed_ipset = {
	.name = "ipset",
	.begins = begins,
	.read_line = read_line,
};
