// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a text (a file, standard input, arguments) ask for?
 *
 * A line is cut into words, each with its column, and read from left to right. Words of the input
 * are quoted in messages, so a long one is shortened: what is wrong with it must still fit.
 */
#include <ruleset/rulefile.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <util/array.h>
#include <util/error.h>
#include <util/text.h>

#define LINE_SIZE 4096 /* The longest line, without its end. */
#define MAX_WORDS 5    /* One more than the longest good line has. */
#define QUOTED_SIZE 80 /* Bytes of a word that a message shows. */

struct word {
	const char *text;
	size_t column;
};

/* Where the reader is, for messages. `name` is NULL for an argument, which has no lines. */
struct place {
	const char *name;
	size_t line;
};

void rule_input_done(struct rule_input *input)
{
	free(input->rules);
	free(input->sets);
	prefix_list_done(&input->scratch);
	input->rules = NULL;
	input->sets = NULL;
	input->count = input->capacity = 0;
	input->set_count = input->set_capacity = 0;
}

/* "FILE:LINE:COLUMN: 'WORD'", or "'WORD'" of an argument. */
static void quote(const struct place *place, const struct word *word, char *out, size_t size)
{
	const char *cut = strlen(word->text) > QUOTED_SIZE ? "..." : "";

	if (place->name)
		snprintf(out, size, "%s:%zu:%zu: '%.*s%s'", place->name, place->line, word->column,
			 QUOTED_SIZE, word->text, cut);
	else
		snprintf(out, size, "'%.*s%s'", QUOTED_SIZE, word->text, cut);
}

static int refuse(struct error *err, const struct place *place, const struct word *word,
		  const char *problem)
{
	char quoted[1024];

	quote(place, word, quoted, sizeof(quoted));
	return error_set(err, -EINVAL, "%s: %s", quoted, problem);
}

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

/* Finds or makes the set; the name is valid. Returns its index, -ENOMEM or -E2BIG. */
static int name_set(struct rule_input *input, const char *name)
{
	struct ipf_set *fresh;

	for (size_t i = 0; i < input->set_count; i++)
		if (!strcmp(input->sets[i].name, name))
			return (int)i;
	if (input->set_count == IPF_MAX_SETS)
		return -E2BIG;
	if (array_reserve(&input->sets, &input->set_capacity, input->set_count + 1,
			  sizeof(*input->sets)))
		return -ENOMEM;
	fresh = &input->sets[input->set_count];
	*fresh = (struct ipf_set){ 0 };
	snprintf(fresh->name, sizeof(fresh->name), "%s", name);
	return (int)input->set_count++;
}

/* The set that rules go to before any `set` line. */
static int open_first_set(struct rule_input *input, struct error *err)
{
	if (name_set(input, input->set ? input->set : RULE_DEFAULT_SET) < 0)
		return no_memory(err);
	return 0;
}

static void note_host_bits(struct rule_input *input, const struct place *place,
			   const struct word *word, const struct prefix *meant)
{
	char quoted[sizeof(input->host_bits_example)];
	char text[PREFIX_TEXT_SIZE];
	size_t length;

	if (input->host_bits++)
		return;
	quote(place, word, quoted, sizeof(quoted) - sizeof(text) - sizeof(" means "));
	prefix_format(meant, text);
	length = (size_t)snprintf(input->host_bits_example, sizeof(input->host_bits_example), "%s",
				  quoted);
	snprintf(input->host_bits_example + length, sizeof(input->host_bits_example) - length,
		 " means %s", text);
}

/* Finds the prefixes that one RULE means. */
static int read_target(struct rule_input *input, const struct place *place, const struct word *word,
		       struct error *err)
{
	struct prefix_list *list = &input->scratch;
	enum prefix_problem problem;
	bool host_bits = false;

	list->count = 0;
	problem = prefix_parse(word->text, list, &host_bits);
	if (problem == PREFIX_NO_MEMORY)
		return no_memory(err);
	if (problem)
		return refuse(err, place, word, prefix_problem_text(problem));
	if (host_bits)
		note_host_bits(input, place, word, &list->items[0]);
	return 0;
}

