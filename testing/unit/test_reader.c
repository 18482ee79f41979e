// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a text have, and where exactly is the mistake in a bad one?
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <feed/input.h>
#include <feed/reader.h>
#include <feed/writer.h>
#include <ruleset/tick.h>
#include <util/error.h>

#include "support.h"

/* A text of a literal that may have NUL bytes inside. */
#define TEXT(literal) literal, sizeof(literal) - 1

#define READ_AS_RULES " (the file is read as rules; --format changes that)"

struct good_case {
	const char *name;
	const char *text;
	size_t length;
	const char *canonical; /* its text from writer_write() */
};

static const struct good_case good_cases[] = {
	{ "an empty file", TEXT(""), "" },
	{ "only blank lines", TEXT("\n\n \t \n"), "" },
	{ "only comments", TEXT("# one\n; two\n  # three\n"), "" },
	{ "a rule", TEXT("192.0.2.1\n"), "drop 192.0.2.1\n" },
	{ "a last line without its end", TEXT("192.0.2.1"), "drop 192.0.2.1\n" },
	{ "blanks and tabs around a rule", TEXT(" \t 192.0.2.1 \t \n"), "drop 192.0.2.1\n" },
	{ "CR LF", TEXT("192.0.2.1\r\npass 192.0.2.2\r\n"), "drop 192.0.2.1\npass 192.0.2.2\n" },
	{ "a CR at the end of the file", TEXT("192.0.2.1\r"), "drop 192.0.2.1\n" },
	{ "an empty line with CR LF", TEXT("\r\n192.0.2.1\r\n"), "drop 192.0.2.1\n" },
	{ "a BOM",
	  TEXT("\xef\xbb\xbf"
	       "192.0.2.1\n"),
	  "drop 192.0.2.1\n" },
	{ "a BOM alone", TEXT("\xef\xbb\xbf"), "" },
	{ "a comment after a rule", TEXT("192.0.2.1 # why\n192.0.2.2 ; SBL1\n"),
	  "drop 192.0.2.1\ndrop 192.0.2.2\n" },
	{ "a comment that touches the rule", TEXT("192.0.2.1#why\n192.0.2.2;SBL1\n"),
	  "drop 192.0.2.1\ndrop 192.0.2.2\n" },
	{ "any bytes in a comment", TEXT("# caf\xc3\xa9 \x1b\r!\n192.0.2.1\n"),
	  "drop 192.0.2.1\n" },
	{ "verdicts", TEXT("pass 192.0.2.1\ndrop 192.0.2.2\n"),
	  "pass 192.0.2.1\ndrop 192.0.2.2\n" },
	{ "a timeout", TEXT("192.0.2.1 timeout 90\n"), "drop 192.0.2.1 timeout 1m30s\n" },
	{ "a verdict and a timeout", TEXT("pass\t192.0.2.1\ttimeout\t1h30m\n"),
	  "pass 192.0.2.1 timeout 1h30m\n" },
	{ "an end by the time of day", TEXT("pass 192.0.2.1 until 1970-01-01T00:01:30Z\n"),
	  "pass 192.0.2.1 timeout 1m30s\n" },
	{ "an end in another time zone", TEXT("192.0.2.1 until 1970-01-01T02:01:30+02:00\n"),
	  "drop 192.0.2.1 timeout 1m30s\n" },
	{ "the latest end", TEXT("192.0.2.1 until 1979-12-30T00:00:00Z\n"),
	  "drop 192.0.2.1 timeout 3650d\n" },
	{ "a rule that has ended", TEXT("192.0.2.1 until 1970-01-01T00:00:00Z\n192.0.2.2\n"),
	  "drop 192.0.2.2\n" },
	{ "a range", TEXT("192.0.2.1-192.0.2.4\n"),
	  "drop 192.0.2.1\ndrop 192.0.2.2/31\ndrop 192.0.2.4\n" },
	{ "a netmask", TEXT("192.0.2.0/255.255.255.0\n"), "drop 192.0.2.0/24\n" },
	{ "IPv6 after IPv4", TEXT("2001:DB8::1\n192.0.2.1\n"),
	  "drop 192.0.2.1\ndrop 2001:db8::1\n" },
	{ "the same rule twice", TEXT("192.0.2.1\n192.0.2.1/32\n::ffff:192.0.2.1\n"),
	  "drop 192.0.2.1\n" },
	{ "of two verdicts in one set the last counts", TEXT("pass 192.0.2.1\ndrop 192.0.2.1\n"),
	  "drop 192.0.2.1\n" },
	{ "of two timeouts in one set the last counts", TEXT("192.0.2.1 timeout 9\n192.0.2.1\n"),
	  "drop 192.0.2.1\n" },
	{ "a set", TEXT("set spamhaus\n192.0.2.1\n"), "set spamhaus\ndrop 192.0.2.1\n" },
	{ "the default set by name", TEXT("set default\n192.0.2.1\n"), "drop 192.0.2.1\n" },
	{ "rules in front of a set", TEXT("192.0.2.1\nset a\n192.0.2.2\n"),
	  "set default\ndrop 192.0.2.1\nset a\ndrop 192.0.2.2\n" },
	{ "default comes first, then the names in order",
	  TEXT("set b\n192.0.2.2\nset a\n192.0.2.1\nset default\n192.0.2.3\n"),
	  "set default\ndrop 192.0.2.3\nset a\ndrop 192.0.2.1\nset b\ndrop 192.0.2.2\n" },
	{ "a set opened twice", TEXT("set a\n192.0.2.1\nset b\n192.0.2.2\nset a\n192.0.2.3\n"),
	  "set a\ndrop 192.0.2.1\ndrop 192.0.2.3\nset b\ndrop 192.0.2.2\n" },
	{ "a set without rules is not written", TEXT("set a\nset b\n192.0.2.1\n"),
	  "set b\ndrop 192.0.2.1\n" },
	{ "the same prefix in two sets", TEXT("set a\n192.0.2.1\nset b\npass 192.0.2.1\n"),
	  "set a\ndrop 192.0.2.1\nset b\npass 192.0.2.1\n" },
	{ "a comment after a set", TEXT("set a # mine\n192.0.2.1\n"), "set a\ndrop 192.0.2.1\n" },
};

