// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules were read, from which lines, for which sets?
 */
#include <feed/input.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <util/array.h>

void input_done(struct input *input)
{
	free(input->rules);
	free(input->sets);
	free(input->sources);
	prefix_list_done(&input->scratch);
	input->rules = NULL;
	input->sets = NULL;
	input->sources = NULL;
	input->source_count = input->source_capacity = 0;
	input->count = input->capacity = 0;
	input->set_count = input->set_capacity = 0;
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

/* "FILE:LINE:COLUMN: ", "FILE:LINE: ", or nothing. Returns its length. */
static size_t describe_place(const struct input_source *source, __u32 line, size_t column,
			     char text[INPUT_PLACE_SIZE])
{
	char behind[24] = "";
	int length;

	text[0] = '\0';
	if (!source->name)
		return 0;
	if (column)
		snprintf(behind, sizeof(behind), ":%zu", column);
	/* A name may be longer; the half that is left tells which. */
	length = snprintf(text, INPUT_PLACE_SIZE, "%.*s:%u%s: ", INPUT_PLACE_SIZE / 2, source->name,
			  line, behind);
	return (size_t)length;
}

void input_describe_wide(const struct input *input, const struct input_wide *line,
			 char text[INPUT_PLACE_SIZE])
{
	const struct input_source *source;
	char prefix[PREFIX_TEXT_SIZE];
	__u32 number;
	size_t length;

	source = input_find_source(input, line->origin, &number);
	length = source ? describe_place(source, number, line->column, text) : 0;
	prefix_format(&line->prefix, prefix);
	if (line->is_range || !strcmp(line->text, prefix))
		snprintf(text + length, INPUT_PLACE_SIZE - length, "'%s'", line->text);
	else
		snprintf(text + length, INPUT_PLACE_SIZE - length, "'%s' means %s", line->text,
			 prefix);
}

void input_describe(const struct input *input, const struct rule *rule, char text[INPUT_PLACE_SIZE])
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
		snprintf(text, INPUT_PLACE_SIZE, "'%.80s'", source->argument);
		return;
	}
	if (source)
		length = describe_place(source, line, rule->column, text);
	prefix_format(&rule->prefix, prefix);
	snprintf(text + length, INPUT_PLACE_SIZE - length, "%s", prefix);
}
