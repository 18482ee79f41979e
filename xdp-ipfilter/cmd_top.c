// SPDX-License-Identifier: GPL-2.0
/*
 * top: which sources send the most packets now?
 */
#include "cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <cli/report.h>
#include <ruleset/verdict.h>
#include <screen/canvas.h>
#include <screen/quantity.h>
#include <screen/top_table.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/number.h>

#include "top_request.h"
#include "top_source.h"

#define MAX_SHOWN 10u
#define MIN_SHARE 1u       /* percent: a rule for a source with less would hit a bystander */
#define TABLE_COLUMNS 250u /* more than all columns of the table take */
#define HEADING_SIZE 160

static const char *check(const void *data)
{
	const struct top_request *request = data;

	return request->json && request->rules ? "--json or --rules, not both" : NULL;
}

static bool wants_screen(const void *data)
{
	return !top_request_is_text(data);
}

/* -- Print ------------------------------------------------------------------------------------- */

struct printing {
	const struct top_request *request;
	struct ranking ranking;
	unsigned int left; /* prints; 0: no end */
};

/* "f0: 98,025 packets/s, 113M bits/s, 60 % dropped" */
static void write_heading(const struct ranking_iface *seen, char text[HEADING_SIZE])
{
	const double *each = seen->rates.packets;
	const uint64_t all = (uint64_t)(each[IPF_PASS] + each[IPF_DROP] + 0.5);
	const double bytes = seen->rates.bytes[IPF_PASS] + seen->rates.bytes[IPF_DROP];
	char packets[NUMBER_TEXT_SIZE], bits[QUANTITY_TEXT_SIZE];

	number_format(all, packets);
	snprintf(text, HEADING_SIZE, "%s: %s%s packets/s, %s bits/s, %u %% %s",
		 seen->iface->dev.name, seen->observes ? "observing, " : "", packets,
		 quantity_format((uint64_t)(8 * bytes + 0.5), bits),
		 top_table_percent((uint64_t)(each[IPF_DROP] + 0.5), all),
		 seen->observes ? "would be dropped" : "dropped");
}

/* As on the screen, but as wide as it has to be. */
static int print_table(struct report *report, const struct top_table *table, struct error *err)
{
	struct canvas canvas;
	int ret = canvas_init(&canvas, (unsigned int)table->count + 1, TABLE_COLUMNS);

	if (!ret)
		top_table_draw(table, &canvas, 0);
	for (unsigned int row = 0; row < canvas.rows && !ret; row++) {
		auto_free char *line = canvas_line(&canvas, row);

		if (line)
			report_line(report, "%s", line);
		else
			ret = -ENOMEM;
	}
	canvas_done(&canvas);
	return ret ? error_no_memory(err) : 0;
}

static void describe_source(struct report *report, const struct talker *talker,
			    const struct ranking_estimate *value)
{
	char prefix[PREFIX_TEXT_SIZE], rule[PREFIX_TEXT_SIZE];

	prefix_format(&talker->prefix, prefix);
	if (talker->has_rule)
		prefix_format(&talker->rule, rule);
	report_object(report, NULL, NULL);
	report_string(report, "source", NULL, prefix);
	report_string(report, "verdict", NULL, verdict_name(talker->verdict));
	report_number(report, "packets_per_s", NULL, value->packets);
	report_number(report, "error_per_s", NULL, value->error);
	report_number(report, "bytes_per_s", NULL, value->bytes);
	report_number(report, "share", NULL, value->share);
	report_string(report, "prefix", NULL, talker->has_rule ? rule : NULL);
	report_string(report, "set", NULL, talker->has_rule ? talker->set : NULL);
	report_close(report);
}

/* Does the link need them to work? Link-local addresses are those of its routers and neighbours. A
 * host without an address asks for one from the unspecified address. */
