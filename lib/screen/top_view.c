// SPDX-License-Identifier: GPL-2.0
/*
 * What does the screen of top show?
 */
#include <screen/top_view.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <screen/quantity.h>
#include <screen/sparkline.h>
#include <util/number.h>

/* -- Lines of pieces --------------------------------------------------------------------------- */

/* Pieces of text, with two blanks between them. One that does not fit into its line begins the
 * next one. */
struct flow {
	struct canvas *canvas;
	unsigned int row, column;
};

__attribute__((format(printf, 3, 4))) static void
write_piece(struct flow *flow, enum canvas_look look, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (flow->column && flow->column + canvas_width(text) > flow->canvas->columns) {
		flow->row++;
		flow->column = 0;
	}
	/* Longer than a line: it is cut, which the field shows. */
	if (canvas_width(text) > flow->canvas->columns)
		canvas_field(flow->canvas, flow->row, 0, flow->canvas->columns, look, text);
	flow->column = canvas_text(flow->canvas, flow->row, flow->column, look, text) + 2;
}

static void end_line(struct flow *flow)
{
	flow->row += flow->column > 0;
	flow->column = 0;
}

/* -- Above the table --------------------------------------------------------------------------- */

static void write_ifnames(struct flow *flow, const struct top_view *view)
{
	for (size_t i = 0; i < view->ifname_count && i < 4; i++)
		write_piece(flow, CANVAS_BOLD, "%s", view->ifnames[i]);
	if (view->ifname_count > 4)
		write_piece(flow, CANVAS_BOLD, "and %zu others", view->ifname_count - 4);
}

static void write_grouping(struct flow *flow, const unsigned int bits[IPF_FAMILIES])
{
	if (bits[IPF_IPV4] == 32 && bits[IPF_IPV6] == 128)
		write_piece(flow, CANVAS_PLAIN, "by address");
	else
		write_piece(flow, CANVAS_PLAIN, "by /%u, /%u", bits[IPF_IPV4], bits[IPF_IPV6]);
}

static void write_subject(struct flow *flow, const struct top_view *view)
{
	write_piece(flow, CANVAS_BOLD, "top");
	write_ifnames(flow, view);
	if (view->only)
		write_piece(flow, CANVAS_HEAD, " only %s ", view->only);
	else
		write_piece(flow, CANVAS_PLAIN, "all packets");
	write_grouping(flow, view->bits);
	if (view->interval_ms % 1000)
		write_piece(flow, CANVAS_PLAIN, "every %u ms", view->interval_ms);
	else
		write_piece(flow, CANVAS_PLAIN, "every %u s", view->interval_ms / 1000);
	if (view->is_paused)
		write_piece(flow, CANVAS_HEAD, " PAUSED ");
	end_line(flow);
}

static void write_totals(struct flow *flow, const struct top_view *view)
{
	char packets[NUMBER_TEXT_SIZE], bits[QUANTITY_TEXT_SIZE];

	if (!view->is_measured) {
		write_piece(flow, CANVAS_PLAIN, "counting");
		end_line(flow);
		return;
	}
	number_format(view->packets, packets);
	write_piece(flow, CANVAS_BOLD, "%s packets/s", packets);
	write_piece(flow, CANVAS_BOLD, "%s bits/s", quantity_format(8 * view->bytes, bits));
	write_piece(flow, CANVAS_BOLD, "dropped %u %%",
		    top_table_percent(view->dropped, view->packets));
	if (view->sample > 1)
		write_piece(flow, CANVAS_PLAIN, "1 of %u sampled:", view->sample);
	write_piece(flow, CANVAS_PLAIN, "%" PRIu64 " looked at", view->samples);
	if (view->skipped)
		write_piece(flow, CANVAS_PLAIN, "%" PRIu64 " skipped", view->skipped);
	if (view->lost)
		write_piece(flow, CANVAS_PLAIN, "%" PRIu64 " lost", view->lost);
	end_line(flow);
}

static void write_alarms(struct flow *flow, const struct top_view *view)
{
	for (size_t i = 0; i < view->alarm_count; i++, flow->row++) {
		canvas_fill(flow->canvas, flow->row, 0, CANVAS_ALARM);
		canvas_field(flow->canvas, flow->row, 0, flow->canvas->columns, CANVAS_ALARM,
			     view->alarms[i]);
	}
}

/* "packets/s ▁▂█ max 1.23M" */
static void write_history(struct flow *flow, const struct top_view *view)
{
	static const char before[] = "packets/s ";
	const unsigned int edges = sizeof(before) - 1 + sizeof(" max 12.3k") - 1;
	const unsigned int width = flow->canvas->columns - edges;
	char bars[SPARKLINE_TEXT_SIZE], text[QUANTITY_TEXT_SIZE];
	uint64_t max = sparkline_max(view->history, view->history_count, width);
	unsigned int column = canvas_text(flow->canvas, flow->row, 0, CANVAS_PLAIN, before);

	sparkline_draw(view->history, view->history_count, max, width, view->is_utf8, bars);
	column = canvas_text(flow->canvas, flow->row, column, CANVAS_GRAPH, bars);
	column = canvas_text(flow->canvas, flow->row, column, CANVAS_PLAIN, " max ");
	canvas_text(flow->canvas, flow->row, column, CANVAS_PLAIN, quantity_format(max, text));
	flow->row++;
}

