/* SPDX-License-Identifier: GPL-2.0 */
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
#include "diff.h"
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
	struct words devs, files;
	const char *set;
	const struct feed_format *format;
	bool dry_run, force;
};

static enum exit_code parse_option(struct replace_request *request, int id,
				   const struct options *options, struct error *err)
{
	switch (id) {
	case 'd':
		return word_option(&request->devs, options, err);
	case 's':
		return set_option(&request->set, options, err);
	case 'n':
		request->dry_run = true;
		return EXIT_DONE;
	case REPLACE_FORCE:
		request->force = true;
		return EXIT_DONE;
	case 'f':
		return word_option(&request->files, options, err);
	case REPLACE_FORMAT:
		return format_option(&request->format, options, err);
	case OPTIONS_POSITIONAL:
		return refuse_positional(options, err);
	default:
		return EXIT_USAGE;
	}
}

static enum exit_code parse(struct replace_request *request, struct options *options,
			    struct error *err)
{
	enum exit_code code = EXIT_DONE;
	int id;

	while (!code && (id = options_next(options, err)) != OPTIONS_END)
		code = parse_option(request, id, options, err);
	if (!code && !request->files.count) {
		options_refuse(options, err, "which rules? --file names them, - is standard input");
		return EXIT_USAGE;
	}
	return code;
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

static enum exit_code replace_target(struct iface *iface, const void *context, size_t *changed,
				     struct error *err)
{
	const struct replacement *replacement = context;
	const struct input *input = &replacement->input;
	auto_free struct rule *rules = NULL;
	auto_free __u16 *numbers = NULL;
	auto_free bool *sets = NULL;
	enum exit_code code;

	code = iface_input(iface, input, &rules, &numbers, err);
	if (code)
		return code;
	sets = calloc(iface->rules.set_count + 1, sizeof(*sets));
	if (!sets)
		return no_memory(err);
	for (size_t i = 0; i < input->set_count; i++)
		if (input_names(input, i))
			sets[numbers[i]] = true;
	return iface_replace(iface, input, sets, replacement->force, rules, changed, err);
}

/* What is live goes to *before, what would be is the iface's. */
static enum exit_code replace_aside(struct iface *iface, const struct replacement *replacement,
				    struct ruleset *before, struct error *err)
{
	__u32 now = tick_now();
	enum exit_code code;
	size_t changed;
	int ret;

	ret = table_read(&iface->filter, before, &iface->live, err);
	if (!ret)
		ret = image_rules(&iface->live.image, &iface->rules, err);
	if (ret) {
		error_prefix(err, ret, "%s", iface->dev.name);
		return EXIT_FAILED;
	}
	ruleset_tidy(before, now);
	ruleset_tidy(&iface->rules, now);
	code = replace_target(iface, replacement, &changed, err);
	if (code)
		return code;
	ruleset_tidy(&iface->rules, now);
	if (!replacement->force &&
	    lockout_check_rules(&iface->dev, &replacement->input, before, &iface->rules,
				iface->filter.config.policy, err))
		return EXIT_FAILED;
	return EXIT_DONE;
}

static enum exit_code dry_run_targets(struct ifaces *ifaces, const struct replacement *replacement,
				      struct error *err)
{
	auto_free struct ruleset *before = calloc(ifaces->count, sizeof(*before));
	enum exit_code code = EXIT_DONE;
	__u32 now = tick_now();

	if (!before)
		return no_memory(err);
	for (size_t i = 0; i < ifaces->count && !code; i++)
		code = replace_aside(&ifaces->items[i], replacement, &before[i], err);
	for (size_t i = 0; i < ifaces->count && !code; i++) {
		const struct iface *iface = &ifaces->items[i];

		lockout_warn(&iface->dev, &iface->rules, iface->filter.config.policy,
			     &replacement->input, now);
		if (diff_print(ifaces->count > 1 ? iface->dev.name : NULL, &before[i],
			       &iface->rules, now, err) < 0)
			code = EXIT_FAILED;
	}
	for (size_t i = 0; i < ifaces->count; i++)
		ruleset_done(&before[i]);
	return code;
}

/* Only reads, so without the lock. */
static enum exit_code dry_run(const struct replace_request *request,
			      const struct replacement *replacement, struct error *err)
{
	struct ifaces ifaces = { 0 };
	enum exit_code code;

	if (ready(err))
		return EXIT_FAILED;
	code = ifaces_filtering(&request->devs, &ifaces, err);
	if (!code)
		code = dry_run_targets(&ifaces, replacement, err);
	ifaces_done(&ifaces);
	return code;
}

static enum exit_code read_input(const struct replace_request *request,
				 struct replacement *replacement, struct error *err)
{
	static const struct words no_arguments = { 0 };
	enum exit_code code;

	replacement->force = request->force;
	replacement->input = (struct input){
		.verdict = VERDICT_BY_POLICY,
		.expires = IPF_NEVER,
		.now = tick_now(),
		.set = request->set,
		.format = request->format,
	};
	code = rules_read(&replacement->input, &request->files, &no_arguments, err);
	if (code || request->force)
		return code;
	if (lockout_check_input(&replacement->input, err))
		return EXIT_FAILED;
	if (replacement->input.count)
		return EXIT_DONE;
	error_set(err, -EPERM, "no rules to replace the old ones with; use --force if you mean it");
	return EXIT_FAILED;
}

static enum exit_code replace(struct options *options, struct error *err)
{
	struct replace_request request = { 0 };
	struct replacement replacement = { 0 };
	struct transaction change = { .apply = replace_target,
				      .context = &replacement,
				      .input = &replacement.input,
				      .kind = LOCKOUT_REPLACES };
	enum exit_code code = parse(&request, options, err);

	if (!code)
		code = read_input(&request, &replacement, err);
	change.is_guarded = !request.force;
	if (!code && request.dry_run)
		code = dry_run(&request, &replacement, err);
	else if (!code)
		code = transaction_run(&request.devs, &change, err);
	input_done(&replacement.input);
	words_done(&request.devs);
	words_done(&request.files);
	return code;
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
