// SPDX-License-Identifier: GPL-2.0
/*
 * status: is the filter at work, how, and what has it counted?
 */
#include "cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <control/counting.h>
#include <control/loading.h>
#include <control/pending.h>
#include <control/snapshot.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <dataplane/chain_advice.h>
#include <dataplane/sweep.h>
#include <ruleset/verdict.h>
#include <sync/state.h>
#include <util/duration.h>
#include <util/error.h>
#include <util/log.h>
#include <util/program.h>

#define MAX_RULES_SHOWN 20

struct status_request {
	struct option_texts names;
	bool json;
};

static const struct option_spec status_options[] = {
	OPTION_FLAG('j', "json", struct status_request, json, "Print JSON."),
	OPTION_POSITIONALS("IFNAME", struct status_request, names),
	OPTION_END,
};

static void describe_position(struct report *report, const struct chain *chain)
{
	char text[32];

	if (chain->state != FILTER_STATE_CHAINED) {
		report_null(report, "position");
		return;
	}
	snprintf(text, sizeof(text), "%u of %u", chain->position, chain->count);
	report_number(report, "position", NULL, chain->position);
	report_string(report, NULL, "position", text);
}

/* In a chain, the priority in effect: other loaders choose their own. */
static void describe_priority(struct report *report, const struct iface *iface)
{
	const struct chain *chain = &iface->chain;

	if (chain->state == FILTER_STATE_CHAINED)
		report_number(report, "priority", "priority", chain->priority);
	else if (chain->program_id)
		report_number(report, "priority", "priority", iface->filter.config.priority);
	else
		report_null(report, "priority");
}

static void describe_program(struct report *report, const struct iface *iface)
{
	bool loaded = iface->chain.program_id;

	describe_priority(report, iface);
	describe_position(report, &iface->chain);
	if (loaded)
		report_number(report, "program_id", "program", iface->chain.program_id);
	else
		report_null(report, "program_id");
	report_string(report, "policy", "policy",
		      loaded ? loading_policy(iface_policy(iface)) : NULL);
	if (loaded)
		report_flag(report, "enforce", !iface_observes(iface));
	else
		report_null(report, "enforce");
}

static void describe_rule_numbers(struct report *report, const struct ruleset *rules)
{
	report_object(report, "rules", "rules");
	report_number(report, "ipv4", "IPv4", ruleset_count_family(rules, IPF_IPV4));
	report_number(report, "ipv6", "IPv6", ruleset_count_family(rules, IPF_IPV6));
	report_object(report, "sets", rules->set_count ? "sets" : NULL);
	for (size_t i = 0; i < rules->set_count; i++)
		report_number(report, rules->sets[i].name, rules->sets[i].name,
			      ruleset_count_set(rules, i));
	report_close(report);
	report_close(report);
}

static void describe_totals(struct report *report, const struct ipf_counter totals[IPF_TOTALS])
{
	for (unsigned int i = 0; i < IPF_TOTALS; i++) {
		report_row(report, counting_names[i], counting_names[i]);
		counting_describe(report, &totals[i]);
		report_close(report);
	}
}

static void describe_cpus(struct report *report, const struct totals *totals)
{
	bool shown = log_level() == LOG_VERBOSE || !report_is_text(report);
	char heading[32];

	report_array(report, "per_cpu", NULL);
	for (unsigned int cpu = 0; cpu < totals->cpus && shown; cpu++) {
		snprintf(heading, sizeof(heading), "cpu %u", cpu);
		report_object(report, NULL, heading);
		report_number(report, "cpu", NULL, cpu);
		describe_totals(report, totals->per_cpu[cpu]);
		report_close(report);
	}
	report_close(report);
}

static void describe_rule(struct report *report, const struct snapshot *snapshot, size_t i)
{
	const struct ruleset *rules = &snapshot->rules;
	const struct rule *rule = &rules->rules[i];
	const char *set = rules->sets[rule->set].name;
	char prefix[PREFIX_TEXT_SIZE];

	prefix_format(&rule->prefix, prefix);
	if (snapshot->counters[i].counted)
		report_line(report, "%s %-18s %10" PRIu64 " packets %12" PRIu64 " bytes  %s",
			    verdict_name(rule->verdict), prefix,
			    (uint64_t)snapshot->counters[i].sum.packets,
			    (uint64_t)snapshot->counters[i].sum.bytes, set);
	else
		report_line(report, "%s %-18s not counted  %s", verdict_name(rule->verdict), prefix,
			    set);
}

