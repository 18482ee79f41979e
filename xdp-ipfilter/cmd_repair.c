/* SPDX-License-Identifier: GPL-2.0 */
/*
 * repair: how does a filter that somebody turned off, or broke, come to work again?
 */
#include "commands.h"

#include <errno.h>
#include <stdlib.h>

#include <dataplane/capability.h>
#include <dataplane/lock.h>
#include <dataplane/mend.h>
#include <dataplane/sweep.h>
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
	struct attachment *attachment; /* NULL: our program is not missing, or comes by itself */
	bool turn_on; /* its whole chain was turned off, and the kernel has it still */
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
static enum exit_code read_held(struct target *target, struct error *err)
{
	__u32 program_id = target->chain.held.program_id;

	if (filter_open(program_id, &target->filter, err) ||
	    table_read(&target->filter, &target->rules, NULL, err)) {
		error_prefix(err, -EIO, "%s: cannot recover its rules", target->dev.name);
		return EXIT_FAILED;
	}
	log_verbose("%s: its rules are those of program %u", target->dev.name, program_id);
	ruleset_tidy(&target->rules, tick_now());
	return EXIT_DONE;
}

/* What the kernel holds is not trusted. */
static enum attach_mode mode_at_load(const struct ipf_config *config)
{
	return config->mode <= MODE_HW ? (enum attach_mode)config->mode : MODE_UNSPECIFIED;
}

static enum exit_code prepare_recovered(struct repair *repair, struct error *err)
{
	struct target *target = repair->target;
	const struct chain *chain = &target->chain;
	const struct ipf_config *config = &target->filter.config;
	struct attach_options options = { .repair = true };
	enum exit_code code = read_held(target, err);

	if (code)
		return code;
	if (!chain->main_id && chain->held.dispatcher_id) {
		repair->turn_on = true;
		return EXIT_DONE;
	}
	options.mode = chain->main_id ? chain->mode : mode_at_load(config);
	options.policy = config->policy == IPF_DROP ? IPF_DROP : IPF_PASS;
	options.priority = config->priority;
	options.trace = config->trace;
	options.counting = config->counting;
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
			  " repair %s -f FILE', or use --force to load without any",
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

	if (target->misread.text[0]) {
		*err = target->misread;
		return EXIT_FAILED;
	}
	if (target->chain.program_id)
		return target_read_rules(target, tick_now(), err);
	if (target->chain.held.program_id)
		return prepare_recovered(repair, err);
	if (target->chain.state == FILTER_NOT_FILTERING)
		return prepare_anew(request, input, repair, err);
	return refuse_not_filtering(target, err);
}

/* Prints what runs now, and says which neighbours are to be loaded again. */
static enum exit_code report(const struct repair *repair, __u32 held_in, struct error *err)
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
	if (repair->attachment && held_in)
		mend_name_missing(&target->dev, held_in, &target->chain);
	return EXIT_DONE;
}

static int bring_back(const struct repair *repair, struct error *err)
{
	struct target *target = repair->target;

	if (repair->turn_on)
		return mend_turn_on(&target->dev, mode_at_load(&target->filter.config),
				    &target->chain, err);
	if (repair->attachment)
		return attach_commit(repair->attachment, err);
	return mend_is_needed(&target->dev, &target->chain) ? mend(&target->dev, err) : 0;
}

static enum exit_code commit(const struct repair *repair, struct error *err)
{
	struct target *target = repair->target;
	__u32 held_in = target->chain.held.main_id;
	enum exit_code code = bring_back(repair, err) ? EXIT_FAILED : report(repair, held_in, err);

	/* Not before: until now the rules were perhaps held by nothing else. */
	if (!code)
		sweep(&target->dev);
	return code;
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
	.summary = "make a filter work again that was turned off or does not filter",
	.usage = "[OPTION]... [IFNAME]...",
	.options = repair_options,
	.notes =
		"Without IFNAME, every interface that has the filter, or lost it. The old rules come back where\n"
		"the kernel still has them. Other programs of the chain run on all the while.\n",
	.examples = "  xdp-ipfilter repair eth0\n"
		    "  xdp-ipfilter repair -f rules.txt eth0\n",
	.exit_codes = "  1  failed, for instance because the rules are lost and none are given\n"
		      "  3  not loaded on an interface that was named\n",
	.needs = CAPABILITY_BPF | CAPABILITY_ATTACH | CAPABILITY_FILES,
	.run = repair,
};
