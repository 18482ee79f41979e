// SPDX-License-Identifier: GPL-2.0
/*
 * repair: how is a filter that somebody turned off or broke brought back?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>

#include <control/loading.h>
#include <control/tool.h>
#include <control/transaction.h>
#include <dataplane/capability.h>
#include <dataplane/repair.h>
#include <dataplane/sweep.h>
#include <dataplane/table.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <util/error.h>
#include <util/log.h>
#include <util/program.h>

/* The repair of an interface. */
struct repair {
	struct iface *iface;
	struct attachment *attachment; /* NULL: our program is there, or comes back by itself */
	bool turn_on; /* its whole chain was turned off, and is still in the kernel */
};

struct repair_request {
	struct loading_request loading;
	struct input input;
	struct ifaces ifaces;
	struct repair *repairs; /* one for each interface */
};

static const struct repair_request repair_defaults = { .loading = LOADING_DEFAULTS };

static const struct option_spec repair_options[] = {
	OPTION_ENUM('p', "policy", "POLICY", struct repair_request, loading.attach.policy,
		    loading_policy, "The policy, if the rules are lost."),
	OPTION_NUMBER('P', "prio", "PRIORITY", struct repair_request, loading.attach.priority, 0,
		      INT_MAX, "Priority in the chain, if the rules are lost."),
	OPTION_TEXTS('i', "ip", "RULE", struct repair_request, loading.rules,
		     "A rule, if the rules are lost. May be repeated."),
	OPTION_TEXTS('f', "file", "FILE", struct repair_request, loading.files,
		     "A file of rules, if the rules are lost; - is standard input. May be "
		     "repeated."),
	RULE_INPUT_FORMAT_OPTION(struct repair_request, loading.format),
	OPTION_FLAG(0, "force", struct repair_request, loading.force,
		    "If the rules are lost, load the filter without any."),
	OPTION_POSITIONALS("IFNAME", struct repair_request, loading.names),
	OPTION_END,
};

/* Reads the rules of a program that no longer runs, but is still in the kernel. */
static int read_held(struct iface *iface, struct error *err)
{
	__u32 program_id = iface->chain.held.program_id;

	if (filter_open(program_id, &iface->filter, err) ||
	    table_read(&iface->filter, &iface->rules, NULL, err))
		return error_prefix(err, -EIO, "%s: cannot recover its rules", iface->dev.name);
	log_verbose("%s: its rules are those of program %u", iface->dev.name, program_id);
	ruleset_tidy(&iface->rules, tick_now());
	return 0;
}

/* Does not trust what the kernel holds. */
static enum attach_mode mode_at_load(const struct ipf_config *config)
{
	return config->mode <= ATTACH_MODE_HW ? (enum attach_mode)config->mode :
						ATTACH_MODE_UNSPECIFIED;
}

static int prepare_recovered(struct repair *repair, struct error *err)
{
	struct iface *iface = repair->iface;
	const struct chain *chain = &iface->chain;
	const struct ipf_config *config = &iface->filter.config;
	struct attach_options options = { .repair = true };
	int ret = read_held(iface, err);

	if (ret)
		return ret;
	if (!chain->main_id && chain->held.dispatcher_id) {
		repair->turn_on = true;
		return 0;
	}
	options.mode = chain->main_id ? chain->mode : mode_at_load(config);
	options.policy = iface_policy(iface);
	options.priority = config->priority;
	options.trace = config->trace;
	options.counting = config->counting;
	return attach_prepare(&iface->dev, &options, &iface->rules, &repair->attachment, err);
}

static int prepare_anew(const struct loading_request *request, const struct input *input,
			struct repair *repair, struct error *err)
{
	const char *name = repair->iface->dev.name;
	struct loading_request own = *request;

	if (!input->count && !request->force)
		return error_set(
			err, -ENODATA,
			"%s: its rules are lost with its program; give them again with '" PROGRAM_NAME
			" repair %s -f FILE', or use --force to load without any",
			name, name);
	own.attach.mode = repair->iface->chain.mode;
	own.attach.repair = true;
	return loading_prepare(&own, input, repair->iface, &repair->attachment, err);
}

static int prepare_iface(const struct loading_request *request, const struct input *input,
			 struct repair *repair, struct error *err)
{
	struct iface *iface = repair->iface;

	if (iface->misread.text[0]) {
		*err = iface->misread;
		return -EOPNOTSUPP;
	}
	if (iface->chain.program_id)
		return iface_read_rules(iface, tick_now(), err);
	if (iface->chain.held.program_id)
		return prepare_recovered(repair, err);
	if (iface->chain.state == FILTER_STATE_NOT_FILTERING)
		return prepare_anew(request, input, repair, err);
	return iface_refuse(iface, err);
}

/* Prints what runs now, and names the neighbours that must be loaded again. */
static int print_result(const struct repair *repair, const struct chain *after, struct error *err)
{
	struct iface *iface = repair->iface;
	const unsigned int expected = iface->chain.expected;
	const __u32 held_in = iface->chain.held.main_id;

	iface->chain = *after;
	if (!iface->chain.program_id)
		return error_set(err, -EIO, "%s: repaired, but the filter is gone again",
				 iface->dev.name);
	loading_print(iface);
	if (iface->chain.count < expected)
		log_warning("%s: its chain has lost %u of its programs for good; load "
			    "them again",
			    iface->dev.name, expected - iface->chain.count);
	if (repair->attachment && held_in)
		repair_name_missing(&iface->dev, held_in, &iface->chain);
	return 0;
}

static int bring_back(const struct repair *repair, struct chain *after, struct error *err)
{
	struct iface *iface = repair->iface;
	int ret = 0;

	if (repair->attachment)
		return attach_commit(repair->attachment, after, err);
	if (repair->turn_on)
		ret = repair_turn_on(&iface->dev, mode_at_load(&iface->filter.config),
				     &iface->chain, err);
	else if (repair_is_needed(&iface->dev, &iface->chain))
		ret = repair_chain(&iface->dev, err);
	return ret ? ret : chain_read(&iface->dev, after, err);
}

static int commit_iface(const struct repair *repair, struct error *err)
{
	struct iface *iface = repair->iface;
	struct chain after;
	int ret = bring_back(repair, &after, err);

	if (!ret)
		ret = print_result(repair, &after, err);
	/* Not earlier: until now, perhaps nothing else held the rules. */
	if (!ret)
		sweep(&iface->dev);
	return ret;
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
		ret = ifaces_open(ifaces, err);
	if (ret)
		return ret;
	request->repairs = calloc(ifaces->count + 1, sizeof(*request->repairs));
	if (!request->repairs)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		request->repairs[i].iface = &ifaces->items[i];
		ret = prepare_iface(&request->loading, &request->input, &request->repairs[i], err);
	}
	return ret;
}

static int commit(void *data, struct error *err)
{
	const struct repair_request *request = data;
	int ret = 0;

	for (size_t i = 0; i < request->ifaces.count && !ret; i++)
		ret = commit_iface(&request->repairs[i], err);
	return ret;
}

static void repair_done(void *data)
{
	struct repair_request *request = data;

	for (size_t i = 0; i < request->ifaces.count && request->repairs; i++)
		attachment_free(request->repairs[i].attachment);
	free(request->repairs);
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
