// SPDX-License-Identifier: GPL-2.0
/*
 * add: how do rules come to those that are there?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>

#include <dataplane/capability.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/duration.h>
#include <util/error.h>

#include "incoming.h"
#include "transaction.h"
#include "common.h"
#include "rule_input.h"
#include "lockout.h"

enum { ADD_PASS = OPTION_LONG, ADD_DROP, ADD_FORCE, ADD_FORMAT };

static const struct option_spec add_options[] = {
	{ 'd', "dev", "IFNAME", "only this interface; may be given several times" },
	{ 's', "set", "NAME", "the set that the rules belong to (default: default)" },
	{ 't', "timeout", "DURATION", "the rules end after that time, like 90, 90s or 1h30m" },
	{ ADD_PASS, "pass", NULL, "the rules pass" },
	{ ADD_DROP, "drop", NULL, "the rules drop" },
	{ ADD_FORCE, "force", NULL,
	  "accept what is likely an accident: rules that drop nearly all" },
	{ 'f', "file", "FILE", "read rules, one a line; - is standard input" },
	FORMAT_OPTION(ADD_FORMAT),
	OPTIONS_TABLE_END,
};

struct add_request {
	struct option_texts devs, files, rules;
	const char *set;
	const struct format *format;
	uint64_t timeout_s; /* 0: none */
	bool pass, drop, force;
};

static int timeout_option(uint64_t *seconds, const struct options *options, struct error *err)
{
	if (!duration_parse(options->value, seconds))
		return 0;
	return options_refuse(options, err,
			      "'%s': not a duration like 90, 90s or 1h30m, from 1s to 3650d",
			      options->value);
}

static int parse_option(struct add_request *request, int id, const struct options *options,
			struct error *err)
{
	switch (id) {
	case 'd':
		return word_option(&request->devs, options, err);
	case 's':
		return set_option(&request->set, options, err);
	case 't':
		return timeout_option(&request->timeout_s, options, err);
	case ADD_PASS:
		request->pass = true;
		return 0;
	case ADD_DROP:
		request->drop = true;
		return 0;
	case ADD_FORCE:
		request->force = true;
		return 0;
	case 'f':
		return word_option(&request->files, options, err);
	case ADD_FORMAT:
		return format_option(&request->format, options, err);
	case OPTIONS_POSITIONAL:
		return word_option(&request->rules, options, err);
	default:
		return -EINVAL;
	}
}

static int parse(struct add_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END)
		ret = parse_option(request, id, options, err);
	if (ret)
		return ret;
	if (request->pass && request->drop)
		return options_refuse(options, err, "--pass or --drop, not both");
	if (!request->rules.count && !request->files.count)
		return options_refuse(options, err, "which rules?");
	return 0;
}

static void start_input(const struct add_request *request, struct input *input)
{
	*input = (struct input){
		.verdict = request->pass ? VERDICT_PASS :
			   request->drop ? VERDICT_DROP :
					   VERDICT_BY_POLICY,
		.verdict_forced = request->pass || request->drop,
		.expires = IPF_NEVER,
		.now = tick_now(),
		.set = request->set,
		.format = request->format,
	};
	if (request->timeout_s)
		input->expires = tick_after(input->now, request->timeout_s);
}

struct addition {
	const struct input *input;
	bool force;
};

/* Does a line of the input empty this set? */
static bool is_flushed(const struct input *input, size_t set)
{
	return input->sets[set].flushed;
}

/* And any? */
static bool flushes(const struct input *input)
{
	for (size_t i = 0; i < input->set_count; i++)
		if (is_flushed(input, i))
			return true;
	return false;
}

/* A flush and nothing after it is more likely a download that failed. */
static int check_input(const struct input *input, struct error *err)
{
	int ret = lockout_check_input(input, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < input->set_count; i++) {
		if (!input->sets[i].flushed || input->sets[i].filled)
			continue;
		return error_set(
			err, -EPERM,
			"set %s: flushed, and no rules to replace the old ones with; use --force if "
			"you mean it",
			input->sets[i].name);
	}
	return 0;
}

static int add_to(struct iface *iface, const void *context, size_t *changed, struct error *err)
{
	const struct addition *addition = context;
	struct incoming incoming;
	int ret = incoming_init(&incoming, iface, addition->input, iface_policy(iface), err);

	if (ret)
		return ret;
	if (flushes(addition->input))
		ret = incoming_replace(&incoming, is_flushed, addition->force, changed, err);
	else
		ret = incoming_add(&incoming, changed, err);
	incoming_done(&incoming);
	return ret;
}

static int add(struct options *options, struct error *err)
{
	struct add_request request = { 0 };
	struct input input = { 0 };
	struct addition addition = { .input = &input };
	struct transaction change = { .apply = add_to, .context = &addition, .input = &input };
	int ret = parse(&request, options, err);

	if (!ret) {
		start_input(&request, &input);
		ret = rule_input_read(&input, &request.files, &request.rules, err);
	}
	addition.force = request.force;
	change.is_guarded = !request.force;
	change.kind = flushes(&input) ? LOCKOUT_REPLACES : LOCKOUT_ADDS;
	if (!ret && !request.force)
		ret = check_input(&input, err);
	if (!ret)
		ret = transaction_run(&request.devs, &change, err);
	input_done(&input);
	option_texts_done(&request.devs);
	option_texts_done(&request.files);
	option_texts_done(&request.rules);
	return ret;
}

const struct command cmd_add = {
	.name = "add",
	.summary = "add rules, or replace those of the same prefix and set",
	.usage = "[OPTION]... [RULE]...",
	.options = add_options,
	.needs = CAPABILITY_BPF | CAPABILITY_FILES,
	.notes =
		"A rule is an address, ADDRESS/LENGTH, ADDRESS/NETMASK or START-END. Where neither --pass nor\n"
		"--drop nor the file says it, a rule drops under policy allow and passes under policy deny.\n"
		"Without --dev, every interface that has the filter gets the rules.\n",
	.examples = "  xdp-ipfilter add 192.0.2.66 198.51.100.0/24\n"
		    "  xdp-ipfilter add --pass 198.51.100.7\n"
		    "  xdp-ipfilter add -d eth0 -s fail2ban -t 10m 2001:db8::66\n",
	.exit_codes = "  3  the filter is not loaded there, or nowhere\n",
	.run = add,
};
