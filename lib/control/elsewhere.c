// SPDX-License-Identifier: GPL-2.0
/*
 * Where is the filter of an interface that has left this network namespace?
 *
 * An interface takes its program along. It gets another name or number if its own are in use there.
 * The id of the program stays.
 */
#include <control/elsewhere.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include <dataplane/chain.h>
#include <dataplane/detach.h>
#include <dataplane/netns.h>
#include <util/auto.h>
#include <util/error.h>

struct search {
	__u32 program_id;
	struct netdev dev; /* the interface, as it is there */
	char path[NETNS_PATH_SIZE];
	int ret; /* what detaching the program there returned */
	struct error failure;
};

static int visit(const char *path, void *data)
{
	auto_free struct netdev *devs = NULL;
	struct search *search = data;
	struct chain chain;
	size_t count;

	if (netdev_all(&devs, &count, NULL))
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (chain_read(&devs[i], &chain, NULL) || !chain_has(&chain, search->program_id))
			continue;
		search->dev = devs[i];
		snprintf(search->path, sizeof(search->path), "%s", path);
		search->ret = detach_program(&devs[i], search->program_id, &search->failure);
		return 1;
	}
	return 0;
}

static int found(const struct iface *iface, const struct search *search, struct error *err)
{
	if (search->ret)
		return error_set(
			err, search->ret,
			"%s: moved to the network namespace %s, where the filter stays on it: %s; "
			"'nsenter --net=%s xdp-ipfilter unload %s' takes it off",
			iface->dev.name, search->path, search->failure.text, search->path,
			search->dev.name);
	return error_set_absent(
		err, -ENODEV,
		"%s: moved to the network namespace %s, as %s; the filter was taken off there",
		iface->dev.name, search->path, search->dev.name);
}

int elsewhere_take_off(const struct iface *iface, struct error *err)
{
	struct search search = { .program_id = iface->chain.program_id };
	int ret;

	if (!search.program_id || !filter_exists(search.program_id))
		return error_set_kind(err, -ENOENT, ERROR_ABSENT);
	ret = netns_each(visit, &search, err);
	if (ret > 0)
		return found(iface, &search, err);
	if (ret < 0)
		return ret;
	/* Pins keep the programs of a chain in the kernel, also after its interface was deleted. */
	if (iface->chain.state == FILTER_STATE_CHAINED || !filter_exists(search.program_id))
		return error_set_kind(err, -ENOENT, ERROR_ABSENT);
	return error_set(
		err, -ENODEV,
		"%s: moved to a network namespace that cannot be reached from here, and program %u "
		"still filters on it; 'xdp-ipfilter unload' takes it off there",
		iface->dev.name, search.program_id);
}
