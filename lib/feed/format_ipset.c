// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line that `ipset save` wrote, and `ipset restore` reads, say?
 *
 *     create SET hash:net family inet ... [timeout SECONDS]
 *     flush SET
 *     add SET ADDR [timeout SECONDS] [nomatch] [comment "..."] [packets N] [bytes N]
 *
 * An ipset becomes a set of ours of that name, unless --set says where all rules go. `create` gives
 * the type (only sets of source addresses become rules), the family, and the timeout of entries
 * that have none. nomatch makes an exception: a rule with the opposite verdict. A timeout of 0
 * never ends. A set that is flushed before its first entry gets exactly the entries of the file.
 * All other lines of `ipset restore` would change what other lines mean, and are refused. -exist
 * and -! may be anywhere, as in ipset; an entry that is given twice is no error even without them.
 */
#include <feed/format.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <feed/line.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/array.h>
#include <util/duration.h>
#include <util/error.h>
#include <util/number.h>

enum command { COMMAND_CREATE, COMMAND_ADD, COMMAND_FLUSH, COMMAND_COMMIT, COMMAND_OTHER };

/* With the spellings of older versions, which ipset still reads. */
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

/* Options that do not affect verdict and time. */
struct ignored {
	const char *name; /* NULL after the last one */
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

/* A set of the file, and what `create` says about it. */
struct ipset {
	char name[IPF_SET_NAME_SIZE];
	const char *type;       /* NULL: not created by a line */
	enum ipf_family family; /* where created */
	__u32 expires;          /* for an entry without a timeout */
	__u16 set;              /* its index in the input */
	bool filled;            /* has an entry */
};

struct state {
	struct ipset *ipsets;
	size_t count, capacity;
	size_t last; /* the set of the line before */
};

/* The current line, and where its next token begins. */
struct cursor {
	struct line *line;
	char *text;
	char *next;
	bool exist; /* -exist was among the tokens so far */
};

/* Splits off the next token, in place; a quoted one ends at its quote. Empty at the end of the
 * line. */
static struct token cut_token(struct cursor *cursor)
{
	char *start = cursor->next, *end;

	while (token_is_blank(*start))
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
	return (struct token){ start, (size_t)(start - cursor->text) + 1 };
}

static struct token next_token(struct cursor *cursor)
{
	struct token token = cut_token(cursor);

	while (token_is(&token, "-exist") || token_is(&token, "-!")) {
		cursor->exist = true;
		token = cut_token(cursor);
	}
	return token;
}

static bool starts_with(const char *text, const char *keyword)
{
	size_t length = strlen(keyword);

	return !strncmp(text, keyword, length) && (!text[length] || token_is_blank(text[length]));
}

static bool begins(const char *text)
{
	text = token_skip_blanks(text);
	if (starts_with(text, "create") || starts_with(text, "add"))
		return true;
	if (format_p2p.begins(text)) /* A label may be any text. */
		return false;
	if (starts_with(text, "-exist") || starts_with(text, "-!"))
		return true;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (starts_with(text, commands[i].name))
			return true;
	return false;
}

static enum command command_of(const struct token *token)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (token_is(token, commands[i].name))
			return commands[i].command;
	return COMMAND_OTHER;
}

/* Returns NULL for a type that is not read. */
static const char *type_of(const struct token *token)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (token_is(token, types[i].name))
			return types[i].type;
	return NULL;
}

/* The index of the set of this name, or -ENOENT if no line has named it yet. Lines of one set are
 * usually adjacent, so the last set is tried first. */
static int find_set(const struct state *state, const char *name)
{
	if (state->count && !strcmp(state->ipsets[state->last].name, name))
		return (int)state->last;
	for (size_t i = 0; i < state->count; i++)
		if (!strcmp(state->ipsets[i].name, name))
			return (int)i;
	return -ENOENT;
}

static int make_set(struct state *state, const struct line *line, const struct token *name,
		    struct error *err)
{
	struct ipset fresh = { .expires = line->input->expires };
	int ret;

