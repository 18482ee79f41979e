/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In which formats are lists read, and which one is this file's?
 *
 * A format reads line by line. In every format, blank lines and lines that begin with # or ; are
 * skipped; the first other line shows which format it is. A line that is not of that format is
 * refused, so a mixed or damaged file is refused as a whole.
 */
#ifndef FEED_FORMAT_H
#define FEED_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct line;

struct format {
	/* Is this text the first line of a file of this format? */
	bool (*begins)(const char *text);
	bool takes_where; /* chooses lines by input->where; others refuse it */
	/* The size of what a format keeps from one line of a file to the next, zeroed before the
	 * first line. 0: nothing, and `state` is NULL below. */
	size_t state_size;
	/* Reads a line that is not skipped. Its text has no line end, and may be written to.
	 * Returns 0, or a negative errno with a message. */
	int (*read_line)(void *state, struct line *line, char *text, struct error *err);
	/* May the file end after this line? Returns as above. NULL: it may end anywhere. */
	int (*finish)(const void *state, const struct line *line, struct error *err);
	/* Releases what the state owns, after a failure too. NULL: nothing. */
	void (*done)(void *state);
};

/* The one list of formats, in the order in which users see them. A new format is a new name here,
 * and a format_NAME.c. A file is compared with the second format, then with those after it. If none
 * of them matches, the first format reads it, because its messages are the plainest. */
#define FORMAT_LIST(each)                                                                     \
	each(rules) each(ndjson) each(dshield) each(ipsascii) each(dat) each(ipset) each(p2p) \
		each(csv) each(mmdb)

#define FORMAT_DECLARE(name) extern const struct format format_##name;
FORMAT_LIST(FORMAT_DECLARE)
#undef FORMAT_DECLARE

/* The names, as users write them, and NULL after the last one. */
extern const char *const format_names[];

/* Returns NULL if no format has this name. */
const struct format *format_find(const char *name);
const char *format_name(const struct format *format);

/* The format of a file whose first line that is not skipped is this text, "" if there is none. */
const struct format *format_of(const char *text);

#endif
