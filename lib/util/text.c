// SPDX-License-Identifier: GPL-2.0
/*
 * Which text may go to a terminal?
 */
#include <util/text.h>

#include <stdio.h>

void text_printable(const char *text, char *out, size_t size)
{
	if (!size)
		return;
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;
		size_t need = byte >= 32 && byte <= 126 ? 1 : 4;

		if (need >= size) /* An escape is written whole or not at all. */
			break;
		if (need == 1)
			*out = (char)byte;
		else
			snprintf(out, size, "\\x%02x", byte);
		out += need;
		size -= need;
	}
	*out = '\0';
}