static void check_good(void **state)
{
	const struct good_case *c = *state;
	struct input input = { .verdict = VERDICT_DROP };
	FILE *file = open_text(c->text, c->length);
	struct error err = { 0 };
	struct ruleset rules;
	char *text;

	if (reader_read(&input, file, "rules", &err))
		fail_msg("%s", err.text);
	fclose(file);
	ruleset_from_input(&rules, &input);
	text = ruleset_to_text(&rules);
	assert_string_equal(text, c->canonical);
	free(text);
	ruleset_done(&rules);
}

struct bad_case {
	const char *name;
	const char *text;
	size_t length;
	const char *message;
};

static const struct bad_case bad_cases[] = {
	{ "a bad address", TEXT("10.0.0.300\n"),
	  "rules:1:1: '10.0.0.300': not an address, prefix or range" },
	{ "a bad address after good lines", TEXT("10.0.0.1\n\n# x\n  10.0.0.300\n10.0.0.2\n"),
	  "rules:4:3: '10.0.0.300': not an address, prefix or range" },
	{ "a bad address after a verdict", TEXT("drop 10.0.0.300\n"),
	  "rules:1:6: '10.0.0.300': not an address, prefix or range" },
	{ "a bad address after CR LF", TEXT("10.0.0.1\r\nx\r\n"),
	  "rules:2:1: 'x': not an address, prefix or range" },
	{ "columns count from after a BOM", TEXT("\xef\xbb\xbf x\n"),
	  "rules:1:2: 'x': not an address, prefix or range" },
	{ "a BOM that isn't in front",
	  TEXT("10.0.0.1\n\xef\xbb\xbf"
	       "10.0.0.2\n"),
	  "rules:2:1: '\\xef\\xbb\\xbf10.0.0.2': not an address, prefix or range" },
	{ "half a BOM",
	  TEXT("\xef\xbb"
	       "10.0.0.2\n"),
	  "rules:1:1: '\\xef\\xbb10.0.0.2': not an address, prefix or range" },
	{ "a CR inside a line", TEXT("10.0.0.1\r10.0.0.2\n"),
	  "rules:1:1: '10.0.0.1\\x0d10.0.0.2': not an address, prefix or range" },
	{ "an escape sequence", TEXT("\x1b[2J\n"),
	  "rules:1:1: '\\x1b[2J': not an address, prefix or range" },
	{ "a bad length", TEXT("10.0.0.0/33\n"),
	  "rules:1:1: '10.0.0.0/33': the prefix length must be 0 to 32 for IPv4, 0 to 128 for IPv6" },
	{ "a bad netmask", TEXT("10.0.0.0/255.0.255.0\n"),
	  "rules:1:1: '10.0.0.0/255.0.255.0': not a netmask (ones, then zeros, as in 255.255.255.0)" },
	{ "a range backwards", TEXT("10.0.0.2-10.0.0.1\n"),
	  "rules:1:1: '10.0.0.2-10.0.0.1': the range ends before it starts" },
	{ "a range with blanks", TEXT("10.0.0.1 - 10.0.0.2\n"),
	  "rules:1:10: '-': unexpected; a line is [pass|drop] RULE [timeout DURATION | until TIMESTAMP]" },
	{ "a range of both families", TEXT("10.0.0.1-2001:db8::\n"),
	  "rules:1:1: '10.0.0.1-2001:db8::': "
	  "the range starts in one address family and ends in the other" },
	{ "a range over the mapped addresses", TEXT("::fffe:0:1-::1:0:0:0\n"),
	  "rules:1:1: '::fffe:0:1-::1:0:0:0': "
	  "the range contains ::ffff:0:0/96, which means IPv4; leave that out" },
	{ "a mapped prefix that is too short", TEXT("::ffff:10.0.0.0/8\n"),
	  "rules:1:1: '::ffff:10.0.0.0/8': an IPv4-mapped prefix needs a length of 96 to 128" },
	{ "a verdict alone", TEXT("drop\n"),
	  "rules:1:1: 'drop': an address, prefix or range must follow" },
	{ "a verdict and a comment", TEXT("pass # 10.0.0.1\n"),
	  "rules:1:1: 'pass': an address, prefix or range must follow" },
	{ "two verdicts", TEXT("drop pass 10.0.0.1\n"),
	  "rules:1:6: 'pass': not an address, prefix or range" },
	{ "an upper case verdict", TEXT("DROP 10.0.0.1\n"),
	  "rules:1:1: 'DROP': not an address, prefix or range" },
	{ "a verdict after it", TEXT("10.0.0.1 drop\n"),
	  "rules:1:10: 'drop': unexpected; a line is [pass|drop] RULE [timeout DURATION | until TIMESTAMP]" },
	{ "two addresses", TEXT("10.0.0.1 10.0.0.2\n"),
	  "rules:1:10: '10.0.0.2': unexpected; a line is [pass|drop] RULE [timeout DURATION | until TIMESTAMP]" },
	{ "a timeout without duration", TEXT("10.0.0.1 timeout\n"),
	  "rules:1:10: 'timeout': a duration must follow" },
	{ "a timeout that is no duration", TEXT("10.0.0.1 timeout soon\n"),
	  "rules:1:18: 'soon': not a duration like 90, 90s or 1h30m" },
	{ "a timeout of zero", TEXT("10.0.0.1 timeout 0\n"),
	  "rules:1:18: '0': a timeout lasts from 1s to 3650d" },
	{ "a timeout that is too long", TEXT("10.0.0.1 timeout 3651d\n"),
	  "rules:1:18: '3651d': a timeout lasts from 1s to 3650d" },
	{ "an end without a time", TEXT("10.0.0.1 until # soon\n"),
	  "rules:1:10: 'until': a time must follow" },
	{ "an end that is no time", TEXT("10.0.0.1 until tomorrow\n"),
	  "rules:1:16: 'tomorrow': not a time like 2026-12-01T00:00:00Z" },
	{ "an end that is too late", TEXT("10.0.0.1 until 1979-12-30T00:00:01Z\n"),
	  "rules:1:16: '1979-12-30T00:00:01Z': a rule ends within 3650 days, or never" },
	{ "a timeout and an end", TEXT("10.0.0.1 timeout 5 until 1970-01-01T00:01:30Z\n"),
	  "rules:1:20: 'until': unexpected; a line is [pass|drop] RULE [timeout DURATION | until TIMESTAMP]" },
	{ "two timeouts", TEXT("10.0.0.1 timeout 5 timeout 6\n"),
	  "rules:1:20: 'timeout': unexpected; a line is [pass|drop] RULE [timeout DURATION | until TIMESTAMP]" },
	{ "a word after a whole line", TEXT("drop 10.0.0.1 timeout 5 x\n"),
	  "rules:1:25: 'x': unexpected; a line is [pass|drop] RULE [timeout DURATION | until TIMESTAMP]" },
	{ "many words", TEXT("drop 10.0.0.1 timeout 5 a b c d e f\n"),
	  "rules:1:25: 'a': unexpected; a line is [pass|drop] RULE [timeout DURATION | until TIMESTAMP]" },
	{ "the first of two faults is reported", TEXT("deny 10.0.0.1 until tomorrow\n"),
	  "rules:1:1: 'deny': not an address, prefix or range" },
	{ "a timeout without a rule", TEXT("timeout 5\n"),
	  "rules:1:1: 'timeout': not an address, prefix or range" },
	{ "a set without name", TEXT("set\n"), "rules:1:1: 'set': a name must follow" },
	{ "a bad name of a set", TEXT("set -x\n"),
	  "rules:1:5: '-x': a set's name is 1 to 31 of A-Z a-z 0-9 . _ -, "
	  "the first a letter or a digit" },
	{ "a name of a set that is too long", TEXT("set abcdefghijklmnopqrstuvwxyz012345\n"),
	  "rules:1:5: 'abcdefghijklmnopqrstuvwxyz012345': a set's name is 1 to 31 of "
	  "A-Z a-z 0-9 . _ -, the first a letter or a digit" },
	{ "a word after a set", TEXT("set a b\n"),
	  "rules:1:7: 'b': unexpected; a line is set NAME" },
	{ "a NUL byte", TEXT("10.0.0.1\n10.0\0.0.1\n"),
	  "rules:2:5: a NUL byte; this is not a text file" },
	{ "a NUL byte in a comment", TEXT("# \0\n"),
	  "rules:1:3: a NUL byte; this is not a text file" },
	{ "a NUL byte at the end", TEXT("10.0.0.1\n\0"),
	  "rules:2:1: a NUL byte; this is not a text file" },
};

