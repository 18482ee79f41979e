// SPDX-License-Identifier: GPL-2.0
/*
 * top: which sources send the most packets now, on the whole screen?
 *
 * The command of xdp-ipfilter that needs ncurses, in a program of its own.
 */
#include <unistd.h>

#include <control/tool.h>
#include <screen/canvas.h>
#include <screen/terminal.h>
#include <screen/top_view.h>
#include <util/clock.h>
#include <util/error.h>

#include "top_request.h"
#include "top_state.h"

#define LAST 1 /* ends the rounds */
#define REFRESH_MS 1000u

struct showing {
	const struct top_request *request;
	struct ranking ranking;
	struct top_state state;
	uint64_t drawn_ms;
	unsigned int left; /* rounds; 0: no end */
};

static const char *check(const void *data)
{
	const struct top_request *request = data;

	if (request->batch || request->json || request->rules)
		return "xdp-ipfilter itself prints text";
	return top_request_is_text(request) ?
		       "standard input and output are no terminal; use --batch" :
		       NULL;
}

/* -- Draw -------------------------------------------------------------------------------------- */

static int draw(struct showing *showing, struct error *err)
{
	struct canvas canvas;
	unsigned int rows, columns;

	terminal_size(&rows, &columns);
	if (canvas_init(&canvas, rows, columns))
		return error_no_memory(err);
	top_state_scroll(&showing->state, top_view_room(&showing->state.view, rows, columns), 0);
	top_view_draw(&showing->state.view, &canvas);
	terminal_draw(&canvas);
	canvas_done(&canvas);
	showing->drawn_ms = clock_monotonic_ms();
	return 0;
}

/* -- Keys -------------------------------------------------------------------------------------- */

static void scroll(struct showing *showing, int key)
{
	unsigned int rows, columns;
	long page;

	terminal_size(&rows, &columns);
	page = (long)top_view_room(&showing->state.view, rows, columns);
	top_state_scroll(&showing->state, (size_t)page,
			 key == TERMINAL_UP        ? -1 :
			 key == TERMINAL_DOWN      ? 1 :
			 key == TERMINAL_PAGE_UP   ? -page :
			 key == TERMINAL_PAGE_DOWN ? page :
						     -(long)showing->state.view.first);
}

/* Begins to count anew, for what is asked for now. */
static int change(struct showing *showing, const struct ranking_wish *wish, struct error *err)
{
	int ret = ranking_change(&showing->ranking, wish, err);

	if (!ret)
		top_state_begin(&showing->state, &showing->ranking);
	return ret;
}

static int show_only(struct showing *showing, enum ranking_only only, struct error *err)
{
	struct ranking_wish wish = showing->ranking.wish;

	wish.only = wish.only == only ? RANKING_ALL : only;
	return change(showing, &wish, err);
}

static int group(struct showing *showing, struct error *err)
{
	struct ranking_wish wish = showing->ranking.wish;

	top_state_group(wish.bits);
	return change(showing, &wish, err);
}

static int press(struct showing *showing, int key, struct error *err)
{
	struct top_view *view = &showing->state.view;

	switch (key) {
	case 'q':
		return LAST;
	case 'd':
		return show_only(showing, RANKING_DROP, err);
	case 'p':
		return show_only(showing, RANKING_PASS, err);
	case 'b':
		return group(showing, err);
	case ' ':
		view->is_paused = !view->is_paused;
		return 0;
	case '?':
		view->shows_help = !view->shows_help;
		return 0;
	case TERMINAL_UP:
	case TERMINAL_DOWN:
	case TERMINAL_PAGE_UP:
	case TERMINAL_PAGE_DOWN:
	case TERMINAL_HOME:
		scroll(showing, key);
		return 0;
	default:
		return 0;
	}
}

/* *changed: is there something new to draw? */
static int read_keys(struct showing *showing, bool *changed, struct error *err)
{
	int key = terminal_key(), ret = 0;

	for (; key != TERMINAL_NONE && !ret; key = terminal_key()) {
		*changed = true;
		ret = press(showing, key, err);
	}
	return !ret && terminal_is_gone() ? LAST : ret;
}

/* -- Rounds ------------------------------------------------------------------------------------ */

static int end_round(struct showing *showing, uint64_t now, struct error *err)
{
	int ret = ranking_measure(&showing->ranking, now, err);

	if (!ret)
		ret = top_state_take(&showing->state, &showing->ranking, err);
	ranking_clear(&showing->ranking);
	return ret;
}

static bool is_last(struct showing *showing)
{
	return showing->left && !--showing->left;
}

static int show(void *context, struct error *err)
{
	struct showing *showing = context;
	bool changed = false;
	int ret = ranking_read(&showing->ranking, err);
	uint64_t now = clock_monotonic_ms();

	if (!ret)
		ret = read_keys(showing, &changed, err);
	if (!ret && now - showing->ranking.began_ms >= showing->request->rounds.interval_ms) {
		changed = true;
		ret = end_round(showing, now, err);
		if (!ret && is_last(showing))
			return LAST;
	}
	if (ret || (!changed && now - showing->drawn_ms < REFRESH_MS))
		return ret;
	top_state_refresh(&showing->state, &showing->ranking);
	return draw(showing, err);
}

static int show_rounds(struct showing *showing, struct error *err)
{
	const struct rounds rounds = { .interval_ms = EVENTS_READ_MS };
	int ret = terminal_open(err);

	if (ret)
		return ret;
	showing->state.view.is_utf8 = terminal_is_utf8();
	top_state_refresh(&showing->state, &showing->ranking);
	ret = draw(showing, err);
	if (!ret)
		ret = rounds_run(&rounds, show, showing, err);
	terminal_close();
	return ret;
}

/* The signals that end it are held back: nothing is left in the filters, nor on the terminal. */
static int top(void *data, struct error *err)
{
	const struct top_request *request = data;
	const struct ranking_wish wish = top_request_wish(request);
	struct showing showing = { .request = request, .left = request->rounds.count };
	int ret = ranking_open(&request->ifaces, &wish, &showing.ranking, err);

	if (ret)
		return ret;
	ret = top_state_init(&showing.state, &showing.ranking, request->rounds.interval_ms, err);
	if (!ret)
		ret = show_rounds(&showing, err);
	top_state_done(&showing.state);
	ranking_close(&showing.ranking);
	return ret;
}

static const struct command top_command = {
	TOP_REQUEST_ROW,
	.check = check,
	.commit = top,
};

static const struct command *const commands[] = { &top_command, NULL };

static const struct command_table table = {
	.version = XDP_IPFILTER_VERSION,
	.summary = "Shows the sources that send the filters of xdp-ipfilter the most packets.",
	.commands = commands,
	TOOL_STEPS,
};

int main(int argc, char **argv)
{
	return tool_main(&table, argc, argv);
}
