// SPDX-License-Identifier: GPL-2.0
/*
 * Do options fill the fields that their rows name, and is all else refused?
 */
#include <cli/options.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cli/option_help.h>
#include <util/error.h>

#include "support.h"

#define MAX_ARGUMENTS 8

enum colour { RED, GREEN, BLUE };

static const char *colour_name(unsigned int value)
{
	static const char *const names[] = { "red", "green", "blue" };

	return value < COUNT_OF(names) ? names[value] : NULL;
}

static bool is_short(const char *text)
{
	return strlen(text) < 4;
}

struct request {
	struct {
		bool loud;
		enum colour colour;
	} nested;
	enum colour end;
	unsigned int number;
	uint64_t seconds;
	const char *name, *choice;
	struct option_texts texts, positionals;
};

static const struct request defaults = { .nested.colour = GREEN, .number = 7 };

static const struct option_spec specs[] = {
	OPTION_FLAG('l', "loud", struct request, nested.loud, "Speak up."),
	OPTION_ENUM('c', "colour", "COLOUR", struct request, nested.colour, colour_name,
		    "A colour."),
	OPTION_VALUE(0, "first", struct request, end, GREEN, "From the first."),
	OPTION_VALUE('L', "last", struct request, end, BLUE, "From the last."),
	OPTION_NUMBER('n', "number", "N", struct request, number, 2, 4000000000, "A number."),
	OPTION_DURATION(0, "seconds", "DURATION", struct request, seconds, "A time."),
	OPTION_NAME(0, "name", "NAME", struct request, name, is_short, "a name is short",
		    "A name."),
	OPTION_CHOICE(0, "choice", "NAME", struct request, choice, colour_name, "A choice."),
	OPTION_TEXTS('t', "text", "TEXT", struct request, texts, "A text."),
	OPTION_POSITIONALS("THING", struct request, positionals),
	OPTION_END,
};

struct common {
	bool help;
	unsigned int limit;
};

static const struct option_spec common_specs[] = {
	OPTION_STOP('h', "help", struct common, help, "Help."),
	OPTION_NUMBER(0, "limit", "N", struct common, limit, 0, 9, "A limit."),
	OPTION_END,
};

static void append_texts(char *out, size_t size, const char *name, const struct option_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++) {
		size_t used = strlen(out);

		snprintf(out + used, size - used, " %s=%s", name, texts->items[i]);
	}
}

/* What is not as in the defaults, as " NAME=VALUE" each. */
static void describe(const struct request *request, const struct common *common, char *out,
		     size_t size)
{
	snprintf(out, size, "%s%s", request->nested.loud ? " loud" : "",
		 common->help ? " help" : "");
#define APPEND(condition, ...)                                                        \
	do {                                                                          \
		if (condition)                                                        \
			snprintf(out + strlen(out), size - strlen(out), __VA_ARGS__); \
	} while (0)
	APPEND(request->nested.colour != GREEN, " colour=%u", request->nested.colour);
	APPEND(request->end, " end=%u", request->end);
	APPEND(request->number != 7, " number=%u", request->number);
	APPEND(request->seconds, " seconds=%llu", (unsigned long long)request->seconds);
	APPEND(request->name, " name=%s", request->name);
	APPEND(request->choice, " choice=%s", request->choice);
	APPEND(common->limit, " limit=%u", common->limit);
	append_texts(out, size, "text", &request->texts);
	append_texts(out, size, "thing", &request->positionals);
}

struct options_case {
	const char *name;
	char *arguments[MAX_ARGUMENTS];
	const char *said; /* NULL: all is well */
	const char *filled;
};

