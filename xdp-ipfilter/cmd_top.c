// SPDX-License-Identifier: GPL-2.0
/*
 * top: which sources send the most packets now?
 */
#include "cmd.h"

#include <inttypes.h>

#include <cli/report.h>
#include <ruleset/verdict.h>
#include <util/clock.h>
#include <util/error.h>

#include "top_request.h"

#define MAX_SHOWN 10u
#define MIN_SHARE 1u /* percent: a rule for a source with less would hit a bystander */

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

static void print_text(struct report *report, const struct talker *talker,
		       const struct ranking_estimate *value)
{
	char prefix[PREFIX_TEXT_SIZE], rule[PREFIX_TEXT_SIZE] = "", error[32] = "";

	prefix_format(&talker->prefix, prefix);
	if (value->error)
		snprintf(error, sizeof(error), " (-%" PRIu64 ")", value->error);
	if (talker->has_rule)
		prefix_format(&talker->rule, rule);
	report_line(report,
		    "%s %-18s %3u %% %10" PRIu64 "%s packets/s %12" PRIu64 " bits/s%s%s%s%s%s",
		    verdict_name(talker->verdict), prefix, value->share, value->packets, error,
		    8 * value->bytes, talker->has_rule ? "  by " : "", rule,
		    talker->has_rule ? " (" : "", talker->has_rule ? talker->set : "",
		    talker->has_rule ? ")" : "");
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

/* "drop 192.0.2.66 # 1200 packets/s, 34 %" */
static void print_rule(struct report *report, const struct talker *talker,
		       const struct ranking_estimate *value)
{
	char prefix[PREFIX_TEXT_SIZE];

	prefix_format(&talker->prefix, prefix);
	report_line(report, "drop %s # %" PRIu64 " packets/s, %u %%", prefix, value->packets,
		    value->share);
}

static void print_sources(struct report *report, const struct printing *printing,
			  struct ranking_iface *seen)
{
	const struct talker *ranked = talkers_rank(&seen->talkers);
	unsigned int shown = 0;

	for (__u32 i = 0; i < seen->talkers.count && shown < MAX_SHOWN; i++) {
		const struct ranking_estimate value =
			ranking_estimate(&printing->ranking, seen, &ranked[i]);

		if (value.share < MIN_SHARE)
			continue;
		shown++;
		if (printing->request->json)
			describe_source(report, &ranked[i], &value);
		else if (printing->request->rules)
			print_rule(report, &ranked[i], &value);
		else
			print_text(report, &ranked[i], &value);
	}
}

static void print_iface(struct report *report, const struct printing *printing,
			struct ranking_iface *seen)
{
	const char *name = seen->iface->dev.name;

	report_object(report, NULL, printing->request->rules ? NULL : name);
	report_string(report, "ifname", NULL, name);
	report_array(report, "sources", NULL);
	print_sources(report, printing, seen);
	report_close(report);
	report_close(report);
}

static int print_round(struct printing *printing, struct error *err)
{
	const struct top_request *request = printing->request;
	struct report report;

	report_init(&report, request->json ? REPORT_JSON_LINES : REPORT_TEXT, stdout);
	report_object(&report, NULL, NULL);
	report_number(&report, "schema", NULL, REPORT_SCHEMA);
	report_array(&report, "interfaces", NULL);
	for (size_t i = 0; i < request->ifaces.count; i++)
		print_iface(&report, printing, &printing->ranking.items[i]);
	report_close(&report);
	report_close(&report);
	return report_finish(&report, err);
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
