// SPDX-License-Identifier: GPL-2.0
/*
 * replace: how do sets become exactly what a file says, and what would change?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cli/report.h>
#include <dataplane/capability.h>
#include <dataplane/table.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/error.h>

#include "incoming.h"
#include "transaction.h"
#include "common.h"
#include "rule_input.h"
#include "lockout.h"

enum { REPLACE_FORCE = OPTION_LONG, REPLACE_FORMAT };

static const struct option_spec replace_options[] = {
	{ 'd', "dev", "IFNAME", "only this interface; may be given several times" },
	{ 's', "set", "NAME", "the set to replace (default: those that the files name)" },
	{ 'n', "dry-run", NULL, "show what would change, and change nothing" },
	{ REPLACE_FORCE, "force", NULL,
	  "accept what is likely an accident: rules that drop nearly all, no rules at all, less than half "
	  "of a large set" },
	{ 'f', "file", "FILE", "read rules, one a line; - is standard input" },
	FORMAT_OPTION(REPLACE_FORMAT),
	OPTIONS_TABLE_END,
};

struct replace_request {
	struct option_texts devs, files;
	const char *set;
	const struct format *format;
	bool dry_run, force;
};

static int parse_option(struct replace_request *request, int id, const struct options *options,
			struct error *err)
{
	switch (id) {
	case 'd':
		return word_option(&request->devs, options, err);
	case 's':
		return set_option(&request->set, options, err);
	case 'n':
		request->dry_run = true;
		return 0;
	case REPLACE_FORCE:
		request->force = true;
		return 0;
	case 'f':
		return word_option(&request->files, options, err);
	case REPLACE_FORMAT:
		return format_option(&request->format, options, err);
	case OPTIONS_POSITIONAL:
		return refuse_positional(options, err);
	default:
		return -EINVAL;
	}
}

static int parse(struct replace_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END)
		ret = parse_option(request, id, options, err);
	if (!ret && !request->files.count)
		return options_refuse(options, err,
				      "which rules? --file names them, - is standard input");
	return ret;
}

struct replacement {
	struct input input;
	bool force;
};

/* Does the input name this set? The first one is there even when no line stands in it. */
static bool input_names(const struct input *input, size_t set)
{
	return input->set_count == 1 || input->sets[set].named || input->sets[set].filled;
}

static int replace_on(struct iface *iface, const void *context, size_t *changed, struct error *err)
{
	const struct replacement *replacement = context;
	struct incoming incoming;
	int ret = incoming_init(&incoming, iface, &replacement->input, iface_policy(iface), err);

	if (ret)
		return ret;
	ret = incoming_replace(&incoming, input_names, replacement->force, changed, err);
	incoming_done(&incoming);
	return ret;
}

static int read_input(const struct replace_request *request, struct replacement *replacement,
		      struct error *err)
{
	static const struct option_texts no_arguments = { 0 };
	int ret;

	replacement->force = request->force;
	replacement->input = (struct input){
		.verdict = VERDICT_BY_POLICY,
		.expires = IPF_NEVER,
		.now = tick_now(),
		.set = request->set,
		.format = request->format,
	};
	ret = rule_input_read(&replacement->input, &request->files, &no_arguments, err);
	if (ret || request->force)
		return ret;
	ret = lockout_check_input(&replacement->input, err);
	if (ret || replacement->input.count)
		return ret;
	return error_set(err, -EPERM,
			 "no rules to replace the old ones with; use --force if you mean it");
}

static int replace(struct options *options, struct error *err)
{
	struct replace_request request = { 0 };
	struct replacement replacement = { 0 };
	struct transaction change = { .apply = replace_on,
				      .context = &replacement,
				      .input = &replacement.input,
				      .kind = LOCKOUT_REPLACES };
	int ret = parse(&request, options, err);

	if (!ret)
		ret = read_input(&request, &replacement, err);
	change.is_guarded = !request.force;
	if (!ret && request.dry_run)
		ret = transaction_preview(&request.devs, &change, err);
	else if (!ret)
		ret = transaction_run(&request.devs, &change, err);
	input_done(&replacement.input);
	option_texts_done(&request.devs);
	option_texts_done(&request.files);
	return ret;
}

const struct command cmd_replace = {
	.name = "replace",
	.summary = "make sets exactly what files say, at once",
	.usage = "[OPTION]... -f FILE...",
	.options = replace_options,
	.needs = CAPABILITY_BPF | CAPABILITY_FILES,
	.notes =
		"Without --set, the sets that the files name by 'set NAME' lines are replaced; rules before\n"
		"such a line belong to the set 'default'. Other sets stay. Without --dev, on every interface\n"
		"that has the filter.\n",
	.examples = "  xdp-ipfilter replace -s spamhaus -f drop.txt\n"
		    "  xdp-ipfilter replace --dry-run -f rules.txt\n"
		    "  xdp-ipfilter list -d eth0 | xdp-ipfilter replace -d eth1 -f -\n",
	.exit_codes = "  1  failed, or refused without --force; nothing changed\n"
		      "  3  the filter is not loaded there, or nowhere\n",
	.run = replace,
};
