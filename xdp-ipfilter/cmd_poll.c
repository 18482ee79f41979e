// SPDX-License-Identifier: GPL-2.0
/*
 * poll: how do the filter's counters change over time?
 */
#include "cmd.h"

#include <errno.h>

#include <control/counting.h>
#include <control/rounds.h>
#include <control/snapshot.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <util/error.h>

struct poll_request {
	struct option_texts names;
	struct rounds rounds;
	bool json;
	struct ifaces ifaces;
};

static const struct poll_request poll_defaults = { .rounds = ROUNDS_DEFAULTS };

static const struct option_spec poll_options[] = {
	ROUNDS_OPTIONS('i', struct poll_request, rounds),
	OPTION_FLAG('j', "json", struct poll_request, json, "Print JSON, one object per line."),
	OPTION_POSITIONALS("IFNAME", struct poll_request, names),
	OPTION_END,
};

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
	char heading[64];

	snprintf(heading, sizeof(heading), "%s%s", name, now->observes ? ": observing" : "");
	report_object(report, NULL, heading);
	report_string(report, "ifname", NULL, name);
	report_flag(report, "enforce", !now->observes);
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

	report_begin(&report, json ? REPORT_JSON_LINES : REPORT_TEXT, stdout);
	report_array(&report, "interfaces", NULL);
	for (size_t i = 0; i < now->count; i++)
		describe_interface(&report, &before->items[i], &now->items[i]);
	report_close(&report);
	report_close(&report);
	return report_finish(&report, err);
}

static const struct snapshot_parts parts = { .still_filters = true, .totals = true };

struct polling {
	const struct ifaces *ifaces;
	struct snapshots before; /* those of the last round */
	bool json;
};

static int poll_round(void *context, struct error *err)
{
	struct polling *polling = context;
	struct snapshots now;
	int ret = snapshots_read(&now, polling->ifaces, &parts, err);

	if (ret)
		return ret;
	ret = print(&polling->before, &now, polling->json, err);
	snapshots_done(&polling->before);
	polling->before = now;
	return ret;
}

static int find_ifaces(void *data, struct error *err)
{
	struct poll_request *request = data;

	return ifaces_filtering(&request->names, &request->ifaces, err);
}

/* The signals that end it are held back, so that none gets lost between two rounds. */
static int poll(void *data, struct error *err)
{
	const struct poll_request *request = data;
	struct polling polling = { .ifaces = &request->ifaces, .json = request->json };
	int ret;

	ret = snapshots_read(&polling.before, &request->ifaces, &parts, err);
	if (!ret)
		ret = rounds_run(&request->rounds, poll_round, &polling, err);
	snapshots_done(&polling.before);
	return ret;
}

static void poll_done(void *data)
{
	struct poll_request *request = data;

	ifaces_done(&request->ifaces);
}

const struct command cmd_poll = {
	.name = "poll",
	.summary = "print the counters and their rates repeatedly",
	.usage = "[OPTION]... [IFNAME]...",
	.notes =
		"Without IFNAME, prints the counters of every interface that has the filter now. The first print\n"
		"comes after the first interval.\n",
	.examples = "  xdp-ipfilter poll eth0\n"
		    "  xdp-ipfilter poll --json -i 1000 --count 60 >minute.jsonl\n",
	.exit_codes = "  0  ended by SIGINT, SIGTERM or after N prints\n"
		      "  3  not loaded on a named interface, or unloaded meanwhile\n",
	.options = poll_options,
	.request_size = sizeof(struct poll_request),
	.defaults = &poll_defaults,
	.needs = CAPABILITY_BPF | TOOL_NEEDS_CLOCK,
	.run = find_ifaces,
	.commit = poll,
	.done = poll_done,
};
