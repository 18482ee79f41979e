// SPDX-License-Identifier: GPL-2.0
/*
 * del: how are rules deleted?
 */
#include "cmd.h"

#include <control/confirm.h>
#include <control/incoming.h>
#include <control/rule_input.h>
#include <control/tool.h>
#include <control/transaction.h>
#include <dataplane/capability.h>
#include <feed/input.h>
#include <util/error.h>

struct del_request {
	struct transaction change; /* first: its steps get the request */
	struct rule_input_files files;
	struct option_texts rules;
	const char *set;
	uint64_t confirm_s; /* 0: not asked for */
};

static const struct option_spec del_options[] = {
	IFACE_OPTION(struct del_request, change.devices),
	RULE_INPUT_SET_OPTION(struct del_request, set,
			      "The set that the rules belong to (default: default)."),
	CONFIRM_OPTION(struct del_request, confirm_s),
	RULE_INPUT_FILE_OPTION(struct del_request, files),
	RULE_INPUT_FORMAT_OPTIONS(struct del_request, files),
	OPTION_POSITIONALS("RULE", struct del_request, rules),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct del_request *request = data;

	return request->rules.count || request->files.names.count ? NULL : "which rules?";
}

static int read_input(void *data, struct error *err)
{
	struct del_request *request = data;
	struct input *input = &request->change.input;

	input_start(input);
	input->set = request->set;
	input->deletes = true;
	return rule_input_read(input, &request->files, &request->rules, err);
}

/* Verdicts and times of the input do not matter, so nothing is refused. */
static int del_from(struct iface *iface, const struct transaction *change, size_t *changed,
		    struct error *err)
{
	struct incoming incoming;
	int ret = incoming_init(&incoming, iface, &change->input, iface_policy(iface), err);

	if (ret)
		return ret;
	ret = incoming_remove(&incoming, changed, err);
	incoming_done(&incoming);
	return ret;
}

static const struct del_request del_defaults = { .change.apply = del_from };

static int commit(void *data, struct error *err)
{
	struct del_request *request = data;

	return confirm_commit(request->confirm_s, "del", &request->change.ifaces,
			      transaction_commit, request, err);
}

const struct command cmd_del = {
	.name = "del",
	.summary = "delete rules; a rule that does not exist is no error",
	.usage = "[OPTION]... [RULE]...",
	.notes = "Without --dev, deletes them on every interface that has the filter.\n",
	.examples = "  xdp-ipfilter del 192.0.2.66\n"
		    "  xdp-ipfilter del -d eth0 -s fail2ban 2001:db8::66\n",
	.exit_codes = "  3  not loaded on a named interface or, without --dev, on any\n",
	.options = del_options,
	.request_size = sizeof(struct del_request),
	.defaults = &del_defaults,
	.check = check,
	.read = read_input,
	.needs = CAPABILITY_BPF | CAPABILITY_FILES | TOOL_NEEDS_CLOCK | TOOL_NEEDS_KEEPER,
	.takes_lock = true,
	.run = transaction_prepare,
	.commit = commit,
	.done = transaction_done,
};