/* Only in the text: `list --json` has them all. */
static void describe_rules(struct report *report, const struct snapshot *snapshot)
{
	size_t count = snapshot->rules.count;

	if (!report_is_text(report) || !count)
		return;
	report_object(report, NULL, "decided by");
	for (size_t i = 0; i < count && i < MAX_RULES_SHOWN; i++)
		describe_rule(report, snapshot, i);
	if (count > MAX_RULES_SHOWN)
		report_line(report, "... %zu more, see '" PROGRAM_NAME " list -d %s'",
			    count - MAX_RULES_SHOWN, snapshot->iface->dev.name);
	report_close(report);
}

/* Why packets are not filtered, or why no other program can join, and what helps. */
static void describe_chain_trouble(struct report *report, const struct snapshot *snapshot)
{
	const struct iface *iface = snapshot->iface;
	const struct chain *chain = &iface->chain;
	const char *name = iface->dev.name;
	char advice[CHAIN_ADVICE_SIZE];

	if (iface->misread.text[0])
		report_line(report, "%s", iface->misread.text);
	else if (iface_lost(iface))
		report_line(report, "no packet is filtered; %s",
			    chain_advice(&iface->dev, chain, advice));
	else if (chain_is_broken(chain) && !chain->program_id)
		report_line(report, "%s", chain_advice(&iface->dev, chain, advice));
	else if (chain_is_broken(chain))
		report_line(report,
			    "its chain has lost %u of its programs, and none can join; '" PROGRAM_NAME
			    " repair %s' repairs it",
			    chain->expected - chain->count, name);
	else if (snapshot->needs_repair)
		report_line(report,
			    "pins of its chain are missing, so no program can join; '" PROGRAM_NAME
			    " repair %s' makes them again",
			    name);
}

/* Only in text: the fields of JSON show the same. */
static void describe_trouble(struct report *report, const struct snapshot *snapshot)
{
	const struct chain *chain = &snapshot->iface->chain;
	const char *name = snapshot->iface->dev.name;

	if (!report_is_text(report))
		return;
	if (iface_observes(snapshot->iface))
		report_line(report,
			    "it drops nothing, and only counts what it would drop; '" PROGRAM_NAME
			    " enforce on -d %s' makes it drop",
			    name);
	describe_chain_trouble(report, snapshot);
	if (chain->our_count > 1)
		report_line(report,
			    "its chain has %u filters, so their rules cannot be changed; 'xdp-loader "
			    "unload %s -i %u' takes this one off, '" PROGRAM_NAME " unload %s' all",
			    chain->our_count, name, chain->program_id, name);
}

static void describe_contents(struct report *report, const struct snapshot *snapshot)
{
	describe_rule_numbers(report, &snapshot->rules);
	report_object(report, "counters", "counters");
	describe_totals(report, snapshot->totals.sum);
	report_close(report);
	describe_cpus(report, &snapshot->totals);
	describe_rules(report, snapshot);
}

/* One more filter of the interface. In text it looks like an interface of its own. */
static void describe_another(struct report *report, const struct snapshot *snapshot)
{
	const struct iface *iface = snapshot->iface;
	char heading[64];

	snprintf(heading, sizeof(heading), "%s: %s", iface->dev.name, iface_state_text(iface));
	report_object(report, NULL, heading);
	report_string(report, NULL, "mode", attach_mode_name(iface->chain.mode));
	describe_program(report, iface);
	describe_trouble(report, snapshot);
	describe_contents(report, snapshot);
	report_close(report);
}

