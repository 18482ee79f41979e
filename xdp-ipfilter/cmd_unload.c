// SPDX-License-Identifier: GPL-2.0
/*
 * unload: how does the filter leave interfaces, and nothing else with it?
 */
#include "cmd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <dataplane/capability.h>
#include <dataplane/detach.h>
#include <dataplane/lock.h>
#include <dataplane/sweep.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>
#include <util/signals.h>

#include "common.h"
#include "iface.h"

static const struct option_spec unload_options[] = {
	{ 'a', "all", NULL, "every interface that has the filter, or lost it" },
	OPTIONS_TABLE_END,
};

struct unload_request {
	struct option_texts names;
	bool all;
};

static int parse(struct unload_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END) {
		if (id == 'a')
			request->all = true;
		else if (id == OPTIONS_POSITIONAL)
			ret = word_option(&request->names, options, err);
		else
			ret = id;
	}
	if (ret || request->all != (request->names.count > 0))
		return ret;
	return options_refuse(options, err,
			      request->all ? "interfaces or --all, not both" :
					     "which interface? --all means every one");
}

/* All are looked at before the first is touched. */
static int find_ifaces(const struct option_texts *names, struct ifaces *ifaces, struct error *err)
{
	int ret = ifaces_find(names, ifaces, err);

	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		const struct iface *iface = &ifaces->items[i];

		if (iface->chain.state != FILTER_STATE_NOT_LOADED || iface_lost(iface))
			continue;
		ret = error_set_absent(err, -ENOENT, "%s: not loaded; there is nothing to unload",
				       iface->dev.name);
	}
	return ret;
}

/* What runs goes first, then what pins still hold, by which the next unload finds what a killed one left; then
 * what else a dead chain has there. */
static int unload_target(const struct netdev *dev, struct error *err)
{
	struct error failure = { 0 };
	int ret = detach_filters(dev, &failure);

	if (ret == -ENOENT && sweep_filters(dev)) {
		log_verbose("%s: it was turned off, and is gone for good", dev->name);
		ret = 0;
	} else if (!ret) {
		log_verbose("%s: unloaded", dev->name);
		sweep_filters(dev);
	}
	sweep(dev);
	if (ret)
		*err = failure;
	return ret;
}

/* One round over those that are left. The kernel changes no interface below one that has a program, so
 * what it refuses for that reason stays for the next round, and *err keeps the words. */
static int unload_round(const struct ifaces *ifaces, bool *done, size_t *left, struct error *err)
{
	*left = 0;
	for (size_t i = 0; i < ifaces->count; i++) {
		int ret;

		if (done[i])
			continue;
		ret = unload_target(&ifaces->items[i].dev, err);
		done[i] = !ret;
		if (ret == -EEXIST)
			++*left;
		else if (ret)
			return error_set_kind(err, ret,
					      ret == -ENOENT ? ERROR_ABSENT : ERROR_FAILURE);
	}
	return 0;
}

static int unload_ifaces(const struct ifaces *ifaces, struct error *err)
{
	auto_free bool *done = calloc(ifaces->count + 1, sizeof(*done));
	size_t before, left = ifaces->count;
	int ret;

	if (!done)
		return error_no_memory(err);
	signals_hold();
	do {
		before = left;
		ret = unload_round(ifaces, done, &left, err);
	} while (!ret && left && left < before);
	if (ret || left)
		return ret ? ret : -EEXIST;
	error_clear(err);
	return 0;
}

static int unload_locked(const struct unload_request *request, struct error *err)
{
	struct ifaces ifaces = { 0 };
	int ret;
	auto_fd int lock = -1;

	ret = capability_check(err);
	if (ret)
		return ret;
	lock = lock_take(err);
	if (lock < 0)
		return lock;
	ret = find_ifaces(&request->names, &ifaces, err);
	if (!ret)
		ret = unload_ifaces(&ifaces, err);
	ifaces_done(&ifaces);
	return ret;
}

static int unload(struct options *options, struct error *err)
{
	struct unload_request request = { 0 };
	int ret = parse(&request, options, err);

	if (!ret)
		ret = unload_locked(&request, err);
	option_texts_done(&request.names);
	return ret;
}

const struct command cmd_unload = {
	.name = "unload",
	.summary = "take the filter off interfaces, and leave all other programs there",
	.usage = "-a | IFNAME...",
	.options = unload_options,
	.needs = CAPABILITY_BPF | CAPABILITY_ATTACH,
	.examples = "  xdp-ipfilter unload eth0\n"
		    "  xdp-ipfilter unload --all\n",
	.exit_codes = "  3  not loaded on an interface that was named; none is unloaded then\n",
	.run = unload,
};
