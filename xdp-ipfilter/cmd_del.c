// SPDX-License-Identifier: GPL-2.0
/*
 * del: how do rules go?
 */
#include "cmd.h"

#include <errno.h>

#include <dataplane/capability.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/error.h>

#include "incoming.h"
#include "transaction.h"
#include "common.h"
#include "rule_input.h"

enum { DEL_FORMAT = OPTION_LONG };

static const struct option_spec del_options[] = {
	{ 'd', "dev", "IFNAME", "only this interface; may be given several times" },
	{ 's', "set", "NAME", "the set that the rules belong to (default: default)" },
	{ 'f', "file", "FILE", "read rules, one a line; - is standard input" },
	FORMAT_OPTION(DEL_FORMAT),
	OPTIONS_TABLE_END,
};

struct del_request {
	struct option_texts devs, files, rules;
	const char *set;
	const struct format *format;
};

static int parse_option(struct del_request *request, int id, const struct options *options,
			struct error *err)
{
	switch (id) {
	case 'd':
		return word_option(&request->devs, options, err);
	case 's':
		return set_option(&request->set, options, err);
	case 'f':
		return word_option(&request->files, options, err);
	case DEL_FORMAT:
		return format_option(&request->format, options, err);
	case OPTIONS_POSITIONAL:
		return word_option(&request->rules, options, err);
	default:
		return -EINVAL;
	}
}

static int parse(struct del_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END)
		ret = parse_option(request, id, options, err);
	if (!ret && !request->rules.count && !request->files.count)
		return options_refuse(options, err, "which rules?");
	return ret;
}

/* Verdicts and times of what comes in don't matter, so nothing is refused. */
static int del_from(struct iface *iface, const void *context, size_t *changed, struct error *err)
{
	struct incoming incoming;
	int ret = incoming_init(&incoming, iface, context, iface_policy(iface), err);

	if (ret)
		return ret;
	ret = incoming_remove(&incoming, changed, err);
	incoming_done(&incoming);
	return ret;
}

static int del(struct options *options, struct error *err)
{
	struct del_request request = { 0 };
	struct input input = { 0 };
	const struct transaction change = { .apply = del_from, .context = &input, .input = &input };
	int ret = parse(&request, options, err);

	if (!ret) {
		input = (struct input){
			.verdict = VERDICT_BY_POLICY,
			.expires = IPF_NEVER,
			.now = tick_now(),
			.set = request.set,
			.format = request.format,
			.deletes = true,
		};
		ret = rule_input_read(&input, &request.files, &request.rules, err);
	}
	if (!ret)
		ret = transaction_run(&request.devs, &change, err);
	input_done(&input);
	option_texts_done(&request.devs);
	option_texts_done(&request.files);
	option_texts_done(&request.rules);
	return ret;
}

const struct command cmd_del = {
	.name = "del",
	.summary = "delete rules; those that are not there are no error",
	.usage = "[OPTION]... [RULE]...",
	.options = del_options,
	.needs = CAPABILITY_BPF | CAPABILITY_FILES,
	.notes = "Without --dev, the rules go on every interface that has the filter.\n",
	.examples = "  xdp-ipfilter del 192.0.2.66\n"
		    "  xdp-ipfilter del -d eth0 -s fail2ban 2001:db8::66\n",
	.exit_codes = "  3  the filter is not loaded there, or nowhere\n",
	.run = del,
};