/* Returns the row of the table's head. */
static unsigned int write_above(const struct top_view *view, struct canvas *canvas)
{
	struct flow flow = { .canvas = canvas };

	write_subject(&flow, view);
	write_totals(&flow, view);
	write_alarms(&flow, view);
	write_history(&flow, view);
	return flow.row;
}

/* -- Table ------------------------------------------------------------------------------------- */

static void write_table(const struct top_view *view, struct canvas *canvas, unsigned int row)
{
	const size_t room = canvas->rows - row - 2;
	const size_t there = view->first < view->source_count ? view->source_count - view->first :
								0;
	const struct top_table table = {
		.sources = view->sources + view->first,
		.count = there < room ? there : room,
		.packets = view->history_count ? view->history[view->history_count - 1] : 0,
	};

	if (there)
		top_table_draw(&table, canvas, row);
	else
		canvas_text(canvas, row, 0, CANVAS_HEAD,
			    view->is_measured ? "no packets" : "the first numbers come soon");
	canvas_fill(canvas, row, 0, CANVAS_HEAD);
}

/* -- Keys -------------------------------------------------------------------------------------- */

static const char *const help[] = {
	"q          quit",
	"d          only packets that are dropped; again: all",
	"p          only packets that pass; again: all",
	"b          group sources by the next shorter prefixes",
	"space      pause, or go on",
	"up, down   the sources above or below; page up, page down, home",
	"?          this help, or back",
	"",
	"Numbers are estimates from samples, for each second of the last round.",
	"An error (-N) says that the packets may be too high by N.",
	"\"drop (passed)\": the filter observes, and let it pass.",
};

static void write_help(struct canvas *canvas, unsigned int row)
{
	canvas_text(canvas, row, 0, CANVAS_HEAD, "help");
	canvas_fill(canvas, row, 0, CANVAS_HEAD);
	for (size_t i = 0; i < sizeof(help) / sizeof(*help) && row + 2 < canvas->rows; i++)
		canvas_field(canvas, ++row, 0, canvas->columns, CANVAS_PLAIN, help[i]);
}

static const char *const keys[] = {
	"q quit", "? help", "d drop", "p pass", "space pause", "b group",
};

static unsigned int write_keys(struct canvas *canvas)
{
	unsigned int at = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (at + canvas_width(keys[i]) <= canvas->columns)
			at = canvas_text(canvas, canvas->rows - 1, at, CANVAS_BOLD, keys[i]) + 2;
	return at;
}

/* "sources 1 to 12 of 80", where there are more. */
static void write_position(const struct top_view *view, struct canvas *canvas, unsigned int at,
			   size_t room)
{
	const size_t end = view->first + room < view->source_count ? view->first + room :
								     view->source_count;
	char text[80];

	snprintf(text, sizeof(text), "sources %zu to %zu of %zu", view->first + 1, end,
		 view->source_count);
	if (view->source_count > room && at + canvas_width(text) <= canvas->columns)
		canvas_text(canvas, canvas->rows - 1, canvas->columns - canvas_width(text),
			    CANVAS_PLAIN, text);
}

/* -- All --------------------------------------------------------------------------------------- */

static bool is_too_small(unsigned int rows, unsigned int width)
{
	return rows < TOP_VIEW_MIN_ROWS || width < TOP_VIEW_MIN_COLUMNS;
}

static void write_too_small(struct canvas *canvas)
{
	struct flow flow = { .canvas = canvas };

	write_piece(&flow, CANVAS_BOLD, "too small");
	write_piece(&flow, CANVAS_PLAIN, "%ux%u is needed", TOP_VIEW_MIN_COLUMNS,
		    TOP_VIEW_MIN_ROWS);
	write_piece(&flow, CANVAS_PLAIN, "q quit");
}

/* The head and one source must stay. */
static unsigned int clamp(const struct canvas *canvas, unsigned int row)
{
	return row + 3 <= canvas->rows ? row : canvas->rows - 3;
}

void top_view_draw(const struct top_view *view, struct canvas *canvas)
{
	unsigned int row, at;

	if (is_too_small(canvas->rows, canvas->columns)) {
		write_too_small(canvas);
		return;
	}
	row = clamp(canvas, write_above(view, canvas));
	if (view->shows_help)
		write_help(canvas, row);
	else
		write_table(view, canvas, row);
	at = write_keys(canvas);
	if (!view->shows_help)
		write_position(view, canvas, at, canvas->rows - row - 2);
}

size_t top_view_room(const struct top_view *view, unsigned int rows, unsigned int width)
{
	/* What is above the table, drawn nowhere. */
	struct canvas nowhere = { .rows = 0, .columns = width };
	struct canvas size = { .rows = rows, .columns = width };

	if (is_too_small(rows, width))
		return 1;
	return rows - clamp(&size, write_above(view, &nowhere)) - 2;
}