static void check_bad(void **state)
{
	const struct bad_case *c = *state;
	struct input input = { .verdict = VERDICT_DROP };
	FILE *file = open_text(c->text, c->length);
	struct error err = { 0 };

	/* Its first line that is not empty shows that it is a file of rules. */
	char message[sizeof(err.text)];

	assert_int_equal(reader_read(&input, file, "rules", &err), -EINVAL);
	assert_true(error_is(&err, ERROR_USAGE));
	snprintf(message, sizeof(message), "%s%s", c->message, input.read_as ? READ_AS_RULES : "");
	assert_string_equal(err.text, message);
	fclose(file);
	input_done(&input);
	assert_null(input.rules);
	assert_null(input.sets);
}

struct length_case {
	const char *name;
	size_t length;   /* of the line, without its line end */
	const char *end; /* the line end */
	int ret;
};

static const struct length_case length_cases[] = {
	{ "a line of 4096 bytes", 4096, "\n", 0 },
	{ "a line of 4096 bytes and CR LF", 4096, "\r\n", 0 },
	{ "a line of 4096 bytes that ends the file", 4096, "", 0 },
	{ "a line of 4097 bytes", 4097, "\n", -EINVAL },
	{ "a line of 4097 bytes and CR LF", 4097, "\r\n", -EINVAL },
	{ "a line of 4097 bytes that ends the file", 4097, "", -EINVAL },
	{ "a line of 100,000 bytes", 100000, "\n", -EINVAL },
};

