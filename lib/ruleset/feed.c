// SPDX-License-Identifier: GPL-2.0
/*
 * How are the lists written that others publish, and which way is this file written?
 *
 * Words of the input are quoted in messages, so a long one is shortened: what is wrong with it must
 * still fit.
 */
#include <ruleset/feed.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <ruleset/rulefile.h>
#include <util/array.h>
#include <util/error.h>

#define QUOTED_SIZE 80 /* Bytes of a word that a message shows. */

/* The order of asking: lines of block.txt, ipsascii.html and ipfilter.dat begin like a rule, and a
 * range of IPv4-mapped addresses ends like a line of a P2P list. */
static const struct feed_format *const formats[] = {
	&feed_ndjson, &feed_ipset, &feed_dshield, &feed_ipsascii, &feed_dat, &feed_rules, &feed_p2p,
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

const struct feed_format *feed_format_find(const char *name)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

const struct feed_format *feed_format_of(const char *line)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (formats[i]->begins(line))
			return formats[i];
	return &feed_rules;
}

/* "FILE:LINE:COLUMN: 'WORD'", or "'WORD'" of an argument. */
static void quote(const struct feed *feed, const struct word *word, char *out, size_t size)
{
	const char *cut = strlen(word->text) > QUOTED_SIZE ? "..." : "";

	if (feed->name)
		snprintf(out, size, "%s:%zu:%zu: '%.*s%s'", feed->name, feed->line, word->column,
			 QUOTED_SIZE, word->text, cut);
	else
		snprintf(out, size, "'%.*s%s'", QUOTED_SIZE, word->text, cut);
}

int feed_refuse(const struct feed *feed, const struct word *word, struct error *err,
		const char *problem, ...)
{
	char quoted[1024], words[512];
	va_list args;

	va_start(args, problem);
	vsnprintf(words, sizeof(words), problem, args);
	va_end(args);
	quote(feed, word, quoted, sizeof(quoted));
	return error_set(err, -EINVAL, "%s: %s", quoted, words);
}

int feed_no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

static void note_host_bits(const struct feed *feed, const struct word *word,
			   const struct prefix *meant)
{
	struct rule_input *input = feed->input;
	char quoted[sizeof(input->host_bits_example)];
	char text[PREFIX_TEXT_SIZE];
	size_t length;

	if (input->host_bits++)
		return;
	quote(feed, word, quoted, sizeof(quoted) - sizeof(text) - sizeof(" means "));
	prefix_format(meant, text);
	length = (size_t)snprintf(input->host_bits_example, sizeof(input->host_bits_example), "%s",
				  quoted);
	snprintf(input->host_bits_example + length, sizeof(input->host_bits_example) - length,
		 " means %s", text);
}

static int refuse_problem(const struct feed *feed, const struct word *word,
			  enum prefix_problem problem, struct error *err)
{
	if (problem == PREFIX_NO_MEMORY)
		return feed_no_memory(err);
	return feed_refuse(feed, word, err, "%s", prefix_problem_text(problem));
}

int feed_read_target(const struct feed *feed, const struct word *word, struct error *err)
{
	struct prefix_list *list = &feed->input->scratch;
	enum prefix_problem problem;
	bool host_bits = false;

	list->count = 0;
	problem = prefix_parse(word->text, list, &host_bits);
	if (problem)
		return refuse_problem(feed, word, problem, err);
	if (host_bits)
		note_host_bits(feed, word, &list->items[0]);
	return 0;
}

int feed_read_range(const struct feed *feed, const struct word *word, const struct address *first,
		    const struct address *last, struct error *err)
{
	struct prefix_list *list = &feed->input->scratch;
	enum prefix_problem problem;

	list->count = 0;
	problem = prefix_range(first, last, list);
	return problem ? refuse_problem(feed, word, problem, err) : 0;
}

int feed_add_rules(const struct feed *feed, const struct rule *like, struct error *err)
{
	struct rule_input *input = feed->input;
	const struct prefix_list *list = &input->scratch;

	if (array_reserve(&input->rules, &input->capacity, input->count + list->count,
			  sizeof(*input->rules)))
		return feed_no_memory(err);
	if (list->count)
		input->sets[like->set].filled = true;
	for (size_t i = 0; i < list->count; i++) {
		input->rules[input->count] = *like;
		input->rules[input->count++].prefix = list->items[i];
	}
	return 0;
}

int feed_open_set(const struct feed *feed, const struct word *name, __u16 *set, struct error *err)
{
	int index;

	if (!set_name_valid(name->text))
		return feed_refuse(feed, name, err,
				   "a set's name is 1 to 31 of A-Z a-z 0-9 . _ -, "
				   "the first a letter or a digit");
	index = rule_input_name_set(feed->input, name->text);
	if (index == -E2BIG)
		return feed_refuse(feed, name, err, "too many sets");
	if (index < 0)
		return feed_no_memory(err);
	*set = (__u16)index;
	feed->input->sets[index].named = true;
	return 0;
}

struct rule feed_plain_rule(const struct feed *feed)
{
	return (struct rule){
		.verdict = (__u8)feed->input->verdict,
		.set = feed->set,
		.expires = feed->input->expires,
		.counter = IPF_NO_COUNTER,
	};
}
