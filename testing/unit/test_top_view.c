// SPDX-License-Identifier: GPL-2.0
/*
 * Does the screen of top say what it must, on terminals of any size?
 */
#include <screen/top_view.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define MAX_SOURCES 40u

static const char *const one_ifname[] = { "eth0" };
static const char *const two_ifnames[] = { "eth0", "eth1" };
static const char *const many_ifnames[] = { "eth0", "eth1", "eth2", "eth3", "eth4", "eth5" };
static const uint64_t history[] = { 0, 500, 1000 };

static struct top_table_source sources[MAX_SOURCES];

/* A drop by a rule, a pass, an IPv6 address of full length; then many small ones. */
static struct top_view make_view(size_t count)
{
	memset(sources, 0, sizeof(sources));
	for (size_t i = 0; i < MAX_SOURCES; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.0.%zu", i);
		sources[i] = (struct top_table_source){
			.prefix = prefix_from(text),
			.packets = 1,
			.bytes = 1000,
		};
	}
	sources[0] = (struct top_table_source){
		.prefix = prefix_from("192.0.2.66"),
		.verdict = IPF_DROP,
		.has_rule = true,
		.rule = prefix_from("192.0.2.0/24"),
		.set = "bogons",
		.packets = 700,
		.error = 12,
		.bytes = 1234567,
	};
	sources[1].prefix = prefix_from("198.51.100.7");
	sources[1].packets = 200;
	sources[2].prefix = prefix_from("2001:db8:1234:5678:9abc:def0:1234:5678");
	sources[2].packets = 90;
	return (struct top_view){
		.ifnames = one_ifname,
		.ifname_count = 1,
		.bits = { [IPF_IPV4] = 32, [IPF_IPV6] = 128 },
		.interval_ms = 2000,
		.is_measured = true,
		.packets = 1000,
		.bytes = 1500000,
		.dropped = 700,
		.sample = 1,
		.samples = 1234,
		.history = history,
		.history_count = 3,
		.sources = sources,
		.source_count = count,
		.is_utf8 = true,
	};
}

/* All lines, which the caller frees. */
static char *draw(const struct top_view *view, unsigned int rows, unsigned int columns)
{
	char *all = calloc(1, (size_t)rows * (columns * 4 + 1) + 1);
	struct canvas canvas;

	assert_non_null(all);
	assert_int_equal(canvas_init(&canvas, rows, columns), 0);
	top_view_draw(view, &canvas);
	for (unsigned int row = 0; row < rows; row++) {
		char *line = canvas_line(&canvas, row);

		assert_non_null(line);
		assert_true(canvas_width(line) <= columns);
		strcat(strcat(all, line), "\n");
		free(line);
	}
	canvas_done(&canvas);
	return all;
}

static void has(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("no '%s' in:\n%s", words, text);
}

static void has_not(const char *text, const char *words)
{
	if (strstr(text, words))
		fail_msg("'%s' in:\n%s", words, text);
}

static void check_has(const struct top_view *view, unsigned int rows, unsigned int columns,
		      const char *words)
{
	char *text = draw(view, rows, columns);

	has(text, words);
	free(text);
}

/* -- Whole screens ----------------------------------------------------------------------------- */

static void a_screen_of_80_columns(void **state)
{
	const struct top_view view = make_view(2);
	char *text = draw(&view, 12, 80);

	(void)state;
	assert_string_equal(
		text,
		"top  eth0  all packets  by address  every 2 s\n"
		"1,000 packets/s  12.0M bits/s  dropped 70 %  1234 looked at\n"
		"packets/s                                                           ▄█ max 1000\n"
		"packets/s  error  bits/s  share  verdict  source        rule          set\n"
		"      700  (-12)   9.88M   70 %  drop     192.0.2.66    192.0.2.0/24  bogons\n"
		"      200           8000   20 %  pass     198.51.100.7\n"
		"\n\n\n\n\n"
		"q quit  ? help  d drop  p pass  space pause  b group\n");
	free(text);
}

static void without_utf8_all_is_ascii(void **state)
{
	struct top_view view = make_view(3);
	char *text;

	(void)state;
	view.is_utf8 = false;
	text = draw(&view, 24, 80);
	has(text, "=# max 1000");
	for (const char *at = text; *at; at++)
		assert_true((unsigned char)*at < 0x7f);
	free(text);
}

