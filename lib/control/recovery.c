// SPDX-License-Identifier: GPL-2.0
/*
 * How does a filter come back to an interface that lost it, or becomes one of this version?
 */
#include <control/recovery.h>

#include <errno.h>

#include <dataplane/detach.h>
#include <dataplane/repair.h>
#include <dataplane/sweep.h>
#include <dataplane/table.h>
#include <ruleset/tick.h>
#include <util/error.h>
#include <util/log.h>

void recovery_done(struct recovery *recovery)
{
	attachment_free(recovery->attachment);
	*recovery = (struct recovery){ 0 };
}

/* Reads the rules of a program that no longer runs, but is still in the kernel. */
static int read_held(struct iface *iface, struct error *err)
{
	__u32 program_id = iface->chain.held.program_id;

	if (filter_open(program_id, &iface->filter, err) ||
	    table_read(&iface->filter, &iface->rules, NULL, err))
		return error_prefix(err, -EIO, "%s: cannot recover its rules", iface->dev.name);
	log_verbose("%s: its rules are those of program %u", iface->dev.name, program_id);
	ruleset_tidy(&iface->rules, tick_now());
	return 0;
}

/* Does not trust what the kernel holds. */
static enum attach_mode mode_at_load(const struct ipf_config *config)
{
	return config->mode <= ATTACH_MODE_HW ? (enum attach_mode)config->mode :
						ATTACH_MODE_UNSPECIFIED;
}

/* Those that the open filter was loaded with. */
static struct attach_options options_of(const struct iface *iface)
{
	const struct ipf_config *config = &iface->filter.config;

	return (struct attach_options){
		.mode = iface->chain.main_id ? iface->chain.mode : mode_at_load(config),
		.policy = iface_policy(iface),
		.priority = config->priority,
		.trace = config->trace,
		.observe = iface->filter.enforcement == ENFORCEMENT_OFF,
		.counting = config->counting,
	};
}

int recovery_prepare(struct recovery *recovery, struct iface *iface, struct error *err)
{
	const struct chain *chain = &iface->chain;
	struct attach_options options;
	int ret = read_held(iface, err);

	recovery->iface = iface;
	if (ret)
		return ret;
	if (!chain->main_id && chain->held.dispatcher_id) {
		recovery->turn_on = true;
		return 0;
	}
	options = options_of(iface);
	options.repair = true;
	return attach_prepare(&iface->dev, &options, &iface->rules, &recovery->attachment, err);
}

int recovery_prepare_anew(struct recovery *recovery, struct iface *iface,
			  const struct attach_options *options, struct error *err)
{
	struct attach_options own = *options;

	recovery->iface = iface;
	iface->filter.enforcement = own.observe ? ENFORCEMENT_OFF : ENFORCEMENT_ON;
	if (iface->chain.state == FILTER_STATE_NOT_FILTERING) {
		own.mode = iface->chain.mode;
		own.repair = true;
	}
	return attach_prepare(&iface->dev, &own, &iface->rules, &recovery->attachment, err);
}

int recovery_prepare_upgrade(struct recovery *recovery, struct iface *iface, struct error *err)
{
	struct attach_options options = options_of(iface);
	int ret;

	recovery->iface = iface;
	ret = iface_read_rules(iface, tick_now(), err);
	if (ret)
		return ret;
	recovery->takes_off = iface->filter.program_id != iface->outdated_id;
	if (recovery->takes_off)
		return 0;
	options.replaces = iface->outdated_id;
	options.repair = repair_is_needed(&iface->dev, &iface->chain);
	return attach_prepare(&iface->dev, &options, &iface->rules, &recovery->attachment, err);
}

static int bring_back(const struct recovery *recovery, struct chain *after, struct error *err)
{
	struct iface *iface = recovery->iface;
	int ret = 0;

	if (recovery->attachment)
		return attach_commit(recovery->attachment, after, err);
	if (recovery->takes_off)
		ret = detach_program(&iface->dev, iface->outdated_id, err);
	else if (recovery->turn_on)
		ret = repair_turn_on(&iface->dev, mode_at_load(&iface->filter.config),
				     &iface->chain, err);
	else if (repair_is_needed(&iface->dev, &iface->chain))
		ret = repair_chain(&iface->dev, err);
	return ret ? ret : chain_read(&iface->dev, after, err);
}

/* Takes over what runs now, and names the neighbours that must be loaded again. */
static int take_result(const struct recovery *recovery, const struct chain *after,
		       struct error *err)
{
	struct iface *iface = recovery->iface;
	const unsigned int expected = iface->chain.expected - recovery->takes_off;
	const __u32 held_in = iface->chain.held.main_id;

	iface->chain = *after;
	if (!iface->chain.program_id)
		return error_set(err, -EIO, "%s: repaired, but the filter is gone again",
				 iface->dev.name);
	if (iface->chain.count < expected)
		log_warning("%s: its chain has lost %u of its programs for good; load "
			    "them again",
			    iface->dev.name, expected - iface->chain.count);
	if (recovery->attachment && held_in)
		repair_name_missing(&iface->dev, held_in, &iface->chain);
	return 0;
}

int recovery_commit(struct recovery *recovery, struct error *err)
{
	struct chain after;
	int ret = bring_back(recovery, &after, err);

	if (!ret)
		ret = take_result(recovery, &after, err);
	/* Not earlier: until now, perhaps nothing else held the rules. */
	if (!ret)
		sweep(&recovery->iface->dev);
	return ret;
}
