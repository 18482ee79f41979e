/* SPDX-License-Identifier: GPL-2.0 */
/*
 * repair: how does a filter that is attached but does not filter come to work again?
 */
#include "commands.h"

#include <errno.h>
#include <stdlib.h>

#include <dataplane/capability.h>
#include <dataplane/lock.h>
#include <dataplane/mend.h>
#include <dataplane/table.h>
#include <util/cleanup.h>
#include <util/error.h>
#include <util/log.h>

#include "change.h"
#include "loading.h"
#include "rounds.h"

static const struct option_spec repair_options[] = {
	{ 'p', "policy", "POLICY", "where the rules are lost: allow (the default) or deny" },
	{ 'P', "prio", "PRIORITY", "where the rules are lost: the place in the chain" },
	{ 'i', "ip", "RULE", "a rule, where the rules are lost; may be given several times" },
	{ 'f', "file", "FILE", "a file of rules, where the rules are lost; - is standard input" },
	FORMAT_OPTION(LOAD_FORMAT),
	{ LOAD_FORCE, "force", NULL, "where the rules are lost, load without any" },
	OPTIONS_TABLE_END,
};

/* What has to be done on an interface. */
struct repair {
	struct target *target;
	struct attachment *attachment; /* NULL: our program is not missing */
};

static enum exit_code parse(struct loading_request *request, struct options *options,
			    struct error *err)
{
	enum exit_code code = EXIT_DONE;
	int id;

	while (!code && (id = options_next(options, err)) != OPTIONS_END)
		code = loading_option(request, id, options, err);
	return code;
}

static enum exit_code find_targets(const struct words *names, struct targets *out,
				   struct error *err)
{
	enum exit_code code;

	if (!names->count)
		return targets_loaded(out, err);
	code = targets_named(names, out, err);
	return code ? code : targets_read(out, err);
}

/* The rules of a program that runs no more, though the kernel has it still. */
static enum exit_code prepare_recovered(struct repair *repair, __u32 program_id, struct error *err)
{
	struct target *target = repair->target;
	const struct ipf_config *config = &target->filter.config;
	struct attach_options options = { .mode = target->chain.mode, .repair = true };

	if (filter_open(program_id, &target->filter, err) ||
	    table_read(&target->filter, &target->rules, NULL, err)) {
		error_prefix(err, -EIO, "%s: cannot recover its rules", target->dev.name);
		return EXIT_FAILED;
	}
	log_verbose("%s: its rules are those of program %u", target->dev.name, program_id);
	options.policy = config->policy == IPF_DROP ? IPF_DROP : IPF_PASS;
	options.priority = config->priority;
	options.trace = config->trace;
	options.counting = config->counting;
	ruleset_tidy(&target->rules, tick_now());
	return attach_prepare(&target->dev, &options, &target->rules, &repair->attachment, err) ?
		       EXIT_FAILED :
		       EXIT_DONE;
}

static enum exit_code prepare_anew(const struct loading_request *request,
				   const struct rule_input *input, struct repair *repair,
				   struct error *err)
{
	const char *name = repair->target->dev.name;
	struct loading_request own = *request;

	if (!input->count && !request->force) {
		error_set(err, -ENODATA,
			  "%s: its rules are lost with its program; give them again with '" PROGRAM_NAME
			  " repair -f FILE %s', or use --force to load without any",
			  name, name);
		return EXIT_FAILED;
	}
	own.attach.mode = repair->target->chain.mode;
	own.attach.repair = true;
	return loading_prepare(&own, input, repair->target, &repair->attachment, err);
}

static enum exit_code prepare(const struct loading_request *request, const struct rule_input *input,
			      struct repair *repair, struct error *err)
{
	struct target *target = repair->target;
	__u32 program_id = mend_find_filter(&target->dev, &target->chain);

