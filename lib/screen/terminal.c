// SPDX-License-Identifier: GPL-2.0
/*
 * How does a canvas get onto the terminal, and how do keys come from it?
 */
#include <screen/terminal.h>

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Functions, which the compiler checks. */
#define NCURSES_NOMACROS
#include <curses.h>

#include <screen/canvas.h>
#include <util/error.h>

static SCREEN *screen;
static bool has_colours;

/* What each look is, besides its colour. */
static const struct {
	attr_t attributes;
	short colour; /* below 0: none */
} looks[CANVAS_LOOKS] = {
	[CANVAS_PLAIN] = { A_NORMAL, -1 },
	[CANVAS_BOLD] = { A_BOLD, -1 },
	[CANVAS_HEAD] = { A_REVERSE, -1 },
	[CANVAS_ALARM] = { A_REVERSE | A_BOLD, COLOR_RED },
	[CANVAS_DROP] = { A_NORMAL, COLOR_RED },
	[CANVAS_PASS] = { A_NORMAL, COLOR_GREEN },
	[CANVAS_GRAPH] = { A_NORMAL, COLOR_CYAN },
};

static attr_t attributes_of(enum canvas_look look)
{
	const bool coloured = has_colours && looks[look].colour >= 0;

	return looks[look].attributes | (coloured ? COLOR_PAIR(look) : 0);
}

static void begin_colours(void)
{
	const char *no_color = getenv("NO_COLOR");

	has_colours = !(no_color && *no_color) && has_colors() && start_color() == OK;
	if (!has_colours)
		return;
	use_default_colors();
	for (int look = 0; look < CANVAS_LOOKS; look++)
		if (looks[look].colour >= 0)
			init_pair((short)look, looks[look].colour, -1);
}

int terminal_open(struct error *err)
{
	const char *name = getenv("TERM");

	/* Nothing else of the locale: numbers stay as they are. */
	setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return error_set(err, -ENOTTY,
				 "the terminal '%s' (TERM) is not known, or cannot be drawn on; "
				 "use --batch",
				 name ? name : "");
	set_term(screen);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	begin_colours();
	return 0;
}

void terminal_close(void)
{
	endwin();
	delscreen(screen);
	screen = NULL;
}

bool terminal_is_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

void terminal_size(unsigned int *rows, unsigned int *columns)
{
	*rows = (unsigned int)getmaxy(stdscr);
	*columns = (unsigned int)getmaxx(stdscr);
}

/* ncurses sends only what has changed. */
void terminal_draw(const struct canvas *canvas)
{
	erase();
	for (unsigned int row = 0; row < canvas->rows; row++) {
		for (unsigned int column = 0; column < canvas->columns; column++) {
			const struct canvas_place *place = canvas_at(canvas, row, column);

			attrset(attributes_of((enum canvas_look)place->look));
			mvaddstr((int)row, (int)column, place->text);
		}
	}
	refresh();
}

int terminal_key(void)
{
	static const struct {
		int code;
		enum terminal_key key;
	} codes[] = {
		{ ERR, TERMINAL_NONE },          { KEY_RESIZE, TERMINAL_RESIZED },
		{ KEY_UP, TERMINAL_UP },         { KEY_DOWN, TERMINAL_DOWN },
		{ KEY_PPAGE, TERMINAL_PAGE_UP }, { KEY_NPAGE, TERMINAL_PAGE_DOWN },
		{ KEY_HOME, TERMINAL_HOME },
	};
	const int code = getch();

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i].code == code)
			return codes[i].key;
	return code > 0 && code < 0x100 ? code : TERMINAL_OTHER;
}

bool terminal_is_gone(void)
{
	struct pollfd input = { .fd = STDIN_FILENO };

	return poll(&input, 1, 0) > 0 && input.revents & (POLLHUP | POLLERR | POLLNVAL);
}
