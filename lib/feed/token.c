// SPDX-License-Identifier: GPL-2.0
/*
 * What is a piece of a line, and how do messages show it?
 */
#include <feed/token.h>

#include <stdio.h>
#include <string.h>

#define SHOWN (TOKEN_TEXT_SIZE - (int)sizeof("..."))

const char *token_show(const struct token *token, char text[TOKEN_TEXT_SIZE])
{
	bool is_long = strnlen(token->text, SHOWN + 1) > SHOWN;

	snprintf(text, TOKEN_TEXT_SIZE, "%.*s%s", SHOWN, token->text, is_long ? "..." : "");
	return text;
}
