// SPDX-License-Identifier: GPL-2.0
/*
 * add: how are rules added to the live ones?
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
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/error.h>

struct add_request {
	struct transaction change; /* first: its steps get the request */
	struct rule_input_files files;
	struct option_texts rules;
	const char *set;
	uint64_t confirm_s; /* 0: not asked for */
	uint64_t timeout_s; /* 0: none */
	enum verdict verdict;
	bool force;
};

static const struct option_spec add_options[] = {
	IFACE_OPTION(struct add_request, change.devices),
	RULE_INPUT_SET_OPTION(struct add_request, set,
			      "The set that the rules belong to (default: default)."),
	OPTION_DURATION('t', "timeout", "DURATION", struct add_request, timeout_s,
			"The rules end after this time, such as 90, 90s or 1h30m."),
	OPTION_VALUE(0, "pass", struct add_request, verdict, VERDICT_PASS, "The rules pass."),
	OPTION_VALUE(0, "drop", struct add_request, verdict, VERDICT_DROP, "The rules drop."),
	OPTION_FLAG(0, "force", struct add_request, force,
		    "Accept a likely accident: rules that drop nearly all sources."),
	CONFIRM_OPTION(struct add_request, confirm_s),
	RULE_INPUT_FILE_OPTION(struct add_request, files),
	RULE_INPUT_FORMAT_OPTIONS(struct add_request, files),
	OPTION_POSITIONALS("RULE", struct add_request, rules),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct add_request *request = data;

	return request->rules.count || request->files.names.count ? NULL : "which rules?";
}

static void start_input(const struct add_request *request, struct input *input)
{
	input_start(input);
	input->verdict = request->verdict;
	input->verdict_forced = request->verdict != VERDICT_BY_POLICY;
	input->set = request->set;
	if (request->timeout_s)
		input->expires = tick_after(input->now, request->timeout_s);
}

/* Does a line of the input empty this set? */
static bool is_flushed(const struct input *input, size_t set)
{
	return input->sets[set].flushed;
}

/* Does any line empty a set? */
static bool flushes(const struct input *input)
{
	for (size_t i = 0; i < input->set_count; i++)
		if (is_flushed(input, i))
			return true;
	return false;
}

/* Refuses a flush with nothing after it: the download has probably failed. */
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

static int read_input(void *data, struct error *err)
{
	struct add_request *request = data;
	struct transaction *change = &request->change;
	int ret;

	start_input(request, &change->input);
	ret = rule_input_read(&change->input, &request->files, &request->rules, err);
	change->is_guarded = !request->force;
	change->kind = flushes(&change->input) ? LOCKOUT_REPLACES : LOCKOUT_ADDS;
	return ret || request->force ? ret : check_input(&change->input, err);
}

static int add_to(struct iface *iface, const struct transaction *change, size_t *changed,
		  struct error *err)
{
	const struct add_request *request = (const void *)change;
	const struct input *input = &change->input;
	struct incoming incoming;
	int ret = incoming_init(&incoming, iface, input, iface_policy(iface), err);

	if (ret)
		return ret;
	if (flushes(input))
		ret = incoming_replace(&incoming, is_flushed, request->force, changed, err);
	else
		ret = incoming_add(&incoming, changed, err);
	incoming_done(&incoming);
	return ret;
}

static const struct add_request add_defaults = {
	.change.apply = add_to,
	.verdict = VERDICT_BY_POLICY,
};

static int commit(void *data, struct error *err)
{
	struct add_request *request = data;

	return confirm_commit(request->confirm_s, "add", &request->change.ifaces,
			      transaction_commit, request, err);
}

const struct command cmd_add = {
	.name = "add",
	.summary = "add rules, or replace those of the same prefix and set",
	.usage = "[OPTION]... [RULE]...",
	.notes =
		"A rule is an address, ADDRESS/LENGTH, ADDRESS/NETMASK or START-END. Without --pass, --drop\n"
		"or a verdict in the file, a rule drops under policy allow and passes under policy deny.\n"
		"Without --dev, every interface that has the filter gets the rules.\n",
	.examples = "  xdp-ipfilter add 192.0.2.66 198.51.100.0/24\n"
		    "  xdp-ipfilter add --pass 198.51.100.7\n"
		    "  xdp-ipfilter add -d eth0 -s fail2ban -t 10m 2001:db8::66\n",
	.exit_codes = "  3  not loaded on a named interface or, without --dev, on any\n",
	.options = add_options,
	.request_size = sizeof(struct add_request),
	.defaults = &add_defaults,
	.check = check,
	.read = read_input,
	.needs = CAPABILITY_BPF | CAPABILITY_FILES | TOOL_NEEDS_CLOCK | TOOL_NEEDS_KEEPER,
	.takes_lock = true,
	.run = transaction_prepare,
	.commit = commit,
	.done = transaction_done,
};
