// SPDX-License-Identifier: GPL-2.0
/*
 * Does text stay in its place on a canvas, and do numbers fit into few places?
 */
#include <screen/canvas.h>

#include <stdlib.h>
#include <string.h>

#include <screen/quantity.h>
#include <screen/sparkline.h>

#include "support.h"

/* -- Canvas ------------------------------------------------------------------------------------ */

struct field_case {
	const char *name;
	unsigned int column, width;
	const char *text, *line; /* on a line of ten places */
	unsigned int next;
};

static const struct field_case field_cases[] = {
	{ "short text is filled up", 2, 5, "ab", "..ab   ...", 7 },
	{ "text that just fits", 2, 2, "ab", "..ab......", 4 },
	{ "longer text is cut, and says so", 2, 3, "abcd", "..ab~.....", 5 },
	{ "one place for more", 2, 1, "abcd", "..~.......", 3 },
	{ "no place for more", 2, 0, "abcd", "..........", 2 },
	{ "a block is one place wide", 0, 3, "█a", "█a .......", 3 },
	{ "blocks are cut as a whole", 0, 2, "▁▂█", "▁~........", 2 },
	{ "the right edge cuts", 8, 4, "abcd", "........ab", 12 },
	{ "right of the edge is nothing", 10, 4, "abcd", "..........", 14 },
};

static void a_field_stays_in_its_place(void **state)
{
	const struct field_case *c = *state;
	struct canvas canvas;
	char *lines[3];

	assert_int_equal(canvas_init(&canvas, 3, 10), 0);
	for (unsigned int row = 0; row < 3; row++)
		canvas_text(&canvas, row, 0, CANVAS_PLAIN, "..........");
	assert_int_equal(canvas_field(&canvas, 1, c->column, c->width, CANVAS_BOLD, c->text),
			 c->next);
	for (unsigned int row = 0; row < 3; row++)
		lines[row] = canvas_line(&canvas, row);
	assert_string_equal(lines[0], "..........");
	assert_string_equal(lines[1], c->line);
	assert_string_equal(lines[2], "..........");
	for (unsigned int row = 0; row < 3; row++)
		free(lines[row]);
	canvas_done(&canvas);
}

static void looks_are_of_places(void **state)
{
	struct canvas canvas;

	(void)state;
	assert_int_equal(canvas_init(&canvas, 2, 6), 0);
	canvas_text(&canvas, 0, 1, CANVAS_DROP, "ab");
	canvas_fill(&canvas, 0, 4, CANVAS_HEAD);
	canvas_fill(&canvas, 2, 0, CANVAS_HEAD); /* below */
	canvas_text(&canvas, 2, 0, CANVAS_HEAD, "below");
	assert_int_equal(canvas_at(&canvas, 0, 0)->look, CANVAS_PLAIN);
	assert_int_equal(canvas_at(&canvas, 0, 1)->look, CANVAS_DROP);
	assert_int_equal(canvas_at(&canvas, 0, 2)->look, CANVAS_DROP);
	assert_int_equal(canvas_at(&canvas, 0, 3)->look, CANVAS_PLAIN);
	assert_int_equal(canvas_at(&canvas, 0, 5)->look, CANVAS_HEAD);
	assert_int_equal(canvas_at(&canvas, 1, 0)->look, CANVAS_PLAIN);
	canvas_done(&canvas);
}

/* -- Quantities -------------------------------------------------------------------------------- */

struct quantity_case {
	const char *name;
	uint64_t number;
	const char *text;
};

static const struct quantity_case quantity_cases[] = {
	{ "nothing", 0, "0" },
	{ "the last as it is", 9999, "9999" },
	{ "the first in thousands", 10000, "10.0k" },
	{ "two digits and one", 12345, "12.3k" },
	{ "just below a hundred", 99949, "99.9k" },
	{ "rounded to a hundred", 99950, "100k" },
	{ "three digits", 123456, "123k" },
	{ "the last in thousands", 999499, "999k" },
	{ "rounded to a million", 999500, "1.00M" },
	{ "one digit and two", 1234567, "1.23M" },
	{ "rounded to ten", 9995000, "10.0M" },
	{ "thousand millions", 1234567890123, "1.23T" },
	{ "the largest number", UINT64_MAX, "18.4E" },
};

static void a_quantity_is_short(void **state)
{
	const struct quantity_case *c = *state;
	char text[QUANTITY_TEXT_SIZE];

	assert_string_equal(quantity_format(c->number, text), c->text);
}

static void every_quantity_fits(void **state)
{
	char text[QUANTITY_TEXT_SIZE];

	(void)state;
	random_restart();
	for (int i = 0; i < 100000; i++)
		assert_true(strlen(quantity_format(random_number() >> random_below(64), text)) <=
			    5);
}

/* -- Sparklines -------------------------------------------------------------------------------- */

struct bars_case {
	const char *name;
	uint64_t values[8];
	size_t count;
	uint64_t max;
	size_t width;
	const char *utf8, *ascii;
};

static const struct bars_case bars_cases[] = {
	{ "none yet", { 0 }, 0, 0, 4, "    ", "    " },
	{ "the newest is at the right", { 1, 8 }, 2, 8, 4, "  ▁█", "  .#" },
	{ "only the last fit", { 8, 8, 1, 2 }, 4, 8, 2, "▁▂", ".:" },
	{ "each level", { 1, 2, 3, 4, 5, 6, 7, 8 }, 8, 8, 8, "▁▂▃▄▅▆▇█", ".:-=+*%#" },
	{ "little is not nothing", { 0, 1, 1000000 }, 3, 1000000, 3, " ▁█", " .#" },
	{ "nothing at all", { 0, 0, 0 }, 3, 0, 3, "   ", "   " },
	{ "no room", { 1 }, 1, 1, 0, "", "" },
};

static void bars_show_the_numbers(void **state)
{
	const struct bars_case *c = *state;
	char text[SPARKLINE_TEXT_SIZE];

	sparkline_draw(c->values, c->count, c->max, c->width, true, text);
	assert_string_equal(text, c->utf8);
	sparkline_draw(c->values, c->count, c->max, c->width, false, text);
	assert_string_equal(text, c->ascii);
}

static void the_highest_is_of_those_shown(void **state)
{
	static const uint64_t values[] = { 9, 1, 3, 2 };

	(void)state;
	assert_int_equal(sparkline_max(values, 4, 4), 9);
	assert_int_equal(sparkline_max(values, 4, 100), 9);
	assert_int_equal(sparkline_max(values, 4, 3), 3);
	assert_int_equal(sparkline_max(values, 4, 0), 0);
	assert_int_equal(sparkline_max(values, 0, 4), 0);
}

int main(void)
{
	struct suite suite = { .count = 0 };

	SUITE_TABLE(&suite, a_field_stays_in_its_place, field_cases);
	suite_add(&suite, "looks are of places", looks_are_of_places, NULL);
	SUITE_TABLE(&suite, a_quantity_is_short, quantity_cases);
	suite_add(&suite, "every quantity fits", every_quantity_fits, NULL);
	SUITE_TABLE(&suite, bars_show_the_numbers, bars_cases);
	suite_add(&suite, "the highest is of those shown", the_highest_is_of_those_shown, NULL);
	return suite_run(&suite, "canvas");
}