/* Appends the prefixes that were found, each a rule like `like`. */
static int add_rules(struct rule_input *input, const struct rule *like, struct error *err)
{
	const struct prefix_list *list = &input->scratch;

	if (array_reserve(&input->rules, &input->capacity, input->count + list->count,
			  sizeof(*input->rules)))
		return no_memory(err);
	for (size_t i = 0; i < list->count; i++) {
		input->rules[input->count] = *like;
		input->rules[input->count++].prefix = list->items[i];
	}
	return 0;
}

static int read_timeout(const struct rule_input *input, const struct place *place,
			const struct word *word, __u32 *expires, struct error *err)
{
	uint64_t seconds;

	switch (duration_parse(word->text, &seconds)) {
	case 0:
		*expires = tick_after(input->now, seconds);
		return 0;
	case -ERANGE:
		return refuse(err, place, word, "a timeout lasts from 1s to 3650d");
	default:
		return refuse(err, place, word, "not a duration like 90, 90s or 1h30m");
	}
}

/* [pass|drop] RULE [timeout DURATION] */
static int read_rule_line(struct rule_input *input, const struct place *place,
			  const struct word *words, size_t count, __u16 set, struct error *err)
{
	struct rule rule = {
		.verdict = (__u8)input->verdict,
		.set = set,
		.expires = input->expires,
		.counter = IPF_NO_COUNTER,
	};
	size_t next = 0;
	int ret;

	if (!strcmp(words[0].text, "pass") || !strcmp(words[0].text, "drop")) {
		rule.verdict = words[0].text[0] == 'd' ? IPF_DROP : IPF_PASS;
		if (input->verdict_forced && rule.verdict != input->verdict)
			return refuse(err, place, &words[0],
				      input->verdict == IPF_PASS ? "contradicts --pass" :
								   "contradicts --drop");
		if (count == 1)
			return refuse(err, place, &words[0],
				      "an address, prefix or range must follow");
		next = 1;
	}
	/* Before what follows: in `deny 10.0.0.1` it is the first word that is wrong. */
	ret = read_target(input, place, &words[next++], err);
	if (ret)
		return ret;
	if (next < count) {
		if (strcmp(words[next].text, "timeout") != 0)
			return refuse(err, place, &words[next],
				      "unexpected; a line is [pass|drop] RULE [timeout DURATION]");
		if (next + 1 == count)
			return refuse(err, place, &words[next], "a duration must follow");
		ret = read_timeout(input, place, &words[next + 1], &rule.expires, err);
		if (ret)
			return ret;
		next += 2;
	}
	if (next < count)
		return refuse(err, place, &words[next],
			      "unexpected; a line is [pass|drop] RULE [timeout DURATION]");
	return add_rules(input, &rule, err);
}

