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

#include "transaction.h"
#include "common.h"
#include "rule_input.h"
#include "lockout.h"
#include "preview.h"

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
	const struct feed_format *format;
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

static int replace_target(struct iface *iface, const void *context, size_t *changed,
			  struct error *err)
{
	const struct replacement *replacement = context;
	const struct input *input = &replacement->input;
	auto_free struct rule *rules = NULL;
	auto_free __u16 *numbers = NULL;
	auto_free bool *sets = NULL;
	int ret;

	ret = iface_input(iface, input, &rules, &numbers, err);
	if (ret)
		return ret;
	sets = calloc(iface->rules.set_count + 1, sizeof(*sets));
	if (!sets)
		return error_no_memory(err);
	for (size_t i = 0; i < input->set_count; i++)
		if (input_names(input, i))
			sets[numbers[i]] = true;
	return iface_replace(iface, input, sets, replacement->force, rules, changed, err);
}

/* What is live goes to *before, what would be is the iface's. */
static int replace_aside(struct iface *iface, const struct replacement *replacement,
			 struct ruleset *before, struct error *err)
{
	__u32 now = tick_now();
	size_t changed;
	int ret;

	ret = table_read(&iface->filter, before, &iface->live, err);
	if (!ret)
		ret = image_rules(&iface->live.image, &iface->rules, err);
	if (ret)
		return error_prefix(err, ret, "%s", iface->dev.name);
	ruleset_tidy(before, now);
	ruleset_tidy(&iface->rules, now);
	ret = replace_target(iface, replacement, &changed, err);
	if (ret)
		return ret;
	ruleset_tidy(&iface->rules, now);
	if (replacement->force)
		return 0;
	return lockout_check_rules(&iface->dev, &replacement->input, before, &iface->rules,
				   iface->filter.config.policy, err);
}

static int dry_run_targets(struct ifaces *ifaces, const struct replacement *replacement,
			   struct error *err)
{
	auto_free struct ruleset *before = calloc(ifaces->count, sizeof(*before));
	int ret = 0;
	__u32 now = tick_now();

	if (!before)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++)
		ret = replace_aside(&ifaces->items[i], replacement, &before[i], err);
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		const struct iface *iface = &ifaces->items[i];

		lockout_warn(&iface->dev, &iface->rules, iface->filter.config.policy,
			     &replacement->input, now);
		ret = preview_print(ifaces->count > 1 ? iface->dev.name : NULL, &before[i],
				    &iface->rules, now, err);
		ret = ret < 0 ? ret : 0;
	}
	for (size_t i = 0; i < ifaces->count; i++)
		ruleset_done(&before[i]);
	return ret;
}

/* Only reads, so without the lock. */
static int dry_run(const struct replace_request *request, const struct replacement *replacement,
		   struct error *err)
{
	struct ifaces ifaces = { 0 };
	int ret;

	ret = ready(err);
	if (!ret)
		ret = ifaces_filtering(&request->devs, &ifaces, err);
	if (!ret)
		ret = dry_run_targets(&ifaces, replacement, err);
	ifaces_done(&ifaces);
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
	struct transaction change = { .apply = replace_target,
				      .context = &replacement,
				      .input = &replacement.input,
				      .kind = LOCKOUT_REPLACES };
	int ret = parse(&request, options, err);

	if (!ret)
		ret = read_input(&request, &replacement, err);
	change.is_guarded = !request.force;
	if (!ret && request.dry_run)
		ret = dry_run(&request, &replacement, err);
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