/* -- Narrow ------------------------------------------------------------------------------------ */

struct narrow_case {
	const char *name;
	unsigned int columns;
	const char *head; /* the columns of the table, as far as there is room */
};

static const struct narrow_case narrow_cases[] = {
	{ "all", 77,
	  "packets/s  error  bits/s  share  verdict  source        rule          set\n" },
	{ "no errors", 75, "packets/s  bits/s  share  verdict  source        rule          set\n" },
	{ "no sets", 68, "packets/s  bits/s  share  verdict  source        rule\n" },
	{ "no rules", 59, "packets/s  bits/s  share  verdict  source\n" },
	{ "no bits", 46, "packets/s  share  verdict  source\n" },
	{ "the least", 40, "packets/s  share  verdict  source\n" },
};

static void narrow_ones_leave_columns_out(void **state)
{
	const struct narrow_case *c = *state;
	const struct top_view view = make_view(2);

	check_has(&view, 14, c->columns, c->head);
}

static void an_address_that_does_not_fit_is_cut_visibly(void **state)
{
	const struct top_view view = make_view(3);

	(void)state;
	check_has(&view, 14, 40, "       90  2001:db8:1234:5678:9abc:def0~\n");
	check_has(&view, 14, 49, "       90  2001:db8:1234:5678:9abc:def0:1234:5678\n");
}

static void no_size_breaks_it(void **state)
{
	struct top_view view = make_view(MAX_SOURCES);
	const char *const alarms[] = { "one alarm that is quite long, longer than a narrow screen",
				       "two", "three" };

	(void)state;
	view.ifnames = many_ifnames;
	view.ifname_count = COUNT_OF(many_ifnames);
	view.alarms = alarms;
	view.alarm_count = COUNT_OF(alarms);
	view.skipped = view.lost = UINT64_MAX;
	view.packets = view.bytes = UINT64_MAX / 8;
	for (unsigned int rows = 1; rows < 60; rows++) {
		for (unsigned int columns = 1; columns < 210; columns += 1 + columns / 60) {
			const size_t room = top_view_room(&view, rows, columns);

			assert_true(room >= 1 && room <= rows);
			view.shows_help = rows & 1;
			free(draw(&view, rows, columns));
		}
	}
}

static void tiny_ones_say_so(void **state)
{
	const struct top_view view = make_view(3);
	char *text = draw(&view, TOP_VIEW_MIN_ROWS - 1, 80);

	(void)state;
	has(text, "too small");
	has(text, "40x10");
	has_not(text, "192.0.2.66");
	free(text);
	check_has(&view, 24, TOP_VIEW_MIN_COLUMNS - 1, "too small");
	check_has(&view, TOP_VIEW_MIN_ROWS, TOP_VIEW_MIN_COLUMNS, "192.0.2.66");
}

/* -- What it says ------------------------------------------------------------------------------ */

static void states_are_above_the_table(void **state)
{
	static const char *const alarms[] = { "OBSERVING, nothing is dropped: eth0" };
	struct top_view view = make_view(3);
	struct canvas canvas;

	(void)state;
	view.alarms = alarms;
	view.alarm_count = 1;
	sources[0].observed = true;
	assert_int_equal(canvas_init(&canvas, 24, 80), 0);
	top_view_draw(&view, &canvas);
	/* The whole line cannot be missed. */
	assert_int_equal(canvas_at(&canvas, 2, 0)->look, CANVAS_ALARM);
	assert_int_equal(canvas_at(&canvas, 2, 79)->look, CANVAS_ALARM);
	canvas_done(&canvas);
	check_has(&view, 24, 80, "\nOBSERVING, nothing is dropped: eth0\n");
	check_has(&view, 24, 100, "  drop (passed)  192.0.2.66");
}

static void verdicts_have_their_looks(void **state)
{
	const struct top_view view = make_view(2);
	struct canvas canvas;

	(void)state;
	assert_int_equal(canvas_init(&canvas, 12, 80), 0);
	top_view_draw(&view, &canvas);
	assert_int_equal(canvas_at(&canvas, 4, 33)->look, CANVAS_DROP);
	assert_int_equal(canvas_at(&canvas, 4, 42)->look, CANVAS_PLAIN);
	assert_int_equal(canvas_at(&canvas, 5, 33)->look, CANVAS_PASS);
	canvas_done(&canvas);
}

