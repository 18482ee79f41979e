// SPDX-License-Identifier: GPL-2.0
/*
 * Which text is where on a screen, and how does it look?
 */
#include <screen/canvas.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct canvas_place *place(const struct canvas *canvas, unsigned int row,
				  unsigned int column)
{
	return &canvas->places[(size_t)row * canvas->columns + column];
}

int canvas_init(struct canvas *canvas, unsigned int rows, unsigned int columns)
{
	const size_t count = (size_t)rows * columns;

	*canvas = (struct canvas){ .rows = rows, .columns = columns };
	canvas->places = calloc(count + 1, sizeof(*canvas->places));
	if (!canvas->places)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		canvas->places[i] = (struct canvas_place){ " ", CANVAS_PLAIN };
	return 0;
}

void canvas_done(struct canvas *canvas)
{
	free(canvas->places);
	*canvas = (struct canvas){ 0 };
}

/* The bytes of the character that the text begins with: the first one says it. */
static size_t character_size(const char *text)
{
	size_t size = 1;

	while (size < 4 && ((unsigned char)text[size] & 0xc0) == 0x80)
		size++;
	return size;
}

unsigned int canvas_width(const char *text)
{
	unsigned int width = 0;

	for (; *text; text += character_size(text))
		width++;
	return width;
}

unsigned int canvas_text(struct canvas *canvas, unsigned int row, unsigned int column,
			 enum canvas_look look, const char *text)
{
	for (; *text; column++) {
		const size_t size = character_size(text);

		if (row < canvas->rows && column < canvas->columns) {
			struct canvas_place *at = place(canvas, row, column);

			*at = (struct canvas_place){ .look = (unsigned char)look };
			memcpy(at->text, text, size);
		}
		text += size;
	}
	return column;
}

unsigned int canvas_field(struct canvas *canvas, unsigned int row, unsigned int column,
			  unsigned int width, enum canvas_look look, const char *text)
{
	const unsigned int end = column + width, needs = canvas_width(text);

	if (needs > width) {
		for (; column + 1 < end; text += character_size(text)) {
			char one[5] = "";

			memcpy(one, text, character_size(text));
			column = canvas_text(canvas, row, column, look, one);
		}
		text = width ? "~" : "";
	}
	column = canvas_text(canvas, row, column, look, text);
	while (column < end)
		column = canvas_text(canvas, row, column, look, " ");
	return column;
}

void canvas_fill(struct canvas *canvas, unsigned int row, unsigned int column,
		 enum canvas_look look)
{
	for (; row < canvas->rows && column < canvas->columns; column++)
		place(canvas, row, column)->look = (unsigned char)look;
}

const struct canvas_place *canvas_at(const struct canvas *canvas, unsigned int row,
				     unsigned int column)
{
	return place(canvas, row, column);
}

char *canvas_line(const struct canvas *canvas, unsigned int row)
{
	char *line = malloc((size_t)canvas->columns * 4 + 1), *end = line;

	if (!line)
		return NULL;
	for (unsigned int column = 0; column < canvas->columns; column++)
		end = stpcpy(end, place(canvas, row, column)->text);
	while (end > line && end[-1] == ' ')
		end--;
	*end = '\0';
	return line;
}
