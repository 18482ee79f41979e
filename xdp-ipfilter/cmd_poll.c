// SPDX-License-Identifier: GPL-2.0
/*
 * poll: what is counted from moment to moment?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dataplane/capability.h>
#include <dataplane/totals.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/signals.h>

#include "common.h"
#include "counting.h"
#include "rounds.h"
#include "iface.h"

enum { POLL_COUNT = OPTION_LONG };

static const struct option_spec poll_options[] = {
	{ 'i', "interval", "MS", "milliseconds between two prints (default 2000)" },
	{ POLL_COUNT, "count", "N", "end after N prints" },
	{ 'j', "json", NULL, "print JSON, one object a line" },
	OPTIONS_TABLE_END,
};

struct poll_request {
	struct option_texts names;
	unsigned int interval_ms;
	unsigned int count; /* 0: until a signal comes */
	bool json;
};

/* An interface's counters, now and one round ago. */
struct sample {
	struct ipf_counter now[IPF_TOTALS];
	struct ipf_counter before[IPF_TOTALS];
	uint64_t now_ms;
	uint64_t before_ms;
};

static int parse_option(struct poll_request *request, int id, const struct options *options,
			struct error *err)
{
	switch (id) {
	case 'i':
		return number_option(&request->interval_ms, 1, ROUNDS_MAX_INTERVAL_MS, options,
				     err);
	case POLL_COUNT:
		return number_option(&request->count, 1, UINT32_MAX - 1, options, err);
	case 'j':
		request->json = true;
		return 0;
	case OPTIONS_POSITIONAL:
		return word_option(&request->names, options, err);
	default:
		return -EINVAL;
	}
}

static int parse(struct poll_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END)
		ret = parse_option(request, id, options, err);
	return ret;
}

static int take_sample(const struct iface *iface, struct sample *sample, struct error *err)
{
	struct totals totals;

	if (totals_read(&iface->filter, &totals, err))
		return error_prefix(err, -EIO, "%s", iface->dev.name);
	memcpy(sample->before, sample->now, sizeof(sample->before));
	sample->before_ms = sample->now_ms;
	memcpy(sample->now, totals.sum, sizeof(sample->now));
	sample->now_ms = clock_monotonic_ms();
	totals_done(&totals);
	return 0;
}

/* Rounded to the nearest. */
static uint64_t per_second(uint64_t difference, uint64_t ms)
{
	return ms ? (difference * 1000 + ms / 2) / ms : 0;
}

static void describe_sample(struct report *report, const struct iface *iface,
			    const struct sample *sample)
{
	uint64_t ms = sample->now_ms - sample->before_ms;

	report_object(report, NULL, iface->dev.name);
	report_string(report, "ifname", NULL, iface->dev.name);
	report_object(report, "counters", NULL);
	for (unsigned int i = 0; i < IPF_TOTALS; i++) {
		const struct ipf_counter *now = &sample->now[i], *before = &sample->before[i];

		report_row(report, total_names[i], total_names[i]);
		describe_counter(report, now);
		report_number(report, "packets_per_s", "packets/s",
			      per_second(now->packets - before->packets, ms));
		report_number(report, "bytes_per_s", "bytes/s",
			      per_second(now->bytes - before->bytes, ms));
		report_close(report);
	}
	report_close(report);
	report_close(report);
}

struct polling {
	const struct ifaces *ifaces;
	struct sample *samples;
	bool json;
};

static int print_samples(const struct polling *polling, struct error *err)
{
	struct report report;

	report_init(&report, polling->json ? REPORT_JSON_LINES : REPORT_TEXT, stdout);
	report_object(&report, NULL, NULL);
	report_number(&report, "schema", NULL, 1);
	report_array(&report, "interfaces", NULL);
	for (size_t i = 0; i < polling->ifaces->count; i++)
		describe_sample(&report, &polling->ifaces->items[i], &polling->samples[i]);
	report_close(&report);
	report_close(&report);
	return report_finish(&report, err);
}

static int sample_all(const struct ifaces *ifaces, struct sample *samples, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		ret = iface_check(&ifaces->items[i], err);
		if (!ret)
			ret = take_sample(&ifaces->items[i], &samples[i], err);
	}
	return ret;
}

static int poll_round(void *context, struct error *err)
{
	const struct polling *polling = context;
	int ret = sample_all(polling->ifaces, polling->samples, err);

	return ret ? ret : print_samples(polling, err);
}

static int poll_ifaces(const struct poll_request *request, const struct ifaces *ifaces,
		       struct error *err)
{
	const struct rounds rounds = { request->interval_ms, request->count };
	auto_free struct sample *samples = calloc(ifaces->count, sizeof(*samples));
	struct polling polling = { ifaces, samples, request->json };
	int ret;

	if (!samples)
		return error_no_memory(err);
	signals_hold();
	ret = sample_all(ifaces, samples, err);
	return ret ? ret : rounds_run(&rounds, poll_round, &polling, err);
}

static int poll(struct options *options, struct error *err)
{
	struct poll_request request = { .interval_ms = ROUNDS_INTERVAL_MS };
	struct ifaces ifaces = { 0 };
	int ret = parse(&request, options, err);

	if (!ret)
		ret = ready(err);
	if (!ret)
		ret = ifaces_filtering(&request.names, &ifaces, err);
	if (!ret)
		ret = poll_ifaces(&request, &ifaces, err);
	ifaces_done(&ifaces);
	option_texts_done(&request.names);
	return ret;
}

const struct command cmd_poll = {
	.name = "poll",
	.summary = "print the counters again and again, with what came each second",
	.usage = "[OPTION]... [IFNAME]...",
	.options = poll_options,
	.needs = CAPABILITY_BPF,
	.notes =
		"Without IFNAME, those of every interface that has the filter now. The first print comes after the\n"
		"first interval.\n",
	.examples = "  xdp-ipfilter poll eth0\n"
		    "  xdp-ipfilter poll --json -i 1000 --count 60 >minute.jsonl\n",
	.exit_codes = "  0  ended by SIGINT, SIGTERM or after N prints\n"
		      "  3  the filter is not loaded there, or was unloaded meanwhile\n",
	.run = poll,
};
