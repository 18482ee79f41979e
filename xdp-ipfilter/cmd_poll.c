// SPDX-License-Identifier: GPL-2.0
/*
 * poll: what is counted from moment to moment?
 */
#include "cmd.h"

#include <errno.h>

#include <dataplane/capability.h>
#include <util/error.h>
#include <util/signals.h>

#include "common.h"
#include "counting.h"
#include "rounds.h"
#include "snapshot.h"

enum { POLL_COUNT = OPTION_LONG };

static const struct option_spec poll_options[] = {
	{ 'i', "interval", "MS", "milliseconds between two prints (default 2000)" },
	{ POLL_COUNT, "count", "N", "end after N prints" },
	{ 'j', "json", NULL, "print JSON, one object a line" },
	OPTIONS_TABLE_END,
};

struct poll_request {
	struct option_texts names;
	unsigned int interval_ms;
	unsigned int count; /* 0: until a signal comes */
	bool json;
};

static int parse_option(struct poll_request *request, int id, const struct options *options,
			struct error *err)
{
	switch (id) {
	case 'i':
		return number_option(&request->interval_ms, 1, ROUNDS_MAX_INTERVAL_MS, options,
				     err);
	case POLL_COUNT:
		return number_option(&request->count, 1, UINT32_MAX - 1, options, err);
	case 'j':
		request->json = true;
		return 0;
	case OPTIONS_POSITIONAL:
		return word_option(&request->names, options, err);
	default:
		return -EINVAL;
	}
}

static int parse(struct poll_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END)
		ret = parse_option(request, id, options, err);
	return ret;
}

/* Rounded to the nearest. */
static uint64_t per_second(uint64_t difference, uint64_t ms)
{
	return ms ? (difference * 1000 + ms / 2) / ms : 0;
}

static void describe_interface(struct report *report, const struct snapshot *before,
			       const struct snapshot *now)
{
	const char *name = now->iface->dev.name;
	uint64_t ms = now->time_ms - before->time_ms;

	report_object(report, NULL, name);
	report_string(report, "ifname", NULL, name);
	report_object(report, "counters", NULL);
	for (unsigned int i = 0; i < IPF_TOTALS; i++) {
		const struct ipf_counter *sum = &now->totals.sum[i], *old = &before->totals.sum[i];

		report_row(report, counting_names[i], counting_names[i]);
		counting_describe(report, sum);
		report_number(report, "packets_per_s", "packets/s",
			      per_second(sum->packets - old->packets, ms));
		report_number(report, "bytes_per_s", "bytes/s",
			      per_second(sum->bytes - old->bytes, ms));
		report_close(report);
	}
	report_close(report);
	report_close(report);
}

static int print(const struct snapshots *before, const struct snapshots *now, bool json,
		 struct error *err)
{
	struct report report;

	report_init(&report, json ? REPORT_JSON_LINES : REPORT_TEXT, stdout);
	report_object(&report, NULL, NULL);
	report_number(&report, "schema", NULL, 1);
	report_array(&report, "interfaces", NULL);
	for (size_t i = 0; i < now->count; i++)
		describe_interface(&report, &before->items[i], &now->items[i]);
	report_close(&report);
	report_close(&report);
	return report_finish(&report, err);
}

/* Totals that no packet adds to any more end the command. */
static int read_totals(const struct ifaces *ifaces, struct snapshots *out, struct error *err)
{
	static const struct snapshot_parts parts = { .totals = true };
	int ret = 0;

	for (size_t i = 0; i < ifaces->count && !ret; i++)
		ret = iface_check(&ifaces->items[i], err);
	return ret ? ret : snapshots_read(out, ifaces, &parts, err);
}

struct polling {
	const struct ifaces *ifaces;
	struct snapshots before; /* of the last round */
	bool json;
};

static int poll_round(void *context, struct error *err)
{
	struct polling *polling = context;
	struct snapshots now;
	int ret = read_totals(polling->ifaces, &now, err);

	if (ret)
		return ret;
	ret = print(&polling->before, &now, polling->json, err);
	snapshots_done(&polling->before);
	polling->before = now;
	return ret;
}

static int poll_ifaces(const struct poll_request *request, const struct ifaces *ifaces,
		       struct error *err)
{
	const struct rounds rounds = { request->interval_ms, request->count };
	struct polling polling = { .ifaces = ifaces, .json = request->json };
	int ret;

	signals_hold();
	ret = read_totals(ifaces, &polling.before, err);
	if (!ret)
		ret = rounds_run(&rounds, poll_round, &polling, err);
	snapshots_done(&polling.before);
	return ret;
}

static int poll(struct options *options, struct error *err)
{
	struct poll_request request = { .interval_ms = ROUNDS_INTERVAL_MS };
	struct ifaces ifaces = { 0 };
	int ret = parse(&request, options, err);

	if (!ret)
		ret = ready(err);
	if (!ret)
		ret = ifaces_filtering(&request.names, &ifaces, err);
	if (!ret)
		ret = poll_ifaces(&request, &ifaces, err);
	ifaces_done(&ifaces);
	option_texts_done(&request.names);
	return ret;
}

const struct command cmd_poll = {
	.name = "poll",
	.summary = "print the counters again and again, with what came each second",
	.usage = "[OPTION]... [IFNAME]...",
	.options = poll_options,
	.needs = CAPABILITY_BPF,
	.notes =
		"Without IFNAME, those of every interface that has the filter now. The first print comes after the\n"
		"first interval.\n",
	.examples = "  xdp-ipfilter poll eth0\n"
		    "  xdp-ipfilter poll --json -i 1000 --count 60 >minute.jsonl\n",
	.exit_codes = "  0  ended by SIGINT, SIGTERM or after N prints\n"
		      "  3  the filter is not loaded there, or was unloaded meanwhile\n",
	.run = poll,
};
