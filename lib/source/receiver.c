// SPDX-License-Identifier: GPL-2.0
/*
 * What does a source program deliver, and is it sound?
 */
#include <source/receiver.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <feed/format.h>
#include <source/delivery.h>
#include <util/error.h>
#include <util/number.h>

/* Room for so many rules is kept for the next delivery. */
#define FEW_RULES 4096

#define QUOTED 64 /* bytes of a bad line */

static int refuse(const struct receiver *receiver, const char *problem, struct error *err)
{
	return error_set(err, -EPROTO, "it delivered '%.*s': %s", QUOTED, receiver->text, problem);
}

/* Forgets the rules of a delivery, and the memory of a long one. */
static void drop_rules(struct receiver *receiver)
{
	struct input *input = &receiver->input;

	input->count = 0;
	if (input->capacity <= FEW_RULES)
		return;
	free(input->rules);
	input->rules = NULL;
	input->capacity = 0;
}

int receiver_init(struct receiver *receiver, struct error *err)
{
	receiver->input.verdict = receiver->verdict;
	receiver->input.expires = IPF_NEVER;
	line_init(&receiver->line, &receiver->input, NULL);
	receiver->format_state = calloc(1, format_rules.state_size);
	if (!receiver->format_state || input_open_source(&receiver->input, NULL, ""))
		return error_no_memory(err);
	return 0;
}

void receiver_done(struct receiver *receiver)
{
	line_done(&receiver->line);
	input_done(&receiver->input);
	free(receiver->format_state);
	receiver->format_state = NULL;
}

void receiver_restart(struct receiver *receiver)
{
	receiver->state = RECEIVER_BETWEEN;
	receiver->length = 0;
	drop_rules(receiver);
}

static int begin(struct receiver *receiver, bool is_list, __u32 now)
{
	drop_rules(receiver);
	receiver->input.now = now;
	receiver->state = is_list ? RECEIVER_IN_LIST : RECEIVER_IN_CHANGE;
	return 0;
}

static int tell(const struct receiver *receiver, enum receiver_kind kind, const char *text,
		struct error *err)
{
	struct receiver_event event = { .kind = kind, .text = text };

	return receiver->call(receiver->context, &event, err);
}

static int end(struct receiver *receiver, const char *validator, struct error *err)
{
	struct receiver_event event = {
		.kind = receiver->state == RECEIVER_IN_LIST ? RECEIVER_LIST : RECEIVER_CHANGE,
		.rules = receiver->input.rules,
		.count = receiver->input.count,
		.text = validator,
	};
	int ret;

	if (receiver->state == RECEIVER_BETWEEN)
		return refuse(receiver, "nothing has begun", err);
	receiver->state = RECEIVER_BETWEEN;
	ret = receiver->call(receiver->context, &event, err);
	drop_rules(receiver);
	return ret;
}

static int check_more(const struct receiver *receiver, struct error *err)
{
	if (receiver->state == RECEIVER_BETWEEN)
		return refuse(receiver, "no list and no change has begun", err);
	if (receiver->input.count >= receiver->max_rules)
		return error_set(err, -EPROTO, "it delivered more than %zu rules",
				 receiver->max_rules);
	return 0;
}

/* A line of a rule file that has one prefix, and nothing else: the format also knows comments,
 * which are no tokens, and lines that name a set, which add no rule. */
static int add(struct receiver *receiver, char *text, struct error *err)
{
	struct input *input = &receiver->input;
	size_t before = input->count;
	int ret = check_more(receiver, err);

	if (ret)
		return ret;
	if (strchr(" \t#;", *text) || strpbrk(text, "#;"))
		return refuse(receiver, "not a rule", err);
	ret = format_rules.read_line(receiver->format_state, &receiver->line, text, err);
	if (ret)
		return ret == -ENOMEM ? ret : error_prefix(err, -EPROTO, "it delivered a bad rule");
	if (input->count != before + 1)
		return refuse(receiver, "not one rule", err);
	return 0;
}

