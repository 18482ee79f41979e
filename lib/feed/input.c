// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules were read, from which lines, for which sets?
 */
#include <feed/input.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/coverage.h>
#include <ruleset/tick.h>
#include <util/array.h>
#include <util/clock.h>

void input_start(struct input *input)
{
	*input = (struct input){
		.verdict = VERDICT_BY_POLICY,
		.expires = IPF_NEVER,
		.now = tick_now(),
		.unix_now_ns = clock_unix_ns(),
	};
}

void input_done(struct input *input)
{
	free(input->rules);
	free(input->sets);
	free(input->sources);
	input->rules = NULL;
	input->sets = NULL;
	input->sources = NULL;
	input->source_count = input->source_capacity = 0;
	input->count = input->capacity = 0;
	input->set_count = input->set_capacity = 0;
}

/* --- Sources and sets ------------------------------------------------------------------------- */

int input_open_source(struct input *input, const char *name, const char *argument)
{
	if (input_name_set(input, input->set ? input->set : RULE_DEFAULT_SET) < 0 ||
	    array_reserve(&input->sources, &input->source_capacity, input->source_count + 1,
			  sizeof(*input->sources)))
		return -ENOMEM;
	input->sources[input->source_count++] =
		(struct input_source){ name, argument, input->last_origin };
	return 0;
}

__u32 input_origin(struct input *input, size_t line)
{
	__u64 origin = (__u64)input->sources[input->source_count - 1].before + line;

	if (origin > UINT32_MAX)
		return 0;
	input->last_origin = (__u32)origin;
	return input->last_origin;
}

const struct input_source *input_find_source(const struct input *input, __u32 origin, __u32 *line)
{
	size_t i = input->source_count;

	if (!origin)
		return NULL;
	while (i && input->sources[i - 1].before >= origin)
		i--;
	if (!i)
		return NULL;
	*line = origin - input->sources[i - 1].before;
	return &input->sources[i - 1];
}

int input_name_set(struct input *input, const char *name)
{
	struct input_set *fresh;

	for (size_t i = 0; i < input->set_count; i++)
		if (!strcmp(input->sets[i].name, name))
			return (int)i;
	if (input->set_count == IPF_MAX_SETS)
		return -E2BIG;
	if (array_reserve(&input->sets, &input->set_capacity, input->set_count + 1,
			  sizeof(*input->sets)))
		return -ENOMEM;
	fresh = &input->sets[input->set_count];
	*fresh = (struct input_set){ 0 };
	snprintf(fresh->name, sizeof(fresh->name), "%s", name);
	return (int)input->set_count++;
}

/* --- Rules ------------------------------------------------------------------------------------ */

/* How much the prefixes cover at most, found cheaply. A range has at most two prefixes of each
 * length. */
static __u64 most_covered(const struct prefix_list *list)
{
	unsigned int shortest = prefix_list_shortest(list);
	unsigned int bits = shortest - (list->count > 1 ? 2u : 0u);

	if (shortest > 64)
		return 0;
	return bits && bits <= 64 ? 1ull << (64 - bits) : UINT64_MAX;
}

/* Do both lines ask for the same rules in the same set? Then the last one counts, as among the
 * rules. */
static bool says_the_same(const struct input_wide *a, const struct input_wide *b)
{
	return a->covered == b->covered && a->set == b->set &&
	       !prefix_compare(&a->prefix, &b->prefix);
}

static void keep_wide(struct input *input, const struct input_wide *line)
{
	struct input_wide *wide = input->wide[line->prefix.family];
	size_t at = 0;

	while (at < INPUT_WIDE - 1 && !says_the_same(&wide[at], line))
		at++;
	if (wide[at].covered >= line->covered && !says_the_same(&wide[at], line))
		return;
	for (; at && wide[at - 1].covered < line->covered; at--)
		wide[at] = wide[at - 1];
	wide[at] = *line;
}