static bool is_of_the_link(const struct prefix *source)
{
	static const struct prefix needed[] = {
		{ { UINT64_C(0xa9fe) << 48, 0 }, IPF_IPV4, 16 }, /* 169.254.0.0/16 */
		{ { 0, 0 }, IPF_IPV4, 32 },
		{ { UINT64_C(0xfe80) << 48, 0 }, IPF_IPV6, 10 },
		{ { 0, 0 }, IPF_IPV6, 128 },
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (prefix_contains(&needed[i], source))
			return true;
	return false;
}

/* "drop 192.0.2.66 # 1200 packets/s, 34 %" */
static void print_rule(struct report *report, const struct talker *talker,
		       const struct ranking_estimate *value)
{
	char prefix[PREFIX_TEXT_SIZE];

	if (!value->packets || is_of_the_link(&talker->prefix))
		return;
	prefix_format(&talker->prefix, prefix);
	report_line(report, "drop %s # %" PRIu64 " packets/s, %u %%", prefix, value->packets,
		    value->share);
}

/* Those with enough packets, in the first places of what talkers_rank() returned. */
static unsigned int count_shown(const struct printing *printing, const struct ranking_iface *seen,
				const struct talker *ranked)
{
	unsigned int shown = 0;

	while (shown < seen->talkers.count && shown < MAX_SHOWN &&
	       ranking_estimate(&printing->ranking, seen, &ranked[shown]).share >= MIN_SHARE)
		shown++;
	return shown;
}

static int print_sources(struct report *report, const struct printing *printing,
			 struct ranking_iface *seen, struct error *err)
{
	const struct ranking *ranking = &printing->ranking;
	const struct talker *ranked = talkers_rank(&seen->talkers);
	struct top_table_source sources[MAX_SHOWN];
	const struct top_table table = {
		.sources = sources,
		.count = count_shown(printing, seen, ranked),
		.packets = (uint64_t)(ranking_packets_per_s(ranking, seen) + 0.5),
	};

	for (size_t i = 0; i < table.count; i++) {
		const struct ranking_estimate value = ranking_estimate(ranking, seen, &ranked[i]);

		sources[i] = top_source_describe(ranking, seen, &ranked[i]);
		if (printing->request->json)
			describe_source(report, &ranked[i], &value);
		else if (printing->request->rules)
			print_rule(report, &ranked[i], &value);
	}
	if (printing->request->json || printing->request->rules || !table.count)
		return 0;
	return print_table(report, &table, err);
}

static int print_iface(struct report *report, const struct printing *printing,
		       struct ranking_iface *seen, struct error *err)
{
	char heading[HEADING_SIZE];
	int ret;

	write_heading(seen, heading);
	report_object(report, NULL, printing->request->rules ? NULL : heading);
	report_string(report, "ifname", NULL, seen->iface->dev.name);
	report_flag(report, "enforce", !seen->observes);
	report_array(report, "sources", NULL);
	ret = print_sources(report, printing, seen, err);
	report_close(report);
	report_close(report);
	return ret;
}

static int print_round(struct printing *printing, struct error *err)
{
	const struct top_request *request = printing->request;
	struct report report;
	int ret = 0;

	report_begin(&report, request->json ? REPORT_JSON_LINES : REPORT_TEXT, stdout);
	report_array(&report, "interfaces", NULL);
	for (size_t i = 0; i < request->ifaces.count && !ret; i++)
		ret = print_iface(&report, printing, &printing->ranking.items[i], err);
	report_close(&report);
	report_close(&report);
	return ret ? ret : report_finish(&report, err);
}

static int end_round(struct printing *printing, uint64_t now, struct error *err)
{
	int ret = ranking_measure(&printing->ranking, now, err);

	if (!ret)
		ret = print_round(printing, err);
	ranking_clear(&printing->ranking);
	if (ret)
		return ret;
	return printing->left && !--printing->left ? REPORT_CLOSED : 0;
}

static int read_samples(void *context, struct error *err)
{
	struct printing *printing = context;
	int ret = ranking_read(&printing->ranking, err);
	const uint64_t now = clock_monotonic_ms();

	if (ret || now - printing->ranking.began_ms < printing->request->rounds.interval_ms)
		return ret;
	return end_round(printing, now, err);
}

/* The signals that end it are held back, so that nothing is left in the filters. */
static int top(void *data, struct error *err)
{
	const struct top_request *request = data;
	const struct rounds rounds = { .interval_ms = EVENTS_READ_MS };
	const struct ranking_wish wish = top_request_wish(request);
	struct printing printing = { .request = request, .left = request->rounds.count };
	int ret = ranking_open(&request->ifaces, &wish, &printing.ranking, err);

	if (ret)
		return ret;
	ret = rounds_run(&rounds, read_samples, &printing, err);
	ranking_close(&printing.ranking);
	return ret;
}

const struct command cmd_top = {
	TOP_REQUEST_ROW,
	.program = "xdp-ipfilter-top",
	.needs_program = wants_screen,
	.instead_of_program = "--batch prints text without it",
	.check = check,
	.commit = top,
};