/* A prefix that no rule is for any more. */
static int remove_one(struct receiver *receiver, char *text, struct error *err)
{
	struct input *input = &receiver->input;
	int ret;

	if (receiver->state != RECEIVER_IN_CHANGE)
		return refuse(receiver, "no change has begun", err);
	if (strpbrk(text, " \t"))
		return refuse(receiver, "not a prefix", err);
	ret = add(receiver, text, err);
	if (!ret)
		input->rules[input->count - 1].verdict = RECEIVER_REMOVED;
	return ret;
}

/* What follows the word and a blank; "" if nothing does, NULL if the text is another word. */
static const char *after(const char *text, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(text, word, length) != 0)
		return NULL;
	text += length;
	if (!*text)
		return text;
	return *text == ' ' ? text + 1 : NULL;
}

static int read_trouble(struct receiver *receiver, const char *text, struct error *err)
{
	receiver_restart(receiver);
	return tell(receiver, RECEIVER_TROUBLE, text, err);
}

static int read_later(const struct receiver *receiver, const char *text, struct error *err)
{
	struct receiver_event event = { .kind = RECEIVER_LATER, .text = text };

	if (number_parse(text, 1, DELIVERY_LATER_MAX_S, &event.later_s))
		return refuse(receiver, "not a number of seconds up to a day", err);
	return receiver->call(receiver->context, &event, err);
}

static int read_same(const struct receiver *receiver, struct error *err)
{
	if (receiver->state != RECEIVER_BETWEEN)
		return refuse(receiver, "something has begun", err);
	return tell(receiver, RECEIVER_SAME, "", err);
}

static int read_word(struct receiver *receiver, __u32 now, struct error *err)
{
	const char *text = receiver->text, *rest;

	if (!strcmp(text, "list"))
		return begin(receiver, true, now);
	if (!strcmp(text, "change") && receiver->state == RECEIVER_BETWEEN)
		return begin(receiver, false, now);
	if ((rest = after(text, "end")))
		return end(receiver, rest, err);
	if (!strcmp(text, "same"))
		return read_same(receiver, err);
	if ((rest = after(text, "trouble")))
		return read_trouble(receiver, rest, err);
	if ((rest = after(text, "later")))
		return read_later(receiver, rest, err);
	if ((rest = after(text, "warning")))
		return tell(receiver, RECEIVER_WARNING, rest, err);
	if (!strcmp(text, "counters"))
		return tell(receiver, RECEIVER_COUNTERS, "", err);
	if (!strcmp(text, "alive"))
		return tell(receiver, RECEIVER_ALIVE, "", err);
	return refuse(receiver, "not expected", err);
}

/* receiver->text is a whole line, without its end. */
static int read_line(struct receiver *receiver, __u32 now, struct error *err)
{
	receiver->text[receiver->length] = '\0';
	if (strlen(receiver->text) != receiver->length)
		return refuse(receiver, "a NUL byte follows", err);
	receiver->length = 0;
	if (receiver->text[0] == '+')
		return add(receiver, receiver->text + 1, err);
	if (receiver->text[0] == '-')
		return remove_one(receiver, receiver->text + 1, err);
	return read_word(receiver, now, err);
}

/* Appends bytes, none of which ends a line. */
static int append(struct receiver *receiver, const char *bytes, size_t count, struct error *err)
{
	if (count >= RECEIVER_LINE_SIZE - receiver->length)
		return error_set(err, -EPROTO, "it delivered a line of more than %d bytes",
				 RECEIVER_LINE_SIZE - 1);
	memcpy(receiver->text + receiver->length, bytes, count);
	receiver->length += count;
	return 0;
}

int receiver_take(struct receiver *receiver, const char *bytes, size_t count, __u32 now,
		  struct error *err)
{
	const char *end_of_bytes = bytes + count;

	while (bytes < end_of_bytes) {
		size_t left = (size_t)(end_of_bytes - bytes);
		const char *line_end = memchr(bytes, '\n', left);
		int ret =
			append(receiver, bytes, line_end ? (size_t)(line_end - bytes) : left, err);

		if (!ret && line_end)
			ret = read_line(receiver, now, err);
		if (ret || !line_end)
			return ret;
		bytes = line_end + 1;
	}
	return 0;
}
