// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a text (a file, standard input, arguments) ask for?
 *
 * Here a file is cut into lines; what they say is the matter of its format (feed.h).
 */
#include <ruleset/rulefile.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/feed.h>
#include <util/array.h>
#include <util/error.h>
#include <util/lines.h>
#include <util/text.h>

#define PROGRESS_LINES 16384 /* between two calls of input->progress() */

void rule_input_done(struct rule_input *input)
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

int rule_input_name_set(struct rule_input *input, const char *name)
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

/* The set that rules go to before any line opens another. */
static int open_first_set(struct rule_input *input, struct error *err)
{
	if (rule_input_name_set(input, input->set ? input->set : RULE_DEFAULT_SET) < 0)
		return feed_no_memory(err);
	return 0;
}

/* Says where the rules that follow come from. */
static int open_source(struct rule_input *input, const char *name, const char *argument,
		       struct error *err)
{
	if (array_reserve(&input->sources, &input->source_capacity, input->source_count + 1,
			  sizeof(*input->sources)))
		return feed_no_memory(err);
	input->sources[input->source_count++] =
		(struct rule_source){ name, argument, input->last_origin };
	memset(input->shortest, UINT8_MAX, sizeof(input->shortest));
	return 0;
}

/* *line is NULL at the end of the file. */
static int next_line(struct feed *feed, struct lines *lines, char **line, struct error *err)
{
	size_t length;
	enum line_result result = lines_next(lines, line, &length);

	feed->line = lines->number;
	switch (result) {
	case LINE_READ:
		return 0;
	case LINE_END_OF_FILE:
		*line = NULL;
		return 0;
	case LINE_TOO_LONG:
		return error_set(err, -EINVAL, "%s:%zu:%zu: a line has at most %d bytes",
				 feed->name, feed->line, length + 1, LINES_MAX_LENGTH);
	case LINE_HAS_NUL:
		return error_set(err, -EINVAL, "%s:%zu:%zu: a NUL byte; this is not a text",
				 feed->name, feed->line, length + 1);
	case LINE_FAILED:
		break;
	}
	return error_set(err, -EIO, "%s: cannot read it: %s", feed->name, strerror(lines->failure));
}

static bool says_nothing(const char *line)
{
	while (feed_is_blank(*line))
		line++;
	return !*line || *line == '#' || *line == ';';
}

static int read_lines(struct feed *feed, struct lines *lines, struct error *err)
{
	struct rule_input *input = feed->input;
	char *line;
	int ret;

	for (;;) {
		ret = next_line(feed, lines, &line, err);
		if (ret || !line)
			return ret;
		feed->unended = lines->unended;
		if (input->progress && !(feed->line % PROGRESS_LINES))
			input->progress(feed->name, feed->line);
		if (says_nothing(line))
			continue;
		if (!feed->format)
			feed->format = feed_format_of(line);
		ret = feed->format->read_line(feed, line, err);
		if (ret)
			return ret;
	}
}

static int read_feed(struct feed *feed, FILE *file, struct error *err)
{
	struct lines lines;
	int ret;

	ret = open_first_set(feed->input, err);
	if (!ret)
		ret = open_source(feed->input, feed->name, NULL, err);
	if (ret)
		return ret;
	if (lines_init(&lines, file))
		return feed_no_memory(err);
	ret = read_lines(feed, &lines, err);
	if (!ret && !feed->format)
		feed->format = &feed_rules;
	if (!ret && feed->format->finish)
		ret = feed->format->finish(feed, err);
	lines_done(&lines);
	return ret;
}

int rule_input_read(struct rule_input *input, FILE *file, const char *name, struct error *err)
{
	struct feed feed = { .input = input, .format = input->format, .name = name };
	int ret = read_feed(&feed, file, err);

	input->read_as = feed.format;
	free(feed.ipset.items);
	if (ret == -EINVAL && feed.format && !input->format && err)
		error_set(err, ret, "%s (the file is read as %s; --format changes that)", err->text,
			  feed.format->name);
	return ret;
}

int rule_input_argument(struct rule_input *input, const char *text, struct error *err)
{
	const struct feed feed = { .input = input, .line = 1 };
	const struct rule like = feed_plain_rule(&feed);
	const struct word word = { .text = text };
	int ret;

	ret = open_first_set(input, err);
	if (!ret)
		ret = open_source(input, NULL, text, err);
	if (ret)
		return ret;
	ret = feed_read_target(&feed, &word, err);
	return ret ? ret : feed_add_rules(&feed, &like, err);
}

const struct rule_source *rule_input_source(const struct rule_input *input, __u32 origin,
					    __u32 *line)
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
static size_t describe_place(const struct rule_source *source, __u32 line, size_t column,
			     char text[RULE_PLACE_SIZE])
{
	char behind[24] = "";
	int length;

	text[0] = '\0';
	if (!source->name)
		return 0;
	if (column)
		snprintf(behind, sizeof(behind), ":%zu", column);
	/* A name may be longer; the half that is left tells which. */
	length = snprintf(text, RULE_PLACE_SIZE, "%.*s:%u%s: ", RULE_PLACE_SIZE / 2, source->name,
			  line, behind);
	return (size_t)length;
}