static const struct options_case options_cases[] = {
	{ "nothing leaves the defaults", { NULL }, NULL, "" },
	{ "a flag", { "--loud" }, NULL, " loud" },
	{ "a flag by its letter", { "-l" }, NULL, " loud" },
	{ "a flag twice", { "-l", "--loud" }, NULL, " loud" },
	{ "a flag takes no argument", { "--loud=1" }, "'--loud' takes no argument", "" },
	{ "letters together", { "-lcblue" }, NULL, " loud colour=2" },
	{ "an enumeration's first value", { "-c", "red" }, NULL, " colour=0" },
	{ "an enumeration's last value", { "--colour=blue" }, NULL, " colour=2" },
	{ "the last value of several counts", { "-cred", "-cblue" }, NULL, " colour=2" },
	{ "no value of an enumeration",
	  { "--colour", "pink" },
	  "--colour: 'pink' is not one of red, green, blue",
	  "" },
	{ "values are not abbreviated",
	  { "--colour", "gr" },
	  "--colour: 'gr' is not one of red, green, blue",
	  "" },
	{ "an empty value", { "--colour=" }, "--colour: '' is not one of red, green, blue", "" },
	{ "a flag for one value", { "--first" }, NULL, " end=1" },
	{ "the same flag twice", { "--last", "-L" }, NULL, " end=2" },
	{ "flags that exclude each other",
	  { "--last", "--first" },
	  "--last or --first, not both",
	  " end=2" },
	{ "the least number", { "-n2" }, NULL, " number=2" },
	{ "the greatest number", { "--number", "4000000000" }, NULL, " number=4000000000" },
	{ "one less than the least",
	  { "-n", "1" },
	  "--number N: '1' is not a number from 2 to 4000000000",
	  "" },
	{ "one more than the greatest",
	  { "-n", "4000000001" },
	  "--number N: '4000000001' is not a number from 2 to 4000000000",
	  "" },
	{ "a negative number",
	  { "-n", "-2" },
	  "--number N: '-2' is not a number from 2 to 4000000000",
	  "" },
	{ "a duration", { "--seconds", "1h30m" }, NULL, " seconds=5400" },
	{ "no duration",
	  { "--seconds", "soon" },
	  "--seconds: 'soon': not a duration like 90, 90s or 1h30m, from 1s to 3650d",
	  "" },
	{ "a name", { "--name", "abc" }, NULL, " name=abc" },
	{ "a name that is none", { "--name", "abcd" }, "--name: 'abcd': a name is short", "" },
	{ "a choice", { "--choice", "red" }, NULL, " choice=red" },
	{ "no choice", { "--choice", "x" }, "--choice: 'x' is not one of red, green, blue", "" },
	{ "texts add up", { "-t", "a", "--text=b", "-tc" }, NULL, " text=a text=b text=c" },
	{ "an empty text", { "-t", "" }, NULL, " text=" },
	{ "a text that looks like an option", { "-t", "--loud" }, NULL, " text=--loud" },
	{ "positionals between options", { "x", "-l", "y" }, NULL, " loud thing=x thing=y" },
	{ "-- ends the options",
	  { "-l", "--", "-c", "--loud" },
	  NULL,
	  " loud thing=-c thing=--loud" },
	{ "a second -- is a positional", { "--", "--" }, NULL, " thing=--" },
	{ "- is a positional", { "-" }, NULL, " thing=-" },
	{ "an abbreviation", { "--num", "5" }, NULL, " number=5" },
	{ "an abbreviation that several begin with",
	  { "--l" },
	  "'--l' is ambiguous: --loud, --last, --limit",
	  "" },
	{ "a whole name that another begins with", { "--name", "x" }, NULL, " name=x" },
	{ "an unknown name", { "--shy=x" }, "'--shy': unknown option", "" },
	{ "an unknown letter", { "-x" }, "'-x': unknown option", "" },
	{ "an unknown letter among others", { "-lx" }, "'-x': unknown option", " loud" },
	{ "an argument is missing", { "--number" }, "'--number' needs an argument, N", "" },
	{ "the argument of a letter is missing", { "-n" }, "'-n' needs an argument, N", "" },
	{ "a common option", { "--limit", "3" }, NULL, " limit=3" },
	{ "a common option among others",
	  { "-l", "--limit=9", "x" },
	  NULL,
	  " loud limit=9 thing=x" },
	{ "a common option that is refused",
	  { "--limit", "10" },
	  "--limit N: '10' is not a number from 0 to 9",
	  "" },
	{ "help", { "--help" }, NULL, " help" },
	{ "help wins over a bad value before it", { "-n", "x", "-h" }, NULL, " help" },
	{ "help wins over a bad value after it", { "-h", "-n", "x" }, NULL, " help" },
	{ "help wins over an unknown option after it", { "-h", "--shy" }, NULL, " help" },
	{ "an unknown option hides help after it",
	  { "--shy", "-h" },
	  "'--shy': unknown option",
	  "" },
	{ "the first of two refusals is reported",
	  { "-n", "x", "-c", "y" },
	  "--number N: 'x' is not a number from 2 to 4000000000",
	  "" },
	{ "a bad value before an unknown option is reported",
	  { "-n", "x", "--shy" },
	  "--number N: 'x' is not a number from 2 to 4000000000",
	  "" },
	{ "what follows a refusal is read still",
	  { "-n", "x", "-l" },
	  "--number N: 'x' is not a number from 2 to 4000000000",
	  " loud" },
};

static int count(char *const arguments[MAX_ARGUMENTS])
{
	int number = 0;

	while (number < MAX_ARGUMENTS && arguments[number])
		number++;
	return number;
}

static int read_arguments(const struct options *options, char *const arguments[MAX_ARGUMENTS],
			  struct error *err)
{
	char *argv[MAX_ARGUMENTS + 2] = { (char *)"tool" };
	int argc = count(arguments) + 1;

	memcpy(argv + 1, arguments, (size_t)(argc - 1) * sizeof(argv[0]));
	return options_read(options, argc, argv, err);
}

static void check_options(void **state)
{
	const struct options_case *c = *state;
	struct request request = defaults;
	struct common common = { 0 };
	const struct options options = {
		.command = "paint",
		.own = { specs, &request },
		.common = { common_specs, &common },
	};
	struct error err = { 0 };
	char filled[256], said[512] = "";
	int ret = read_arguments(&options, c->arguments, &err);

	if (c->said)
		snprintf(said, sizeof(said), "paint: %s; see 'xdp-ipfilter paint --help'", c->said);
	assert_string_equal(err.text, said);
	assert_int_equal(ret, c->said ? -EINVAL : 0);
	assert_true(error_is(&err, c->said ? ERROR_USAGE : ERROR_FAILURE));
	describe(&request, &common, filled, sizeof(filled));
	assert_string_equal(filled, c->filled);
	options_done(&options);
	assert_int_equal(request.texts.count, 0);
}

