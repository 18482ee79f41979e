// SPDX-License-Identifier: GPL-2.0
/*
 * flush: how are one or all sets emptied?
 */
#include "cmd.h"

#include <stdlib.h>

#include <control/change.h>
#include <control/confirm.h>
#include <control/rule_input.h>
#include <control/tool.h>
#include <control/transaction.h>
#include <dataplane/capability.h>
#include <util/auto.h>
#include <util/error.h>

struct flush_request {
	struct transaction change; /* first: its steps get the request */
	const char *set;
	uint64_t confirm_s; /* 0: not asked for */
	bool all;
};

static const struct option_spec flush_options[] = {
	IFACE_OPTION(struct flush_request, change.devices),
	RULE_INPUT_SET_OPTION(struct flush_request, set, "The set to empty (default: default)."),
	OPTION_FLAG('a', "all", struct flush_request, all, "Empty every set."),
	CONFIRM_OPTION(struct flush_request, confirm_s),
	IFACE_NO_POSITIONALS,
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct flush_request *request = data;

	return request->all && request->set ? "--set or --all, not both" : NULL;
}

static int flush_on(struct iface *iface, const struct transaction *change, size_t *changed,
		    struct error *err)
{
	const struct flush_request *request = (const void *)change;
	const char *name = request->set ? request->set : RULE_DEFAULT_SET;
	const struct ruleset *rules = change_rules(iface);
	auto_free bool *sets = calloc(rules->set_count + 1, sizeof(*sets));
	int only = ruleset_find_set(rules, name);

	if (!sets)
		return error_no_memory(err);
	for (size_t i = 0; i < rules->set_count; i++)
		sets[i] = request->all || (int)i == only;
	return change_replace(iface, sets, NULL, 0, changed, err);
}

static const struct flush_request flush_defaults = { .change.apply = flush_on };

static int commit(void *data, struct error *err)
{
	struct flush_request *request = data;

	return confirm_commit(request->confirm_s, "flush", &request->change.ifaces,
			      transaction_commit, request, err);
}

const struct command cmd_flush = {
	.name = "flush",
	.summary = "delete all rules of a set, or of every set",
	.usage = "[OPTION]...",
	.notes = "Without --dev, changes every interface that has the filter.\n",
	.examples = "  xdp-ipfilter flush\n"
		    "  xdp-ipfilter flush -s spamhaus\n"
		    "  xdp-ipfilter flush --all -d eth0\n",
	.exit_codes = "  3  not loaded on a named interface or, without --dev, on any\n",
	.options = flush_options,
	.request_size = sizeof(struct flush_request),
	.defaults = &flush_defaults,
	.check = check,
	.needs = CAPABILITY_BPF | TOOL_NEEDS_CLOCK | TOOL_NEEDS_KEEPER,
	.takes_lock = true,
	.run = transaction_prepare,
	.commit = commit,
	.done = transaction_done,
};
