// SPDX-License-Identifier: GPL-2.0
/*
 * Is one description of a result right as text, as JSON, and as JSON on one line?
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cli/report.h>
#include <util/error.h>

/* -- Both forms -------------------------------------------------------------------------------- */

static void describe_fields(struct report *report)
{
	report_object(report, NULL, NULL);
	report_number(report, "schema", NULL, 1);
	report_string(report, "both", "label", "value");
	report_string(report, NULL, "text", "only");
	report_string(report, "absent", "absent", NULL);
	report_number(report, "largest", "largest", UINT64_MAX);
	report_flag(report, "yes", true);
	report_flag(report, "no", false);
	report_null(report, "null");
	report_line(report, "a line of %s", "text");
	report_close(report);
}

static void describe_levels(struct report *report)
{
	report_object(report, NULL, NULL);
	report_array(report, "interfaces", NULL);
	report_object(report, NULL, "eth0: filtering");
	report_string(report, "mode", "mode", "skb");
	report_object(report, "counters", "counters");
	report_row(report, "drop", "drop");
	report_number(report, "packets", "packets", 3);
	report_number(report, "bytes", "bytes", 180);
	report_close(report);
	report_close(report);
	report_close(report);
	report_object(report, NULL, NULL);
	report_number(report, "n", "n", 2);
	report_close(report);
	report_close(report);
	report_close(report);
}

static void describe_unlabelled_row(struct report *report)
{
	report_object(report, NULL, NULL);
	report_array(report, "rules", NULL);
	for (unsigned int i = 0; i < 2; i++) {
		report_row(report, NULL, NULL);
		report_number(report, "a", NULL, i);
		report_null(report, "b");
		report_close(report);
	}
	report_close(report);
	report_close(report);
}

static void describe_nothing(struct report *report)
{
	report_object(report, NULL, NULL);
	report_array(report, "empty", "empty");
	report_close(report);
	report_object(report, "none", NULL);
	report_close(report);
	report_close(report);
}

static void describe_hostile(struct report *report)
{
	report_object(report, NULL, NULL);
	report_string(report, "name\n", "a\033[m", "\xff\"\\\001\xc3\xa9");
	report_line(report, "%s", "b\rc");
	report_close(report);
}

static const struct form_case {
	const char *name;
	void (*describe)(struct report *report);
	enum report_format format;
	const char *expected;
} form_cases[] = {
	{ "fields as text", describe_fields, REPORT_TEXT,
	  "label      value\n"
	  "text       only\n"
	  "largest    18446744073709551615\n"
	  "a line of text\n" },
	{ "fields as JSON", describe_fields, REPORT_JSON,
	  "{\n"
	  "  \"schema\": 1,\n"
	  "  \"both\": \"value\",\n"
	  "  \"absent\": null,\n"
	  "  \"largest\": 18446744073709551615,\n"
	  "  \"yes\": true,\n"
	  "  \"no\": false,\n"
	  "  \"null\": null\n"
	  "}\n" },
	{ "fields on one line", describe_fields, REPORT_JSON_LINES,
	  "{\"schema\":1,\"both\":\"value\",\"absent\":null,\"largest\":18446744073709551615,"
	  "\"yes\":true,\"no\":false,\"null\":null}\n" },
	{ "levels as text", describe_levels, REPORT_TEXT,
	  "eth0: filtering\n"
	  "  mode       skb\n"
	  "  counters\n"
	  "    drop                  3 packets          180 bytes\n"
	  "n          2\n" },
	{ "levels as JSON", describe_levels, REPORT_JSON,
	  "{\n"
	  "  \"interfaces\": [\n"
	  "    {\n"
	  "      \"mode\": \"skb\",\n"
	  "      \"counters\": {\n"
	  "        \"drop\": {\"packets\": 3, \"bytes\": 180}\n"
	  "      }\n"
	  "    },\n"
	  "    {\n"
	  "      \"n\": 2\n"
	  "    }\n"
	  "  ]\n"
	  "}\n" },
	{ "levels on one line", describe_levels, REPORT_JSON_LINES,
	  "{\"interfaces\":[{\"mode\":\"skb\",\"counters\":{\"drop\":{\"packets\":3,\"bytes\":180}}},"
	  "{\"n\":2}]}\n" },
	{ "rows without a label are not in text", describe_unlabelled_row, REPORT_TEXT, "" },
	{ "rows without a label in JSON", describe_unlabelled_row, REPORT_JSON,
	  "{\n"
	  "  \"rules\": [\n"
	  "    {\"a\": 0, \"b\": null},\n"
	  "    {\"a\": 1, \"b\": null}\n"
	  "  ]\n"
	  "}\n" },
	{ "empty levels as text", describe_nothing, REPORT_TEXT, "empty\n" },
	{ "empty levels as JSON", describe_nothing, REPORT_JSON,
	  "{\n"
	  "  \"empty\": [],\n"
	  "  \"none\": {}\n"
	  "}\n" },
	{ "hostile strings as text", describe_hostile, REPORT_TEXT,
	  "a\\x1b[m    \\xff\"\\\\x01\\xc3\\xa9\n"
	  "b\\x0dc\n" },
	{ "hostile strings as JSON", describe_hostile, REPORT_JSON,
	  "{\n"
	  "  \"name\\n\": \"\\\\xff\\\"\\\\\\u0001\xc3\xa9\"\n"
	  "}\n" },
};