	switch (target->chain.state) {
	case FILTER_NOT_FILTERING:
		return program_id ? prepare_recovered(repair, program_id, err) :
				    prepare_anew(request, input, repair, err);
	case FILTER_NOT_LOADED:
		/* Who gives rules does not mean those of a filter that was turned off. */
		return program_id && !input->count ? prepare_recovered(repair, program_id, err) :
						     refuse_not_loaded(&target->dev, err);
	default:
		if (target->misread.text[0]) {
			*err = target->misread;
			return EXIT_FAILED;
		}
		return target_read_rules(target, tick_now(), err);
	}
}

/* Prints what runs now, and says which neighbours are to be loaded again. */
static enum exit_code report(const struct repair *repair, struct error *err)
{
	struct target *target = repair->target;
	unsigned int expected = target->chain.expected;

	if (chain_read(&target->dev, &target->chain, err))
		return EXIT_FAILED;
	if (!target->chain.program_id) {
		error_set(err, -EIO, "%s: repaired, but the filter is not there any more",
			  target->dev.name);
		return EXIT_FAILED;
	}
	loading_report(target);
	if (target->chain.count < expected)
		log_warning("%s: %u of the programs that were in its chain are gone for good; load "
			    "them again",
			    target->dev.name, expected - target->chain.count);
	return EXIT_DONE;
}

static enum exit_code commit(const struct repair *repair, struct error *err)
{
	struct target *target = repair->target;
	int ret = 0;

	if (repair->attachment)
		ret = attach_commit(repair->attachment, err);
	else if (mend_is_needed(&target->dev, &target->chain))
		ret = mend(&target->dev, err);
	return ret ? EXIT_FAILED : report(repair, err);
}

static enum exit_code repair_prepared(const struct repair *repairs, size_t count, struct error *err)
{
	enum exit_code code = EXIT_DONE;

	signals_hold();
	for (size_t i = 0; i < count && !code; i++)
		code = commit(&repairs[i], err);
	return code;
}

static enum exit_code repair_targets(const struct loading_request *request,
				     const struct rule_input *input, struct targets *targets,
				     struct error *err)
{
	auto_free struct repair *repairs = calloc(targets->count + 1, sizeof(*repairs));
	enum exit_code code = EXIT_DONE;

	if (!repairs)
		return no_memory(err);
	for (size_t i = 0; i < targets->count && !code; i++) {
		repairs[i].target = &targets->items[i];
		code = prepare(request, input, &repairs[i], err);
	}
	if (!code)
		code = repair_prepared(repairs, targets->count, err);
	for (size_t i = 0; i < targets->count; i++)
		attachment_free(repairs[i].attachment);
	return code;
}

static enum exit_code repair_locked(const struct loading_request *request,
				    const struct rule_input *input, struct error *err)
{
	struct targets targets = { 0 };
	enum exit_code code;
	auto_fd int lock = lock_take(err);

	if (lock < 0)
		return EXIT_FAILED;
	code = find_targets(&request->names, &targets, err);
	if (!code)
		code = targets_open(&targets, err);
	if (!code)
		code = repair_targets(request, input, &targets, err);
	targets_done(&targets);
	return code;
}

static enum exit_code repair(struct options *options, struct error *err)
{
	struct loading_request request;
	struct rule_input input = { 0 };
	enum exit_code code;

	loading_request_init(&request);
	code = parse(&request, options, err);
	if (!code)
		code = loading_check(&request, &input, err);
	if (!code)
		code = repair_locked(&request, &input, err);
	rule_input_done(&input);
	loading_request_done(&request);
	return code;
}

const struct command repair_command = {
	.name = "repair",
	.summary = "make a filter work again that is attached but does not filter",
	.usage = "[OPTION]... [IFNAME]...",
	.options = repair_options,
	.notes =
		"Without IFNAME, on every interface that has the filter. The rules are those of before, where\n"
		"the kernel has them still. Other programs of the chain run on all the while.\n",
	.examples = "  xdp-ipfilter repair eth0\n"
		    "  xdp-ipfilter repair -f rules.txt eth0\n",
	.exit_codes = "  1  failed, for instance because the rules are lost and none are given\n"
		      "  3  not loaded on an interface that was named\n",
	.needs = CAPABILITY_BPF | CAPABILITY_ATTACH | CAPABILITY_FILES,
	.run = repair,
};
