// SPDX-License-Identifier: GPL-2.0
/*
 * What on an interface keeps our filter off it?
 */
#include <dataplane/obstacle.h>

#include <errno.h>

#include <dataplane/chain_advice.h>
#include <dataplane/repair.h>
#include <util/error.h>

static int refuse_untold(const struct netdev *dev, const struct chain *chain, struct error *err)
{
	return error_set(
		err, -EOPNOTSUPP,
		"%s: libxdp's dispatcher (program %u) has the interface, and this kernel does "
		"not report what it runs (Linux 5.13 does), so the filter cannot join it; "
		"'xdp-loader unload %s --all' takes it off",
		dev->name, chain->main_id, dev->name);
}

static int refuse_broken(const struct netdev *dev, const struct chain *chain, struct error *err)
{
	char advice[CHAIN_ADVICE_SIZE];

	return error_set(err, -EBUSY, "%s: %s; %s", dev->name, filter_state_text(chain->state),
			 chain_advice(dev, chain, advice));
}

static int refuse_full(const struct netdev *dev, const struct chain *chain, struct error *err)
{
	return error_set(err, -E2BIG,
			 "%s: the chain is full: %u programs, and no dispatcher takes more; "
			 "'xdp-loader status %s' lists them",
			 dev->name, chain->count, dev->name);
}

static int check_mode(const struct netdev *dev, enum attach_mode mode, enum attach_mode wanted,
		      struct error *err)
{
	if (wanted == ATTACH_MODE_UNSPECIFIED || wanted == mode)
		return 0;
	return error_set(err, -EBUSY, "%s: its chain runs in %s mode, not %s; use --mode %s",
			 dev->name, attach_mode_name(mode), attach_mode_name(wanted),
			 attach_mode_name(mode));
}

static int check_dispatcher(const struct netdev *dev, const struct chain *chain,
			    const struct attach_options *options, struct error *err)
{
	int ret;

	if (chain->untold)
		return refuse_untold(dev, chain, err);
	ret = chain_check_version(dev, chain, err);
	if (ret)
		return ret;
	if (chain_is_broken(chain) && !options->repair)
		return refuse_broken(dev, chain, err);
	ret = options->repair ? 0 : repair_check_pins(dev, chain, err);
	if (ret)
		return ret;
	if (chain->expected == CHAIN_MAX && !chain_is_broken(chain))
		return refuse_full(dev, chain, err);
	return check_mode(dev, chain->mode, options->mode, err);
}

int obstacle_check(const struct netdev *dev, const struct chain *chain,
		   const struct attach_options *options, struct error *err)
{
	char advice[CHAIN_ADVICE_SIZE];

	if (chain->program_id && chain->program_id != options->replaces)
		return error_set(err, -EEXIST,
				 "%s: loaded already (program %u); change its rules with add, del or "
				 "replace, or take it off with 'xdp-ipfilter unload %s' first",
				 dev->name, chain->program_id, dev->name);
	if (!chain->main_id || chain->state == FILTER_STATE_SINGLE)
		return 0;
	if (chain->dispatcher)
		return check_dispatcher(dev, chain, options, err);
	return error_set(err, -EBUSY, "%s: %s", dev->name, chain_advice(dev, chain, advice));
}