static void test_form(void **state)
{
	const struct form_case *c = *state;
	struct error err = { 0 };
	struct report report;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	report_init(&report, c->format, out);
	assert_int_equal(report_is_text(&report), c->format == REPORT_TEXT);
	c->describe(&report);
	assert_int_equal(report_finish(&report, &err), 0);
	fclose(out);
	assert_string_equal(text, c->expected);
	assert_string_equal(err.text, "");
	free(text);
}

/* -- Failures ---------------------------------------------------------------------------------- */

static void describe_much(struct report *report)
{
	report_object(report, NULL, NULL);
	for (unsigned int i = 0; i < 100000; i++)
		report_number(report, "n", "n", i);
	report_close(report);
}

static void test_full_disk_is_a_failure(void **state)
{
	FILE *out = fopen("/dev/full", "we");
	struct error err = { 0 };
	struct report report;

	(void)state;
	assert_non_null(out);
	report_init(&report, REPORT_TEXT, out);
	describe_fields(&report);
	assert_int_equal(report_finish(&report, &err), -ENOSPC);
	assert_string_equal(err.text, "cannot write the output: No space left on device");
	fclose(out);
}

static void test_full_disk_is_remembered(void **state)
{
	FILE *out = fopen("/dev/full", "we");
	struct error err = { 0 };
	struct report report;

	(void)state;
	assert_non_null(out);
	report_init(&report, REPORT_JSON, out);
	describe_much(&report);
	assert_int_equal(report_finish(&report, &err), -ENOSPC);
	fclose(out);
}

static void check_closed(void (*describe)(struct report *report))
{
	struct error err = { 0 };
	struct report report;
	int ends[2];
	FILE *out;

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	out = fdopen(ends[1], "w");
	assert_non_null(out);
	report_init(&report, REPORT_TEXT, out);
	describe(&report);
	assert_int_equal(report_finish(&report, &err), REPORT_CLOSED);
	assert_string_equal(err.text, "");
	/* Also for a caller that only asks whether all was written. */
	assert_int_equal(report_flush(out, &err), REPORT_CLOSED);
	fclose(out);
}

static void test_reader_that_has_gone_is_no_failure(void **state)
{
	(void)state;
	check_closed(describe_fields);
}

static void test_reader_that_goes_meanwhile_is_no_failure(void **state)
{
	(void)state;
	check_closed(describe_much);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, test_form, form_cases);
	suite_add(&suite, "a full disk is a failure", test_full_disk_is_a_failure, NULL);
	suite_add(&suite, "a full disk is remembered", test_full_disk_is_remembered, NULL);
	suite_add(&suite, "a reader that has gone is no failure",
		  test_reader_that_has_gone_is_no_failure, NULL);
	suite_add(&suite, "a reader that goes meanwhile is no failure",
		  test_reader_that_goes_meanwhile_is_no_failure, NULL);
	return suite_run(&suite, "report");
}