/* In JSON, the other filters of the interface are inside the object of the first one. */
static void describe_interface(struct report *report, const struct snapshot *snapshot,
			       size_t others)
{
	const struct iface *iface = snapshot->iface;
	const struct chain *chain = &iface->chain;
	bool json = !report_is_text(report);
	char heading[64];

	snprintf(heading, sizeof(heading), "%s: %s", iface->dev.name, iface_state_text(iface));
	report_object(report, NULL, heading);
	report_string(report, "ifname", NULL, iface->dev.name);
	report_number(report, "ifindex", NULL, iface->dev.ifindex);
	report_string(report, "state", NULL, filter_state_name(iface_state(iface)));
	report_string(report, "mode", "mode",
		      chain->state == FILTER_STATE_NOT_LOADED ? NULL :
								attach_mode_name(chain->mode));
	report_flag(report, "chained", chain->state == FILTER_STATE_CHAINED);
	report_flag(report, "recoverable", chain->held.program_id);
	describe_program(report, iface);
	describe_trouble(report, snapshot);
	if (chain->program_id || json)
		describe_contents(report, snapshot);
	report_array(report, "more", NULL);
	for (size_t i = 1; i <= others && json; i++)
		describe_another(report, &snapshot[i]);
	report_close(report);
	report_close(report);
	for (size_t i = 1; i <= others && !json; i++)
		describe_another(report, &snapshot[i]);
}

/* The filters after the first one that are on the same interface. */
static size_t count_others(const struct snapshots *snapshots, size_t first)
{
	size_t next = first + 1;

	while (next < snapshots->count && snapshots->items[next].iface->dev.ifindex ==
						  snapshots->items[first].iface->dev.ifindex)
		next++;
	return next - first - 1;
}

static void describe_age(struct report *report, int64_t updated)
{
	int64_t now = (int64_t)time(NULL), age = now > updated ? now - updated : 0;
	char duration[DURATION_TEXT_SIZE], text[DURATION_TEXT_SIZE + 8];

	if (!updated) {
		report_null(report, "updated");
		report_null(report, "age_s");
		return;
	}
	duration_format((uint64_t)age, duration);
	snprintf(text, sizeof(text), "%s ago", duration);
	report_number(report, "updated", NULL, (uint64_t)updated);
	report_number(report, "age_s", NULL, (uint64_t)age);
	report_string(report, NULL, "updated", text);
}

static void describe_source(struct report *report, const struct state_source *source)
{
	char heading[128];

	snprintf(heading, sizeof(heading), "source %s: %s", source->set, source->state);
	report_object(report, NULL, heading);
	report_string(report, "set", NULL, source->set);
	report_string(report, "state", NULL, source->state);
	report_string(report, "from", "from", source->from);
	report_number(report, "rules", "rules", source->rules);
	describe_age(report, source->updated);
	report_string(report, "error", "error", source->error);
	report_close(report);
}

/* In text only where there is more to say than the interface's own paragraph does. */
static void describe_kept(struct report *report, const struct state_interface *iface)
{
	if (strcmp(iface->state, "filtering") != 0)
		report_line(report, "interface %s: %s%s%s", iface->ifname, iface->state,
			    iface->error ? "; " : "", iface->error ? iface->error : "");
	report_object(report, NULL, NULL);
	report_string(report, "ifname", NULL, iface->ifname);
	report_string(report, "state", NULL, iface->state);
	report_string(report, "error", NULL, iface->error);
	report_close(report);
}

/* What the sync of this network namespace does; nothing in text where there is none. */
static void describe_sync(struct report *report, const struct state *sync)
{
	char heading[64];

	if (!sync->pid) {
		report_null(report, "sync");
		report_array(report, "sources", NULL);
		report_close(report);
		return;
	}
	snprintf(heading, sizeof(heading), "sync: process %d", sync->pid);
	report_object(report, "sync", heading);
	report_number(report, "pid", NULL, sync->pid > 0 ? (uint64_t)sync->pid : 0);
	report_string(report, "error", "error", sync->error);
	report_array(report, "interfaces", NULL);
	for (size_t i = 0; i < sync->interface_count; i++)
		describe_kept(report, &sync->interfaces[i]);
	report_close(report);
	report_close(report);
	report_array(report, "sources", NULL);
	for (size_t i = 0; i < sync->source_count; i++)
		describe_source(report, &sync->sources[i]);
	report_close(report);
}

static void describe_names(struct report *report, const char *names)
{
	char copy[sizeof(((struct pending *)0)->interfaces)], *next = copy, *name;

	snprintf(copy, sizeof(copy), "%s", names);
	report_array(report, "interfaces", NULL);
	while ((name = strsep(&next, " "))) {
		report_object(report, NULL, NULL);
		report_string(report, "ifname", NULL, name);
		report_close(report);
	}
	report_close(report);
}

