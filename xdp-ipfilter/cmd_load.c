// SPDX-License-Identifier: GPL-2.0
/*
 * load: how is the filter attached to all named interfaces, or to none?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>

#include <cli/report.h>
#include <control/confirm.h>
#include <control/loading.h>
#include <control/lockout.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <dataplane/detach.h>
#include <dataplane/sweep.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <util/error.h>
#include <util/log.h>

struct load_request {
	struct loading_request loading;
	uint64_t confirm_s; /* 0: not asked for */
	struct input input;
	struct ifaces ifaces;
	struct attachment **attachments; /* one for each interface */
};

static const struct load_request load_defaults = { .loading = LOADING_DEFAULTS };

static const struct option_spec load_options[] = {
	LOADING_OPTIONS(struct load_request, loading),
	CONFIRM_OPTION(struct load_request, confirm_s),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct load_request *request = data;

	return request->loading.names.count ? NULL : "which interface?";
}

static int read_input(void *data, struct error *err)
{
	struct load_request *request = data;

	return loading_read(&request->loading, &request->input, err);
}

static int prepare(void *data, struct error *err)
{
	struct load_request *request = data;
	struct ifaces *ifaces = &request->ifaces;
	__u32 now = tick_now();
	int ret = ifaces_named(&request->loading.names, ifaces, err);

	if (ret)
		return ret;
	request->attachments = calloc(ifaces->count, sizeof(*request->attachments));
	if (!request->attachments)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++)
		ret = loading_prepare(&request->loading, &request->input, &ifaces->items[i],
				      &request->attachments[i], err);
	for (size_t i = 0; i < ifaces->count && !ret; i++)
		lockout_warn(&ifaces->items[i].dev, &ifaces->items[i].rules,
			     request->loading.attach.policy, &request->input, now);
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

static int load(void *data, struct error *err)
{
	struct load_request *request = data;
	struct ifaces *ifaces = &request->ifaces;
	int ret = attach_all(ifaces, request->attachments, err);

	/* Not earlier: a load that fails must not touch a filter that somebody turned off. */
	for (size_t i = 0; i < ifaces->count && !ret; i++)
		sweep(&ifaces->items[i].dev);
	return ret;
}

static int commit(void *data, struct error *err)
{
	struct load_request *request = data;

	return confirm_commit(request->confirm_s, "load", &request->ifaces, load, request, err);
}

static void load_done(void *data)
{
	struct load_request *request = data;

	for (size_t i = 0; i < request->ifaces.count && request->attachments; i++)
		attachment_free(request->attachments[i]);
	free(request->attachments);
	ifaces_done(&request->ifaces);
	input_done(&request->input);
}

const struct command cmd_load = {
	.name = "load",
	.summary = "load the filter on interfaces, on all of them or on none",
	.usage = "[OPTION]... IFNAME...",
	.notes =
		"A rule is an address, ADDRESS/LENGTH, ADDRESS/NETMASK or START-END. Without a\n"
		"verdict in the file, a rule drops under policy allow and passes under policy deny.\n",
	.examples = "  xdp-ipfilter load eth0 --ip 192.0.2.66 --ip 2001:db8::/32\n"
		    "  xdp-ipfilter load -m skb -p deny -f allowed.txt eth0 eth1\n",
	.options = load_options,
	.request_size = sizeof(struct load_request),
	.defaults = &load_defaults,
	.check = check,
	.read = read_input,
	.needs = CAPABILITY_BPF | CAPABILITY_ATTACH | CAPABILITY_FILES | TOOL_NEEDS_CLOCK |
		 TOOL_NEEDS_KEEPER,
	.takes_lock = true,
	.run = prepare,
	.commit = commit,
	.done = load_done,
};