static void check_length(void **state)
{
	const struct length_case *c = *state;
	struct input input = { .verdict = VERDICT_DROP };
	char *text = malloc(c->length + 64);
	struct error err = { 0 };
	FILE *file;

	/* The long line is the second of three. */
	memset(text, '#', c->length + 64);
	memcpy(text, "10.0.0.1\n", 9);
	strcpy(text + 9 + c->length, c->end);
	if (*c->end)
		strcat(text, "10.0.0.2\n");
	file = open_text(text, strlen(text));
	assert_int_equal(reader_read(&input, file, "f", &err), c->ret);
	if (c->ret)
		assert_string_equal(err.text,
				    "f:2:4097: a line can have at most 4096 bytes" READ_AS_RULES);
	else
		assert_int_equal(input.count, *c->end ? 2 : 1);
	input_done(&input);
	fclose(file);
	free(text);
}

static void long_tokens_are_shortened(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };
	struct error err = { 0 };
	char text[4000];
	FILE *file;

	(void)state;
	memset(text, '\xff', sizeof(text));
	file = open_text(text, sizeof(text));
	assert_int_equal(reader_read(&input, file, "f", &err), -EINVAL);
	assert_true(error_is(&err, ERROR_USAGE));
	assert_memory_equal(err.text, "f:1:1: '\\xff\\xff", 15);
	assert_non_null(strstr(err.text, "\\xff...': not an address, prefix or range"));
	input_done(&input);
	fclose(file);
}

static int read_text(struct input *input, const char *text, struct error *err)
{
	FILE *file = open_text(text, strlen(text));
	int ret = reader_read(input, file, "-", err);

	fclose(file);
	return ret;
}

static void a_set_by_option(void **state)
{
	struct input input = { .verdict = VERDICT_DROP, .set = "mine" };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(read_text(&input, "10.0.0.1\n", &err), 0);
	assert_int_equal(input.set_count, 1);
	assert_string_equal(input.sets[0].name, "mine");
	assert_int_equal(input.rules[0].set, 0);
	assert_int_equal(read_text(&input, "10.0.0.2\nset other\n", &err), -EINVAL);
	assert_string_equal(err.text,
			    "-:2:5: 'other': not the set that --set names, mine" READ_AS_RULES);
	assert_int_equal(read_text(&input, "set mine\n10.0.0.2\n", &err), 0);
	assert_int_equal(input.set_count, 1);
	input_done(&input);
}

static void sets_end_with_their_file(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(read_text(&input, "set a\n10.0.0.1\n", &err), 0);
	assert_int_equal(read_text(&input, "10.0.0.2\nset b\n10.0.0.3\nset a\n10.0.0.4\n", &err),
			 0);
	assert_int_equal(reader_argument(&input, "10.0.0.5", &err), 0);
	assert_int_equal(input.set_count, 3);
	assert_string_equal(input.sets[0].name, "default");
	assert_string_equal(input.sets[1].name, "a");
	assert_string_equal(input.sets[2].name, "b");
	assert_int_equal(input.count, 5);
	assert_int_equal(input.rules[0].set, 1);
	assert_int_equal(input.rules[1].set, 0);
	assert_int_equal(input.rules[2].set, 2);
	assert_int_equal(input.rules[3].set, 1);
	assert_int_equal(input.rules[4].set, 0);
	input_done(&input);
}

