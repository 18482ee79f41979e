// SPDX-License-Identifier: GPL-2.0
/*
 * repair: how does a filter that somebody turned off, or broke, come to work again?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>

#include <dataplane/capability.h>
#include <dataplane/lock.h>
#include <dataplane/repair.h>
#include <dataplane/sweep.h>
#include <dataplane/table.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>
#include <util/signals.h>
#include <util/program.h>

#include "transaction.h"
#include "loading.h"

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
	struct iface *iface;
	struct attachment *attachment; /* NULL: our program is not missing, or comes by itself */
	bool turn_on; /* its whole chain was turned off, and the kernel has it still */
};

static int parse(struct loading_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END)
		ret = loading_option(request, id, options, err);
	return ret;
}

/* The rules of a program that runs no more, though the kernel has it still. */
static int read_held(struct iface *iface, struct error *err)
{
	__u32 program_id = iface->chain.held.program_id;

	if (filter_open(program_id, &iface->filter, err) ||
	    table_read(&iface->filter, &iface->rules, NULL, err)) {
		return error_prefix(err, -EIO, "%s: cannot recover its rules", iface->dev.name);
	}
	log_verbose("%s: its rules are those of program %u", iface->dev.name, program_id);
	ruleset_tidy(&iface->rules, tick_now());
	return 0;
}

/* What the kernel holds is not trusted. */
static enum attach_mode mode_at_load(const struct ipf_config *config)
{
	return config->mode <= ATTACH_MODE_HW ? (enum attach_mode)config->mode :
						ATTACH_MODE_UNSPECIFIED;
}

static int prepare_recovered(struct repair *repair, struct error *err)
{
	struct iface *iface = repair->iface;
	const struct chain *chain = &iface->chain;
	const struct ipf_config *config = &iface->filter.config;
	struct attach_options options = { .repair = true };
	int ret = read_held(iface, err);

	if (ret)
		return ret;
	if (!chain->main_id && chain->held.dispatcher_id) {
		repair->turn_on = true;
		return 0;
	}
	options.mode = chain->main_id ? chain->mode : mode_at_load(config);
	options.policy = config->policy == IPF_DROP ? IPF_DROP : IPF_PASS;
	options.priority = config->priority;
	options.trace = config->trace;
	options.counting = config->counting;
	return attach_prepare(&iface->dev, &options, &iface->rules, &repair->attachment, err);
}

static int prepare_anew(const struct loading_request *request, const struct input *input,
			struct repair *repair, struct error *err)
{
	const char *name = repair->iface->dev.name;
	struct loading_request own = *request;

	if (!input->count && !request->force)
		return error_set(
			err, -ENODATA,
			"%s: its rules are lost with its program; give them again with '" PROGRAM_NAME
			" repair %s -f FILE', or use --force to load without any",
			name, name);
	own.attach.mode = repair->iface->chain.mode;
	own.attach.repair = true;
	return loading_prepare(&own, input, repair->iface, &repair->attachment, err);
}

static int prepare(const struct loading_request *request, const struct input *input,
		   struct repair *repair, struct error *err)
{
	struct iface *iface = repair->iface;

	if (iface->misread.text[0]) {
		*err = iface->misread;
		return -EOPNOTSUPP;
	}
	if (iface->chain.program_id)
		return iface_read_rules(iface, tick_now(), err);
	if (iface->chain.held.program_id)
		return prepare_recovered(repair, err);
	if (iface->chain.state == FILTER_STATE_NOT_FILTERING)
		return prepare_anew(request, input, repair, err);
	return iface_refuse(iface, err);
}

/* Prints what runs now, and says which neighbours are to be loaded again. */
static int print_result(const struct repair *repair, const struct chain *after, struct error *err)
{
	struct iface *iface = repair->iface;
	const unsigned int expected = iface->chain.expected;
	const __u32 held_in = iface->chain.held.main_id;

	iface->chain = *after;
	if (!iface->chain.program_id)
		return error_set(err, -EIO, "%s: repaired, but the filter is not there any more",
				 iface->dev.name);
	loading_print(iface);
	if (iface->chain.count < expected)
		log_warning("%s: %u of the programs that were in its chain are gone for good; load "
			    "them again",
			    iface->dev.name, expected - iface->chain.count);
	if (repair->attachment && held_in)
		repair_name_missing(&iface->dev, held_in, &iface->chain);
	return 0;
}

static int bring_back(const struct repair *repair, struct chain *after, struct error *err)
{
	struct iface *iface = repair->iface;
	int ret = 0;

	if (repair->attachment)
		return attach_commit(repair->attachment, after, err);
	if (repair->turn_on)
		ret = repair_turn_on(&iface->dev, mode_at_load(&iface->filter.config),
				     &iface->chain, err);
	else if (repair_is_needed(&iface->dev, &iface->chain))
		ret = repair_chain(&iface->dev, err);
	return ret ? ret : chain_read(&iface->dev, after, err);
}

static int commit(const struct repair *repair, struct error *err)
{
	struct iface *iface = repair->iface;
	struct chain after;
	int ret = bring_back(repair, &after, err);

	if (!ret)
		ret = print_result(repair, &after, err);
	/* Not before: until now the rules were perhaps held by nothing else. */
	if (!ret)
		sweep(&iface->dev);
	return ret;
}

static int repair_prepared(const struct repair *repairs, size_t count, struct error *err)
{
	int ret = 0;

	signals_hold();
	for (size_t i = 0; i < count && !ret; i++)
		ret = commit(&repairs[i], err);
	return ret;
}

static int repair_ifaces(const struct loading_request *request, const struct input *input,
			 struct ifaces *ifaces, struct error *err)
{
	auto_free struct repair *repairs = calloc(ifaces->count + 1, sizeof(*repairs));
	int ret = 0;

	if (!repairs)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		repairs[i].iface = &ifaces->items[i];
		ret = prepare(request, input, &repairs[i], err);
	}
	if (!ret)
		ret = repair_prepared(repairs, ifaces->count, err);
	for (size_t i = 0; i < ifaces->count; i++)
		attachment_free(repairs[i].attachment);
	return ret;
}

static int repair_locked(const struct loading_request *request, const struct input *input,
			 struct error *err)
{
	struct ifaces ifaces = { 0 };
	int ret;
	auto_fd int lock = lock_take(err);

	if (lock < 0)
		return lock;
	ret = ifaces_find(&request->names, &ifaces, err);
	if (!ret)
		ret = ifaces_open(&ifaces, err);
	if (!ret)
		ret = repair_ifaces(request, input, &ifaces, err);
	ifaces_done(&ifaces);
	return ret;
}

static int repair(struct options *options, struct error *err)
{
	struct loading_request request;
	struct input input = { 0 };
	int ret;

	loading_request_init(&request);
	ret = parse(&request, options, err);
	if (!ret)
		ret = loading_check(&request, &input, err);
	if (!ret)
		ret = repair_locked(&request, &input, err);
	input_done(&input);
	loading_request_done(&request);
	return ret;
}

const struct command cmd_repair = {
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
