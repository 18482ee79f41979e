// SPDX-License-Identifier: GPL-2.0
/*
 * Is any header "Accept" read in bounds, and any label written so that it can be read back?
 */
#include "fuzz.h"

#include <stdbool.h>
#include <stdio.h>

#include <cli/openmetrics.h>

/* An answer in OpenMetrics is only for those that name it. */
static void choose(const char *accept)
{
	if (openmetrics_choose(accept) == OPENMETRICS_1_0)
		assert(strcasestr(accept, "application/openmetrics-text"));
}

/* Reads back what follows the opening quote, and returns where the closing one is. */
static const char *read_back(const char *value, char *out)
{
	for (; *value != '"'; value++) {
		bool escaped = *value == '\\';

		assert(*value && *value != '\n');
		value += escaped;
		assert(!escaped || *value == 'n' || *value == '\\' || *value == '"');
		*out++ = escaped && *value == 'n' ? '\n' : *value;
	}
	*out = '\0';
	return value;
}

static void write_label(const char *text)
{
	struct openmetrics metrics;
	char *written, *back;
	const char *value;
	size_t size;
	FILE *out = open_memstream(&written, &size);

	assert(out);
	openmetrics_init(&metrics, OPENMETRICS_1_0, out);
	openmetrics_family(&metrics, "a", OPENMETRICS_GAUGE, "A.");
	openmetrics_sample(&metrics, OPENMETRICS_LABELS({ "b", text }), 1);
	fclose(out);
	value = strstr(written, "\na{b=\"");
	back = malloc(size);
	assert(value && back);
	assert(!strcmp(read_back(value + strlen("\na{b=\""), back), "\"} 1\n"));
	/* Only what is not UTF-8 is another text. */
	assert(!strcmp(back, text) || strstr(back, "\\x"));
	free(back);
	free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	assert(text);
	choose(text);
	write_label(text);
	free(text);
	return 0;
}