static void the_first_set_may_be_named(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(read_text(&input, "10.0.0.1\nset a\n10.0.0.2\n", &err), 0);
	assert_false(input.sets[0].named);
	assert_int_equal(read_text(&input, "set default\n", &err), 0);
	assert_true(input.sets[0].named);
	input_done(&input);
}

static void verdict_and_time_of_the_options(void **state)
{
	struct input input = { .verdict = VERDICT_PASS, .expires = 500, .now = 100 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(read_text(&input, "10.0.0.1\ndrop 10.0.0.2\n10.0.0.3 timeout 10\n", &err),
			 0);
	assert_int_equal(reader_argument(&input, "10.0.0.4", &err), 0);
	assert_int_equal(input.count, 4);
	assert_int_equal(input.rules[0].verdict, IPF_PASS);
	assert_int_equal(input.rules[0].expires, 500);
	assert_int_equal(input.rules[0].counter, IPF_NO_COUNTER);
	assert_int_equal(input.rules[1].verdict, IPF_DROP);
	assert_int_equal(input.rules[1].expires, 500);
	assert_int_equal(input.rules[2].verdict, IPF_PASS);
	assert_int_equal(input.rules[2].expires, tick_after(100, 10));
	assert_int_equal(input.rules[3].verdict, IPF_PASS);
	assert_int_equal(input.rules[3].expires, 500);
	assert_int_equal(input.rules[3].counter, IPF_NO_COUNTER);
	input_done(&input);
}

static void a_forced_verdict(void **state)
{
	struct input drop = { .verdict = VERDICT_DROP, .verdict_forced = true };
	struct input pass = { .verdict = VERDICT_PASS, .verdict_forced = true };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(read_text(&drop, "10.0.0.1\ndrop 10.0.0.2\n", &err), 0);
	assert_int_equal(read_text(&drop, "pass 10.0.0.2\n", &err), -EINVAL);
	assert_string_equal(err.text, "-:1:1: 'pass': contradicts --drop" READ_AS_RULES);
	assert_int_equal(read_text(&pass, "pass 10.0.0.1\n drop 10.0.0.2\n", &err), -EINVAL);
	assert_string_equal(err.text, "-:2:2: 'drop': contradicts --pass" READ_AS_RULES);
	input_done(&drop);
	input_done(&pass);
}

static void describe(const struct input *input, size_t rule, const char *want)
{
	char text[INPUT_POSITION_SIZE];

	input_describe(input, &input->rules[rule], text);
	assert_string_equal(text, want);
}

static void a_rule_is_called_by_its_place(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };
	struct error err = { 0 };
	struct rule live;
	char text[INPUT_POSITION_SIZE];

	(void)state;
	assert_int_equal(read_text(&input, "# x\n\n drop 11.0.0.0/8\n::ffff:c000:200/120\n", &err),
			 0);
	assert_int_equal(read_text(&input, "set x\n192.0.2.9-192.0.2.10\n", &err), 0);
	assert_int_equal(reader_argument(&input, "192.0.2.0/255.255.255.0", &err), 0);
	assert_int_equal(read_text(&input, "12.0.0.0/8\n13.0.0.0/8\n14.0.0.0/8\n", &err), 0);
	describe(&input, 0, "-:3:7: '11.0.0.0/8'");
	describe(&input, 1, "-:4:1: 192.0.2.0/24"); /* four are wider */
	describe(&input, 2, "-:2:1: 192.0.2.9");
	describe(&input, 3, "-:2:1: 192.0.2.10");
	describe(&input, 4, "'192.0.2.0/255.255.255.0'");
	describe(&input, 7, "-:3:1: '14.0.0.0/8'");
	live = input.rules[0];
	live.origin = 0;
	input_describe(&input, &live, text);
	assert_string_equal(text, "11.0.0.0/8");
	input_done(&input);
}

static void the_widest_lines_are_kept(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };
	struct error err = { 0 };
	char text[INPUT_POSITION_SIZE];

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(read_text(&input, "192.0.2.1\n10.0.0.0/8\n8000::/1\n", &err), 0);
	assert_int_equal(read_text(&input, "\n ::ffff:0:0/96\n1.0.0.0-223.0.0.0\n2001::1/16\n",
				   &err),
			 0);
	input_describe_wide(&input, &input.wide[IPF_IPV4][0], text);
	assert_string_equal(text, "-:2:2: '::ffff:0:0/96' means 0.0.0.0/0");
	input_describe_wide(&input, &input.wide[IPF_IPV4][1], text);
	assert_string_equal(text, "-:3:1: '1.0.0.0-223.0.0.0'");
	input_describe_wide(&input, &input.wide[IPF_IPV4][2], text);
	assert_string_equal(text, "-:1:1: '192.0.2.1'");
	input_describe_wide(&input, &input.wide[IPF_IPV6][0], text);
	assert_string_equal(text, "-:4:1: '2001::1/16' means 2001::/16");
	assert_int_equal(input.wide[IPF_IPV6][1].origin, 0); /* of which nothing is in use */
	input_done(&input);
}

