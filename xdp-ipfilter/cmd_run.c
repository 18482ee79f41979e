// SPDX-License-Identifier: GPL-2.0
/*
 * run: how does one interface have the filter for as long as this command runs?
 */
#include "cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <cli/report.h>
#include <dataplane/capability.h>
#include <dataplane/detach.h>
#include <dataplane/lock.h>
#include <dataplane/sweep.h>
#include <dataplane/totals.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>
#include <util/signals.h>
#include <util/text.h>

#include "elsewhere.h"
#include "loading.h"
#include "lockout.h"
#include "rounds.h"

enum { RUN_INTERVAL = LOAD_OPTIONS_END, RUN_COUNT };

static const struct option_spec run_options[] = {
	LOAD_OPTIONS,
	{ RUN_INTERVAL, "interval", "MS", "milliseconds between two prints (default 2000)" },
	{ RUN_COUNT, "count", "N", "end after N prints" },
	OPTIONS_TABLE_END,
};

struct run_request {
	struct loading_request loading;
	unsigned int interval_ms;
	unsigned int count; /* 0: until a signal comes */
};

static int parse(struct run_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END) {
		if (id == RUN_INTERVAL)
			ret = number_option(&request->interval_ms, 1, ROUNDS_MAX_INTERVAL_MS,
					    options, err);
		else if (id == RUN_COUNT)
			ret = number_option(&request->count, 1, UINT32_MAX - 1, options, err);
		else
			ret = loading_option(&request->loading, id, options, err);
	}
	if (ret || request->loading.names.count == 1)
		return ret;
	return options_refuse(options, err,
			      request->loading.names.count ? "one interface at a time" :
							     "which interface?");
}

/* "lo: 12 packets dropped: cpu 0: 7, cpu 1: 5" */
static void print_drops(const struct iface *iface, const struct totals *totals)
{
	char ifname[4 * IF_NAMESIZE];
	uint64_t packets = totals->sum[IPF_DROPPED].packets;

	text_printable(iface->dev.name, ifname, sizeof(ifname));
	printf("%s: %" PRIu64 " packet%s dropped:", ifname, packets, packets == 1 ? "" : "s");
	for (unsigned int cpu = 0; cpu < totals->cpus; cpu++)
		printf("%s cpu %u: %" PRIu64, cpu ? "," : "", cpu,
		       (uint64_t)totals->per_cpu[cpu][IPF_DROPPED].packets);
	printf("\n");
}

static int print_round(void *context, struct error *err)
{
	const struct iface *iface = context;
	struct totals totals;
	int ret = iface_check(iface, err);

	if (!ret)
		ret = totals_read(&iface->filter, &totals, err);
	if (ret)
		return ret;
	print_drops(iface, &totals);
	totals_done(&totals);
	return report_flush(stdout, err);
}

static int attach(const struct run_request *request, const struct input *input, struct iface *iface,
		  struct error *err)
{
	struct attachment *attachment = NULL;
	int ret;
	auto_fd int lock = lock_take(err);

	if (lock < 0)
		return lock;
	ret = loading_prepare(&request->loading, input, iface, &attachment, err);
	if (!ret) {
		lockout_warn(&iface->dev, &iface->rules, request->loading.attach.policy, input,
			     tick_now());
		ret = attach_commit(attachment, &iface->chain, err);
	}
	attachment_free(attachment);
	return ret;
}

/* Only the program that this run attached: another one may have come since. */
static int detach_own(const struct iface *iface, struct error *err)
{
	int ret = 0;

	if (iface->chain.program_id)
		ret = iface_check(iface, err);
	/* What somebody turned off stays in the kernel by its pins. */
	if (ret && error_is(err, ERROR_ABSENT)) {
		sweep_program(&iface->dev, iface->chain.program_id);
		return ret;
	}
	return detach_program(&iface->dev, iface->chain.program_id, err);
}

/* What ended the rounds has its words already; those of a failure here must not hide them. Nothing
 * stays behind, also when somebody does not let go of the lock: detaching harms no other command,
 * which then finds the program gone. */
static int take_off(const struct iface *iface, int ret, struct error *err)
{
	struct error failure = { 0 };
	auto_fd int lock = lock_take(&failure);
	int off;

	if (lock < 0)
		log_warning("%s; unloading without the lock", failure.text);
	off = detach_own(iface, &failure);
	if (off && error_is(&failure, ERROR_ABSENT))
		off = elsewhere_take_off(iface, &failure);
	sweep(&iface->dev);
	if (!off)
		return ret;
	if (ret && !error_is(err, ERROR_ABSENT)) {
		log_warning("%s", failure.text);
		return ret;
	}
	*err = failure;
	return off;
}

static int run_attached(const struct run_request *request, struct ifaces *ifaces, struct error *err)
{
	const struct rounds rounds = { request->interval_ms, request->count };
	struct iface *iface = &ifaces->items[0];
	int ret;

	ret = ifaces_open(ifaces, err);
	if (!ret) {
		log_verbose("%s: %s", iface->dev.name, filter_state_text(iface->chain.state));
		ret = rounds_run(&rounds, print_round, iface, err);
	}
	/* The open maps would keep the program in memory. */
	filter_close(&iface->filter);
	return take_off(iface, ret, err);
}

/* Signals wait from before the program is attached until it is off again. */
static int run_on(const struct run_request *request, const struct input *input,
		  struct ifaces *ifaces, struct error *err)
{
	int ret;

	signals_hold();
	ret = attach(request, input, &ifaces->items[0], err);
	return ret ? ret : run_attached(request, ifaces, err);
}

static int run(struct options *options, struct error *err)
{
	struct run_request request = { .interval_ms = ROUNDS_INTERVAL_MS };
	struct input input = { 0 };
	struct ifaces ifaces = { 0 };
	int ret;

	loading_request_init(&request.loading);
	ret = parse(&request, options, err);
	if (!ret)
		ret = loading_check(&request.loading, &input, err);
	if (!ret)
		ret = ifaces_named(&request.loading.names, &ifaces, err);
	if (!ret)
		ret = run_on(&request, &input, &ifaces, err);
	ifaces_done(&ifaces);
	input_done(&input);
	loading_request_done(&request.loading);
	return ret;
}

const struct command cmd_run = {
	.name = "run",
	.summary = "filter on one interface while this command runs, and print what is dropped",
	.usage = "[OPTION]... IFNAME",
	.options = run_options,
	.needs = CAPABILITY_BPF | CAPABILITY_ATTACH | CAPABILITY_FILES | CAPABILITY_NAMESPACES,
	.notes = "Prints the packets dropped on each CPU. When it ends, it takes the filter off.\n",
	.examples = "  xdp-ipfilter run -m skb -i 192.0.2.66 lo\n",
	.exit_codes =
		"  0  ended by SIGINT, SIGTERM or after N prints\n"
		"  3  unloaded by someone else meanwhile, or the interface has gone or moved to\n"
		"     another network namespace; the filter is off there too\n",
	.run = run,
};
