/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which fields does a line of comma-separated values have?
 */
#ifndef FEED_CSV_H
#define FEED_CSV_H

#include <feed/token.h>
#include <stddef.h>

/* Splits the text in place, as RFC 4180 says; a field in quotes ends on its line. Returns the
 * number of fields, at least 1; 0 if a quote is out of place, or there are more than `most`. */
size_t csv_split(char *text, struct token *fields, size_t most);

#endif
