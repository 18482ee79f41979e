/* SPDX-License-Identifier: GPL-2.0 */
/*
 * load: how does the filter come onto interfaces, all of them or none?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>

#include <cli/report.h>
#include <dataplane/capability.h>
#include <dataplane/lock.h>
#include <dataplane/sweep.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>

#include "loading.h"
#include "lockout.h"
#include "rounds.h"

static const struct option_spec load_options[] = { LOAD_OPTIONS, OPTIONS_TABLE_END };

static enum exit_code parse(struct loading_request *request, struct options *options,
			    struct error *err)
{
	enum exit_code code = EXIT_DONE;
	int id;

	while (!code && (id = options_next(options, err)) != OPTIONS_END)
		code = loading_option(request, id, options, err);
	if (!code && !request->names.count) {
		options_refuse(options, err, "which interface?");
		return EXIT_USAGE;
	}
	return code;
}

static void detach_all(struct ifaces *ifaces, size_t count)
{
	struct error err = { "" };

	while (count--)
		if (detach(&ifaces->items[count].dev, 0, &err))
			log_warning("cannot undo the load: %s", err.text);
}

static enum exit_code attach_all(struct ifaces *ifaces, struct attachment **attachments,
				 struct error *err)
{
	size_t attached;

	for (attached = 0; attached < ifaces->count; attached++)
		if (attach_commit(attachments[attached], err))
			goto undo;
	if (ifaces_read(ifaces, err))
		goto undo;
	for (size_t i = 0; i < ifaces->count; i++)
		loading_report(&ifaces->items[i]);
	if (report_flush(stdout, err) < 0)
		goto undo;
	return EXIT_DONE;

undo:
	detach_all(ifaces, attached);
	return EXIT_FAILED;
}

static enum exit_code load_prepared(const struct loading_request *request,
				    const struct input *input, struct ifaces *ifaces,
				    struct attachment **attachments, struct error *err)
{
	__u32 now = tick_now();
	enum exit_code code;

	for (size_t i = 0; i < ifaces->count; i++)
		lockout_warn(&ifaces->items[i].dev, &ifaces->items[i].rules, request->attach.policy,
			     input, now);
	signals_hold();
	code = attach_all(ifaces, attachments, err);
	/* Not before: of a filter that somebody turned off, a load that fails leaves all. */
	for (size_t i = 0; i < ifaces->count && !code; i++)
		sweep(&ifaces->items[i].dev);
	return code;
}

static enum exit_code load_on(const struct loading_request *request, const struct input *input,
			      struct ifaces *ifaces, struct error *err)
{
	auto_free struct attachment **attachments = calloc(ifaces->count, sizeof(*attachments));
	enum exit_code code = EXIT_DONE;
	auto_fd int lock = -1;

	if (!attachments)
		return no_memory(err);
	lock = lock_take(err);
	if (lock < 0)
		return EXIT_FAILED;
	for (size_t i = 0; i < ifaces->count && !code; i++)
		code = loading_prepare(request, input, &ifaces->items[i], &attachments[i], err);
	if (!code)
		code = load_prepared(request, input, ifaces, attachments, err);
	for (size_t i = 0; i < ifaces->count; i++)
		attachment_free(attachments[i]);
	return code;
}

static enum exit_code load(struct options *options, struct error *err)
{
	struct loading_request request;
	struct input input = { 0 };
	struct ifaces ifaces = { 0 };
	enum exit_code code;

	loading_request_init(&request);
	code = parse(&request, options, err);
	if (!code)
		code = loading_check(&request, &input, err);
	if (!code)
		code = ifaces_named(&request.names, &ifaces, err);
	if (!code)
		code = load_on(&request, &input, &ifaces, err);
	ifaces_done(&ifaces);
	input_done(&input);
	loading_request_done(&request);
	return code;
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
