/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which text of a configuration file does libconfuse get?
 *
 * libconfuse 3.3 counts the line of a comment twice, takes a file that ends inside a text or a
 * section for a whole one, and then begins the next file inside that text. It therefore gets files
 * that are whole, without comments.
 */
#ifndef SYNC_CONFIG_TEXT_H
#define SYNC_CONFIG_TEXT_H

#include <stddef.h>

struct error;

/* Makes comments blank, in place; lines stay where they are. Returns 0, or a negative errno and
 * sets *err (ERROR_USAGE, "NAME:LINE: ...") for a quote, a comment or a brace without its end, and
 * for what libconfuse would skip or replace. */
int config_text_clean(char *text, size_t length, const char *name, struct error *err);

#endif
