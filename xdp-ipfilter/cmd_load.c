// SPDX-License-Identifier: GPL-2.0
/*
 * load: how does the filter come onto interfaces, all of them or none?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>

#include <cli/report.h>
#include <dataplane/capability.h>
#include <dataplane/detach.h>
#include <dataplane/lock.h>
#include <dataplane/sweep.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>
#include <util/signals.h>

#include "loading.h"
#include "lockout.h"

static const struct option_spec load_options[] = { LOAD_OPTIONS, OPTIONS_TABLE_END };

static int parse(struct loading_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END)
		ret = loading_option(request, id, options, err);
	if (!ret && !request->names.count)
		return options_refuse(options, err, "which interface?");
	return ret;
}

static void detach_all(struct ifaces *ifaces, size_t count)
{
	struct error err = { 0 };

	while (count--)
		if (detach_filters(&ifaces->items[count].dev, &err))
			log_warning("cannot undo the load: %s", err.text);
}

static int attach_all(struct ifaces *ifaces, struct attachment **attachments, struct error *err)
{
	size_t attached;
	int ret;

	for (attached = 0; attached < ifaces->count; attached++) {
		ret = attach_commit(attachments[attached], &ifaces->items[attached].chain, err);
		if (ret)
			goto undo;
	}
	for (size_t i = 0; i < ifaces->count; i++)
		loading_print(&ifaces->items[i]);
	ret = report_flush(stdout, err);
	if (ret < 0)
		goto undo;
	return 0;

undo:
	detach_all(ifaces, attached);
	return ret;
}

static int load_prepared(const struct loading_request *request, const struct input *input,
			 struct ifaces *ifaces, struct attachment **attachments, struct error *err)
{
	__u32 now = tick_now();
	int ret;

	for (size_t i = 0; i < ifaces->count; i++)
		lockout_warn(&ifaces->items[i].dev, &ifaces->items[i].rules, request->attach.policy,
			     input, now);
	signals_hold();
	ret = attach_all(ifaces, attachments, err);
	/* Not before: of a filter that somebody turned off, a load that fails leaves all. */
	for (size_t i = 0; i < ifaces->count && !ret; i++)
		sweep(&ifaces->items[i].dev);
	return ret;
}

static int load_on(const struct loading_request *request, const struct input *input,
		   struct ifaces *ifaces, struct error *err)
{
	auto_free struct attachment **attachments = calloc(ifaces->count, sizeof(*attachments));
	int ret = 0;
	auto_fd int lock = -1;

	if (!attachments)
		return error_no_memory(err);
	lock = lock_take(err);
	if (lock < 0)
		return lock;
	for (size_t i = 0; i < ifaces->count && !ret; i++)
		ret = loading_prepare(request, input, &ifaces->items[i], &attachments[i], err);
	if (!ret)
		ret = load_prepared(request, input, ifaces, attachments, err);
	for (size_t i = 0; i < ifaces->count; i++)
		attachment_free(attachments[i]);
	return ret;
}

static int load(struct options *options, struct error *err)
{
	struct loading_request request;
	struct input input = { 0 };
	struct ifaces ifaces = { 0 };
	int ret;

	loading_request_init(&request);
	ret = parse(&request, options, err);
	if (!ret)
		ret = loading_check(&request, &input, err);
	if (!ret)
		ret = ifaces_named(&request.names, &ifaces, err);
	if (!ret)
		ret = load_on(&request, &input, &ifaces, err);
	ifaces_done(&ifaces);
	input_done(&input);
	loading_request_done(&request);
	return ret;
}

const struct command cmd_load = {
	.name = "load",
	.summary = "put the filter on interfaces, on all of them or on none",
	.usage = "[OPTION]... IFNAME...",
	.options = load_options,
	.needs = CAPABILITY_BPF | CAPABILITY_ATTACH | CAPABILITY_FILES,
	.notes =
		"A rule is an address, ADDRESS/LENGTH, ADDRESS/NETMASK or START-END. Under policy allow\n"
		"rules drop, under policy deny they pass; a file may say it for each rule.\n",
	.examples = "  xdp-ipfilter load eth0 --ip 192.0.2.66 --ip 2001:db8::/32\n"
		    "  xdp-ipfilter load -m skb -p deny -f allowed.txt eth0 eth1\n",
	.run = load,
};
