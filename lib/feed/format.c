// SPDX-License-Identifier: GPL-2.0
/*
 * In which formats are lists read, and which one is this file's?
 */
#include <feed/format.h>

#include <string.h>

#define NAME(name) #name,
#define FORMAT(name) &format_##name,

const char *const format_names[] = { FORMAT_LIST(NAME) NULL };

static const struct format *const formats[] = { FORMAT_LIST(FORMAT) };

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (!strcmp(format_names[i], name))
			return formats[i];
	return NULL;
}

const char *format_name(const struct format *format)
{
	size_t i = 0;

	while (formats[i] != format)
		i++;
	return format_names[i];
}

const struct format *format_of(const char *text)
{
	for (size_t i = 1; i < FORMATS; i++)
		if (formats[i]->begins(text))
			return formats[i];
	return formats[0];
}
