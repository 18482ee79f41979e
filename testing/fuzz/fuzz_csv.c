// SPDX-License-Identifier: GPL-2.0
/*
 * Does any text make the reader of tables of networks misbehave?
 *
 * The first byte chooses the conditions. The rest is two files, the first of which may have places;
 * a NUL divides them.
 */
#include "fuzz.h"

#include <feed/where.h>

static const char *const conditions[][3] = {
	{ "country=KP,RU", NULL },
	{ "asn=64500,AS1,7", NULL },
	{ "continent=AS", "country=KP", NULL },
	{ "is_anycast=0,1", NULL },
};

#define CHOICES (sizeof(conditions) / sizeof(conditions[0]))

static int read_part(struct input *input, const void *text, size_t size)
{
	FILE *file = fmemopen((void *)text, size, "r");
	struct error err = { .text = "" };
	int ret;

	assert(file);
	ret = reader_read(input, file, "-", &err);
	fclose(file);
	assert(ret ? !strncmp(err.text, "-:", 2) : !err.text[0]);
	for (const char *c = err.text; *c; c++)
		assert(*c >= ' ' && *c <= '~');
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { .verdict = VERDICT_DROP,
			       .expires = IPF_NEVER,
			       .now = FUZZ_NOW,
			       .format = &format_csv };
	struct where where = { .count = 0 };
	const uint8_t *divide;
	size_t first;
	int ret = 0;

	if (size < 2)
		return 0;
	for (size_t i = 0; conditions[data[0] % CHOICES][i]; i++)
		assert(!where_add(&where, conditions[data[0] % CHOICES][i], NULL));
	input.where = &where;
	data++, size--;
	divide = memchr(data, '\0', size);
	first = divide ? (size_t)(divide - data) : size;
	if (first)
		ret = read_part(&input, data, first);
	if (!ret && divide && size > first + 1)
		ret = read_part(&input, divide + 1, size - first - 1);
	if (!ret)
		assert(!input.count == (where_check(&where, NULL) != 0));
	where_done(&where);
	input_done(&input);
	return 0;
}
