// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of DShield's block.txt say?
 *
 *     Start TAB End TAB Netblock ...                     (the heading)
 *     192.0.2.0 TAB 192.0.2.255 TAB 24 TAB ...           (more columns, for people)
 *
 * Start and length give the prefix. The prefix must end at the given end: a line whose columns
 * disagree is damaged.
 */
#include <feed/format.h>

#include <stdio.h>
#include <string.h>

#include <feed/line.h>

#define HEADING "Start\tEnd\t"
#define FIELDS 3

static bool begins(const char *text)
{
	struct address address;
	const char *end = address_scan(text, &address, NULL);

	if (!strncmp(text, HEADING, strlen(HEADING)))
		return true;
	return end && *end == '\t' && address_scan(end + 1, &address, NULL);
}

/* Splits off the first fields, in place. */
static bool split(char *text, struct token fields[FIELDS])
{
	char *next = text;

	for (int i = 0; i < FIELDS; i++) {
		size_t length = strcspn(next, "\t");
		bool last = !next[length];

		fields[i] = (struct token){ next, (size_t)(next - text) + 1 };
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

static int read_line(void *state, struct line *line, char *text, struct error *err)
{
	const struct rule like = line_plain_rule(line);
	struct token fields[FIELDS], rule = { .column = 1 };
	char prefix[2 * PREFIX_TEXT_SIZE];
	int ret;

	(void)state;
	if (!strncmp(text, HEADING, strlen(HEADING)))
		return 0;
	if (!split(text, fields))
		return line_refuse(line, &(struct token){ text, 1 }, err,
				   "a line is START, END and LENGTH, with tabs between them");
	snprintf(prefix, sizeof(prefix), "%s/%s", fields[0].text, fields[2].text);
	rule.text = prefix;
	ret = line_read_rule(line, &rule, err);
	if (ret)
		return ret;
	if (!ends_at(&line->prefixes.items[0], fields[1].text))
		return line_refuse(line, &fields[1], err, "%s ends elsewhere", prefix);
	return line_add_rules(line, &like, err);
}

const struct format format_dshield = {
	.begins = begins,
	.read_line = read_line,
};
