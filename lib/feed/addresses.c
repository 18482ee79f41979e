// SPDX-License-Identifier: GPL-2.0
/*
 * Which addresses does a list of visitors name?
 */
#include <feed/addresses.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <feed/token.h>
#include <ruleset/prefix.h>
#include <util/array.h>
#include <util/error.h>
#include <util/lines.h>

void addresses_done(struct addresses *addresses)
{
	free(addresses->items);
	*addresses = (struct addresses){ 0 };
}

/* Would the text be an address without its leading zeros? */
static bool has_zeros(const char *text)
{
	struct address address;
	const char *end = address_scan_padded(text, &address);

	return end && !*end;
}

static const char *problem_of(const char *text)
{
	return has_zeros(text) ? prefix_problem_text(PREFIX_LEADING_ZEROS) :
				 "not an IPv4 or IPv6 address";
}

static int add(struct addresses *addresses, const struct address *address, struct error *err)
{
	if (array_reserve(&addresses->items, &addresses->capacity, addresses->count + 1,
			  sizeof(*addresses->items)))
		return error_no_memory(err);
	addresses->items[addresses->count++] = *address;
	return 0;
}

int addresses_argument(struct addresses *addresses, const char *text, struct error *err)
{
	struct address address;

	if (address_parse(text, &address, NULL))
		return error_set_usage(err, "'%.80s': %s", text, problem_of(text));
	return add(addresses, &address, err);
}

static int read_line(struct addresses *addresses, char *text, const char *name, size_t number,
		     struct error *err)
{
	char *word = text + strspn(text, " \t");
	const struct token token = { word, (size_t)(word - text) + 1 };
	struct address address;
	char shown[TOKEN_TEXT_SIZE];

	if (!*word || *word == '#' || *word == ';')
		return 0;
	word[strcspn(word, " \t")] = '\0';
	if (!address_parse(word, &address, NULL))
		return add(addresses, &address, err);
	return error_set_usage(err, "%s:%zu:%zu: '%s': %s", name, number, token.column,
			       token_show(&token, shown), problem_of(word));
}

int addresses_read(struct addresses *addresses, FILE *file, const char *name, struct error *err)
{
	struct lines lines;
	char *text;
	int ret;

	if (lines_init(&lines, file))
		return error_no_memory(err);
	for (;;) {
		ret = lines_read(&lines, name, &text, err);
		if (ret || !text)
			break;
		ret = read_line(addresses, text, name, lines.number, err);
		if (ret)
			break;
	}
	lines_done(&lines);
	return ret;
}
