// SPDX-License-Identifier: GPL-2.0
/*
 * How does a source program say what it found?
 */
#include <source/delivery.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/error.h>
#include <util/text.h>

#define TEXT_SIZE 1024

/* `written` of a printf(). */
static int check(int written, struct error *err)
{
	int ret = -errno;

	if (written >= 0)
		return 0;
	return error_set(err, ret, "cannot deliver: %s", strerror(-ret));
}

static int send(FILE *out, int written, struct error *err)
{
	return check(written < 0 || fflush(out) ? -1 : 0, err);
}

int delivery_begin_list(FILE *out, struct error *err)
{
	return check(fputs("list\n", out), err);
}

int delivery_begin_change(FILE *out, struct error *err)
{
	return check(fputs("change\n", out), err);
}

static const char *verdict_word(__u8 verdict)
{
	if (verdict == VERDICT_PASS)
		return "pass ";
	return verdict == VERDICT_DROP ? "drop " : "";
}

int delivery_add(FILE *out, const struct rule *rule, __u32 now, struct error *err)
{
	char prefix[PREFIX_TEXT_SIZE];

	if (tick_ended(rule->expires, now))
		return 0;
	prefix_format(&rule->prefix, prefix);
	if (rule->expires == IPF_NEVER)
		return check(fprintf(out, "+%s%s\n", verdict_word(rule->verdict), prefix), err);
	return check(fprintf(out, "+%s%s timeout %" PRIu64 "\n", verdict_word(rule->verdict),
			     prefix, tick_seconds_left(rule->expires, now)),
		     err);
}

int delivery_remove(FILE *out, const struct prefix *prefix, struct error *err)
{
	char text[PREFIX_TEXT_SIZE];

	prefix_format(prefix, text);
	return check(fprintf(out, "-%s\n", text), err);
}

/* "WORD TEXT" in one line. */
static int say(FILE *out, const char *word, const char *text, struct error *err)
{
	char printable[TEXT_SIZE];

	text_printable(text, printable, sizeof(printable));
	return send(out, fprintf(out, "%s %s\n", word, printable), err);
}

int delivery_end(FILE *out, const char *validator, struct error *err)
{
	return say(out, "end", validator ? validator : "", err);
}

int delivery_same(FILE *out, struct error *err)
{
	return send(out, fputs("same\n", out), err);
}

int delivery_trouble(FILE *out, const char *text, struct error *err)
{
	return say(out, "trouble", text, err);
}

int delivery_later(FILE *out, uint64_t seconds, struct error *err)
{
	if (seconds > DELIVERY_LATER_MAX_S)
		seconds = DELIVERY_LATER_MAX_S;
	return send(out, fprintf(out, "later %" PRIu64 "\n", seconds), err);
}

int delivery_warning(FILE *out, const char *text, struct error *err)
{
	return say(out, "warning", text, err);
}

int delivery_ask_counters(FILE *out, struct error *err)
{
	return send(out, fputs("counters\n", out), err);
}

int delivery_alive(FILE *out, struct error *err)
{
	return send(out, fputs("alive\n", out), err);
}
