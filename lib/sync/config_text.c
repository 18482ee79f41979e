// SPDX-License-Identifier: GPL-2.0
/*
 * Which text of a configuration file does libconfuse get?
 */
#include <sync/config_text.h>

#include <stdbool.h>
#include <string.h>

#include <util/error.h>

/* Where the reading is. */
struct place {
	char *next, *end;
	const char *name;
	unsigned int line;
	unsigned int open_line; /* of the outermost brace that is open */
	unsigned int depth;     /* of braces */
};

static int refuse(const struct place *place, const char *problem, struct error *err)
{
	return error_set_usage(err, "%s:%u: %s", place->name, place->line, problem);
}

static bool at(const struct place *place, const char *text)
{
	size_t length = strlen(text);

	return (size_t)(place->end - place->next) >= length && !memcmp(place->next, text, length);
}

static void blank_line(struct place *place)
{
	while (place->next < place->end && *place->next != '\n')
		*place->next++ = ' ';
}

static int blank_comment(struct place *place, struct error *err)
{
	const struct place begin = *place;

	while (place->next < place->end && !at(place, "*/")) {
		if (*place->next == '\n')
			place->line++;
		else
			*place->next = ' ';
		place->next++;
	}
	if (place->next == place->end)
		return refuse(&begin, "this comment has no end", err);
	memset(place->next, ' ', 2);
	place->next += 2;
	return 0;
}

/* A text in quotes is left as it is. */
static int skip_text(struct place *place, struct error *err)
{
	const char quote = *place->next++;

	for (; place->next < place->end && *place->next != quote; place->next++) {
		const char next = place->next + 1 < place->end ? place->next[1] : '\0';

		if ((unsigned char)*place->next < ' ' && *place->next != '\t')
			break;
		if (quote == '"' && at(place, "${"))
			return refuse(place,
				      "there are no variables here; '${' goes into single "
				      "quotes",
				      err);
		if (*place->next != '\\')
			continue;
		if (next == quote || next == '\\')
			place->next++;
		else if (quote == '"')
			return refuse(place,
				      "\\ is followed by \" or \\; other texts with \\ go "
				      "into single quotes",
				      err);
	}
	if (place->next == place->end || *place->next != quote)
		return refuse(place, "a text has no second quote in its line", err);
	place->next++;
	return 0;
}

static int check_byte(struct place *place, struct error *err)
{
	const char byte = *place->next;

	if (((unsigned char)byte < ' ' && !strchr("\t\n\r", byte)) || !byte || byte == 127)
		return refuse(place, "a control character; this is not text", err);
	if (byte == '*' || at(place, "${"))
		return refuse(place, "* and ${ go into single quotes", err);
	if (byte == '{' && !place->depth++)
		place->open_line = place->line;
	if (byte == '}' && place->depth)
		place->depth--;
	if (byte == '\n')
		place->line++;
	place->next++;
	return 0;
}

/* Two slashes inside a word are a part of it. */
static bool begins_word(const struct place *place, const char *text)
{
	return place->next == text || strchr(" \t\r\n={}(),\"'", place->next[-1]);
}

static int take_piece(struct place *place, const char *text, struct error *err)
{
	bool begins = begins_word(place, text);

	if (*place->next == '#' || (begins && at(place, "//")))
		blank_line(place);
	else if (begins && at(place, "/*"))
		return blank_comment(place, err);
	else if (*place->next == '"' || *place->next == '\'')
		return skip_text(place, err);
	else
		return check_byte(place, err);
	return 0;
}

int config_text_clean(char *text, size_t length, const char *name, struct error *err)
{
	struct place place = { .next = text, .end = text + length, .name = name, .line = 1 };
	int ret = 0;

	while (!ret && place.next < place.end)
		ret = take_piece(&place, text, err);
	if (ret || !place.depth)
		return ret;
	place.line = place.open_line;
	return refuse(&place, "the { of this line has no }", err);
}
