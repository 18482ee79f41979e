// SPDX-License-Identifier: GPL-2.0
/*
 * What is reported of counters that grow, begin anew, come and go?
 */
#include <source/usage.h>

#include <stdio.h>
#include <string.h>

#include <util/auto.h>

#include "support.h"

/* "PREFIX PACKETS BYTES;" each; sorted. */
static void fill(struct tally *counters, const char *rules)
{
	char text[64];
	unsigned long packets, bytes;
	int length;

	*counters = (struct tally){ 0 };
	for (; sscanf(rules, "%63s %lu %lu;%n", text, &packets, &bytes, &length) == 3;
	     rules += length) {
		const struct prefix prefix = prefix_from(text);

		assert_int_equal(tally_add(counters, &prefix, packets, bytes), 0);
	}
	tally_sort(counters);
}

static void write_visit(void *context, const struct prefix *prefix, uint64_t packets,
			uint64_t bytes)
{
	char text[PREFIX_TEXT_SIZE];

	prefix_format(prefix, text);
	fprintf(context, "%s %lu %lu;", text, (unsigned long)packets, (unsigned long)bytes);
}

struct growth_case {
	const char *name;
	const char *before, *after;
	const char *reported;
};

static const struct growth_case growths[] = {
	{ "nothing", "", "", "" },
	{ "the first", "", "192.0.2.1 3 180;", "192.0.2.1 3 180;" },
	{ "no more", "192.0.2.1 3 180;", "192.0.2.1 3 180;", "" },
	{ "more", "192.0.2.1 3 180;", "192.0.2.1 5 300;", "192.0.2.1 2 120;" },
	{ "anew", "192.0.2.1 3 180;", "192.0.2.1 1 60;", "192.0.2.1 1 60;" },
	{ "gone", "192.0.2.1 3 180;192.0.2.2 1 60;", "192.0.2.2 2 120;", "192.0.2.2 1 60;" },
	{ "one between", "192.0.2.1 1 60;192.0.2.9 1 60;",
	  "192.0.2.1 1 60;192.0.2.5 4 240;192.0.2.9 2 120;", "192.0.2.5 4 240;192.0.2.9 1 60;" },
	{ "both families", "::1 1 60;10.0.0.0/8 1 60;", "::1 2 120;10.0.0.0/8 3 180;",
	  "10.0.0.0/8 2 120;::1 1 60;" },
};

static void test_growth(void **state)
{
	const struct growth_case *c = *state;
	struct usage usage = { 0 };
	struct tally counters;
	auto_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fill(&counters, c->before);
	usage_advance(&usage, &counters, 0);
	fill(&counters, c->after);
	usage_visit(&usage, &counters, write_visit, out);
	fclose(out);
	assert_string_equal(text, c->reported);
	tally_done(&counters);
	usage_done(&usage);
}

static void test_report(void **state)
{
	static const char items[] =
		"\"items\":["
		"{\"name\":\"processed\",\"unit\":\"packet\",\"value\":90,\"labels\":{}},"
		"{\"name\":\"processed\",\"unit\":\"byte\",\"value\":7,\"labels\":{}},"
		"{\"name\":\"dropped\",\"unit\":\"packet\",\"value\":3,\"labels\":"
		"{\"origin\":\"CAPI\",\"ip_type\":\"ipv4\",\"remediation\":\"ban\"}},"
		"{\"name\":\"dropped\",\"unit\":\"byte\",\"value\":180,\"labels\":"
		"{\"origin\":\"CAPI\",\"ip_type\":\"ipv4\",\"remediation\":\"ban\"}},"
		"{\"name\":\"active_decisions\",\"unit\":\"ip\",\"value\":15000,\"labels\":"
		"{\"origin\":\"CAPI\",\"ip_type\":\"ipv4\"}},"
		"{\"name\":\"active_decisions\",\"unit\":\"ip\",\"value\":1,\"labels\":"
		"{\"origin\":\"lists:tor\",\"ip_type\":\"ipv6\"}}]}]}]}";
	static const char begin[] = "{\"remediation_components\":[{\"type\":\"xdp-ipfilter\","
				    "\"version\":\"1.2\",\"feature_flags\":[],"
				    "\"utc_startup_timestamp\":1000,\"os\":{\"name\":\"Linux\","
				    "\"version\":\"";
	static const char meta[] = "\"},\"metrics\":[{\"meta\":{\"window_size_seconds\":900,"
				   "\"utc_now_timestamp\":2000},";
	struct usage usage = { .started_s = 1000 };
	struct tally before = { .all_packets = 10, .all_bytes = 1000 };
	const struct tally after = { .all_packets = 100, .all_bytes = 7 };
	struct decision_origins origins = { .names = { (char *)"CAPI", (char *)"lists:tor" },
					    .count = 2 };
	static struct usage_sums sums;
	auto_free char *text = NULL;
	char *os;

	(void)state;
	usage_advance(&usage, &before, 1100);
	sums.by[0][IPF_IPV4] = (struct usage_sum){ 3, 180, 15000 };
	sums.by[1][IPF_IPV6] = (struct usage_sum){ 0, 0, 1 };
	text = usage_report(&usage, &after, &sums, &origins, "1.2", 2000);
	assert_memory_equal(text, begin, sizeof(begin) - 1);
	os = strchr(text + sizeof(begin) - 1, '"');
	assert_memory_equal(os, meta, sizeof(meta) - 1);
	assert_string_equal(os + sizeof(meta) - 1, items);
	usage_done(&usage);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, test_growth, growths);
	suite_add(&suite, "a report", test_report, NULL);
	return suite_run(&suite, "usage");
}