/* set NAME */
static int read_set_line(struct rule_input *input, const struct place *place,
			 const struct word *words, size_t count, __u16 *set, struct error *err)
{
	int index;

	if (input->set)
		return refuse(err, place, &words[0], "not together with --set");
	if (count == 1)
		return refuse(err, place, &words[0], "a name must follow");
	if (!set_name_valid(words[1].text))
		return refuse(err, place, &words[1],
			      "a set's name is 1 to 31 of A-Z a-z 0-9 . _ -, "
			      "the first a letter or a digit");
	if (count > 2)
		return refuse(err, place, &words[2], "unexpected; a line is set NAME");
	index = name_set(input, words[1].text);
	if (index == -E2BIG)
		return refuse(err, place, &words[1], "too many sets");
	if (index < 0)
		return no_memory(err);
	*set = (__u16)index;
	if (!index)
		input->first_set_named = true;
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cuts the line into words, in place, up to a comment. Words beyond MAX_WORDS are left: the line is
 * bad already. */
static size_t split(char *line, struct word words[MAX_WORDS])
{
	size_t count = 0;
	char *next = line;

	line[strcspn(line, "#;")] = '\0';
	while (count < MAX_WORDS) {
		while (is_blank(*next))
			next++;
		if (!*next)
			break;
		words[count++] = (struct word){ next, (size_t)(next - line) + 1 };
		while (*next && !is_blank(*next))
			next++;
		if (*next)
			*next++ = '\0';
	}
	return count;
}

enum line_result { LINE_READ, LINE_END_OF_FILE, LINE_TOO_LONG, LINE_HAS_NUL };

/* Reads a line without its end (LF, CR LF, or the file's end). Of a bad line *length says how many
 * good bytes come first. */
static enum line_result read_line(FILE *file, char line[LINE_SIZE + 2], size_t *length)
{
	size_t count = 0;
	int c;

	while ((c = getc_unlocked(file)) != EOF && c != '\n') {
		*length = count;
		if (!c)
			return LINE_HAS_NUL;
		if (count == LINE_SIZE + 1) { /* One more than a line: the CR of CR LF. */
			*length = LINE_SIZE;
			return LINE_TOO_LONG;
		}
		line[count++] = (char)c;
	}
	if (c == EOF && !count)
		return LINE_END_OF_FILE;
	if (count && line[count - 1] == '\r')
		count--;
	if (count > LINE_SIZE) {
		*length = LINE_SIZE;
		return LINE_TOO_LONG;
	}
	line[count] = '\0';
	*length = count;
	return LINE_READ;
}

/* Editors on Windows begin UTF-8 files with it; columns count from behind it. */
static char *skip_bom(char *line)
{
	static const char bom[] = "\xef\xbb\xbf";

	return strncmp(line, bom, strlen(bom)) ? line : line + strlen(bom);
}

int rule_input_read(struct rule_input *input, FILE *file, const char *name, struct error *err)
{
	struct place place = { .name = name };
	char buffer[LINE_SIZE + 2];
	__u16 set = 0;
	int ret;

	ret = open_first_set(input, err);
	if (ret)
		return ret;
	for (;;) {
		struct word words[MAX_WORDS];
		size_t length, count;
		char *line = buffer;

		place.line++;
		switch (read_line(file, buffer, &length)) {
		case LINE_END_OF_FILE:
			if (ferror(file))
				return error_set(err, -EIO, "%s: cannot read it: %s", name,
						 strerror(errno));
			return 0;
		case LINE_TOO_LONG:
			return error_set(err, -EINVAL, "%s:%zu:%zu: a line has at most %d bytes",
					 name, place.line, length + 1, LINE_SIZE);
		case LINE_HAS_NUL:
			return error_set(err, -EINVAL, "%s:%zu:%zu: a NUL byte; this is not a text",
					 name, place.line, length + 1);
		case LINE_READ:
			break;
		}
		if (place.line == 1)
			line = skip_bom(buffer);
		count = split(line, words);
		if (!count)
			continue;
		if (!strcmp(words[0].text, "set"))
			ret = read_set_line(input, &place, words, count, &set, err);
		else
			ret = read_rule_line(input, &place, words, count, set, err);
		if (ret)
			return ret;
	}
}

int rule_input_argument(struct rule_input *input, const char *text, struct error *err)
{
	const struct place nowhere = { 0 };
	const struct word word = { .text = text };
	const struct rule like = {
		.verdict = (__u8)input->verdict,
		.set = 0,
		.expires = input->expires,
		.counter = IPF_NO_COUNTER,
	};
	int ret;

	ret = open_first_set(input, err);
	if (ret)
		return ret;
	ret = read_target(input, &nowhere, &word, err);
	return ret ? ret : add_rules(input, &like, err);
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

static void write_rule(const struct rule *rule, __u32 now, FILE *out)
{
	char text[PREFIX_TEXT_SIZE];
	char left[DURATION_TEXT_SIZE];

	prefix_format(&rule->prefix, text);
	if (rule->expires == IPF_NEVER) {
		fprintf(out, "%s %s\n", verdict_name(rule->verdict), text);
		return;
	}
	duration_format(tick_seconds_left(rule->expires, now), left);
	fprintf(out, "%s %s timeout %s\n", verdict_name(rule->verdict), text, left);
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

	for (size_t i = 0; i < set->set_count; i++) {
		if (groups[i].count && !only_default)
			fprintf(out, "set %s\n", groups[i].name->name);
		for (size_t k = 0; k < groups[i].count; k++)
			write_rule(&set->rules[positions[groups[i].first + k]], now, out);
	}
	ret = fflush(out) || ferror(out) ? -EIO : 0;
done:
	free(groups);
	free(positions);
	return ret;
}