/* Tables that differ in what they do with positionals. */
struct positional_request {
	const char *only;
	struct option_rest rest;
	bool loud;
};

static const struct option_spec one_specs[] = {
	OPTION_FLAG('l', "loud", struct positional_request, loud, "Speak up."),
	OPTION_POSITIONAL("THING", struct positional_request, only, "one thing at a time"),
	OPTION_END,
};

static const struct option_spec rest_specs[] = {
	OPTION_FLAG('l', "loud", struct positional_request, loud, "Speak up."),
	OPTION_REST("COMMAND", struct positional_request, rest),
	OPTION_END,
};

static const struct option_spec no_specs[] = { OPTION_END };

static const struct option_spec hint_specs[] = {
	OPTION_NO_POSITIONALS("a thing follows --thing"),
	OPTION_END,
};

struct positional_case {
	const char *name;
	const struct option_spec *specs;
	char *arguments[MAX_ARGUMENTS];
	const char *said;
	const char *only;
	int rest; /* how many arguments are left for others */
	bool loud;
};

static const struct positional_case positional_cases[] = {
	{ "the only positional", one_specs, { "x" }, NULL, "x", 0, false },
	{ "the only positional among options", one_specs, { "x", "-l" }, NULL, "x", 0, true },
	{ "a second positional", one_specs, { "x", "y" }, "one thing at a time", "x", 0, false },
	{ "what follows the first positional is left",
	  rest_specs,
	  { "x", "-l", "-?" },
	  NULL,
	  NULL,
	  3,
	  false },
	{ "options before it are read", rest_specs, { "-l", "x" }, NULL, NULL, 1, true },
	{ "nothing is left", rest_specs, { "-l" }, NULL, NULL, 0, true },
	{ "after --, too", rest_specs, { "--", "x", "y" }, NULL, NULL, 2, false },
	{ "none is allowed", no_specs, { "x" }, "'x': unexpected argument", NULL, 0, false },
	{ "none is allowed after --",
	  no_specs,
	  { "--", "-x" },
	  "'-x': unexpected argument",
	  NULL,
	  0,
	  false },
	{ "none is allowed, with a hint",
	  hint_specs,
	  { "x" },
	  "'x': unexpected argument; a thing follows --thing",
	  NULL,
	  0,
	  false },
};

static void check_positional(void **state)
{
	const struct positional_case *c = *state;
	struct positional_request request = { 0 };
	const struct options options = { .own = { c->specs, &request } };
	struct error err = { 0 };
	char said[512] = "";
	int ret = read_arguments(&options, c->arguments, &err);

	if (c->said)
		snprintf(said, sizeof(said), "%s; see 'xdp-ipfilter --help'", c->said);
	assert_string_equal(err.text, said);
	assert_int_equal(ret, c->said ? -EINVAL : 0);
	assert_string_equal(request.only ? request.only : "", c->only ? c->only : "");
	assert_int_equal(request.rest.argc, c->rest);
	if (c->rest)
		assert_ptr_equal(request.rest.argv[0], c->arguments[count(c->arguments) - c->rest]);
	assert_int_equal(request.loud, c->loud);
}

static void check_help(void **state)
{
	const struct options options = {
		.own = { specs, (void *)&defaults },
		.common = { common_specs, NULL },
	};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	option_help_print(&options, out);
	fclose(out);
	assert_string_equal(
		text,
		"  -l, --loud              Speak up.\n"
		"  -c, --colour COLOUR     A colour. One of red, green, blue; default green.\n"
		"      --first             From the first.\n"
		"  -L, --last              From the last.\n"
		"  -n, --number N          A number. Default 7.\n"
		"      --seconds DURATION  A time.\n"
		"      --name NAME         A name.\n"
		"      --choice NAME       A choice. One of red, green, blue.\n"
		"  -t, --text TEXT         A text.\n"
		"  -h, --help              Help.\n"
		"      --limit N           A limit.\n");
	free(text);
}

static const struct option_spec wordy_specs[] = {
	OPTION_FLAG(
		'l', "loud", struct positional_request, loud,
		"Words that go on and on, past the edge of a terminal of the usual width, are broken "
		"between two of them."),
	OPTION_END,
};

static void check_wrapping(void **state)
{
	const struct options options = { .own = { wordy_specs, NULL } };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	option_help_print(&options, out);
	fclose(out);
	assert_string_equal(
		text,
		"  -l, --loud  Words that go on and on, past the edge of a terminal of the usual\n"
		"              width, are broken between two of them.\n");
	free(text);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_options, options_cases);
	SUITE_TABLE(&suite, check_positional, positional_cases);
	suite_add(&suite, "help shows names, choices and defaults", check_help, NULL);
	suite_add(&suite, "help is wrapped", check_wrapping, NULL);
	return suite_run(&suite, "options");
}