static void a_line_that_stands_twice_is_kept_once(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };
	const struct input_wide *wide = input.wide[IPF_IPV4];
	struct error err = { 0 };

	(void)state;
	assert_int_equal(read_text(&input,
				   "128.0.0.0/1\n12.0.0.0/8\n128.0.0.0/1\n128.0.0.0/1\n"
				   "128.0.0.0/1\npass 0.0.0.0/0\nset x\n128.0.0.0/1\n",
				   &err),
			 0);
	assert_int_equal(wide[0].origin, 5); /* the last of them counts */
	assert_int_equal(wide[1].origin, 8); /* which another set has, too */
	assert_int_equal(wide[2].origin, 2);
	assert_int_equal(wide[3].origin, 0); /* a rule that passes locks nobody out */
	input_done(&input);
}

struct truncated_case {
	const char *name;
	const char *text;
	const char *example; /* "": it does not look truncated */
};

static const struct truncated_case truncated_cases[] = {
	{ "a last line with its end", "192.0.2.0/24\n128.0.0.0/1\n", "" },
	{ "a last line without its end", "192.0.2.0/24\n128.0.0.0/1", "-:2:1: '128.0.0.0/1'" },
	{ "a CR is no end", "192.0.2.0/24\n128.0.0.0/1\r", "-:2:1: '128.0.0.0/1'" },
	{ "one as wide as another", "128.0.0.0/2\n64.0.0.0/2", "" },
	{ "one that is narrower", "192.0.2.0/24\n192.0.2.128/25", "" },
	{ "one that is wider only than the other family", "192.0.2.0/24\n2001::/16", "" },
	{ "a comment after it is no end", "192.0.2.0/24\n drop 128.0.0.0/1 # x",
	  "-:2:7: '128.0.0.0/1'" },
	{ "a comment is no rule", "192.0.2.0/24\n128.0.0.0/1\n# x", "" },
	{ "alone and narrow", "16.0.0.0/8", "" },
	{ "alone and wide", "16.0.0.0/7", "-:1:1: '16.0.0.0/7'" },
	{ "alone in IPv6 and narrow", "2001::/16", "" },
	{ "alone in IPv6 and wide", "2000::/15", "-:1:1: '2000::/15'" },
	{ "wide over unused addresses", "192.0.2.0/24\n224.0.0.0/3", "" },
	{ "an entry of an ipset", "add a 192.0.2.0/24\nadd a 64.0.0.0/2", "-:2:7: '64.0.0.0/2'" },
};

static void check_truncated(void **state)
{
	const struct truncated_case *c = *state;
	struct input input = { .verdict = VERDICT_DROP };
	struct error err = { 0 };

	/* Another file says nothing about this one. */
	assert_int_equal(read_text(&input, "1.0.0.0/2\n2000::/3\n", &err), 0);
	assert_int_equal(read_text(&input, c->text, &err), 0);
	assert_string_equal(input.truncated_example, c->example);
	assert_int_equal(reader_argument(&input, "0.0.0.0/0", &err), 0);
	assert_string_equal(input.truncated_example, c->example);
	input_done(&input);
}

static void cleared_host_bits_are_noted(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(read_text(&input, "10.0.0.0/8\n", &err), 0);
	assert_int_equal(input.host_bits, 0);
	assert_int_equal(read_text(&input, "\ndrop 10.0.0.1/8\n2001:DB8::1/32\n", &err), 0);
	assert_int_equal(input.host_bits, 2);
	assert_string_equal(input.host_bits_example, "-:2:6: '10.0.0.1/8' means 10.0.0.0/8");
	input_done(&input);

	input = (struct input){ .verdict = VERDICT_DROP };
	assert_int_equal(reader_argument(&input, "2001:DB8::1/32", &err), 0);
	assert_int_equal(input.host_bits, 1);
	assert_string_equal(input.host_bits_example, "'2001:DB8::1/32' means 2001:db8::/32");
	input_done(&input);
}

struct argument_case {
	const char *name;
	const char *text;
	const char *message; /* NULL: accepted */
};

static const struct argument_case argument_cases[] = {
	{ "an address as argument", "10.0.0.1", NULL },
	{ "a range as argument", "10.0.0.1-10.0.0.9", NULL },
	{ "a bad address as argument", "10.0.0.300",
	  "'10.0.0.300': not an address, prefix or range" },
	{ "an empty argument", "", "'': not an address, prefix or range" },
	{ "a blank after an argument", "10.0.0.1 ",
	  "'10.0.0.1 ': not an address, prefix or range" },
	{ "a line of a file as argument", "drop 10.0.0.1",
	  "'drop 10.0.0.1': not an address, prefix or range" },
	{ "a comment after an argument", "10.0.0.1#x",
	  "'10.0.0.1#x': not an address, prefix or range" },
	{ "a bad range as argument", "10.0.0.2-10.0.0.1",
	  "'10.0.0.2-10.0.0.1': the range ends before it starts" },
};

