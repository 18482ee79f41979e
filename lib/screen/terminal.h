/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a canvas get onto the terminal, and how do keys come from it?
 *
 * The only user of ncurses. One terminal at a time: that of standard input and output.
 */
#ifndef SCREEN_TERMINAL_H
#define SCREEN_TERMINAL_H

#include <stdbool.h>

struct canvas;
struct error;

/* Keys that are no character. */
enum terminal_key {
	TERMINAL_NONE = 0,
	TERMINAL_RESIZED = 0x100, /* no key: the terminal has another size now */
	TERMINAL_UP,
	TERMINAL_DOWN,
	TERMINAL_PAGE_UP,
	TERMINAL_PAGE_DOWN,
	TERMINAL_HOME,
	TERMINAL_OTHER,
};

/* Takes the terminal over. Colours only where the terminal has them, and NO_COLOR is not set.
 * Returns 0, or a negative errno and sets *err. */
int terminal_open(struct error *err);
/* Gives it back as it was. */
void terminal_close(void);

/* Does the locale of the user have UTF-8? */
bool terminal_is_utf8(void);
void terminal_size(unsigned int *rows, unsigned int *columns);
void terminal_draw(const struct canvas *canvas);

/* A character, or what enum terminal_key names. Never waits. */
int terminal_key(void);
/* Has the terminal gone? */
bool terminal_is_gone(void);

#endif
