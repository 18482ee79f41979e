// SPDX-License-Identifier: GPL-2.0
/*
 * repair: how is a filter that somebody turned off or broke brought back?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>

#include <control/loading.h>
#include <control/recovery.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <util/error.h>
#include <util/program.h>

struct repair_request {
	struct loading_request loading;
	struct input input;
	struct ifaces ifaces;
	struct recovery *recoveries; /* one for each interface */
};

static const struct repair_request repair_defaults = { .loading = LOADING_DEFAULTS };

static const struct option_spec repair_options[] = {
	OPTION_ENUM('p', "policy", "POLICY", struct repair_request, loading.attach.policy,
		    loading_policy, "The policy, if the rules are lost."),
	OPTION_NUMBER('P', "prio", "PRIORITY", struct repair_request, loading.attach.priority, 0,
		      INT_MAX, "Priority in the chain, if the rules are lost."),
	OPTION_FLAG(0, "observe", struct repair_request, loading.attach.observe,
		    "As for load, if the rules are lost."),
	OPTION_TEXTS('i', "ip", "RULE", struct repair_request, loading.rules,
		     "A rule, if the rules are lost. May be repeated."),
	OPTION_TEXTS('f', "file", "FILE", struct repair_request, loading.files.names,
		     "A file of rules, if the rules are lost; - is standard input. May be "
		     "repeated."),
	RULE_INPUT_FORMAT_OPTIONS(struct repair_request, loading.files),
	OPTION_FLAG(0, "force", struct repair_request, loading.force,
		    "If the rules are lost, load the filter without any."),
	OPTION_POSITIONALS("IFNAME", struct repair_request, loading.names),
	OPTION_END,
};

static int prepare_anew(const struct loading_request *request, const struct input *input,
			struct iface *iface, struct recovery *recovery, struct error *err)
{
	const char *name = iface->dev.name;
	struct loading_request own = *request;

	if (!input->count && !request->force)
		return error_set(
			err, -ENODATA,
			"%s: its rules are lost with its program; give them again with '" PROGRAM_NAME
			" repair %s -f FILE', or use --force to load without any",
			name, name);
	own.attach.mode = iface->chain.mode;
	own.attach.repair = true;
	return loading_prepare(&own, input, iface, &recovery->attachment, err);
}

static int prepare_iface(const struct loading_request *request, const struct input *input,
			 struct iface *iface, struct recovery *recovery, struct error *err)
{
	recovery->iface = iface;
	if (iface->misread.text[0]) {
		*err = iface->misread;
		return -EOPNOTSUPP;
	}
	if (iface->outdated_id)
		return recovery_prepare_upgrade(recovery, iface, err);
	if (iface->chain.program_id)
		return iface_read_rules(iface, tick_now(), err);
	if (iface->chain.held.program_id)
		return recovery_prepare(recovery, iface, err);
	if (iface->chain.state == FILTER_STATE_NOT_FILTERING)
		return prepare_anew(request, input, iface, recovery, err);
	return iface_refuse(iface, err);
}

static int read_input(void *data, struct error *err)
{
	struct repair_request *request = data;

	return loading_read(&request->loading, &request->input, err);
}

static int prepare(void *data, struct error *err)
{
	struct repair_request *request = data;
	struct ifaces *ifaces = &request->ifaces;
	int ret = ifaces_find(&request->loading.names, ifaces, err);

	if (!ret)
		ret = ifaces_open_or_older(ifaces, err);
	if (ret)
		return ret;
	request->recoveries = calloc(ifaces->count + 1, sizeof(*request->recoveries));
	if (!request->recoveries)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++)
		ret = prepare_iface(&request->loading, &request->input, &ifaces->items[i],
				    &request->recoveries[i], err);
	return ret;
}

static int commit(void *data, struct error *err)
{
	const struct repair_request *request = data;
	int ret = 0;

	for (size_t i = 0; i < request->ifaces.count && !ret; i++) {
		ret = recovery_commit(&request->recoveries[i], err);
		if (!ret)
			loading_print(&request->ifaces.items[i]);
	}
	return ret;
}

static void repair_done(void *data)
{
	struct repair_request *request = data;

	for (size_t i = 0; i < request->ifaces.count && request->recoveries; i++)
		recovery_done(&request->recoveries[i]);
	free(request->recoveries);
	ifaces_done(&request->ifaces);
	input_done(&request->input);
}

const struct command cmd_repair = {
	.name = "repair",
	.summary = "bring back a filter that does not filter or was turned off",
	.usage = "[OPTION]... [IFNAME]...",
	.notes =
		"Without IFNAME, repairs every interface that has the filter, or lost it. The old rules come back\n"
		"where the kernel still has them. Other programs of the chain keep running.\n",
	.examples = "  xdp-ipfilter repair eth0\n"
		    "  xdp-ipfilter repair -f rules.txt eth0\n",
	.exit_codes = "  1  failed, for instance because the rules are lost and none are given\n"
		      "  3  not loaded on a named interface\n",
	.options = repair_options,
	.request_size = sizeof(struct repair_request),
	.defaults = &repair_defaults,
	.read = read_input,
	.needs = CAPABILITY_BPF | CAPABILITY_ATTACH | CAPABILITY_FILES | TOOL_NEEDS_CLOCK,
	.takes_lock = true,
	.run = prepare,
	.commit = commit,
	.done = repair_done,
};
