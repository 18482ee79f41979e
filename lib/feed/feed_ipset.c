// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line that `ipset save` wrote, and `ipset restore` reads, say?
 *
 *     create SET hash:net family inet ... [timeout SECONDS]
 *     flush SET
 *     add SET ADDR [timeout SECONDS] [nomatch] [comment "..."] [packets N] [bytes N]
 *
 * An ipset becomes a set of ours of that name, unless --set says where all rules go. Of `create`
 * count the type (only sets of source addresses are rules), the family and the timeout of entries
 * that have none. nomatch is an exception: it gets the opposite verdict. A timeout of 0 never ends.
 * A set that is flushed before its first entry gets exactly the entries of the file. All other lines
 * of `ipset restore` would change what other lines mean, and are refused. -exist and -! may stand
 * anywhere, as there; entries that are given twice are no error even without.
 */
#include <feed/feed.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <util/array.h>
#include <util/duration.h>
#include <util/number.h>

enum command { COMMAND_CREATE, COMMAND_ADD, COMMAND_FLUSH, COMMAND_COMMIT, COMMAND_OTHER };

/* With the spellings of older versions, which are still read there. */
static const struct {
	const char *name;
	enum command command;
} commands[] = {
	{ "add", COMMAND_ADD },       { "-A", COMMAND_ADD },       { "create", COMMAND_CREATE },
	{ "-N", COMMAND_CREATE },     { "flush", COMMAND_FLUSH },  { "-F", COMMAND_FLUSH },
	{ "COMMIT", COMMAND_COMMIT }, { "swap", COMMAND_OTHER },   { "-W", COMMAND_OTHER },
	{ "destroy", COMMAND_OTHER }, { "-X", COMMAND_OTHER },     { "del", COMMAND_OTHER },
	{ "-D", COMMAND_OTHER },      { "rename", COMMAND_OTHER }, { "-E", COMMAND_OTHER },
};

static const struct {
	const char *name;
	const char *type;
} types[] = {
	{ "hash:net", "hash:net" }, { "hash:ip", "hash:ip" }, { "bitmap:ip", "bitmap:ip" },
	{ "nethash", "hash:net" },  { "iphash", "hash:ip" },  { "ipmap", "bitmap:ip" },
};

/* What says nothing about verdict and time. */
struct ignored {
	const char *name; /* the last is NULL */
	bool has_value;
};

static const struct ignored ignored_of_create[] = {
	{ "hashsize", true }, { "maxelem", true },  { "bucketsize", true }, { "initval", true },
	{ "range", true },    { "from", true },     { "to", true },         { "network", true },
	{ "probes", true },   { "resize", true },   { "gc", true },         { "counters", false },
	{ "comment", false }, { "skbinfo", false }, { "forceadd", false },  { NULL, false },
};

static const struct ignored ignored_of_add[] = {
	{ "packets", true }, { "bytes", true },    { "comment", true }, { "skbmark", true },
	{ "skbprio", true }, { "skbqueue", true }, { NULL, false },
};

/* Where in the line the next word starts. */
struct cursor {
	char *line;
	char *next;
	bool exist; /* -exist was among the words so far */
};

/* Cuts the next word off, in place; a quoted one ends at its quote. Empty at the end of the line. */
static struct word cut_word(struct cursor *cursor)
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

static struct word next_word(struct cursor *cursor)
{
	struct word word = cut_word(cursor);

	while (is(&word, "-exist") || is(&word, "-!")) {
		cursor->exist = true;
		word = cut_word(cursor);
	}
	return word;
}

static bool starts_with_word(const char *line, const char *word)
{
	size_t length = strlen(word);

	return !strncmp(line, word, length) && (!line[length] || feed_is_blank(line[length]));
}

static bool begins(const char *line)
{
	line = feed_skip_blanks(line);
	if (starts_with_word(line, "create") || starts_with_word(line, "add"))
		return true;
	if (feed_p2p.begins(line)) /* whose labels may be any words */
		return false;
	if (starts_with_word(line, "-exist") || starts_with_word(line, "-!"))
		return true;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (starts_with_word(line, commands[i].name))
			return true;
	return false;
}

static enum command command_of(const struct word *word)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (is(word, commands[i].name))
			return commands[i].command;
	return COMMAND_OTHER;
}

/* NULL: not a type that is read. */
static const char *type_of(const struct word *word)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (is(word, types[i].name))
			return types[i].type;
	return NULL;
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
	if (*name->text == '-')
		return feed_refuse(feed, name, err,
				   "an option, where the name of an ipset belongs");
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
	if (is(word, "inet") || is(word, "ipv4") || is(word, "-4"))
		*family = IPF_IPV4;
	else if (is(word, "inet6") || is(word, "ipv6") || is(word, "-6"))
		*family = IPF_IPV6;
	else
		return feed_refuse(feed, word, err, "not a family; inet or inet6");
	return 0;
}

/* `form` is what a line looks like. */
static int skip_option(const struct feed *feed, const struct word *option, struct cursor *cursor,
		       const struct ignored *ignored, const char *form, struct error *err)
{
	for (; ignored->name; ignored++) {
		if (!is(option, ignored->name))
			continue;
		if (!ignored->has_value || *next_word(cursor).text)
			return 0;
		return feed_refuse(feed, option, err, "its value is missing");
	}
	return feed_refuse(feed, option, err, "unexpected; a line is %s", form);
}

