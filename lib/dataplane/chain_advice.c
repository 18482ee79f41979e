// SPDX-License-Identifier: GPL-2.0
/*
 * Which command helps on an interface where our filter does not run?
 */
#include <dataplane/chain_advice.h>

#include <stdio.h>

#include <dataplane/bpffs.h>

/* A dispatcher is there, but our filter, which was in it, does not run. */
static void advise_not_filtering(const char *name, const struct chain *chain, char *text)
{
	if (chain->held.program_id)
		snprintf(text, CHAIN_ADVICE_SIZE, "'xdp-ipfilter repair %s' repairs it", name);
	else if (!bpffs_lasts())
		snprintf(text, CHAIN_ADVICE_SIZE,
			 "the pins of its chain are not in the " BPFFS_PATH
			 " of this mount namespace; "
			 "run the command in that of process 1, with 'nsenter -t 1 -m'");
	else
		snprintf(text, CHAIN_ADVICE_SIZE,
			 "its rules are lost with its program; 'xdp-ipfilter repair %s -f FILE' loads "
			 "it again with rules from a file",
			 name);
}

/* Our filter does not run there, and has left no sign in the chain that does. */
static void advise_not_loaded(const char *name, const struct chain *chain, char *text)
{
	if (chain->main_id && !chain->dispatcher)
		snprintf(text, CHAIN_ADVICE_SIZE,
			 "program '%s' (id %u) is attached without a dispatcher, so nothing can join it; "
			 "'xdp-loader unload %s -a' takes it off",
			 chain->main_name, chain->main_id, name);
	else if (chain->held.program_id)
		snprintf(text, CHAIN_ADVICE_SIZE,
			 "somebody turned it off; 'xdp-ipfilter repair %s' brings it back with its "
			 "rules, 'xdp-ipfilter unload %s' removes it",
			 name, name);
	else if (chain_is_broken(chain))
		snprintf(text, CHAIN_ADVICE_SIZE,
			 "another program's chain is broken there: dispatcher %u has lost %u of its %u "
			 "programs; 'xdp-loader unload %s -a' takes it off; then load all of them again",
			 chain->main_id, chain->expected - chain->count, chain->expected, name);
	else
		snprintf(text, CHAIN_ADVICE_SIZE, "load it with 'xdp-ipfilter load %s'", name);
}

const char *chain_advice(const struct netdev *dev, const struct chain *chain,
			 char text[CHAIN_ADVICE_SIZE])
{
	if (chain->state == FILTER_STATE_NOT_FILTERING)
		advise_not_filtering(dev->name, chain, text);
	else
		advise_not_loaded(dev->name, chain, text);
	return text;
}
