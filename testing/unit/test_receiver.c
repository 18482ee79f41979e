// SPDX-License-Identifier: GPL-2.0
/*
 * Which deliveries are believed, and what do they say?
 */
#include <source/receiver.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <ruleset/tick.h>
#include <source/delivery.h>
#include <util/auto.h>
#include <util/error.h>

#include "support.h"

#define NOW 1000
#define MAX_RULES 5

/* The events so far, as text. */
struct log {
	char text[8192];
	size_t length;
	int fails; /* what the call returns */
};

static void put(struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct log *log, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log->length += (size_t)vsnprintf(log->text + log->length, sizeof(log->text) - log->length,
					 format, args);
	va_end(args);
	assert_true(log->length < sizeof(log->text));
}

static int note(void *context, struct receiver_event *event, struct error *err)
{
	static const char *const names[] = { "list",  "change",  "same",     "trouble",
					     "later", "warning", "counters", "alive" };
	struct log *log = context;

	(void)err;
	put(log, "%s", names[event->kind]);
	for (size_t i = 0; i < event->count; i++) {
		const struct rule *rule = &event->rules[i];
		char text[PREFIX_TEXT_SIZE];

		prefix_format(&rule->prefix, text);
		if (rule->verdict == RECEIVER_REMOVED)
			put(log, " -%s", text);
		else
			put(log, " %x:%s:%u", rule->verdict, text, rule->expires);
	}
	if (event->later_s)
		put(log, " %llu", (unsigned long long)event->later_s);
	put(log, " (%s)\n", event->text);
	return log->fails;
}

static void start(struct receiver *receiver, struct log *log)
{
	*receiver = (struct receiver){
		.verdict = VERDICT_BY_POLICY, .max_rules = MAX_RULES, .call = note, .context = log
	};
	assert_int_equal(receiver_init(receiver, NULL), 0);
}

