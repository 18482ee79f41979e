// SPDX-License-Identifier: GPL-2.0
/*
 * How are the lists written that others publish, and which way is this file written?
 *
 * Words of the input are quoted in messages, so a long one is shortened: what is wrong with it must
 * still fit.
 */
#include <feed/feed.h>

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <feed/input.h>
#include <ruleset/coverage.h>
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
	struct input *input = feed->input;
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

	feed->input->target = word;
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

	feed->input->target = word;
	list->count = 0;
	problem = prefix_range(first, last, list);
	return problem ? refuse_problem(feed, word, problem, err) : 0;
}

/* Of the line at hand; 0 beyond what 32 bits number. */
static __u32 origin_of(const struct feed *feed)
{
	struct input *input = feed->input;
	__u64 origin = (__u64)input->sources[input->source_count - 1].before + feed->line;

	if (origin > UINT32_MAX)
		return 0;
	input->last_origin = (__u32)origin;
	return input->last_origin;
}

static __u8 shortest_of(const struct prefix_list *list)
{
	__u8 shortest = UINT8_MAX;

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].bits < shortest)
			shortest = list->items[i].bits;
	return shortest;
}

/* A range has at most two prefixes of each length. */
static __u64 most_covered(const struct prefix_list *list, __u8 shortest)
{
	unsigned int bits = shortest - (list->count > 1 ? 2u : 0u);

	if (shortest > 64)
		return 0;
	return bits && bits <= 64 ? 1ull << (64 - bits) : UINT64_MAX;
}

/* Of what one set is told twice, the last line counts, as among the rules. */
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

static void measure_line(struct input *input, const struct rule *rule)
{
	const struct prefix_list *list = &input->scratch;
	const struct word *word = input->target;
	struct input_wide line = { .origin = rule->origin,
				   .column = word->column,
				   .set = rule->set };

	for (size_t i = 0; i < list->count; i++)
		line.covered += coverage_of(&list->items[i]);
	if (!line.covered)
		return;
	line.prefix = list->items[0];
	line.is_range = list->count > 1;
	snprintf(line.text, sizeof(line.text), "%.*s%s", QUOTED_SIZE, word->text,
		 strlen(word->text) > QUOTED_SIZE ? "..." : "");
	keep_wide(input, &line);
}

/* Is the line among the widest? Nearly none is, so it is asked cheaply. */
static void note_wide(struct input *input, const struct rule *rule, __u8 shortest)
{
	const struct prefix_list *list = &input->scratch;
	enum ipf_family family = list->items[0].family;
	__u64 most = most_covered(list, shortest);

	if (__builtin_add_overflow(input->most_covered[family], most, &input->most_covered[family]))
		input->most_covered[family] = UINT64_MAX;
	if (rule->origin && most > input->wide[family][INPUT_WIDE - 1].covered)
		measure_line(input, rule);
}

/* What a file that has no other rule of the family is compared with. */
static const __u8 wide_alone[IPF_FAMILIES] = { [IPF_IPV4] = 8, [IPF_IPV6] = 16 };

/* Addresses in use, that is: nothing else can lock anybody out. */
static bool covers_any(const struct prefix_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (coverage_of(&list->items[i]))
			return true;
	return false;
}

/* Is this last line, which has no end, wider than all others? A file that was cut inside
 * 128.0.0.0/16 may end with 128.0.0.0/1. */
static void note_cut(const struct feed *feed, __u8 shortest)
{
	const struct prefix_list *list = &feed->input->scratch;
	struct input *input = feed->input;
	enum ipf_family family = list->items[0].family;
	__u8 others = input->shortest[family];

	if (others == UINT8_MAX)
		others = wide_alone[family];
	if (feed->unended && shortest < others && !input->cut_example[0] && covers_any(list))
		quote(feed, input->target, input->cut_example, sizeof(input->cut_example));
	if (shortest < input->shortest[family])
		input->shortest[family] = shortest;
}

int feed_add_rules(const struct feed *feed, const struct rule *like, struct error *err)
{
	struct input *input = feed->input;
	const struct prefix_list *list = &input->scratch;
	struct rule rule = *like;
	__u8 shortest;

	if (array_reserve(&input->rules, &input->capacity, input->count + list->count,
			  sizeof(*input->rules)))
		return feed_no_memory(err);
	input->sets[like->set].filled = true;
	rule.origin = origin_of(feed);
	rule.column = input->target->column <= UINT8_MAX ? (__u8)input->target->column : 0;
	for (size_t i = 0; i < list->count; i++) {
		rule.prefix = list->items[i];
		input->rules[input->count++] = rule;
	}
	shortest = shortest_of(list);
	/* What passes locks nobody out. */
	if (rule.verdict != IPF_PASS)
		note_wide(input, &rule, shortest);
	note_cut(feed, shortest);
	return 0;
}

int feed_open_set(const struct feed *feed, const struct word *name, __u16 *set, struct error *err)
{
	int index;

	if (!ruleset_name_valid(name->text))
		return feed_refuse(feed, name, err,
				   "a set's name is 1 to 31 of A-Z a-z 0-9 . _ -, "
				   "the first a letter or a digit");
	index = input_name_set(feed->input, name->text);
	if (index == -E2BIG)
		return feed_refuse(feed, name, err, "too many sets");
	if (index < 0)
		return feed_no_memory(err);
	*set = (__u16)index;
	feed->input->sets[index].named = true;
	if (!feed->input->sets[index].origin)
		feed->input->sets[index].origin = origin_of(feed);
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