/* A change that is undone unless somebody confirms it. */
static void describe_pending(struct report *report)
{
	char left[DURATION_TEXT_SIZE];
	struct error err = { .text = "" };
	struct pending pending;

	if (pending_read(&pending, &err))
		log_warning("%s", err.text);
	if (!pending.pid) {
		report_null(report, "confirm");
		return;
	}
	duration_format(pending.left_s, left);
	if (pending.left_s)
		report_line(report,
			    "%s: %s is undone in %s, unless '" PROGRAM_NAME " confirm' keeps it",
			    pending.interfaces, pending.command, left);
	else
		report_line(report, "%s: %s is being undone", pending.interfaces, pending.command);
	report_object(report, "confirm", NULL);
	report_number(report, "pid", NULL, (uint64_t)pending.pid);
	report_string(report, "command", NULL, pending.command);
	describe_names(report, pending.interfaces);
	report_number(report, "left_s", NULL, pending.left_s);
	report_close(report);
}

static int print(const struct snapshots *snapshots, const struct state *sync, bool json,
		 struct error *err)
{
	struct report report;
	size_t others;
	int ret;

	report_begin(&report, json ? REPORT_JSON : REPORT_TEXT, stdout);
	report_array(&report, "interfaces", NULL);
	for (size_t i = 0; i < snapshots->count; i += 1 + others) {
		others = count_others(snapshots, i);
		describe_interface(&report, &snapshots->items[i], others);
	}
	report_close(&report);
	if (!snapshots->count)
		report_line(&report, "the filter is not loaded on any interface");
	describe_pending(&report);
	describe_sync(&report, sync);
	report_close(&report);
	ret = report_finish(&report, err);
	return ret < 0 ? ret : 0;
}

/* Fails for the worst state: not filtering is worse than not loaded. Sets no message, because the
 * output shows the state. */
static int judge(const struct ifaces *ifaces, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < ifaces->count; i++) {
		if (iface_state(&ifaces->items[i]) == FILTER_STATE_NOT_FILTERING)
			return error_set_kind(err, -ENOENT, ERROR_FAILURE);
		if (ifaces->items[i].chain.state == FILTER_STATE_NOT_LOADED)
			ret = error_set_kind(err, -ENOENT, ERROR_ABSENT);
	}
	return ret;
}

static int status_of(const struct ifaces *ifaces, const struct state *sync, bool json,
		     struct error *err)
{
	const struct snapshot_parts parts = {
		.rules = true,
		.counters = true,
		.totals = true,
		.repair = !json,
	};
	struct snapshots snapshots;
	int ret = snapshots_read(&snapshots, ifaces, &parts, err);

	if (ret)
		return ret;
	ret = print(&snapshots, sync, json, err);
	snapshots_done(&snapshots);
	return ret ? ret : judge(ifaces, err);
}

static int find_ifaces(const struct option_texts *names, struct ifaces *ifaces, struct error *err)
{
	int ret;

	if (!names->count && log_level() == LOG_VERBOSE)
		sweep_log_orphans();
	ret = ifaces_find(names, ifaces, err);
	if (!ret)
		ret = ifaces_split(ifaces, err);
	return ret ? ret : ifaces_open(ifaces, err);
}

static int status(void *data, struct error *err)
{
	const struct status_request *request = data;
	struct ifaces ifaces = { 0 };
	struct state sync = { 0 };
	int ret = find_ifaces(&request->names, &ifaces, err);

	if (!ret && (request->json || !request->names.count))
		ret = state_read(&sync, err);
	if (!ret)
		ret = status_of(&ifaces, &sync, request->json, err);
	state_done(&sync);
	ifaces_done(&ifaces);
	return ret;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "show the filter's state, rules and counters",
	.usage = "[OPTION]... [IFNAME]...",
	.notes =
		"Without IFNAME, shows every interface that has the filter, or lost it. With -v, shows the counters\n"
		"of each CPU too.\n",
	.examples = "  xdp-ipfilter status\n"
		    "  xdp-ipfilter status --json eth0\n",
	.exit_codes = "  0  filtering\n"
		      "  1  attached but NOT filtering, or failed\n"
		      "  3  not loaded on a named interface, or turned off on any interface\n",
	.options = status_options,
	.request_size = sizeof(struct status_request),
	.needs = CAPABILITY_BPF | TOOL_NEEDS_CLOCK,
	.run = status,
};
