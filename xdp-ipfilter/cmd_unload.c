/* SPDX-License-Identifier: GPL-2.0 */
/*
 * unload: how does the filter leave interfaces, and nothing else with it?
 */
#include "cmd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <dataplane/attach.h>
#include <dataplane/capability.h>
#include <dataplane/lock.h>
#include <dataplane/sweep.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>

#include "common.h"
#include "rounds.h"
#include "iface.h"

static const struct option_spec unload_options[] = {
	{ 'a', "all", NULL, "every interface that has the filter, or lost it" },
	OPTIONS_TABLE_END,
};

struct unload_request {
	struct words names;
	bool all;
};

static enum exit_code parse(struct unload_request *request, struct options *options,
			    struct error *err)
{
	enum exit_code code = EXIT_DONE;
	int id;

	while (!code && (id = options_next(options, err)) != OPTIONS_END) {
		if (id == 'a')
			request->all = true;
		else if (id == OPTIONS_POSITIONAL)
			code = word_option(&request->names, options, err);
		else
			code = EXIT_USAGE;
	}
	if (code || request->all != (request->names.count > 0))
		return code;
	options_refuse(options, err,
		       request->all ? "interfaces or --all, not both" :
				      "which interface? --all means every one");
	return EXIT_USAGE;
}

/* All are looked at before the first is touched. */
static enum exit_code find_named(const struct words *names, struct ifaces *ifaces,
				 struct error *err)
{
	enum exit_code code = ifaces_named(names, ifaces, err);

	if (!code)
		code = ifaces_read(ifaces, err);
	for (size_t i = 0; i < ifaces->count && !code; i++) {
		const struct iface *iface = &ifaces->items[i];

		if (iface->chain.state != FILTER_STATE_NOT_LOADED || iface_lost(iface))
			continue;
		error_set(err, -ENOENT, "%s: not loaded; there is nothing to unload",
			  iface->dev.name);
		code = EXIT_NOT_LOADED;
	}
	return code;
}

/* What runs goes first, then what pins still hold, by which the next unload finds what a killed one left; then
 * what else a dead chain has there. */
static int unload_target(const struct netdev *dev, struct error *err)
{
	struct error failure = { "" };
	int ret = detach(dev, 0, &failure);

	if (ret == -ENOENT && sweep_filter(dev, 0)) {
		log_verbose("%s: it was turned off, and is gone for good", dev->name);
		ret = 0;
	} else if (!ret) {
		log_verbose("%s: unloaded", dev->name);
		sweep_filter(dev, 0);
	}
	sweep(dev);
	if (ret)
		*err = failure;
	return ret;
}

/* One round over those that are left. The kernel changes no interface below one that has a program, so
 * what it refuses for that reason stays for the next round, and *err keeps the words. */
static enum exit_code unload_round(const struct ifaces *ifaces, bool *done, size_t *left,
				   struct error *err)
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
			return ret == -ENOENT ? EXIT_NOT_LOADED : EXIT_FAILED;
	}
	return EXIT_DONE;
}

static enum exit_code unload_ifaces(const struct ifaces *ifaces, struct error *err)
{
	auto_free bool *done = calloc(ifaces->count + 1, sizeof(*done));
	size_t before, left = ifaces->count;
	enum exit_code code;

	if (!done)
		return no_memory(err);
	signals_hold();
	do {
		before = left;
		code = unload_round(ifaces, done, &left, err);
	} while (!code && left && left < before);
	if (code || left)
		return code ? code : EXIT_FAILED;
	error_set(err, 0, "%s", "");
	return EXIT_DONE;
}

static enum exit_code unload_locked(const struct unload_request *request, struct error *err)
{
	struct ifaces ifaces = { 0 };
	enum exit_code code;
	auto_fd int lock = -1;

	if (capability_check(err))
		return EXIT_FAILED;
	lock = lock_take(err);
	if (lock < 0)
		return EXIT_FAILED;
	if (request->all)
		code = ifaces_loaded(&ifaces, err);
	else
		code = find_named(&request->names, &ifaces, err);
	if (!code)
		code = unload_ifaces(&ifaces, err);
	ifaces_done(&ifaces);
	return code;
}

static enum exit_code unload(struct options *options, struct error *err)
{
	struct unload_request request = { 0 };
	enum exit_code code = parse(&request, options, err);

	if (!code)
		code = unload_locked(&request, err);
	words_done(&request.names);
	return code;
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
