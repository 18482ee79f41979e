// SPDX-License-Identifier: GPL-2.0
/*
 * list: which rules are live, as text that replace reads?
 */
#include "cmd.h"

#include <errno.h>

#include <cli/report.h>
#include <control/rule_input.h>
#include <control/snapshot.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <feed/writer.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/error.h>

struct list_request {
	struct option_texts devices;
	const char *set;
	bool json, until;
};

static const struct option_spec list_options[] = {
	IFACE_OPTION(struct list_request, devices),
	RULE_INPUT_SET_OPTION(struct list_request, set, "Only this set."),
	OPTION_FLAG('j', "json", struct list_request, json,
		    "Print JSON, with the counters of each rule."),
	OPTION_FLAG(0, "until", struct list_request, until,
		    "Print when rules end, not how much time is left."),
	IFACE_NO_POSITIONALS,
	OPTION_END,
};

static void describe_counter(struct report *report, const struct counter *counter)
{
	if (!counter->counted) {
		report_null(report, "packets");
		report_null(report, "bytes");
		return;
	}
	report_number(report, "packets", NULL, counter->sum.packets);
	report_number(report, "bytes", NULL, counter->sum.bytes);
}

static void describe_rule(struct report *report, const struct snapshot *snapshot, size_t i)
{
	const struct ruleset *rules = &snapshot->rules;
	const struct rule *rule = &rules->rules[i];
	char prefix[PREFIX_TEXT_SIZE];

	prefix_format(&rule->prefix, prefix);
	report_row(report, NULL, NULL);
	report_string(report, "prefix", NULL, prefix);
	report_string(report, "verdict", NULL, verdict_name(rule->verdict));
	report_string(report, "set", NULL, rules->sets[rule->set].name);
	describe_counter(report, &snapshot->counters[i]);
	if (rule->expires == IPF_NEVER)
		report_null(report, "expires_s");
	else
		report_number(report, "expires_s", NULL,
			      tick_seconds_left(rule->expires, snapshot->tick));
	report_close(report);
}

static void describe_interface(struct report *report, const struct snapshot *snapshot)
{
	report_object(report, NULL, NULL);
	report_string(report, "ifname", NULL, snapshot->iface->dev.name);
	report_flag(report, "enforce", !iface_observes(snapshot->iface));
	report_array(report, "rules", NULL);
	for (size_t i = 0; i < snapshot->rules.count; i++)
		describe_rule(report, snapshot, i);
	report_close(report);
	report_close(report);
}

static int print_json(const struct snapshots *snapshots, struct error *err)
{
	struct report report;

	report_begin(&report, REPORT_JSON, stdout);
	report_array(&report, "interfaces", NULL);
	for (size_t i = 0; i < snapshots->count; i++)
		describe_interface(&report, &snapshots->items[i]);
	report_close(&report);
	report_close(&report);
	return report_finish(&report, err);
}

static int print_text(const struct snapshots *snapshots, bool until, struct error *err)
{
	struct report report;

	report_init(&report, REPORT_TEXT, stdout);
	for (size_t i = 0; i < snapshots->count; i++) {
		const struct snapshot *snapshot = &snapshots->items[i];
		int ret;

		if (iface_observes(snapshot->iface))
			report_line(&report, "# %s: observing, so these rules drop nothing",
				    snapshot->iface->dev.name);
		else if (snapshots->count > 1)
			report_line(&report, "# %s", snapshot->iface->dev.name);
		ret = writer_write(&snapshot->rules, snapshot->tick, until ? snapshot->unix_ns : 0,
				   stdout);
		if (ret == -ENOMEM)
			return error_no_memory(err);
		if (ret)
			return report_failure(ret, err);
	}
	return report_finish(&report, err);
}

static const char *check(const void *data)
{
	const struct list_request *request = data;

	return request->json && request->until ? "--json has the seconds that are left; --until is "
						 "for text" :
						 NULL;
}

static int list_ifaces(const struct list_request *request, const struct ifaces *ifaces,
		       struct error *err)
{
	const struct snapshot_parts parts = {
		.rules = true,
		.counters = request->json,
		.set = request->set,
	};
	struct snapshots snapshots;
	int ret = snapshots_read(&snapshots, ifaces, &parts, err);

	if (ret)
		return ret;
	ret = request->json ? print_json(&snapshots, err) :
			      print_text(&snapshots, request->until, err);
	snapshots_done(&snapshots);
	return ret < 0 ? ret : 0;
}

static int list(void *data, struct error *err)
{
	const struct list_request *request = data;
	struct ifaces ifaces = { 0 };
	int ret = ifaces_filtering(&request->devices, &ifaces, err);

	if (!ret)
		ret = list_ifaces(request, &ifaces, err);
	ifaces_done(&ifaces);
	return ret;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "print the live rules in the form that 'replace' reads",
	.usage = "[OPTION]...",
	.notes =
		"Without --dev, prints the rules of every interface that has the filter. A set without rules does\n"
		"not exist, so the list of an unknown set is empty.\n",
	.examples =
		"  xdp-ipfilter list -d eth0 >rules.txt\n"
		"  xdp-ipfilter list --json | jq '.interfaces[].rules[] | select(.packets > 0)'\n",
	.exit_codes = "  3  not loaded on a named interface or, without --dev, on any\n",
	.options = list_options,
	.request_size = sizeof(struct list_request),
	.check = check,
	.needs = CAPABILITY_BPF | TOOL_NEEDS_CLOCK,
	.run = list,
};
