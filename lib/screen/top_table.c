// SPDX-License-Identifier: GPL-2.0
/*
 * How are the sources of top written as a table, in as many columns as there is room for?
 */
#include <screen/top_table.h>

#include <inttypes.h>
#include <stdio.h>

#include <ruleset/verdict.h>
#include <screen/canvas.h>
#include <screen/quantity.h>
#include <util/number.h>

unsigned int top_table_percent(uint64_t part, uint64_t whole)
{
	return whole ? (unsigned int)((double)part * 100 / (double)whole + 0.5) : 0;
}

/* -- Columns ----------------------------------------------------------------------------------- */

#define CELL_SIZE 64

struct column {
	const char *head;
	bool is_number;    /* set at the right */
	unsigned int rank; /* those with a high one are left out first */
	void (*write)(const struct top_table *table, const struct top_table_source *source,
		      char text[CELL_SIZE]);
};

static void write_packets(const struct top_table *table, const struct top_table_source *source,
			  char text[CELL_SIZE])
{
	(void)table;
	number_format(source->packets, text);
}

static void write_error(const struct top_table *table, const struct top_table_source *source,
			char text[CELL_SIZE])
{
	(void)table;
	if (source->error)
		snprintf(text, CELL_SIZE, "(-%" PRIu64 ")", source->error);
}

static void write_bits(const struct top_table *table, const struct top_table_source *source,
		       char text[CELL_SIZE])
{
	(void)table;
	quantity_format(8 * source->bytes, text);
}

/* Of all packets that are asked for. */
static void write_share(const struct top_table *table, const struct top_table_source *source,
			char text[CELL_SIZE])
{
	snprintf(text, CELL_SIZE, "%u %%", top_table_percent(source->packets, table->packets));
}

static void write_verdict(const struct top_table *table, const struct top_table_source *source,
			  char text[CELL_SIZE])
{
	(void)table;
	snprintf(text, CELL_SIZE, "%s", verdict_outcome(source->verdict, source->observed));
}

static void write_source(const struct top_table *table, const struct top_table_source *source,
			 char text[CELL_SIZE])
{
	(void)table;
	prefix_format(&source->prefix, text);
}

static void write_rule(const struct top_table *table, const struct top_table_source *source,
		       char text[CELL_SIZE])
{
	(void)table;
	if (source->has_rule)
		prefix_format(&source->rule, text);
}

static void write_set(const struct top_table *table, const struct top_table_source *source,
		      char text[CELL_SIZE])
{
	(void)table;
	if (source->has_rule)
		snprintf(text, CELL_SIZE, "%s", source->set);
}

static void write_ifname(const struct top_table *table, const struct top_table_source *source,
			 char text[CELL_SIZE])
{
	(void)table;
	if (source->ifname)
		snprintf(text, CELL_SIZE, "%s", source->ifname);
}

static const struct column columns[] = {
	{ "packets/s", true, 0, write_packets }, { "error", true, 7, write_error },
	{ "bits/s", true, 4, write_bits },       { "share", true, 3, write_share },
	{ "verdict", false, 2, write_verdict },  { "source", false, 0, write_source },
	{ "rule", false, 5, write_rule },        { "set", false, 6, write_set },
	{ "interface", false, 1, write_ifname },
};

#define COLUMNS (sizeof(columns) / sizeof(*columns))
#define WORST_RANK 7u

/* -- Layout ------------------------------------------------------------------------------------ */

/* The places that each column takes; 0: it is left out. */
struct layout {
	const struct top_table *table;
	unsigned int width[COLUMNS];
};

/* As wide as its widest cell or its head; nothing if all cells are empty. */
static unsigned int widest(const struct layout *layout, const struct column *column)
{
	unsigned int width = 0;

	for (size_t i = 0; i < layout->table->count; i++) {
		char text[CELL_SIZE] = "";

		column->write(layout->table, &layout->table->sources[i], text);
		width = canvas_width(text) > width ? canvas_width(text) : width;
	}
	if (!width)
		return 0;
	return width > canvas_width(column->head) ? width : canvas_width(column->head);
}

static unsigned int sum_widths(const struct layout *layout, unsigned int worst_rank)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < COLUMNS; i++)
		if (layout->width[i] && columns[i].rank <= worst_rank)
			sum += layout->width[i] + (sum ? 2 : 0);
	return sum;
}

/* Leaves columns out until the others fit. What must stay is cut. */
static void choose_columns(struct layout *layout, unsigned int room)
{
	unsigned int worst = WORST_RANK;

	for (size_t i = 0; i < COLUMNS; i++)
		layout->width[i] = widest(layout, &columns[i]);
	while (worst && sum_widths(layout, worst) > room)
		worst--;
	for (size_t i = 0; i < COLUMNS; i++)
		if (columns[i].rank > worst)
			layout->width[i] = 0;
}

static enum canvas_look look_of(const struct top_table_source *source)
{
	return source->verdict == IPF_DROP && !source->observed ? CANVAS_DROP : CANVAS_PASS;
}

static unsigned int write_cell(struct canvas *canvas, unsigned int row, unsigned int at,
			       const struct column *column, unsigned int width,
			       enum canvas_look look, const char *text)
{
	const unsigned int room = at < canvas->columns ? canvas->columns - at : 0;
	const unsigned int used = canvas_width(text);

	if (column->is_number && used < width) {
		canvas_field(canvas, row, at, width - used, look, "");
		canvas_text(canvas, row, at + width - used, look, text);
	} else {
		canvas_field(canvas, row, at, width < room ? width : room, look, text);
	}
	return at + width + 2;
}

/* A source, or the heads for NULL. */
static void write_row(const struct layout *layout, struct canvas *canvas, unsigned int row,
		      const struct top_table_source *source)
{
	unsigned int at = 0;

	for (size_t i = 0; i < COLUMNS; i++) {
		const struct column *column = &columns[i];
		enum canvas_look look = source ? CANVAS_PLAIN : CANVAS_HEAD;
		char text[CELL_SIZE] = "";

		if (!layout->width[i])
			continue;
		if (!source)
			snprintf(text, sizeof(text), "%s", column->head);
		else
			column->write(layout->table, source, text);
		if (source && column->write == write_verdict)
			look = look_of(source);
		at = write_cell(canvas, row, at, column, layout->width[i], look, text);
	}
}

void top_table_draw(const struct top_table *table, struct canvas *canvas, unsigned int row)
{
	struct layout layout = { .table = table };

	choose_columns(&layout, canvas->columns);
	write_row(&layout, canvas, row, NULL);
	for (size_t i = 0; i < table->count; i++)
		write_row(&layout, canvas, row + 1 + (unsigned int)i, &table->sources[i]);
}
