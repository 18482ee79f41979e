// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line of our own text say?
 *
 *     set NAME
 *     [pass|drop] RULE [timeout DURATION | until TIMESTAMP]
 *
 * A comment follows # or ;. Lists of one prefix per line (FireHOL's .ipset and .netset,
 * blocklist.de) and `PREFIX ; SBL1` (Spamhaus DROP) are therefore valid as published. A line is
 * split into tokens, which are read from left to right: the first of two faults is reported.
 */
#include <feed/format.h>

#include <errno.h>
#include <string.h>

#include <feed/line.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/clock.h>
#include <util/duration.h>
#include <util/timestamp.h>

#define MAX_TOKENS 5 /* one more than the longest good line has */

struct state {
	__u16 set; /* opened by the last `set` line; at first, for lines that name none */
};

static bool ends_line(char c)
{
	return !c || c == '#' || c == ';';
}

/* What follows the keyword and blanks; NULL if the text begins differently. */
static const char *skip_keyword(const char *text, const char *keyword)
{
	size_t length = strlen(keyword);

	if (strncmp(text, keyword, length) != 0 || !token_is_blank(text[length]))
		return NULL;
	return token_skip_blanks(text + length);
}

static bool begins(const char *text)
{
	struct address address;
	const char *next;

	text = token_skip_blanks(text);
	next = skip_keyword(text, "pass");
	if (!next)
		next = skip_keyword(text, "drop");
	if (address_scan(next ? next : text, &address, NULL))
		return true;
	next = skip_keyword(text, "set");
	if (!next)
		return false;
	while (!ends_line(*next) && !token_is_blank(*next)) {
		if (*next++ == ':') /* No name has one; a label of a P2P list can. */
			return false;
	}
	return ends_line(*token_skip_blanks(next));
}

/* Splits the text into tokens, in place, up to a comment. Tokens beyond MAX_TOKENS are left: the
 * line is already bad. */
static size_t split(char *text, struct token tokens[MAX_TOKENS])
{
	size_t count = 0;
	char *next = text;
	bool more = true;

	while (more && count < MAX_TOKENS) {
		while (token_is_blank(*next))
			next++;
		if (ends_line(*next))
			break;
		tokens[count++] = (struct token){ next, (size_t)(next - text) + 1 };
		while (!token_is_blank(*next) && !ends_line(*next))
			next++;
		more = token_is_blank(*next);
		*next++ = '\0';
	}
	return count;
}

/* When a rule ends. */
struct end {
	__u32 expires;
	bool is_over; /* it has ended already: the line is left out */
};

static int read_timeout(const struct line *line, const struct token *token, struct end *end,
			struct error *err)
{
	uint64_t seconds;

	switch (duration_parse(token->text, &seconds)) {
	case 0:
		end->expires = tick_after(line->input->now, seconds);
		return 0;
	case -ERANGE:
		return line_refuse(line, token, err, "a timeout lasts from 1s to 3650d");
	default:
		return line_refuse(line, token, err, "not a duration like 90, 90s or 1h30m");
	}
}

static int read_until(const struct line *line, const struct token *token, struct end *end,
		      struct error *err)
{
	const struct input *input = line->input;
	uint64_t unix_s, now_s = input->unix_now_ns / CLOCK_NS_PER_S;

	if (timestamp_parse(token->text, &unix_s))
		return line_refuse(line, token, err, "not a time like 2026-12-01T00:00:00Z");
	if (unix_s > now_s && unix_s - now_s > DURATION_MAX_S)
		return line_refuse(line, token, err, "a rule ends within 3650 days, or never");
	end->expires = tick_at(unix_s, input->now, input->unix_now_ns);
	end->is_over = unix_s <= now_s;
	return 0;
}

static int refuse_more(const struct line *line, const struct token *token, struct error *err)
{
	return line_refuse(line, token, err,
			   "unexpected; a line is [pass|drop] RULE [timeout DURATION | until "
			   "TIMESTAMP]");
}

static int read_verdict(const struct line *line, const struct token *token, __u8 *verdict,
			struct error *err)
{
	bool drops = token_is(token, "drop");
	enum verdict named = drops ? VERDICT_DROP : VERDICT_PASS;

	*verdict = (__u8)named;
	if (line->input->verdict_forced && named != line->input->verdict)
		return line_refuse(line, token, err, "contradicts --%s", drops ? "pass" : "drop");
	return 0;
}

/* [timeout DURATION | until TIMESTAMP], which are all tokens that are left */
static int read_rest(const struct line *line, const struct token *tokens, size_t count,
		     struct end *end, struct error *err)
{
	bool lasts;
	int ret;

	if (!count)
		return 0;
	lasts = token_is(&tokens[0], "timeout");
	if (!lasts && !token_is(&tokens[0], "until"))
		return refuse_more(line, &tokens[0], err);
	if (count == 1)
		return line_refuse(line, &tokens[0], err, "a %s must follow",
				   lasts ? "duration" : "time");
	ret = lasts ? read_timeout(line, &tokens[1], end, err) :
		      read_until(line, &tokens[1], end, err);
	if (!ret && count > 2)
		ret = refuse_more(line, &tokens[2], err);
	return ret;
}

/* [pass|drop] RULE [timeout DURATION | until TIMESTAMP] */
static int read_rule(const struct state *state, struct line *line, const struct token *tokens,
		     size_t count, struct error *err)
{
	struct rule rule = line_plain_rule(line);
	struct end end = { .expires = rule.expires };
	size_t next = 0;
	int ret;

	rule.set = state->set;
	if (token_is(&tokens[0], "pass") || token_is(&tokens[0], "drop")) {
		ret = read_verdict(line, &tokens[0], &rule.verdict, err);
		if (ret)
			return ret;
		if (count == 1)
			return line_refuse(line, &tokens[0], err,
					   "an address, prefix or range must follow");
		next = 1;
	}
	/* Checked before what follows: in `deny 10.0.0.1`, the first token is the wrong one. */
	ret = line_read_rule(line, &tokens[next++], err);
	if (!ret)
		ret = read_rest(line, tokens + next, count - next, &end, err);
	if (ret)
		return ret;
	if (end.is_over) {
		line->input->over++;
		return 0;
	}
	rule.expires = end.expires;
	return line_add_rules(line, &rule, err);
}

/* set NAME */
static int read_set(struct state *state, const struct line *line, const struct token *tokens,
		    size_t count, struct error *err)
{
	int ret;

	if (count == 1)
		return line_refuse(line, &tokens[0], err, "a name must follow");
	/* The output of list --set names that set, and can be read back. */
	if (line->input->set && !token_is(&tokens[1], line->input->set))
		return line_refuse(line, &tokens[1], err, "not the set that %s names, %s",
				   line->input->set_option ? line->input->set_option : "--set",
				   line->input->set);
	ret = line_open_set(line, &tokens[1], &state->set, err);
	if (!ret && count > 2)
		ret = line_refuse(line, &tokens[2], err, "unexpected; a line is set NAME");
	return ret;
}

static int read_line(void *state, struct line *line, char *text, struct error *err)
{
	struct token tokens[MAX_TOKENS];
	size_t count = split(text, tokens);

	if (token_is(&tokens[0], "set"))
		return read_set(state, line, tokens, count, err);
	return read_rule(state, line, tokens, count, err);
}

const struct format format_rules = {
	.begins = begins,
	.state_size = sizeof(struct state),
	.read_line = read_line,
};
