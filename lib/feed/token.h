/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is a piece of a line, and how do messages show it?
 */
#ifndef FEED_TOKEN_H
#define FEED_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

struct token {
	const char *text; /* in the line, ends with a NUL */
	size_t column;    /* that of its first byte, from 1 */
};

static inline bool token_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline const char *token_skip_blanks(const char *text)
{
	while (token_is_blank(*text))
		text++;
	return text;
}

/* Not strcmp(3): the token was cut out with a NUL a moment ago, and a load of many bytes at once
 * would wait for that NUL to arrive. */
static inline bool token_is(const struct token *token, const char *keyword)
{
	const char *text = token->text;

	for (; *keyword && *text == *keyword; keyword++)
		text++;
	return *text == *keyword;
}

/* The text for a message. A long one is shortened, to leave room for the problem. Returns
 * `text`. */
#define TOKEN_TEXT_SIZE 84
const char *token_show(const struct token *token, char text[TOKEN_TEXT_SIZE]);

#endif