/* Options of a line `create`, as they stand, and in older files after two dashes. */
static int read_create_option(const struct feed *feed, struct word option, struct cursor *cursor,
			      struct ipset *made, struct error *err)
{
	if (is(&option, "-4") || is(&option, "-6"))
		return read_family(feed, &option, &made->family, err);
	if (!strncmp(option.text, "--", 2))
		option.text += 2;
	if (is(&option, "family")) {
		option = next_word(cursor);
		return read_family(feed, &option, &made->family, err);
	}
	if (is(&option, "timeout")) {
		option = next_word(cursor);
		return read_timeout(feed, &option, &made->expires, err);
	}
	/* An entry then stands for more than it says. */
	if (is(&option, "netmask") || is(&option, "bitmask"))
		return feed_refuse(feed, &option, err,
				   "an ipset with a mask is not read; make a hash:net of it");
	return skip_option(feed, &option, cursor, ignored_of_create,
			   "create SET TYPE [family FAMILY] [timeout SECONDS]", err);
}

/* create SET TYPE [OPTION]... */
static int read_create(struct feed *feed, struct cursor *cursor, struct error *err)
{
	struct word name = next_word(cursor), type = next_word(cursor), option;
	struct ipset made = { .type = type_of(&type), .expires = feed->input->expires };
	struct ipset *set;
	int ret;

	if (!made.type)
		return feed_refuse(feed, &type, err,
				   "only ipsets of source addresses are read: hash:ip, hash:net, "
				   "bitmap:ip");
	ret = open_set(feed, &name, &set, err);
	while (!ret && (option = next_word(cursor), *option.text))
		ret = read_create_option(feed, option, cursor, &made, err);
	if (ret)
		return ret;
	if (set->type && !cursor->exist)
		return feed_refuse(feed, &name, err, "created a second time");
	if (set->type &&
	    (set->type != made.type || set->family != made.family || set->expires != made.expires))
		return feed_refuse(feed, &name, err, "created a second time, and differently");
	set->type = made.type;
	set->family = made.family;
	set->expires = made.expires;
	return 0;
}

/* flush SET */
static int read_flush(struct feed *feed, const struct word *command, struct cursor *cursor,
		      struct error *err)
{
	struct word name = next_word(cursor), more = next_word(cursor);
	struct input_set *set;
	struct ipset *ipset;
	int ret;

	if (feed->input->deletes)
		return feed_refuse(feed, command, err,
				   "del deletes only what is listed; leave the flush out");
	if (!*name.text)
		return feed_refuse(feed, command, err, "the name of its set is missing");
	if (*more.text)
		return feed_refuse(feed, &more, err, "unexpected; a line is flush SET");
	ret = open_set(feed, &name, &ipset, err);
	if (ret)
		return ret;
	set = &feed->input->sets[ipset->set];
	/* With --set, several ipsets and files go to one set, each flushed before its entries. */
	if (ipset->filled || (set->filled && !feed->input->set))
		return feed_refuse(
			feed, &name, err,
			"flushed after its first entry; move the flush before it, or leave it out");
	set->flushed = true;
	return 0;
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
			ret = skip_option(feed, &option, cursor, ignored_of_add,
					  "add SET ADDR [timeout SECONDS] [nomatch]", err);
		}
	}
	return ret;
}

/* `add pass 192.0.2.1` is what people write who mean a rule. An ipset of such a name is believed where
 * a line created it, or --format says what the file is. */
static int refuse_mistaken_rule(const struct feed *feed, const struct word *command,
				const struct word *name, const struct word *target,
				struct error *err)
{
	bool verdict = is(name, "pass") || is(name, "drop");
	struct address address;

	if (feed->input->format || find_set(feed, name->text) >= 0)
		return 0;
	if (verdict || is(name, "set"))
		return feed_refuse(feed, command, err,
				   "a file of rules has no such word; write '%s %s'", name->text,
				   target->text);
	if (address_scan(name->text, &address, NULL))
		return feed_refuse(feed, command, err,
				   "a file of rules has no such word; write '%s'", name->text);
	return 0;
}

/* add SET ADDR [OPTION]... */
static int read_add(struct feed *feed, const struct word *command, struct cursor *cursor,
		    struct error *err)
{
	struct word name = next_word(cursor), target = next_word(cursor);
	struct rule rule = feed_plain_rule(feed);
	struct ipset *set;
	int ret;

	ret = refuse_mistaken_rule(feed, command, &name, &target, err);
	if (!ret)
		ret = open_set(feed, &name, &set, err);
	if (!ret)
		ret = feed_read_target(feed, &target, err);
	if (ret)
		return ret;
	if (set->type && feed->input->scratch.items[0].family != set->family)
		return feed_refuse(feed, &target, err, "not of the family of its ipset, %s",
				   address_family_name(set->family));
	set->filled = true;
	rule.set = set->set;
	rule.expires = set->expires;
	ret = read_options(feed, cursor, &rule, err);
	return ret ? ret : feed_add_rules(feed, &rule, err);
}

static int read_line(struct feed *feed, char *line, struct error *err)
{
	struct cursor cursor = { .line = line, .next = line };
	struct word command = next_word(&cursor);

	switch (command_of(&command)) {
	case COMMAND_ADD:
		return read_add(feed, &command, &cursor, err);
	case COMMAND_CREATE:
		return read_create(feed, &cursor, err);
	case COMMAND_FLUSH:
		return read_flush(feed, &command, &cursor, err);
	case COMMAND_COMMIT:
		return 0;
	case COMMAND_OTHER:
		break;
	}
	return feed_refuse(
		feed, &command, err,
		"only create, add and a flush before the first add are read; leave the line out, "
		"and name the set with --set");
}

const struct feed_format feed_ipset = {
	.name = "ipset",
	.begins = begins,
	.read_line = read_line,
};