void rule_input_describe_wide(const struct rule_input *input, const struct wide_line *line,
			      char text[RULE_PLACE_SIZE])
{
	const struct rule_source *source;
	char prefix[PREFIX_TEXT_SIZE];
	__u32 number;
	size_t length;

	source = rule_input_source(input, line->origin, &number);
	length = source ? describe_place(source, number, line->column, text) : 0;
	prefix_format(&line->prefix, prefix);
	if (line->is_range || !strcmp(line->text, prefix))
		snprintf(text + length, RULE_PLACE_SIZE - length, "'%s'", line->text);
	else
		snprintf(text + length, RULE_PLACE_SIZE - length, "'%s' means %s", line->text,
			 prefix);
}

void rule_input_describe(const struct rule_input *input, const struct rule *rule,
			 char text[RULE_PLACE_SIZE])
{
	const struct wide_line *wide = input->wide[rule->prefix.family];
	const struct rule_source *source;
	char prefix[PREFIX_TEXT_SIZE];
	size_t length = 0;
	__u32 line;

	source = rule_input_source(input, rule->origin, &line);
	for (size_t i = 0; i < WIDE_LINES && source; i++) {
		if (wide[i].origin != rule->origin)
			continue;
		rule_input_describe_wide(input, &wide[i], text);
		return;
	}
	if (source && !source->name) {
		snprintf(text, RULE_PLACE_SIZE, "'%.80s'", source->argument);
		return;
	}
	if (source)
		length = describe_place(source, line, rule->column, text);
	prefix_format(&rule->prefix, prefix);
	snprintf(text + length, RULE_PLACE_SIZE - length, "%s", prefix);
}

/* A set's rules as positions in the rule set, which keeps their order. */
struct set_rules {
	const struct ipf_set *name;
	size_t first; /* into an array of positions */
	size_t count;
};

static bool is_default(const struct ipf_set *name)
{
	return !strcmp(name->name, RULE_DEFAULT_SET);
}

/* `default` first, the others by name: equal rule sets give equal texts. */
static int compare_sets(const void *left, const void *right)
{
	const struct set_rules *a = left, *b = right;

	if (is_default(a->name) != is_default(b->name))
		return is_default(a->name) ? -1 : 1;
	return strcmp(a->name->name, b->name->name);
}

/* Sorts the positions of the rules that have not ended by set (counting, then placing). */
static void group_by_set(const struct ruleset *set, __u32 now, struct set_rules *groups,
			 size_t *positions)
{
	size_t first = 0;

	for (size_t i = 0; i < set->count; i++)
		if (!tick_ended(set->rules[i].expires, now))
			groups[set->rules[i].set].count++;
	for (size_t i = 0; i < set->set_count; i++) {
		groups[i].name = &set->sets[i];
		groups[i].first = first;
		first += groups[i].count;
		groups[i].count = 0;
	}
	for (size_t i = 0; i < set->count; i++) {
		struct set_rules *group = &groups[set->rules[i].set];

		if (!tick_ended(set->rules[i].expires, now))
			positions[group->first + group->count++] = i;
	}
}

static int write_rule(const struct rule *rule, __u32 now, FILE *out)
{
	char text[PREFIX_TEXT_SIZE];
	char left[DURATION_TEXT_SIZE];

	prefix_format(&rule->prefix, text);
	if (rule->expires == IPF_NEVER)
		return fprintf(out, "%s %s\n", verdict_name(rule->verdict), text);
	duration_format(tick_seconds_left(rule->expires, now), left);
	return fprintf(out, "%s %s timeout %s\n", verdict_name(rule->verdict), text, left);
}

/* The stream keeps that a write failed, not why: errno tells at once. */
static int write_sets(const struct ruleset *set, const struct set_rules *groups,
		      const size_t *positions, bool with_names, __u32 now, FILE *out)
{
	for (size_t i = 0; i < set->set_count; i++) {
		if (groups[i].count && with_names &&
		    fprintf(out, "set %s\n", groups[i].name->name) < 0)
			return -errno;
		for (size_t k = 0; k < groups[i].count; k++)
			if (write_rule(&set->rules[positions[groups[i].first + k]], now, out) < 0)
				return -errno;
	}
	return fflush(out) ? -errno : 0;
}

int rule_text_write(const struct ruleset *set, __u32 now, FILE *out)
{
	struct set_rules *groups = calloc(set->set_count + 1, sizeof(*groups));
	size_t *positions = calloc(set->count + 1, sizeof(*positions));
	bool only_default = true;
	int ret = -ENOMEM;

	if (!groups || !positions)
		goto done;
	group_by_set(set, now, groups, positions);
	qsort(groups, set->set_count, sizeof(*groups), compare_sets);
	for (size_t i = 0; i < set->set_count; i++)
		only_default = only_default && (!groups[i].count || is_default(groups[i].name));

	ret = write_sets(set, groups, positions, !only_default, now, out);
done:
	free(groups);
	free(positions);
	return ret;
}