/* A text, and the events or the complaint that come of it. */
static const struct text_case {
	const char *name;
	const char *text;
	const char *events;
	const char *complaint; /* NULL: none */
} text_cases[] = {
	{ "nothing", "", "", NULL },
	{ "an empty list", "list\nend \n", "list ()\n", NULL },
	{ "a list", "list\n+192.0.2.1\n+pass 2001:db8::/32\nend \"tag\"\n",
	  "list f0:192.0.2.1:0 0:2001:db8::/32:0 (\"tag\")\n", NULL },
	{ "an end without a validator", "list\nend\n", "list ()\n", NULL },
	{ "a timeout", "list\n+drop 192.0.2.1 timeout 90\nend \n", "list 1:192.0.2.1:1672 ()\n",
	  NULL },
	{ "a change", "change\n-192.0.2.1\n+drop 192.0.2.2\nend 7\n",
	  "change -192.0.2.1 1:192.0.2.2:0 (7)\n", NULL },
	{ "the rest", "same\ntrouble no  way \nwarning\ncounters\n",
	  "same ()\ntrouble (no  way )\nwarning ()\ncounters ()\n", NULL },
	{ "alive, anywhere", "alive\nchange\nalive\n+192.0.2.1\nalive\nend 7\n",
	  "alive ()\nalive ()\nalive ()\nchange f0:192.0.2.1:0 (7)\n", NULL },
	{ "alive, and more", "alive 1\n", "", "it delivered 'alive 1': not expected" },
	{ "later", "later 60\nlater 86400\n", "later 60 (60)\nlater 86400 (86400)\n", NULL },
	{ "later than that", "later 86401\n", "",
	  "it delivered 'later 86401': not a number of seconds up to a day" },
	{ "later without a number", "later\n", "",
	  "it delivered 'later': not a number of seconds up to a day" },
	{ "later by nothing", "later 0\n", "",
	  "it delivered 'later 0': not a number of seconds up to a day" },
	{ "a warning inside a list", "list\nwarning x\n+192.0.2.1\nend \n",
	  "warning (x)\nlist f0:192.0.2.1:0 ()\n", NULL },
	{ "trouble voids a list", "list\n+192.0.2.1\ntrouble x\nlist\n+192.0.2.2\nend \n",
	  "trouble (x)\nlist f0:192.0.2.2:0 ()\n", NULL },
	{ "a list begins again", "list\n+192.0.2.1\nlist\n+192.0.2.2\nend \n",
	  "list f0:192.0.2.2:0 ()\n", NULL },
	{ "an unended line", "list\nend ", "", NULL },
	{ "as many rules as allowed", "list\n+::1\n+::2\n+::3\n+::4\n+::5\nend \n",
	  "list f0:::1:0 f0:::2:0 f0:::3:0 f0:::4:0 f0:::5:0 ()\n", NULL },
	{ "one rule more", "list\n+::1\n+::2\n+::3\n+::4\n+::5\n+::6\n", "",
	  "it delivered more than 5 rules" },
	{ "one removal more", "change\n-::1\n-::2\n-::3\n-::4\n-::5\n-::6\n", "",
	  "it delivered more than 5 rules" },

	{ "an unknown word", "hello\n", "", "it delivered 'hello': not expected" },
	{ "an empty line", "\n", "", "it delivered '': not expected" },
	{ "a word with more", "listen\n", "", "it delivered 'listen': not expected" },
	{ "a list with more", "list 5\n", "", "it delivered 'list 5': not expected" },
	{ "CR LF", "same\r\n", "", "it delivered 'same\\x0d': not expected" },
	{ "a NUL", "sa\0me\n", "", "it delivered 'sa': a NUL byte follows" },
	{ "an end of nothing", "end x\n", "", "it delivered 'end x': nothing has begun" },
	{ "a second end", "list\nend \nend \n", "list ()\n",
	  "it delivered 'end ': nothing has begun" },
	{ "a rule outside", "+192.0.2.1\n", "",
	  "it delivered '+192.0.2.1': no list and no change has begun" },
	{ "a rule after trouble", "list\ntrouble x\n+192.0.2.1\n", "trouble (x)\n",
	  "it delivered '+192.0.2.1': no list and no change has begun" },
	{ "a removal outside", "-192.0.2.1\n", "",
	  "it delivered '-192.0.2.1': no change has begun" },
	{ "a removal in a list", "list\n-192.0.2.1\n", "",
	  "it delivered '-192.0.2.1': no change has begun" },
	{ "a change in a list", "list\nchange\n", "", "it delivered 'change': not expected" },
	{ "a change in a change", "change\nchange\n", "", "it delivered 'change': not expected" },
	{ "same in a list", "list\nsame\n", "", "it delivered 'same': something has begun" },
	{ "a set", "list\n+set other\n", "", "it delivered '+set': not one rule" },
	{ "a set without a name", "list\n+set\n", "",
	  "it delivered a bad rule: 'set': a name must follow" },
	{ "an empty rule", "list\n+\n", "", "it delivered '+': not a rule" },
	{ "a blank rule", "list\n+ \n", "", "it delivered '+ ': not a rule" },
	{ "a comment", "list\n+# x\n", "", "it delivered '+# x': not a rule" },
	{ "a rule with a comment", "list\n+192.0.2.1 # x\n", "",
	  "it delivered '+192.0.2.1 # x': not a rule" },
	{ "a range", "list\n+192.0.2.1-192.0.2.2\n", "",
	  "it delivered '+192.0.2.1-192.0.2.2': not one rule" },
	{ "no address", "list\n+192.0.2.300\n", "",
	  "it delivered a bad rule: '192.0.2.300': not an address, prefix or range" },
	{ "a path", "list\n+/etc/passwd\n", "",
	  "it delivered a bad rule: '/etc/passwd': not an address, prefix or range" },
	{ "a removal with a verdict", "change\n-drop 192.0.2.1\n", "",
	  "it delivered '-drop 192.0.2.1': not a prefix" },
	{ "a removal with a timeout", "change\n-192.0.2.1 timeout 5\n", "",
	  "it delivered '-192.0.2.1 timeout 5': not a prefix" },
};

/* A NUL byte is part of a text that has one. */
static size_t text_length(const struct text_case *c)
{
	return !strcmp(c->name, "a NUL") ? sizeof("sa\0me\n") - 1 : strlen(c->text);
}

