/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which text is where on a screen, and how does it look?
 *
 * A canvas is made in memory and drawn by terminal.h. Each place holds one character. What does not
 * fit into a line is cut, so nothing ever runs into the next line.
 */
#ifndef SCREEN_CANVAS_H
#define SCREEN_CANVAS_H

#include <stdbool.h>
#include <stddef.h>

enum canvas_look {
	CANVAS_PLAIN,
	CANVAS_BOLD,
	CANVAS_HEAD,  /* reversed */
	CANVAS_ALARM, /* reversed, in red where there is colour */
	CANVAS_DROP,  /* in red */
	CANVAS_PASS,  /* in green */
	CANVAS_GRAPH, /* in cyan */
	CANVAS_LOOKS
};

struct canvas_place {
	char text[5]; /* one character of UTF-8, or one byte, and a NUL */
	unsigned char look;
};

struct canvas {
	struct canvas_place *places;
	unsigned int rows, columns;
};

/* All blanks. Returns 0 or -ENOMEM. Release with canvas_done(). */
int canvas_init(struct canvas *canvas, unsigned int rows, unsigned int columns);
void canvas_done(struct canvas *canvas); /* also of a zeroed one */

/* Writes text, of printable characters that are one place wide each, from there on. Ignores what
 * is right of or below the canvas. Returns the column after the text, cut or not. */
unsigned int canvas_text(struct canvas *canvas, unsigned int row, unsigned int column,
			 enum canvas_look look, const char *text);

/* The same for exactly so many places: shorter text is filled up with blanks, longer text is cut
 * and ends with "~". */
unsigned int canvas_field(struct canvas *canvas, unsigned int row, unsigned int column,
			  unsigned int width, enum canvas_look look, const char *text);

/* Gives the line this look from there on, to its end. */
void canvas_fill(struct canvas *canvas, unsigned int row, unsigned int column,
		 enum canvas_look look);

/* How many places text takes. */
unsigned int canvas_width(const char *text);

/* The place in that row and column, which are inside. */
const struct canvas_place *canvas_at(const struct canvas *canvas, unsigned int row,
				     unsigned int column);

/* The line as text, without the blanks at its end; the caller frees it. NULL: no memory. */
char *canvas_line(const struct canvas *canvas, unsigned int row);

#endif
