// SPDX-License-Identifier: GPL-2.0
/*
 * run: how is an interface filtered while this command runs?
 */
#include "cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <cli/report.h>
#include <control/elsewhere.h>
#include <control/loading.h>
#include <control/lockout.h>
#include <control/rounds.h>
#include <control/snapshot.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <dataplane/detach.h>
#include <dataplane/lock.h>
#include <dataplane/sweep.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>
#include <util/text.h>

struct run_request {
	struct loading_request loading;
	struct rounds rounds;
	struct input input;
	struct ifaces ifaces; /* one */
};

static const struct run_request run_defaults = {
	.loading = LOADING_DEFAULTS,
	.rounds = ROUNDS_DEFAULTS,
};

static const struct option_spec run_options[] = {
	LOADING_OPTIONS(struct run_request, loading),
	ROUNDS_OPTIONS(0, struct run_request, rounds),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct run_request *request = data;

	if (request->loading.names.count == 1)
		return NULL;
	return request->loading.names.count ? "one interface at a time" : "which interface?";
}

static int read_input(void *data, struct error *err)
{
	struct run_request *request = data;

	return loading_read(&request->loading, &request->input, err);
}

static int find_iface(void *data, struct error *err)
{
	struct run_request *request = data;

	return ifaces_named(&request->loading.names, &request->ifaces, err);
}

/* "lo: 12 packets dropped: cpu 0: 7, cpu 1: 5" */
static void print_drops(const struct snapshot *snapshot)
{
	char ifname[4 * IF_NAMESIZE];
	const struct totals *totals = &snapshot->totals;
	uint64_t packets = totals->sum[IPF_DROPPED].packets;

	text_printable(snapshot->iface->dev.name, ifname, sizeof(ifname));
	printf("%s: %" PRIu64 " packet%s %s:", ifname, packets, packets == 1 ? "" : "s",
	       snapshot->observes ? "would have been dropped" : "dropped");
	for (unsigned int cpu = 0; cpu < totals->cpus; cpu++)
		printf("%s cpu %u: %" PRIu64, cpu ? "," : "", cpu,
		       (uint64_t)totals->per_cpu[cpu][IPF_DROPPED].packets);
	printf("\n");
}

static int print_round(void *context, struct error *err)
{
	static const struct snapshot_parts parts = { .still_filters = true, .totals = true };
	const struct run_request *request = context;
	struct snapshots snapshots;
	int ret = snapshots_read(&snapshots, &request->ifaces, &parts, err);

	if (ret)
		return ret;
	print_drops(&snapshots.items[0]);
	snapshots_done(&snapshots);
	return report_flush(stdout, err);
}

static int attach(struct run_request *request, struct error *err)
{
	struct iface *iface = &request->ifaces.items[0];
	const struct input *input = &request->input;
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

/* Detaches only the program that this run attached: somebody may have loaded another one since. */
static int detach_own(const struct iface *iface, struct error *err)
{
	int ret = 0;

	if (iface->chain.program_id)
		ret = iface_check(iface, err);
	/* A filter that somebody turned off stays in the kernel until its pins are removed. */
	if (ret && error_is(err, ERROR_ABSENT)) {
		sweep_program(&iface->dev, iface->chain.program_id);
		return ret;
	}
	return detach_program(&iface->dev, iface->chain.program_id, err);
}

/* A failure here does not hide the message of what ended the rounds. Takes the filter off even if
 * somebody keeps the lock: detaching harms no other command; that command finds the program
 * gone. */
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

static int run_attached(struct run_request *request, struct error *err)
{
	struct iface *iface = &request->ifaces.items[0];
	const struct chain attached = iface->chain;
	int ret = ifaces_open(&request->ifaces, err);

	/* If the program is gone already, opening has found whatever is there now. That is not
	 * ours to count or to take off. */
	iface->chain = attached;
	if (!ret) {
		log_verbose("%s: %s", iface->dev.name, filter_state_text(iface->chain.state));
		ret = rounds_run(&request->rounds, print_round, request, err);
	}
	/* The open maps would keep the program in memory. */
	filter_close(&iface->filter);
	return take_off(iface, ret, err);
}

/* Signals are held from before the program is attached until it is off again, the lock only while
 * it is attached and while it is taken off. */
static int run(void *data, struct error *err)
{
	struct run_request *request = data;
	int ret = attach(request, err);

	return ret ? ret : run_attached(request, err);
}

static void run_done(void *data)
{
	struct run_request *request = data;

	ifaces_done(&request->ifaces);
	input_done(&request->input);
}

const struct command cmd_run = {
	.name = "run",
	.summary = "filter on one interface while this command runs, and print the drops",
	.usage = "[OPTION]... IFNAME",
	.notes = "Prints the packets dropped on each CPU. Takes the filter off when it ends.\n",
	.examples = "  xdp-ipfilter run -m skb -i 192.0.2.66 lo\n",
	.exit_codes =
		"  0  ended by SIGINT, SIGTERM or after N prints\n"
		"  3  unloaded by somebody else meanwhile, or the interface has gone or moved to\n"
		"     another network namespace; the filter is off there too\n",
	.options = run_options,
	.request_size = sizeof(struct run_request),
	.defaults = &run_defaults,
	.check = check,
	.read = read_input,
	.needs = CAPABILITY_BPF | CAPABILITY_ATTACH | CAPABILITY_FILES | CAPABILITY_NAMESPACES |
		 TOOL_NEEDS_CLOCK,
	.run = find_iface,
	.commit = run,
	.done = run_done,
};