	if (strlen(name->text) >= sizeof(fresh.name) || !*name->text)
		return line_refuse(line, name, err, "the name of an ipset has 1 to 31 bytes");
	if (*name->text == '-')
		return line_refuse(line, name, err,
				   "an option, where the name of an ipset belongs");
	snprintf(fresh.name, sizeof(fresh.name), "%s", name->text);
	if (!line->input->set) {
		ret = line_open_set(line, name, &fresh.set, err);
		if (ret)
			return ret;
	}
	if (array_reserve(&state->ipsets, &state->capacity, state->count + 1, sizeof(fresh)))
		return error_no_memory(err);
	state->ipsets[state->count++] = fresh;
	return 0;
}

/* Finds or makes the set, which is *out until the next one is opened. */
static int open_set(struct state *state, const struct line *line, const struct token *name,
		    struct ipset **out, struct error *err)
{
	int index = find_set(state, name->text);
	int ret;

	if (index < 0) {
		ret = make_set(state, line, name, err);
		if (ret)
			return ret;
		index = (int)state->count - 1;
	}
	state->last = (size_t)index;
	*out = &state->ipsets[index];
	return 0;
}

static int read_timeout(struct cursor *cursor, __u32 *expires, struct error *err)
{
	const struct token token = next_token(cursor);
	uint64_t seconds;

	if (number_parse(token.text, 0, DURATION_MAX_S, &seconds))
		return line_refuse(cursor->line, &token, err,
				   "not a number of seconds from 0 to %llu", DURATION_MAX_S);
	*expires = seconds ? tick_after(cursor->line->input->now, seconds) : IPF_NEVER;
	return 0;
}

static int read_family(const struct line *line, const struct token *token, enum ipf_family *family,
		       struct error *err)
{
	if (token_is(token, "inet") || token_is(token, "ipv4") || token_is(token, "-4"))
		*family = IPF_IPV4;
	else if (token_is(token, "inet6") || token_is(token, "ipv6") || token_is(token, "-6"))
		*family = IPF_IPV6;
	else
		return line_refuse(line, token, err, "not a family; use inet or inet6");
	return 0;
}

/* `form` is what a line looks like. */
static int skip_option(struct cursor *cursor, const struct token *option,
		       const struct ignored *ignored, const char *form, struct error *err)
{
	for (; ignored->name; ignored++) {
		if (!token_is(option, ignored->name))
			continue;
		if (!ignored->has_value || *next_token(cursor).text)
			return 0;
		return line_refuse(cursor->line, option, err, "its value is missing");
	}
	return line_refuse(cursor->line, option, err, "unexpected; a line is %s", form);
}

/* An option of a `create` line; in older files it begins with two dashes. */
static int read_create_option(struct cursor *cursor, struct token option, struct ipset *made,
			      struct error *err)
{
	if (token_is(&option, "-4") || token_is(&option, "-6"))
		return read_family(cursor->line, &option, &made->family, err);
	if (!strncmp(option.text, "--", 2))
		option.text += 2;
	if (token_is(&option, "family")) {
		option = next_token(cursor);
		return read_family(cursor->line, &option, &made->family, err);
	}
	if (token_is(&option, "timeout"))
		return read_timeout(cursor, &made->expires, err);
	/* With a mask, an entry matches more than its own address. */
	if (token_is(&option, "netmask") || token_is(&option, "bitmask"))
		return line_refuse(cursor->line, &option, err,
				   "ipsets with a mask are not supported; use a hash:net");
	return skip_option(cursor, &option, ignored_of_create,
			   "create SET TYPE [family FAMILY] [timeout SECONDS]", err);
}

/* create SET TYPE [OPTION]... */
static int read_create(struct state *state, struct cursor *cursor, struct error *err)
{
	const struct line *line = cursor->line;
	struct token name = next_token(cursor), type = next_token(cursor), option;
	struct ipset made = { .type = type_of(&type), .expires = line->input->expires };
	struct ipset *set;
	int ret;

	if (!made.type)
		return line_refuse(line, &type, err,
				   "only ipsets of source addresses are supported: hash:ip, hash:net, "
				   "bitmap:ip");
	ret = open_set(state, line, &name, &set, err);
	while (!ret && (option = next_token(cursor), *option.text))
		ret = read_create_option(cursor, option, &made, err);
	if (ret)
		return ret;
	if (set->type && !cursor->exist)
		return line_refuse(line, &name, err, "created a second time");
	if (set->type &&
	    (set->type != made.type || set->family != made.family || set->expires != made.expires))
		return line_refuse(line, &name, err, "created a second time, and differently");
	set->type = made.type;
	set->family = made.family;
	set->expires = made.expires;
	return 0;
}

