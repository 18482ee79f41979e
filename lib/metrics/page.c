// SPDX-License-Identifier: GPL-2.0
/*
 * What do people see of the filters in a browser?
 */
#include <metrics/page.h>

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include <control/counting.h>
#include <metrics/facts.h>
#include <metrics/heaviest.h>
#include <ruleset/verdict.h>
#include <util/duration.h>
#include <util/number.h>

struct page_totals {
	__u32 program_id;
	uint64_t time_ms;
	struct ipf_counter sum[IPF_TOTALS];
};

/* -- Pieces ------------------------------------------------------------------------------------ */

/* Names and messages come from others. */
static void write_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else
			putc(*text, out);
	}
}

static void write_cell(FILE *out, const char *text)
{
	fputs("<td>", out);
	write_text(out, text);
	fputs("</td>", out);
}

/* That may be long: it is broken anywhere. */
static void write_long_cell(FILE *out, const char *text)
{
	fputs("<td class=w>", out);
	write_text(out, text);
	fputs("</td>", out);
}

static void write_number(FILE *out, uint64_t number)
{
	char text[NUMBER_TEXT_SIZE];

	number_format(number, text);
	fprintf(out, "<td class=n>%s</td>", text);
}

/* Those of columns of numbers begin with '#'. */
static void write_heads(FILE *out, const char *const *heads)
{
	fputs("<div><table><tr>", out);
	for (; *heads; heads++)
		fprintf(out, **heads == '#' ? "<th class=n>%s</th>" : "<th>%s</th>",
			*heads + (**heads == '#'));
	fputs("</tr>\n", out);
}

/* -- Interfaces -------------------------------------------------------------------------------- */

static const struct page_totals *find_past(const struct page_past *past, __u32 program_id)
{
	for (size_t i = 0; i < past->count; i++)
		if (past->items[i].program_id == program_id)
			return &past->items[i];
	return NULL;
}

/* In a second, rounded to the nearest. */
static void write_rate(FILE *out, uint64_t now, uint64_t before, uint64_t ms)
{
	write_number(out, ms ? ((now - before) * 1000 + ms / 2) / ms : 0);
}