static void measure_line(struct input *input, const struct rule *rule,
			 const struct prefix_list *prefixes, const struct token *token)
{
	struct input_wide line = { .origin = rule->origin,
				   .column = token->column,
				   .set = rule->set };

	for (size_t i = 0; i < prefixes->count; i++)
		line.covered += coverage_of(&prefixes->items[i]);
	if (!line.covered)
		return;
	line.prefix = prefixes->items[0];
	line.is_range = prefixes->count > 1;
	token_show(token, line.text);
	keep_wide(input, &line);
}

/* Is the line among the widest? Hardly any is, so a cheap test comes first. */
static void note_wide(struct input *input, const struct rule *rule,
		      const struct prefix_list *prefixes, const struct token *token)
{
	enum ipf_family family = prefixes->items[0].family;
	__u64 most = most_covered(prefixes);

	if (__builtin_add_overflow(input->most_covered[family], most, &input->most_covered[family]))
		input->most_covered[family] = UINT64_MAX;
	if (rule->origin && most > input->wide[family][INPUT_WIDE - 1].covered)
		measure_line(input, rule, prefixes, token);
}

int input_add_rules(struct input *input, const struct rule *like,
		    const struct prefix_list *prefixes, const struct token *token, size_t line)
{
	struct rule rule = *like;

	if (array_reserve(&input->rules, &input->capacity, input->count + prefixes->count,
			  sizeof(*input->rules)))
		return -ENOMEM;
	input->sets[rule.set].filled = true;
	rule.origin = input_origin(input, line);
	rule.column = token->column <= UINT8_MAX ? (__u8)token->column : 0;
	for (size_t i = 0; i < prefixes->count; i++) {
		rule.prefix = prefixes->items[i];
		input->rules[input->count++] = rule;
	}
	/* A rule that passes cannot lock out the operator. */
	if (rule.verdict != VERDICT_PASS)
		note_wide(input, &rule, prefixes, token);
	return 0;
}

/* --- Messages --------------------------------------------------------------------------------- */

/* "FILE:LINE:COLUMN: ", "FILE:LINE: ", or nothing. Returns its length. */
static size_t describe_position(const struct input_source *source, __u32 line, size_t column,
				char text[INPUT_POSITION_SIZE])
{
	char after[24] = "";
	int length;

	text[0] = '\0';
	if (!source->name)
		return 0;
	if (column)
		snprintf(after, sizeof(after), ":%zu", column);
	/* A longer name is shortened: its first half identifies the file. */
	length = snprintf(text, INPUT_POSITION_SIZE, "%.*s:%u%s: ", INPUT_POSITION_SIZE / 2,
			  source->name, line, after);
	return (size_t)length;
}

void input_describe_wide(const struct input *input, const struct input_wide *line,
			 char text[INPUT_POSITION_SIZE])
{
	const struct input_source *source;
	char prefix[PREFIX_TEXT_SIZE];
	__u32 number;
	size_t length;

	source = input_find_source(input, line->origin, &number);
	length = source ? describe_position(source, number, line->column, text) : 0;
	prefix_format(&line->prefix, prefix);
	if (line->is_range || !strcmp(line->text, prefix))
		snprintf(text + length, INPUT_POSITION_SIZE - length, "'%s'", line->text);
	else
		snprintf(text + length, INPUT_POSITION_SIZE - length, "'%s' means %s", line->text,
			 prefix);
}

void input_describe(const struct input *input, const struct rule *rule,
		    char text[INPUT_POSITION_SIZE])
{
	const struct input_wide *wide = input->wide[rule->prefix.family];
	const struct input_source *source;
	char prefix[PREFIX_TEXT_SIZE];
	size_t length = 0;
	__u32 line;

	source = input_find_source(input, rule->origin, &line);
	for (size_t i = 0; i < INPUT_WIDE && source; i++) {
		if (wide[i].origin != rule->origin)
			continue;
		input_describe_wide(input, &wide[i], text);
		return;
	}
	if (source && !source->name) {
		snprintf(text, INPUT_POSITION_SIZE, "'%.80s'", source->argument);
		return;
	}
	if (source)
		length = describe_position(source, line, rule->column, text);
	prefix_format(&rule->prefix, prefix);
	snprintf(text + length, INPUT_POSITION_SIZE - length, "%s", prefix);
}
