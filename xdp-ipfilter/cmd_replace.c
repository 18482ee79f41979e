// SPDX-License-Identifier: GPL-2.0
/*
 * replace: how do sets become exactly what files say, and what would change?
 */
#include "cmd.h"

#include <errno.h>

#include <control/confirm.h>
#include <control/incoming.h>
#include <control/lockout.h>
#include <control/rule_input.h>
#include <control/tool.h>
#include <control/transaction.h>
#include <dataplane/capability.h>
#include <feed/input.h>
#include <util/error.h>

struct replace_request {
	struct transaction change; /* first: its steps get the request */
	struct rule_input_files files;
	const char *set;
	uint64_t confirm_s; /* 0: not asked for */
	bool dry_run, force;
};

static const struct option_spec replace_options[] = {
	IFACE_OPTION(struct replace_request, change.devices),
	RULE_INPUT_SET_OPTION(struct replace_request, set,
			      "The set to replace (default: those that the files name)."),
	OPTION_FLAG('n', "dry-run", struct replace_request, dry_run,
		    "Show what would change, and change nothing."),
	OPTION_FLAG(0, "force", struct replace_request, force,
		    "Accept a likely accident: rules that drop nearly all sources, no rules at "
		    "all, or the loss of more than half of a large set."),
	CONFIRM_OPTION(struct replace_request, confirm_s),
	RULE_INPUT_FILE_OPTION(struct replace_request, files),
	RULE_INPUT_FORMAT_OPTIONS(struct replace_request, files),
	OPTION_NO_POSITIONALS("rules come from --file, an interface follows --dev"),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct replace_request *request = data;

	if (request->dry_run && request->confirm_s)
		return "--confirm or --dry-run, not both";
	return request->files.names.count ? NULL :
					    "which rules? --file names them, - is standard input";
}

static bool only_reads(const void *data)
{
	const struct replace_request *request = data;

	return request->dry_run;
}

/* Does the input name this set? The first set exists even if no line names it. */
static bool input_names(const struct input *input, size_t set)
{
	return input->set_count == 1 || input->sets[set].named || input->sets[set].filled;
}

static int replace_on(struct iface *iface, const struct transaction *change, size_t *changed,
		      struct error *err)
{
	const struct replace_request *request = (const void *)change;
	struct incoming incoming;
	int ret = incoming_init(&incoming, iface, &change->input, iface_policy(iface), err);

	if (ret)
		return ret;
	ret = incoming_replace(&incoming, input_names, request->force, changed, err);
	incoming_done(&incoming);
	return ret;
}

static const struct replace_request replace_defaults = {
	.change = {
		.apply = replace_on,
		.kind = LOCKOUT_REPLACES,
	},
};

static int read_input(void *data, struct error *err)
{
	static const struct option_texts no_arguments = { 0 };
	struct replace_request *request = data;
	struct input *input = &request->change.input;
	int ret;

	input_start(input);
	input->set = request->set;
	request->change.is_guarded = !request->force;
	ret = rule_input_read(input, &request->files, &no_arguments, err);
	if (ret || request->force)
		return ret;
	ret = lockout_check_input(input, err);
	if (ret || input->count)
		return ret;
	return error_set(err, -EPERM,
			 "no rules to replace the old ones with; use --force if you mean it");
}

static int run(void *data, struct error *err)
{
	struct replace_request *request = data;

	return request->dry_run ? transaction_preview(&request->change, err) :
				  transaction_prepare(&request->change, err);
}

static int commit(void *data, struct error *err)
{
	struct replace_request *request = data;

	if (request->dry_run)
		return 0;
	return confirm_commit(request->confirm_s, "replace", &request->change.ifaces,
			      transaction_commit, request, err);
}

const struct command cmd_replace = {
	.name = "replace",
	.summary = "replace whole sets by the contents of files, in one step",
	.usage = "[OPTION]... -f FILE...",
	.notes =
		"Without --set, replaces the sets that 'set NAME' lines in the files name; rules before any such line\n"
		"belong to the set 'default'. Other sets stay. Without --dev, changes every interface that has the\n"
		"filter.\n",
	.examples = "  xdp-ipfilter replace -s spamhaus -f drop.txt\n"
		    "  xdp-ipfilter replace --dry-run -f rules.txt\n"
		    "  xdp-ipfilter list -d eth0 | xdp-ipfilter replace -d eth1 -f -\n",
	.exit_codes = "  1  failed, or refused without --force; nothing changed\n"
		      "  3  not loaded on a named interface or, without --dev, on any\n",
	.options = replace_options,
	.request_size = sizeof(struct replace_request),
	.defaults = &replace_defaults,
	.check = check,
	.read = read_input,
	.needs = CAPABILITY_BPF | CAPABILITY_FILES | TOOL_NEEDS_CLOCK | TOOL_NEEDS_KEEPER,
	.takes_lock = true,
	.only_reads = only_reads,
	.run = run,
	.commit = commit,
	.done = transaction_done,
};