static void check_argument(void **state)
{
	const struct argument_case *c = *state;
	struct input input = { .verdict = VERDICT_DROP };
	struct error err = { 0 };

	assert_int_equal(reader_argument(&input, c->text, &err), c->message ? -EINVAL : 0);
	assert_string_equal(err.text, c->message ? c->message : "");
	assert_int_equal(!input.count, c->message != NULL);
	input_done(&input);
}

static void a_directory_is_not_a_file(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };
	FILE *file = fopen("/", "r");
	struct error err = { 0 };

	(void)state;
	if (!file) /* Some C libraries refuse to open it. */
		skip();
	assert_int_equal(reader_read(&input, file, "/", &err), -EIO);
	assert_string_equal(err.text, "/: cannot read it: Is a directory");
	fclose(file);
	input_done(&input);
}

static void what_has_ended_is_not_written(void **state)
{
	char *text = NULL;
	struct ruleset rules;
	size_t size;
	FILE *out;

	(void)state;
	ruleset_from_text(&rules,
			  "10.0.0.1\nset a\n10.0.0.2 timeout 10\nset b\n10.0.0.3 timeout 100\n");
	out = open_memstream(&text, &size);
	assert_int_equal(writer_write(&rules, tick_after(0, 10), 0, out), 0);
	fclose(out);
	assert_string_equal(text,
			    "set default\ndrop 10.0.0.1\nset b\ndrop 10.0.0.3 timeout 1m30s\n");
	free(text);
	ruleset_done(&rules);
}

static void ends_by_the_time_of_day_stay(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 10000; i++) {
		const uint64_t unix_s = 1796083200 + random_below(100000000);
		__u32 now = 1 + (__u32)random_below(1u << 30);
		uint64_t now_ns =
			(unix_s - 1 - random_below(100000)) * 1000000000 + random_below(1000000000);
		__u32 end = tick_at(unix_s, now, now_ns);
		/* Later, within what is left; the tick has gone on to its nearest. */
		uint64_t passed = random_below(unix_s * 1000000000 - now_ns);
		__u32 later = now + (__u32)(passed >> IPF_TICK_SHIFT);

		assert_true(end > now);
		assert_true(((uint64_t)(end - now) << IPF_TICK_SHIFT) >=
			    unix_s * 1000000000 - now_ns);
		assert_int_equal(tick_unix_s(end, later, now_ns + passed), unix_s);
	}
	assert_int_equal(tick_at(5, 77, UINT64_C(5000000000)), 77);
	assert_int_equal(tick_at(UINT64_MAX / 3, 77, 0), UINT32_MAX);
	assert_int_equal(tick_unix_s(76, 77, UINT64_C(5000000000)), 5);
}

static void ends_are_written_by_the_time_of_day(void **state)
{
	static const char wanted[] = "pass 10.0.0.1 until 2026-12-01T00:01:30Z\n10.0.0.2\n";
	char *text = NULL;
	struct ruleset rules;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	ruleset_from_text(&rules, "pass 10.0.0.1 timeout 90\n10.0.0.2\n");
	rules.rules[1].verdict = VERDICT_BY_POLICY;
	assert_int_equal(writer_write(&rules, 0, UINT64_C(1796083200000000000), out), 0);
	fclose(out);
	assert_string_equal(text, wanted);
	free(text);
	ruleset_done(&rules);
}

static void a_full_device_is_noticed(void **state)
{
	FILE *out = fopen("/dev/full", "w");
	struct ruleset rules;

	(void)state;
	if (!out)
		skip();
	ruleset_from_text(&rules, "10.0.0.1\n");
	assert_int_equal(writer_write(&rules, 0, 0, out), -ENOSPC);
	fclose(out);
	ruleset_done(&rules);
}

static void more_sets_than_there_may_be(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };
	struct error err = { 0 };

	(void)state;
	input.set_capacity = IPF_MAX_SETS;
	input.sets = calloc(IPF_MAX_SETS, sizeof(*input.sets));
	strcpy(input.sets[input.set_count++].name, "default");
	while (input.set_count < IPF_MAX_SETS - 1) {
		snprintf(input.sets[input.set_count].name, IPF_SET_NAME_SIZE, "s%zu",
			 input.set_count);
		input.set_count++;
	}
	assert_int_equal(read_text(&input, "set last\n10.0.0.1\n", &err), 0);
	assert_int_equal(input.rules[0].set, IPF_MAX_SETS - 1);
	assert_int_equal(read_text(&input, "set s7\nset one.too.many\n", &err), -EINVAL);
	assert_string_equal(err.text, "-:2:5: 'one.too.many': too many sets" READ_AS_RULES);
	assert_int_equal(input.set_count, IPF_MAX_SETS);
	input_done(&input);
}

