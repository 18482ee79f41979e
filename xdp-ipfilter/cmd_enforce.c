// SPDX-License-Identifier: GPL-2.0
/*
 * enforce: how does a filter begin or cease to drop?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cli/report.h>
#include <control/confirm.h>
#include <control/iface.h>
#include <control/lockout.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <dataplane/enforcement.h>
#include <dataplane/kernel.h>
#include <ruleset/tick.h>
#include <util/error.h>

struct enforce_request {
	struct option_texts devices;
	const char *text;
	uint64_t confirm_s; /* 0: not asked for */
	struct ifaces ifaces;
	struct ipf_root **roots; /* one for each interface, mapped to write */
};

static const struct option_spec enforce_options[] = {
	IFACE_OPTION(struct enforce_request, devices),
	CONFIRM_OPTION(struct enforce_request, confirm_s),
	OPTION_POSITIONAL("on|off", struct enforce_request, text, "an interface follows --dev"),
	OPTION_END,
};

static enum enforcement wanted(const struct enforce_request *request)
{
	return strcmp(request->text, "on") ? ENFORCEMENT_OFF : ENFORCEMENT_ON;
}

static const char *check(const void *data)
{
	const struct enforce_request *request = data;

	if (request->text && (!strcmp(request->text, "on") || !strcmp(request->text, "off")))
		return NULL;
	return "on or off?";
}

/* Rules that were added under observation may drop the operator's own packets from now on. */
static int warn(struct iface *iface, struct error *err)
{
	__u32 now = tick_now();
	int ret = iface_read_rules(iface, now, err);

	if (!ret)
		lockout_warn(&iface->dev, &iface->rules, iface_policy(iface), NULL, now);
	return ret;
}

static int prepare_iface(struct enforce_request *request, size_t i, struct error *err)
{
	struct iface *iface = &request->ifaces.items[i];
	int ret;

	request->roots[i] = filter_map_root(&iface->filter, PROT_READ | PROT_WRITE);
	if (!request->roots[i]) {
		ret = -errno;
		return error_set(err, ret, "%s: cannot map the root of its table: %s",
				 iface->dev.name, kernel_strerror(ret));
	}
	if (wanted(request) == ENFORCEMENT_OFF ||
	    enforcement_of(request->roots[i]) == ENFORCEMENT_ON)
		return 0;
	return warn(iface, err);
}

static int prepare(void *data, struct error *err)
{
	struct enforce_request *request = data;
	int ret = ifaces_filtering(&request->devices, &request->ifaces, err);

	if (ret)
		return ret;
	request->roots = calloc(request->ifaces.count, sizeof(*request->roots));
	if (!request->roots)
		return error_no_memory(err);
	for (size_t i = 0; i < request->ifaces.count && !ret; i++)
		ret = prepare_iface(request, i, err);
	return ret;
}

/* "eth0: observing, chained" */
static int enforce(void *data, struct error *err)
{
	struct enforce_request *request = data;
	struct report report;
	int ret;

	report_init(&report, REPORT_TEXT, stdout);
	for (size_t i = 0; i < request->ifaces.count; i++) {
		struct iface *iface = &request->ifaces.items[i];

		enforcement_switch(request->roots[i], wanted(request));
		iface->filter.enforcement = wanted(request);
		report_line(&report, "%s: %s", iface->dev.name, iface_state_text(iface));
	}
	ret = report_finish(&report, err);
	return ret < 0 ? ret : 0;
}

static int commit(void *data, struct error *err)
{
	struct enforce_request *request = data;

	return confirm_commit(request->confirm_s, "enforce", &request->ifaces, enforce, request,
			      err);
}

static void enforce_done(void *data)
{
	struct enforce_request *request = data;

	for (size_t i = 0; i < request->ifaces.count && request->roots; i++)
		if (request->roots[i])
			munmap(request->roots[i], sizeof(*request->roots[i]));
	free(request->roots);
	ifaces_done(&request->ifaces);
}

const struct command cmd_enforce = {
	.name = "enforce",
	.summary = "drop what the rules say, or only count what would be dropped",
	.usage = "[OPTION]... on|off",
	.notes =
		"With 'off' the filter observes: what is to be dropped is counted so, and passes. Without --dev,\n"
		"switches every interface that has the filter.\n",
	.examples = "  xdp-ipfilter enforce off -d eth0\n"
		    "  xdp-ipfilter enforce on\n",
	.exit_codes = "  3  not loaded on a named interface or, without --dev, on any\n",
	.options = enforce_options,
	.request_size = sizeof(struct enforce_request),
	.check = check,
	.needs = CAPABILITY_BPF | TOOL_NEEDS_CLOCK | TOOL_NEEDS_KEEPER,
	.takes_lock = true,
	.run = prepare,
	.commit = commit,
	.done = enforce_done,
};
