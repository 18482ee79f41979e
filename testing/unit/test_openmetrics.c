// SPDX-License-Identifier: GPL-2.0
/*
 * Are metrics written as Prometheus and OpenMetrics want them, and for whom?
 */
#include "support.h"

#include <stdlib.h>

#include <cli/openmetrics.h>

/* -- Forms ------------------------------------------------------------------------------------- */

static void write_all(enum openmetrics_format format, FILE *out)
{
	struct openmetrics metrics;

	openmetrics_init(&metrics, format, out);
	openmetrics_family(&metrics, "tool", OPENMETRICS_INFO, "The version.");
	openmetrics_sample(&metrics, OPENMETRICS_LABELS({ "version", "1" }), 1);
	openmetrics_family(&metrics, "packets", OPENMETRICS_COUNTER, "Packets.");
	openmetrics_sample(&metrics, OPENMETRICS_LABELS({ "device", "a" }, { "verdict", "drop" }),
			   UINT64_MAX);
	openmetrics_sample(&metrics, OPENMETRICS_LABELS({ "device", "" }), 0);
	openmetrics_family(&metrics, "up", OPENMETRICS_GAUGE, "Up.");
	openmetrics_sample(&metrics, OPENMETRICS_LABELS({ NULL, NULL }), 7);
	openmetrics_finish(&metrics);
}

static void check_form(enum openmetrics_format format, const char *expected)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	write_all(format, out);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void test_prometheus(void **state)
{
	(void)state;
	check_form(OPENMETRICS_PROMETHEUS,
		   "# HELP tool_info The version.\n"
		   "# TYPE tool_info gauge\n"
		   "tool_info{version=\"1\"} 1\n"
		   "# HELP packets_total Packets.\n"
		   "# TYPE packets_total counter\n"
		   "packets_total{device=\"a\",verdict=\"drop\"} 18446744073709551615\n"
		   "packets_total{device=\"\"} 0\n"
		   "# HELP up Up.\n"
		   "# TYPE up gauge\n"
		   "up 7\n");
}

static void test_openmetrics(void **state)
{
	(void)state;
	check_form(OPENMETRICS_1_0,
		   "# HELP tool The version.\n"
		   "# TYPE tool info\n"
		   "tool_info{version=\"1\"} 1\n"
		   "# HELP packets Packets.\n"
		   "# TYPE packets counter\n"
		   "packets_total{device=\"a\",verdict=\"drop\"} 18446744073709551615\n"
		   "packets_total{device=\"\"} 0\n"
		   "# HELP up Up.\n"
		   "# TYPE up gauge\n"
		   "up 7\n"
		   "# EOF\n");
}

/* -- Values of labels -------------------------------------------------------------------------- */

static const struct value_case {
	const char *name, *value, *written;
} value_cases[] = {
	{ "quotes, backslashes and line feeds are escaped", "a\"b\\c\nd", "a\\\"b\\\\c\\nd" },
	{ "other controls are as they are", "\t\x01\x7f", "\t\x01\x7f" },
	{ "UTF-8 is as it is", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x9d\xf4\x8f\xbf\xbf",
	  "\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x9d\xf4\x8f\xbf\xbf" },
	{ "a stray byte", "a\x80z", "a\\\\x80z" },
	{ "a character that is cut off", "\xe2\x82", "\\\\xe2\\\\x82" },
	{ "longer than needed, two bytes", "\xc1\xbf", "\\\\xc1\\\\xbf" },
	{ "longer than needed, three", "\xe0\x9f\xbf", "\\\\xe0\\\\x9f\\\\xbf" },
	{ "longer than needed, four", "\xf0\x8f\xbf\xbf", "\\\\xf0\\\\x8f\\\\xbf\\\\xbf" },
	{ "a surrogate", "\xed\xa0\x80", "\\\\xed\\\\xa0\\\\x80" },
	{ "past the last character", "\xf4\x90\x80\x80", "\\\\xf4\\\\x90\\\\x80\\\\x80" },
	{ "no first byte", "\xff", "\\\\xff" },
};

static void test_value(void **state)
{
	const struct value_case *c = *state;
	struct openmetrics metrics;
	char *text, expected[128];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	openmetrics_init(&metrics, OPENMETRICS_PROMETHEUS, out);
	openmetrics_family(&metrics, "up", OPENMETRICS_GAUGE, "Up.");
	openmetrics_sample(&metrics, OPENMETRICS_LABELS({ "device", c->value }), 1);
	fclose(out);
	snprintf(expected, sizeof(expected),
		 "# HELP up Up.\n# TYPE up gauge\nup{device=\"%s\"} 1\n", c->written);
	assert_string_equal(text, expected);
	free(text);
}

/* -- Who gets which ---------------------------------------------------------------------------- */

#define OM "application/openmetrics-text"

static const struct accept_case {
	const char *name, *accept;
	enum openmetrics_format format;
} accept_cases[] = {
	{ "no header", NULL, OPENMETRICS_PROMETHEUS },
	{ "an empty one", "", OPENMETRICS_PROMETHEUS },
	{ "anything", "*/*", OPENMETRICS_PROMETHEUS },
	{ "a browser", "text/html,application/xhtml+xml,*/*;q=0.8", OPENMETRICS_PROMETHEUS },
	{ "OpenMetrics", OM, OPENMETRICS_1_0 },
	{ "in capitals, with blanks", " Application/OpenMetrics-Text ; version = 1.0.0 ",
	  OPENMETRICS_1_0 },
	{ "Prometheus 2",
	  OM ";version=1.0.0," OM ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	  OPENMETRICS_1_0 },
	{ "liked as much", "text/plain;q=0.5," OM ";q=0.5", OPENMETRICS_1_0 },
	{ "liked less", "text/plain;q=0.501," OM ";q=0.5", OPENMETRICS_PROMETHEUS },
	{ "not liked", OM ";q=0", OPENMETRICS_PROMETHEUS },
	{ "not liked, with thousandths", OM ";q=0.000", OPENMETRICS_PROMETHEUS },
	{ "a version of the future", OM ";version=2.0.0", OPENMETRICS_PROMETHEUS },
	{ "a version of the future, and a known one",
	  OM ";version=2.0.0," OM ";version=1.0.0;q=0.1", OPENMETRICS_1_0 },
	{ "a longer name", OM "s", OPENMETRICS_PROMETHEUS },
	{ "a quality that is none", OM ";q=much", OPENMETRICS_PROMETHEUS },
	{ "only separators", ",;=,;", OPENMETRICS_PROMETHEUS },
};

static void test_accept(void **state)
{
	const struct accept_case *c = *state;

	assert_int_equal(openmetrics_choose(c->accept), c->format);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "the text format of Prometheus", test_prometheus, NULL);
	suite_add(&suite, "OpenMetrics", test_openmetrics, NULL);
	SUITE_TABLE(&suite, test_value, value_cases);
	SUITE_TABLE(&suite, test_accept, accept_cases);
	return suite_run(&suite, "openmetrics");
}