/* Rule sets of all shapes stay the same when they are written and read again. So does the text. */
static void rules_survive_their_text(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 400; i++) {
		struct ruleset rules, back;
		char *text, *again;

		random_ruleset(&rules, (enum shape)(i % SHAPES), random_below(80));
		for (size_t k = 0; k < rules.count; k++) /* A text has only whole seconds. */
			if (rules.rules[k].expires != IPF_NEVER)
				rules.rules[k].expires =
					tick_after(0, rules.rules[k].expires * 100);
		ruleset_tidy(&rules, 0);
		text = ruleset_to_text(&rules);
		ruleset_from_text(&back, text);
		again = ruleset_to_text(&back);
		assert_string_equal(again, text);
		assert_int_equal(back.count, rules.count);
		for (size_t k = 0; k < rules.count; k++) {
			const struct rule *a = &rules.rules[k], *b = &back.rules[k];

			assert_int_equal(prefix_compare(&a->prefix, &b->prefix), 0);
			assert_int_equal(a->verdict, b->verdict);
			assert_int_equal(a->set, b->set);
			assert_int_equal(a->expires, b->expires);
		}
		free(text);
		free(again);
		ruleset_done(&rules);
		ruleset_done(&back);
	}
}

/* Tokens of rule files, in any order, are either read or refused with a position. */
static void nonsense_is_refused_with_its_place(void **state)
{
	static const char *const words[] = { "drop",         "pass", "set",  "timeout", "10.0.0.1",
					     "::1/64",       "1h",   "#",    ";",       "\n",
					     "\r",           " ",    "\t",   "a",       "10.0.0.1-",
					     "\xef\xbb\xbf", "/",    "\x1b", "default" };
	int good = 0;

	(void)state;
	random_restart();
	for (int i = 0; i < 20000; i++) {
		struct input input = { .verdict = VERDICT_DROP };
		struct error err = { 0 };
		char text[400] = "";
		unsigned int line, column;

		for (uint64_t k = random_below(12); k > 0; k--) {
			strcat(text, words[random_below(COUNT_OF(words))]);
			if (random_below(3))
				strcat(text, random_below(3) ? " " : "\n");
		}
		if (!read_text(&input, text, &err)) {
			assert_string_equal(err.text, "");
			good++;
		} else {
			assert_int_equal(sscanf(err.text, "-:%u:%u: '", &line, &column), 2);
			assert_true(line >= 1 && column >= 1);
		}
		input_done(&input);
	}
	assert_true(good > 100 && good < 19900);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_good, good_cases);
	SUITE_TABLE(&suite, check_bad, bad_cases);
	SUITE_TABLE(&suite, check_length, length_cases);
	SUITE_TABLE(&suite, check_argument, argument_cases);
	suite_add(&suite, "long tokens are shortened", long_tokens_are_shortened, NULL);
	suite_add(&suite, "a set by option", a_set_by_option, NULL);
	suite_add(&suite, "a file's set ends with the file", sets_end_with_their_file, NULL);
	suite_add(&suite, "the first set may be named", the_first_set_may_be_named, NULL);
	suite_add(&suite, "verdict and time of the options", verdict_and_time_of_the_options, NULL);
	suite_add(&suite, "a line may not contradict a forced verdict", a_forced_verdict, NULL);
	suite_add(&suite, "a rule is called by its place", a_rule_is_called_by_its_place, NULL);
	suite_add(&suite, "the widest lines are kept", the_widest_lines_are_kept, NULL);
	suite_add(&suite, "a line that occurs twice is kept once",
		  a_line_that_stands_twice_is_kept_once, NULL);
	SUITE_TABLE(&suite, check_truncated, truncated_cases);
	suite_add(&suite, "cleared host bits are noted", cleared_host_bits_are_noted, NULL);
	suite_add(&suite, "a directory is not a file", a_directory_is_not_a_file, NULL);
	suite_add(&suite, "what has ended is not written", what_has_ended_is_not_written, NULL);
	suite_add(&suite, "ends by the time of day stay", ends_by_the_time_of_day_stay, NULL);
	suite_add(&suite, "ends are written by the time of day",
		  ends_are_written_by_the_time_of_day, NULL);
	suite_add(&suite, "a full device is noticed", a_full_device_is_noticed, NULL);
	suite_add(&suite, "one set more than there may be", more_sets_than_there_may_be, NULL);
	suite_add(&suite, "rules survive their text", rules_survive_their_text, NULL);
	suite_add(&suite, "nonsense is refused with its place", nonsense_is_refused_with_its_place,
		  NULL);
	return suite_run(&suite, "reader");
}