/* flush SET */
static int read_flush(struct state *state, const struct token *command, struct cursor *cursor,
		      struct error *err)
{
	struct token name = next_token(cursor), more = next_token(cursor);
	const struct line *line = cursor->line;
	struct input_set *set;
	struct ipset *ipset;
	int ret;

	if (line->input->deletes)
		return line_refuse(line, command, err,
				   "del deletes only what is listed; leave the flush out");
	if (!*name.text)
		return line_refuse(line, command, err, "the name of its set is missing");
	if (*more.text)
		return line_refuse(line, &more, err, "unexpected; a line is flush SET");
	ret = open_set(state, line, &name, &ipset, err);
	if (ret)
		return ret;
	set = &line->input->sets[ipset->set];
	/* With --set, several ipsets and files go to one set, each flushed before its entries. */
	if (ipset->filled || (set->filled && !line->input->set))
		return line_refuse(
			line, &name, err,
			"flushed after its first entry; move the flush before it, or leave it out");
	set->flushed = true;
	return 0;
}

static int read_options(struct cursor *cursor, struct rule *rule, struct error *err)
{
	struct token option;
	int ret = 0;

	while (!ret && (option = next_token(cursor), *option.text)) {
		if (token_is(&option, "timeout"))
			ret = read_timeout(cursor, &rule->expires, err);
		else if (token_is(&option, "nomatch"))
			rule->verdict = (__u8)verdict_opposite(cursor->line->input->verdict);
		else
			ret = skip_option(cursor, &option, ignored_of_add,
					  "add SET ADDR [timeout SECONDS] [nomatch]", err);
	}
	return ret;
}

/* Some users write `add pass 192.0.2.1` for a rule. The name is read as that of an ipset only if a
 * line created it, or --format names the format. */
static int refuse_mistaken_rule(const struct line *line, const struct token *command,
				const struct token *name, const struct token *entry,
				struct error *err)
{
	bool verdict = token_is(name, "pass") || token_is(name, "drop");
	struct address address;

	if (verdict || token_is(name, "set"))
		return line_refuse(line, command, err,
				   "not valid in a file of rules; write '%s %s'", name->text,
				   entry->text);
	if (address_scan(name->text, &address, NULL))
		return line_refuse(line, command, err, "not valid in a file of rules; write '%s'",
				   name->text);
	return 0;
}

/* add SET ADDR [OPTION]... */
static int read_add(struct state *state, const struct token *command, struct cursor *cursor,
		    struct error *err)
{
	struct token name = next_token(cursor), entry = next_token(cursor);
	struct line *line = cursor->line;
	struct rule rule = line_plain_rule(line);
	struct ipset *set;
	int ret = 0;

	if (!line->input->format && find_set(state, name.text) < 0)
		ret = refuse_mistaken_rule(line, command, &name, &entry, err);
	if (!ret)
		ret = open_set(state, line, &name, &set, err);
	if (!ret)
		ret = line_read_rule(line, &entry, err);
	if (ret)
		return ret;
	if (set->type && line->prefixes.items[0].family != set->family)
		return line_refuse(line, &entry, err, "not of the family of its ipset, %s",
				   address_family_name(set->family));
	set->filled = true;
	rule.set = set->set;
	rule.expires = set->expires;
	ret = read_options(cursor, &rule, err);
	return ret ? ret : line_add_rules(line, &rule, err);
}

static int read_line(void *state, struct line *line, char *text, struct error *err)
{
	struct cursor cursor = { .line = line, .text = text, .next = text };
	struct token command = next_token(&cursor);

	switch (command_of(&command)) {
	case COMMAND_ADD:
		return read_add(state, &command, &cursor, err);
	case COMMAND_CREATE:
		return read_create(state, &cursor, err);
	case COMMAND_FLUSH:
		return read_flush(state, &command, &cursor, err);
	case COMMAND_COMMIT:
		return 0;
	case COMMAND_OTHER:
		break;
	}
	return line_refuse(
		line, &command, err,
		"only create, add, and flush before the first add are read; remove the line, "
		"and name the set with --set");
}

static void done(void *state)
{
	free(((struct state *)state)->ipsets);
}

const struct format format_ipset = {
	.begins = begins,
	.state_size = sizeof(struct state),
	.read_line = read_line,
	.done = done,
};
