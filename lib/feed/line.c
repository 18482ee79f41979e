// SPDX-License-Identifier: GPL-2.0
/*
 * What does a line ask for, and how is a bad one refused?
 */
#include <feed/line.h>

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <ruleset/coverage.h>
#include <ruleset/ruleset.h>
#include <util/error.h>

void line_init(struct line *line, struct input *input, const char *file)
{
	*line = (struct line){ .input = input, .file = file, .number = 1 };
	memset(line->shortest, UINT8_MAX, sizeof(line->shortest));
}

void line_done(struct line *line)
{
	prefix_list_done(&line->prefixes);
}

/* "FILE:LINE:COLUMN: 'TOKEN'", or for an argument "'TOKEN'". */
static void quote(const struct line *line, const struct token *token, char *out, size_t size)
{
	char text[TOKEN_TEXT_SIZE];

	token_show(token, text);
	if (line->file)
		snprintf(out, size, "%s:%zu:%zu: '%s'", line->file, line->number, token->column,
			 text);
	else
		snprintf(out, size, "'%s'", text);
}

int line_refuse(const struct line *line, const struct token *token, struct error *err,
		const char *problem, ...)
{
	char quoted[1024], text[512];
	va_list args;

	va_start(args, problem);
	vsnprintf(text, sizeof(text), problem, args);
	va_end(args);
	quote(line, token, quoted, sizeof(quoted));
	return error_set_usage(err, "%s: %s", quoted, text);
}

static int refuse_problem(const struct line *line, enum prefix_problem problem, struct error *err)
{
	if (problem == PREFIX_NO_MEMORY)
		return error_no_memory(err);
	return line_refuse(line, &line->rule, err, "%s", prefix_problem_text(problem));
}

/* "FILE:LINE:COLUMN: '10.0.0.1/8' means 10.0.0.0/8" of the first one. */
static void note_host_bits(const struct line *line)
{
	struct input *input = line->input;
	char quoted[sizeof(input->host_bits_example)];
	char prefix[PREFIX_TEXT_SIZE];

	if (input->host_bits++)
		return;
	quote(line, &line->rule, quoted, sizeof(quoted) - sizeof(prefix) - sizeof(" means "));
	prefix_format(&line->prefixes.items[0], prefix);
	snprintf(input->host_bits_example, sizeof(input->host_bits_example), "%.*s means %s",
		 (int)(sizeof(quoted) - sizeof(prefix) - sizeof(" means ")), quoted, prefix);
}

int line_read_rule(struct line *line, const struct token *token, struct error *err)
{
	enum prefix_problem problem;
	bool host_bits = false;

	line->rule = *token;
	line->prefixes.count = 0;
	problem = prefix_parse(token->text, &line->prefixes, &host_bits);
	if (problem)
		return refuse_problem(line, problem, err);
	if (host_bits)
		note_host_bits(line);
	return 0;
}

int line_read_range(struct line *line, const struct token *token, const struct address *first,
		    const struct address *last, struct error *err)
{
	enum prefix_problem problem;

	line->rule = *token;
	line->prefixes.count = 0;
	problem = prefix_range(first, last, &line->prefixes);
	return problem ? refuse_problem(line, problem, err) : 0;
}

struct rule line_plain_rule(const struct line *line)
{
	return (struct rule){
		.verdict = (__u8)line->input->verdict,
		.expires = line->input->expires,
		.counter = IPF_NO_COUNTER,
	};
}

/* The shortest prefix that seems intended in a file that has no other one of the family. */
static const __u8 wide_alone[IPF_FAMILIES] = { [IPF_IPV4] = 8, [IPF_IPV6] = 16 };

/* Does any prefix cover addresses in use? Other prefixes cannot lock out the operator. */
static bool covers_any(const struct prefix_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (coverage_of(&list->items[i]))
			return true;
	return false;
}

/* Is this last line, which has no end, wider than all others? A file that was truncated inside
 * 128.0.0.0/16 may end with 128.0.0.0/1. */
static void note_truncated(struct line *line)
{
	const struct prefix_list *list = &line->prefixes;
	struct input *input = line->input;
	enum ipf_family family = list->items[0].family;
	__u8 shortest = prefix_list_shortest(list), others = line->shortest[family];

	if (others == UINT8_MAX)
		others = wide_alone[family];
	if (line->unended && shortest < others && !input->truncated_example[0] && covers_any(list))
		quote(line, &line->rule, input->truncated_example,
		      sizeof(input->truncated_example));
	if (shortest < line->shortest[family])
		line->shortest[family] = shortest;
}

int line_add_rules(struct line *line, const struct rule *like, struct error *err)
{
	if (input_add_rules(line->input, like, &line->prefixes, &line->rule, line->number))
		return error_no_memory(err);
	note_truncated(line);
	return 0;
}

int line_open_set(const struct line *line, const struct token *name, __u16 *set, struct error *err)
{
	struct input *input = line->input;
	int index;

	if (!ruleset_name_valid(name->text))
		return line_refuse(line, name, err,
				   "a set's name is 1 to 31 of A-Z a-z 0-9 . _ -, "
				   "the first a letter or a digit");
	index = input_name_set(input, name->text);
	if (index == -E2BIG)
		return line_refuse(line, name, err, "too many sets");
	if (index < 0)
		return error_no_memory(err);
	*set = (__u16)index;
	input->sets[index].named = true;
	if (!input->sets[index].origin)
		input->sets[index].origin = input_origin(input, line->number);
	return 0;
}