static void write_counters(const struct snapshot *now, const struct page_totals *before, FILE *out)
{
	static const char *const heads[] = { "",           "#packets", "#bytes",
					     "#packets/s", "#bytes/s", NULL };
	uint64_t ms = before ? now->time_ms - before->time_ms : 0;

	write_heads(out, heads);
	for (unsigned int i = 0; i < IPF_TOTALS; i++) {
		const struct ipf_counter *sum = &now->totals.sum[i];

		fprintf(out, "<tr><td>%s</td>", counting_names[i]);
		write_number(out, sum->packets);
		write_number(out, sum->bytes);
		write_rate(out, sum->packets, before ? before->sum[i].packets : 0, ms);
		write_rate(out, sum->bytes, before ? before->sum[i].bytes : 0, ms);
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

static void write_rules(const struct facts_rules *rules, FILE *out)
{
	static const char *const heads[] = { "set", "#IPv4 rules", "#IPv6 rules", NULL };

	write_heads(out, heads);
	for (size_t i = 0; i < rules->set_count; i++) {
		fputs("<tr>", out);
		write_cell(out, rules->sets[i].name);
		write_number(out, rules->sets[i].count[IPF_IPV4]);
		write_number(out, rules->sets[i].count[IPF_IPV6]);
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

static void write_heaviest_sources(const struct heaviest_filter *filter, FILE *out)
{
	static const char *const heads[] = { "source",   "verdict", "#packets/s", "#bits/s",
					     "#share %", "rule",    "set",        NULL };

	write_heads(out, heads);
	for (size_t i = 0; i < filter->count; i++) {
		const struct heaviest_source *one = &filter->sources[i];

		fputs("<tr>", out);
		write_cell(out, one->source);
		write_cell(out, verdict_outcome(one->verdict, filter->observes));
		write_number(out, one->each.packets);
		write_number(out, 8 * one->each.bytes);
		write_number(out, one->each.share);
		write_cell(out, one->rule);
		write_cell(out, one->set);
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

static const char *why_no_sources(const struct heaviest_filter *filter)
{
	if (filter->trouble.text[0])
		return filter->trouble.text;
	if (!filter->is_measured)
		return "The filter has just begun to look at packets. The next page shows them.";
	return filter->had_packets ? "Too few packets were looked at. The next page shows more." :
				     "No packets just now.";
}

static void write_heaviest(const struct heaviest *heaviest, __u32 program_id, FILE *out)
{
	const struct heaviest_filter *filter = heaviest_find(heaviest, program_id);

	if (!filter)
		return;
	fputs("<h3>Heaviest sources</h3>\n", out);
	if (filter->count) {
		write_heaviest_sources(filter, out);
		return;
	}
	fputs("<p>", out);
	write_text(out, why_no_sources(filter));
	fputs("</p>\n", out);
}

/* One that only observes is none of both. */
static const char *class_of(const struct iface *iface, const struct snapshot *now)
{
	enum filter_state state = iface_state(iface);

	if (state != FILTER_STATE_CHAINED && state != FILTER_STATE_SINGLE)
		return "bad";
	return now->observes ? "note" : "good";
}

static void write_interface(const struct facts *facts, size_t i, const struct heaviest *heaviest,
			    const struct page_past *past, FILE *out)
{
	const struct iface *iface = &facts->ifaces.items[i];

	fprintf(out, "<h2 class=%s>", class_of(iface, &facts->snapshots.items[i]));
	write_text(out, iface->dev.name);
	fprintf(out, ": %s</h2>\n", iface_state_text(iface));
	if (!iface->chain.program_id)
		return;
	if (facts->snapshots.items[i].observes)
		fputs("<p class=note>It drops nothing, and only counts what it would drop.</p>\n",
		      out);
	write_rules(&facts->rules[i], out);
	write_counters(&facts->snapshots.items[i], find_past(past, iface->chain.program_id), out);
	write_heaviest(heaviest, iface->chain.program_id, out);
}

/* -- Sources ----------------------------------------------------------------------------------- */

static void write_age(FILE *out, int64_t updated)
{
	int64_t now = (int64_t)time(NULL), age = now > updated ? now - updated : 0;
	char text[DURATION_TEXT_SIZE];

	if (!updated) {
		write_cell(out, "never");
		return;
	}
	duration_format((uint64_t)age, text);
	fprintf(out, "<td>%s ago</td>", text);
}

static void write_sources(const struct state *sync, FILE *out)
{
	static const char *const heads[] = { "set",     "state", "from", "#rules",
					     "updated", "error", NULL };

	if (!sync->source_count)
		return;
	fputs("<h2>Sources</h2>\n", out);
	write_heads(out, heads);
	for (size_t i = 0; i < sync->source_count; i++) {
		const struct state_source *one = &sync->sources[i];

		fputs("<tr>", out);
		write_cell(out, one->set);
		write_cell(out, one->state);
		write_long_cell(out, one->from);
		write_number(out, one->rules);
		write_age(out, one->updated);
		write_long_cell(out, one->error ? one->error : "");
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

/* -- The page ---------------------------------------------------------------------------------- */

/* As light or dark as the reader's other pages. Wide tables scroll, the page does not. */
static const char head[] =
	"<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8><title>xdp-ipfilter</title>\n"
	"<meta name=viewport content=\"width=device-width,initial-scale=1\">"
	"<meta http-equiv=refresh content=5>\n<style>"
	":root{color-scheme:light dark;--good:#06670f;--bad:#b3000c;--note:#8a5200;--line:#8886}"
	"@media(prefers-color-scheme:dark){:root{--good:#6fd87a;--bad:#ff8f87;--note:#f0b35a}}"
	"body{font:1rem/1.4 system-ui,sans-serif;margin:1rem auto;max-width:64rem;padding:0 1rem}"
	"h1{font-size:1.3rem}h2{font-size:1.1rem;margin:1.5rem 0 .3rem;overflow-wrap:anywhere}"
	"h3{font-size:1rem;margin:1rem 0 .2rem}p{margin:.3rem 0}"
	".good{color:var(--good)}.bad{color:var(--bad)}.note{color:var(--note)}div{overflow-x:auto;margin:.5rem 0}"
	"table{border-collapse:collapse}th,td{padding:.2rem .7rem .2rem 0;text-align:left}"
	"th{border-bottom:1px solid var(--line);font-weight:600;white-space:nowrap}"
	"th.n,td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
	"td.w{min-width:9rem;overflow-wrap:anywhere}a{color:inherit}</style></head><body>\n<h1>xdp-ipfilter</h1>\n";

static const char foot[] = "<p><a href=/metrics>For Prometheus</a></p></body></html>\n";

/* Without memory there are no rates on the next page. */
static void remember(const struct facts *facts, struct page_past *past)
{
	page_past_done(past);
	past->items = calloc(facts->ifaces.count + 1, sizeof(*past->items));
	if (!past->items)
		return;
	past->count = facts->ifaces.count;
	for (size_t i = 0; i < past->count; i++) {
		const struct snapshot *now = &facts->snapshots.items[i];

		past->items[i].program_id = facts->ifaces.items[i].chain.program_id;
		past->items[i].time_ms = now->time_ms;
		for (unsigned int total = 0; total < IPF_TOTALS; total++)
			past->items[i].sum[total] = now->totals.sum[total];
	}
}

void page_past_done(struct page_past *past)
{
	free(past->items);
	*past = (struct page_past){ 0 };
}

void page_write(const struct facts *facts, const struct heaviest *heaviest, struct page_past *past,
		FILE *out)
{
	fputs(head, out);
	if (!facts->ifaces.count)
		fputs("<p>The filter is not loaded on any interface.</p>\n", out);
	for (size_t i = 0; i < facts->ifaces.count; i++)
		write_interface(facts, i, heaviest, past, out);
	write_sources(&facts->sync, out);
	fputs(foot, out);
	remember(facts, past);
}