static void what_was_asked_for_is_said(void **state)
{
	struct top_view view = make_view(3);

	(void)state;
	view.only = "drop";
	view.bits[IPF_IPV4] = 24;
	view.bits[IPF_IPV6] = 64;
	view.interval_ms = 1500;
	view.sample = 100;
	view.skipped = 7;
	view.lost = 8;
	view.is_paused = true;
	check_has(&view, 24, 80, "top  eth0   only drop   by /24, /64  every 1500 ms   PAUSED\n");
	check_has(&view, 24, 100, "1 of 100 sampled:  1234 looked at  7 skipped  8 lost");
}

static void several_interfaces_have_a_column(void **state)
{
	struct top_view view = make_view(3);

	(void)state;
	view.ifnames = two_ifnames;
	view.ifname_count = 2;
	for (size_t i = 0; i < MAX_SOURCES; i++)
		sources[i].ifname = two_ifnames[i == 1];
	check_has(&view, 24, 120, "top  eth0  eth1  ");
	check_has(&view, 24, 120, "  interface\n");
	check_has(&view, 24, 120,
		  "198.51.100.7                                                  eth1\n");
	view.ifnames = many_ifnames;
	view.ifname_count = COUNT_OF(many_ifnames);
	check_has(&view, 24, 120, "eth3  and 2 others  ");
}

static void before_the_first_round_it_counts(void **state)
{
	struct top_view view = make_view(0);

	(void)state;
	view.is_measured = false;
	view.history_count = 0;
	check_has(&view, 24, 80, "\ncounting\n");
	view.is_measured = true;
	check_has(&view, 24, 80, "\nno packets\n");
}

static void help_replaces_the_table(void **state)
{
	struct top_view view = make_view(3);
	char *text;

	(void)state;
	view.shows_help = true;
	text = draw(&view, 24, 80);
	has(text, "only packets that are dropped");
	has(text, "q quit");
	has_not(text, "192.0.2.66");
	free(text);
}

static void scrolled_it_says_where(void **state)
{
	struct top_view view = make_view(MAX_SOURCES);
	const size_t room = top_view_room(&view, 24, 80);
	char *text;

	(void)state;
	assert_int_equal(room, 24 - 5);
	check_has(&view, 24, 80, "sources 1 to 19 of 40\n");
	view.first = 21;
	text = draw(&view, 24, 80);
	has(text, "sources 22 to 40 of 40\n");
	has(text, "10.0.0.39\n");
	has_not(text, "10.0.0.20\n");
	free(text);
	view.first = 0;
	view.source_count = room;
	text = draw(&view, 24, 80);
	has_not(text, "sources 1");
	free(text);
}

int main(void)
{
	struct suite suite = { .count = 0 };

	suite_add(&suite, "a screen of 80 columns", a_screen_of_80_columns, NULL);
	suite_add(&suite, "without UTF-8 all is ASCII", without_utf8_all_is_ascii, NULL);
	SUITE_TABLE(&suite, narrow_ones_leave_columns_out, narrow_cases);
	suite_add(&suite, "an address that does not fit is cut visibly",
		  an_address_that_does_not_fit_is_cut_visibly, NULL);
	suite_add(&suite, "no size breaks it", no_size_breaks_it, NULL);
	suite_add(&suite, "tiny ones say so", tiny_ones_say_so, NULL);
	suite_add(&suite, "states are above the table", states_are_above_the_table, NULL);
	suite_add(&suite, "verdicts have their looks", verdicts_have_their_looks, NULL);
	suite_add(&suite, "what was asked for is said", what_was_asked_for_is_said, NULL);
	suite_add(&suite, "several interfaces have a column", several_interfaces_have_a_column,
		  NULL);
	suite_add(&suite, "before the first round it counts", before_the_first_round_it_counts,
		  NULL);
	suite_add(&suite, "help replaces the table", help_replaces_the_table, NULL);
	suite_add(&suite, "scrolled it says where", scrolled_it_says_where, NULL);
	return suite_run(&suite, "top view");
}