/* Gives the text in pieces of this size. */
static void take(const struct text_case *c, size_t piece)
{
	size_t length = text_length(c);
	struct log log = { .length = 0 };
	struct error err = { 0 };
	struct receiver receiver;
	int ret = 0;

	start(&receiver, &log);
	for (size_t i = 0; i < length && !ret; i += piece)
		ret = receiver_take(&receiver, c->text + i, length - i < piece ? length - i : piece,
				    NOW, &err);
	assert_string_equal(log.text, c->events);
	assert_int_equal(ret, c->complaint ? -EPROTO : 0);
	assert_string_equal(err.text, c->complaint ? c->complaint : "");
	receiver_done(&receiver);
}

static void test_text(void **state)
{
	take(*state, SIZE_MAX);
	take(*state, 1);
	take(*state, 3);
}

static void test_long_lines(void **state)
{
	char text[RECEIVER_LINE_SIZE + 1];
	struct log log = { .length = 0 };
	struct error err = { 0 };
	struct receiver receiver;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "trouble ", 8);
	text[RECEIVER_LINE_SIZE - 1] = '\n';
	start(&receiver, &log);
	assert_int_equal(receiver_take(&receiver, text, RECEIVER_LINE_SIZE, NOW, &err), 0);
	assert_int_equal(log.length, RECEIVER_LINE_SIZE - 1 + strlen("()\n"));
	text[RECEIVER_LINE_SIZE - 1] = 'x';
	assert_int_equal(receiver_take(&receiver, text, RECEIVER_LINE_SIZE, NOW, &err), -EPROTO);
	assert_string_equal(err.text, "it delivered a line of more than 4095 bytes");
	receiver_done(&receiver);
}

static void test_restart(void **state)
{
	const char before[] = "list\n+192.0.2.1\n+192", after[] = "list\n+192.0.2.2\nend \n";
	struct log log = { .length = 0 };
	struct receiver receiver;

	(void)state;
	start(&receiver, &log);
	assert_int_equal(receiver_take(&receiver, before, strlen(before), NOW, NULL), 0);
	receiver_restart(&receiver);
	assert_int_equal(receiver_take(&receiver, after, strlen(after), NOW, NULL), 0);
	assert_string_equal(log.text, "list f0:192.0.2.2:0 ()\n");
	receiver_done(&receiver);
}

static void test_a_call_that_fails_ends_it(void **state)
{
	const char text[] = "same\nsame\n";
	struct log log = { .fails = -ENOMEM };
	struct receiver receiver;

	(void)state;
	start(&receiver, &log);
	assert_int_equal(receiver_take(&receiver, text, strlen(text), NOW, NULL), -ENOMEM);
	assert_string_equal(log.text, "same ()\n");
	receiver_done(&receiver);
}

static void test_what_a_source_program_writes(void **state)
{
	struct rule rules[] = { { .verdict = VERDICT_BY_POLICY, .expires = IPF_NEVER },
				{ .verdict = VERDICT_DROP, .expires = tick_after(NOW, 60) } };
	struct log log = { .length = 0 };
	auto_free char *text = NULL;
	struct receiver receiver;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	rules[0].prefix = (struct prefix){ .family = IPF_IPV6, .bits = 3 };
	rules[1].prefix = (struct prefix){ .family = IPF_IPV4, .bits = 1 };
	assert_int_equal(delivery_begin_list(out, NULL), 0);
	assert_int_equal(delivery_add(out, &rules[0], NOW, NULL), 0);
	assert_int_equal(delivery_add(out, &rules[1], NOW, NULL), 0);
	assert_int_equal(delivery_end(out, NULL, NULL), 0);
	assert_int_equal(delivery_begin_change(out, NULL), 0);
	assert_int_equal(delivery_remove(out, &rules[0].prefix, NULL), 0);
	assert_int_equal(delivery_end(out, "x", NULL), 0);
	fclose(out);
	start(&receiver, &log);
	assert_int_equal(receiver_take(&receiver, text, size, NOW, NULL), 0);
	assert_string_equal(log.text, "list f0:::/3:0 1:0.0.0.0/1:1449 ()\nchange -::/3 (x)\n");
	receiver_done(&receiver);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, test_text, text_cases);
	suite_add(&suite, "long lines", test_long_lines, NULL);
	suite_add(&suite, "restart", test_restart, NULL);
	suite_add(&suite, "a call that fails", test_a_call_that_fails_ends_it, NULL);
	suite_add(&suite, "what a source program writes", test_what_a_source_program_writes, NULL);
	return suite_run(&suite, "receiver");
}
