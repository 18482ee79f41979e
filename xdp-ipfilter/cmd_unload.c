// SPDX-License-Identifier: GPL-2.0
/*
 * unload: how is the filter, and nothing else, taken off interfaces?
 */
#include "cmd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <control/confirm.h>
#include <control/iface.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <dataplane/detach.h>
#include <dataplane/sweep.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>

struct unload_request {
	struct option_texts names;
	bool all;
	uint64_t confirm_s; /* 0: not asked for */
	struct ifaces ifaces;
};

static const struct option_spec unload_options[] = {
	OPTION_FLAG('a', "all", struct unload_request, all,
		    "Every interface that has the filter, or lost it."),
	CONFIRM_OPTION(struct unload_request, confirm_s),
	OPTION_POSITIONALS("IFNAME", struct unload_request, names),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct unload_request *request = data;

	if (request->all != (request->names.count > 0))
		return NULL;
	return request->all ? "interfaces or --all, not both" :
			      "which interface? --all means every one";
}

/* Checks all interfaces before it changes the first one. */
static int find_ifaces(void *data, struct error *err)
{
	struct unload_request *request = data;
	struct ifaces *ifaces = &request->ifaces;
	int ret = ifaces_find(&request->names, ifaces, err);

	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		const struct iface *iface = &ifaces->items[i];

		if (iface->chain.state != FILTER_STATE_NOT_LOADED || iface_lost(iface))
			continue;
		ret = error_set_absent(err, -ENOENT, "%s: not loaded; there is nothing to unload",
				       iface->dev.name);
	}
	return ret;
}

/* First removes running filters, then those that only pins hold, then what is left of a dead chain.
 * If unload is killed, the pins show the next one what is left. */
static int unload_iface(const struct netdev *dev, struct error *err)
{
	struct error failure = { 0 };
	int ret = detach_filters(dev, &failure);

	if (ret == -ENOENT && sweep_filters(dev)) {
		log_verbose("%s: removed a filter that was turned off", dev->name);
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

/* One round over those that are left. While an interface above another has a program, the kernel
 * does not change the lower one. Such an interface stays for the next round, and *err keeps the
 * message. */
static int unload_round(const struct ifaces *ifaces, bool *done, size_t *left, struct error *err)
{
	*left = 0;
	for (size_t i = 0; i < ifaces->count; i++) {
		int ret;

		if (done[i])
			continue;
		ret = unload_iface(&ifaces->items[i].dev, err);
		done[i] = !ret;
		if (ret == -EEXIST)
			++*left;
		else if (ret)
			return error_set_kind(err, ret,
					      ret == -ENOENT ? ERROR_ABSENT : ERROR_FAILURE);
	}
	return 0;
}

static int unload(void *data, struct error *err)
{
	const struct unload_request *request = data;
	const struct ifaces *ifaces = &request->ifaces;
	auto_free bool *done = calloc(ifaces->count + 1, sizeof(*done));
	size_t before, left = ifaces->count;
	int ret;

	if (!done)
		return error_no_memory(err);
	do {
		before = left;
		ret = unload_round(ifaces, done, &left, err);
	} while (!ret && left && left < before);
	if (ret || left)
		return ret ? ret : -EEXIST;
	error_clear(err);
	return 0;
}

static int commit(void *data, struct error *err)
{
	struct unload_request *request = data;

	return confirm_commit(request->confirm_s, "unload", &request->ifaces, unload, request, err);
}

static void unload_done(void *data)
{
	struct unload_request *request = data;

	ifaces_done(&request->ifaces);
}

const struct command cmd_unload = {
	.name = "unload",
	.summary = "take the filter off interfaces, and leave all other programs there",
	.usage = "-a | IFNAME...",
	.examples = "  xdp-ipfilter unload eth0\n"
		    "  xdp-ipfilter unload --all\n",
	.exit_codes = "  3  not loaded on a named interface; then none is unloaded\n",
	.options = unload_options,
	.request_size = sizeof(struct unload_request),
	.check = check,
	.needs = CAPABILITY_BPF | CAPABILITY_ATTACH | TOOL_NEEDS_CLOCK | TOOL_NEEDS_KEEPER,
	.takes_lock = true,
	.run = find_ifaces,
	.commit = commit,
	.done = unload_done,
};
