// SPDX-License-Identifier: GPL-2.0
/*
 * flush: how does a set, or every one, become empty?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>

#include <dataplane/capability.h>
#include <util/auto.h>
#include <util/error.h>

#include "transaction.h"
#include "common.h"

static const struct option_spec flush_options[] = {
	{ 'd', "dev", "IFNAME", "only this interface; may be given several times" },
	{ 's', "set", "NAME", "the set to empty (default: default)" },
	{ 'a', "all", NULL, "empty every set" },
	OPTIONS_TABLE_END,
};

struct flush_request {
	struct option_texts devs;
	const char *set;
	bool all;
};

static int parse_option(struct flush_request *request, int id, const struct options *options,
			struct error *err)
{
	switch (id) {
	case 'd':
		return word_option(&request->devs, options, err);
	case 's':
		return set_option(&request->set, options, err);
	case 'a':
		request->all = true;
		return 0;
	case OPTIONS_POSITIONAL:
		return refuse_positional(options, err);
	default:
		return -EINVAL;
	}
}

static int parse(struct flush_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END)
		ret = parse_option(request, id, options, err);
	if (!ret && request->all && request->set)
		return options_refuse(options, err, "--set or --all, not both");
	return ret;
}

static int flush_on(struct iface *iface, const void *context, size_t *changed, struct error *err)
{
	const struct flush_request *request = context;
	const char *name = request->set ? request->set : RULE_DEFAULT_SET;
	auto_free bool *sets = calloc(iface->rules.set_count + 1, sizeof(*sets));
	int only = ruleset_find_set(&iface->rules, name);

	if (!sets)
		return error_no_memory(err);
	for (size_t i = 0; i < iface->rules.set_count; i++)
		sets[i] = request->all || (int)i == only;
	if (ruleset_replace(&iface->rules, sets, NULL, 0, changed))
		return error_no_memory(err);
	return 0;
}

static int flush(struct options *options, struct error *err)
{
	struct flush_request request = { 0 };
	const struct transaction change = { .apply = flush_on, .context = &request };
	int ret = parse(&request, options, err);

	if (!ret)
		ret = transaction_run(&request.devs, &change, err);
	option_texts_done(&request.devs);
	return ret;
}

const struct command cmd_flush = {
	.name = "flush",
	.summary = "delete all rules of a set, or of every set",
	.usage = "[OPTION]...",
	.options = flush_options,
	.needs = CAPABILITY_BPF,
	.notes = "Without --dev, on every interface that has the filter.\n",
	.examples = "  xdp-ipfilter flush\n"
		    "  xdp-ipfilter flush -s spamhaus\n"
		    "  xdp-ipfilter flush --all -d eth0\n",
	.exit_codes = "  3  the filter is not loaded there, or nowhere\n",
	.run = flush,
};
