// SPDX-License-Identifier: GPL-2.0
/*
 * How are counters and states written for Prometheus?
 */
#include <cli/openmetrics.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* -- Writing ----------------------------------------------------------------------------------- */

void openmetrics_init(struct openmetrics *metrics, enum openmetrics_format format, FILE *out)
{
	*metrics = (struct openmetrics){ .out = out, .format = format };
}

static const char *type_name(enum openmetrics_type type, enum openmetrics_format format)
{
	switch (type) {
	case OPENMETRICS_COUNTER:
		return "counter";
	case OPENMETRICS_INFO:
		/* Prometheus' own format does not know the type. */
		return format == OPENMETRICS_1_0 ? "info" : "gauge";
	case OPENMETRICS_GAUGE:
		break;
	}
	return "gauge";
}

static const char *type_suffix(enum openmetrics_type type)
{
	if (type == OPENMETRICS_COUNTER)
		return "_total";
	return type == OPENMETRICS_INFO ? "_info" : "";
}

void openmetrics_family(struct openmetrics *metrics, const char *name, enum openmetrics_type type,
			const char *help)
{
	/* In OpenMetrics the suffix belongs to the samples, otherwise to the family too. */
	const char *suffix = metrics->format == OPENMETRICS_1_0 ? "" : type_suffix(type);

	metrics->family = name;
	metrics->suffix = type_suffix(type);
	fprintf(metrics->out, "# HELP %s%s %s\n", name, suffix, help);
	fprintf(metrics->out, "# TYPE %s%s %s\n", name, suffix, type_name(type, metrics->format));
}

static bool is_continuation(unsigned char byte)
{
	return byte >> 6 == 2;
}

/* How many bytes of one character of UTF-8 the text begins with; 0: they are none. */
static size_t utf8_length(const unsigned char *text)
{
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

	if (length == 1)
		return 1;
	/* A second character that is too low makes a longer form than is needed; of ED, one that is
	 * too high a surrogate, and of F4 what is no character. */
	if (text[0] < 0xc2 || text[0] > 0xf4 || (text[0] == 0xe0 && text[1] < 0xa0) ||
	    (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf0 && text[1] < 0x90) ||
	    (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < length; i++)
		if (!is_continuation(text[i]))
			return 0;
	return length;
}

/* Writes one character, and returns where the next one begins. */
static const char *write_character(FILE *out, const char *text)
{
	size_t length = utf8_length((const unsigned char *)text);

	if (!length) {
		/* Its backslash is escaped as others are. */
		fprintf(out, "\\\\x%02x", (unsigned char)*text);
		return text + 1;
	}
	if (*text == '\n')
		fputs("\\n", out);
	else if (*text == '\\' || *text == '"')
		fprintf(out, "\\%c", *text);
	else
		fwrite(text, 1, length, out);
	return text + length;
}

static void write_label(FILE *out, const struct openmetrics_label *label, char before)
{
	const char *text = label->value;

	fprintf(out, "%c%s=\"", before, label->name);
	while (*text)
		text = write_character(out, text);
	putc('"', out);
}

void openmetrics_sample(struct openmetrics *metrics, const struct openmetrics_label *labels,
			uint64_t value)
{
	char before = '{';

	fprintf(metrics->out, "%s%s", metrics->family, metrics->suffix);
	for (; labels->name; labels++, before = ',')
		write_label(metrics->out, labels, before);
	fprintf(metrics->out, "%s %" PRIu64 "\n", before == ',' ? "}" : "", value);
}

void openmetrics_finish(struct openmetrics *metrics)
{
	if (metrics->format == OPENMETRICS_1_0)
		fputs("# EOF\n", metrics->out);
}

/* -- Choosing ---------------------------------------------------------------------------------- */

/* A part of a header, without the blanks around it. */
struct part {
	const char *text;
	size_t length;
};

static struct part trimmed(const char *text, size_t length)
{
	while (length && strchr(" \t", *text)) {
		text++;
		length--;
	}
	while (length && strchr(" \t", text[length - 1]))
		length--;
	return (struct part){ text, length };
}

/* Cuts off and returns what comes before the separator, or all that is left. */
static struct part next_part(struct part *rest, char separator)
{
	const char *end = memchr(rest->text, separator, rest->length);
	size_t length = end ? (size_t)(end - rest->text) : rest->length;
	struct part part = trimmed(rest->text, length);

	rest->text += length + (end ? 1 : 0);
	rest->length -= length + (end ? 1 : 0);
	return part;
}

static bool part_is(struct part part, const char *text)
{
	return part.length == strlen(text) && !strncasecmp(part.text, text, part.length);
}

/* What follows "name=" in the parameter; of another parameter, nothing. */
static struct part parameter(struct part part, const char *name)
{
	struct part found = next_part(&part, '=');

	return part_is(found, name) ? trimmed(part.text, part.length) : (struct part){ "", 0 };
}

/* In thousandths, the most that a header can say; anything else is not liked at all. */
static unsigned int quality(struct part part)
{
	unsigned int thousandths = 0, weight = 100;

	if (!part.length || part.length > 5 || (*part.text != '0' && *part.text != '1') ||
	    (part.length > 1 && part.text[1] != '.'))
		return 0;
	for (size_t i = 2; i < part.length; i++, weight /= 10) {
		if (part.text[i] < '0' || part.text[i] > '9')
			return 0;
		thousandths += (unsigned int)(part.text[i] - '0') * weight;
	}
	return *part.text == '1' ? 1000 : thousandths;
}

static bool is_known_version(struct part version)
{
	return part_is(version, "1.0.0") || part_is(version, "0.0.1");
}

/* How much one range of media types is liked, if it is of this type. */
static unsigned int range_quality(struct part range, const char *type, bool versioned)
{
	unsigned int liked = 1000;

	if (!part_is(next_part(&range, ';'), type))
		return 0;
	while (range.length) {
		struct part one = next_part(&range, ';');
		struct part q = parameter(one, "q"), version = parameter(one, "version");

		if (q.length)
			liked = quality(q);
		if (versioned && version.length && !is_known_version(version))
			return 0;
	}
	return liked;
}

static unsigned int header_quality(const char *accept, const char *type, bool versioned)
{
	struct part rest = { accept, strlen(accept) };
	unsigned int most = 0;

	while (rest.length) {
		unsigned int liked = range_quality(next_part(&rest, ','), type, versioned);

		most = liked > most ? liked : most;
	}
	return most;
}

enum openmetrics_format openmetrics_choose(const char *accept)
{
	unsigned int liked = accept ? header_quality(accept, "application/openmetrics-text", true) :
				      0;

	return liked && liked >= header_quality(accept, "text/plain", false) ?
		       OPENMETRICS_1_0 :
		       OPENMETRICS_PROMETHEUS;
}

const char *openmetrics_content_type(enum openmetrics_format format)
{
	return format == OPENMETRICS_1_0 ?
		       "application/openmetrics-text; version=1.0.0; charset=utf-8" :
		       "text/plain; version=0.0.4; charset=utf-8";
}
