// SPDX-License-Identifier: GPL-2.0
/*
 * watch: which packets come in, and which rules decide?
 */
#include "cmd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include <cli/report.h>
#include <control/looking.h>
#include <control/rounds.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <ruleset/verdict.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/log.h>
#include <util/number.h>
#include <util/timestamp.h>

#define DEFAULT_RATE 1000u
#define MAX_RATE 1000000u

enum watch_only { WATCH_ALL, WATCH_DROP, WATCH_PASS };

struct watch_request {
	struct option_texts names;
	enum watch_only only;
	unsigned int sample;
	unsigned int rate;
	unsigned int count; /* 0: no end */
	bool json;
	struct ifaces ifaces;
};

static const struct watch_request watch_defaults = { .sample = 1, .rate = DEFAULT_RATE };

static const struct option_spec watch_options[] = {
	OPTION_VALUE(0, "drop", struct watch_request, only, WATCH_DROP, "Only what is dropped."),
	OPTION_VALUE(0, "pass", struct watch_request, only, WATCH_PASS, "Only what passes."),
	OPTION_NUMBER('n', "sample", "N", struct watch_request, sample, 1, IPF_SAMPLE_MAX,
		      "Print one of N packets."),
	OPTION_NUMBER(0, "rate", "N", struct watch_request, rate, 1, MAX_RATE,
		      "At most N packets in a second, on each CPU."),
	OPTION_NUMBER(0, "count", "N", struct watch_request, count, 1, UINT32_MAX - 1,
		      "Exit after N packets."),
	OPTION_FLAG('j', "json", struct watch_request, json, "Print JSON, one object per line."),
	OPTION_POSITIONALS("IFNAME", struct watch_request, names),
	OPTION_END,
};

static struct events_wish make_wish(const struct watch_request *request)
{
	static const __u32 totals[] = {
		[WATCH_ALL] = (1u << IPF_TOTALS) - 1,
		[WATCH_DROP] = 1u << IPF_DROPPED | 1u << IPF_MALFORMED,
		[WATCH_PASS] = 1u << IPF_PASSED | 1u << IPF_OTHER | 1u << IPF_MALFORMED,
	};

	return (struct events_wish){ request->sample, request->rate, totals[request->only] };
}

/* -- One packet -------------------------------------------------------------------------------- */

#define TIME_SIZE 48

/* RFC 3339 in UTC, with microseconds. */
static void format_time(uint64_t unix_ns, char text[TIME_SIZE])
{
	char seconds[TIMESTAMP_TEXT_SIZE];

	timestamp_format(unix_ns / CLOCK_NS_PER_S, seconds);
	snprintf(text, TIME_SIZE, "%.19s.%06uZ", seconds,
		 (unsigned int)(unix_ns % CLOCK_NS_PER_S / 1000));
}

#define END_SIZE (ADDRESS_TEXT_SIZE + 16)

/* "192.0.2.7", "192.0.2.7:443", "[2001:db8::7]:443" */
static void format_end(const struct address *address, bool has_port, __u16 port,
		       char text[END_SIZE])
{
	char plain[ADDRESS_TEXT_SIZE];

	address_format(address, plain);
	if (!has_port)
		snprintf(text, END_SIZE, "%s", plain);
	else if (address->family == IPF_IPV4)
		snprintf(text, END_SIZE, "%s:%u", plain, port);
	else
		snprintf(text, END_SIZE, "[%s]:%u", plain, port);
}

#define PATH_SIZE (2 * END_SIZE + 32)

/* "192.0.2.7:4711 > 198.51.100.1:443 tcp", or why there are no addresses. */
static void format_path(const struct looking_packet *sighting, char text[PATH_SIZE])
{
	const struct flow *flow = &sighting->flow;
	char from[END_SIZE], to[END_SIZE], protocol[FLOW_PROTOCOL_SIZE];

	if (!flow->has_addresses) {
		snprintf(text, PATH_SIZE, "%s",
			 sighting->event.total == IPF_OTHER ? "not IP" : "malformed");
		return;
	}
	format_end(&flow->source, flow->has_ports, flow->source_port, from);
	format_end(&flow->destination, flow->has_ports, flow->destination_port, to);
	snprintf(text, PATH_SIZE, "%s > %s%s%s", from, to, flow->has_protocol ? " " : "",
		 flow->has_protocol ? flow_protocol(flow->protocol, protocol) : "");
}

/* "2026-12-01T10:00:00.123456Z eth0 drop 192.0.2.7:4711 > 198.51.100.1:443 tcp 60 bytes by
 * 192.0.2.0/24 (default)" */
static void print_text(struct report *report, const struct looking_packet *sighting)
{
	const struct ipf_event *event = &sighting->event;
	char time[TIME_SIZE], path[PATH_SIZE], prefix[PREFIX_TEXT_SIZE];
	const char *outcome = verdict_outcome(event->verdict, event->observed);

	format_time(sighting->unix_ns, time);
	format_path(sighting, path);
	if (!sighting->rule) {
		report_line(report, "%s %s %s %s %u bytes", time, sighting->iface->dev.name,
			    outcome, path, event->bytes);
		return;
	}
	prefix_format(&sighting->rule->prefix, prefix);
	report_line(report, "%s %s %s %s %u bytes by %s (%s)", time, sighting->iface->dev.name,
		    outcome, path, event->bytes, prefix, sighting->set);
}

static void describe_address(struct report *report, const char *key, bool known,
			     const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];

	if (known)
		address_format(address, text);
	report_string(report, key, NULL, known ? text : NULL);
}

static void describe_port(struct report *report, const char *key, bool known, __u16 port)
{
	if (known)
		report_number(report, key, NULL, port);
	else
		report_null(report, key);
}

static void describe_flow(struct report *report, const struct flow *flow)
{
	char protocol[FLOW_PROTOCOL_SIZE];

	describe_address(report, "source", flow->has_addresses, &flow->source);
	describe_address(report, "destination", flow->has_addresses, &flow->destination);
	report_string(report, "protocol", NULL,
		      flow->has_protocol ? flow_protocol(flow->protocol, protocol) : NULL);
	describe_port(report, "source_port", flow->has_ports, flow->source_port);
	describe_port(report, "destination_port", flow->has_ports, flow->destination_port);
}

static void print_json(struct report *report, const struct looking_packet *sighting)
{
	const struct ipf_event *event = &sighting->event;
	char time[TIME_SIZE], prefix[PREFIX_TEXT_SIZE];

	if (sighting->rule)
		prefix_format(&sighting->rule->prefix, prefix);
	format_time(sighting->unix_ns, time);
	report_object(report, NULL, NULL);
	report_string(report, "time", NULL, time);
	report_string(report, "ifname", NULL, sighting->iface->dev.name);
	report_string(report, "verdict", NULL, verdict_name(event->verdict));
	report_flag(report, "enforce", !event->observed);
	describe_flow(report, &sighting->flow);
	report_number(report, "bytes", NULL, event->bytes);
	report_string(report, "prefix", NULL, sighting->rule ? prefix : NULL);
	report_string(report, "set", NULL, sighting->set);
	report_number(report, "sample", NULL, event->sample);
	report_close(report);
}

/* -- All of them ------------------------------------------------------------------------------- */

struct watching {
	const struct watch_request *request;
	struct looking looking;
	struct report report;
	unsigned int left; /* 0: no end */
	bool done;         /* all that was asked for is printed, or nobody reads it any more */
};

/* Would a line be written at once? A reader that does not read must not keep us from renewing our
 * lease, nor from ending by a signal. A pipe that is ready takes a line whole. */
static bool can_write(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) != 0;
}

static bool is_shown(const struct watch_request *request, const struct looking_packet *sighting)
{
	if (request->only == WATCH_ALL)
		return true;
	return (request->only == WATCH_DROP) == (sighting->event.verdict == IPF_DROP);
}

static int print(const struct looking_packet *sighting, void *context, struct error *err)
{
	struct watching *watching = context;
	int ret;

	if (!is_shown(watching->request, sighting))
		return 0;
	if (!can_write())
		return LOOKING_LATER;
	if (watching->request->json)
		print_json(&watching->report, sighting);
	else
		print_text(&watching->report, sighting);
	ret = report_finish(&watching->report, err);
	if (!ret && watching->left && !--watching->left)
		ret = REPORT_CLOSED;
	watching->done = ret == REPORT_CLOSED;
	return ret;
}

static int watch_round(void *context, struct error *err)
{
	struct watching *watching = context;

	return looking_read(&watching->looking, print, watching, err);
}

static void say_misses(const struct watching *watching)
{
	struct looking_misses misses = looking_count_misses(&watching->looking);
	char count[NUMBER_COUNT_SIZE];

	/* A signal came while a reader did not read. */
	if (!watching->done)
		misses.lost += watching->looking.pending_count;
	if (misses.skipped)
		log_warning("%s skipped: at most %u in a second are taken on each CPU; --sample "
			    "takes fewer, --rate allows more",
			    number_count(misses.skipped, "packet", count), watching->request->rate);
	if (misses.lost)
		log_warning("%s lost: they came faster than they could be printed; --sample and "
			    "--rate take fewer",
			    number_count(misses.lost, "packet", count));
}

static int find_ifaces(void *data, struct error *err)
{
	struct watch_request *request = data;

	return ifaces_filtering(&request->names, &request->ifaces, err);
}

/* The signals that end it are held back, so that nothing is left in the filters. */
static int watch(void *data, struct error *err)
{
	const struct watch_request *request = data;
	const struct events_wish wish = make_wish(request);
	const struct rounds rounds = { .interval_ms = EVENTS_READ_MS };
	struct watching watching = { .request = request, .left = request->count };
	int ret = looking_open(&request->ifaces, &wish, &watching.looking, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < request->ifaces.count; i++)
		log_verbose("%s: watching", request->ifaces.items[i].dev.name);
	report_init(&watching.report, request->json ? REPORT_JSON_LINES : REPORT_TEXT, stdout);
	ret = rounds_run(&rounds, watch_round, &watching, err);
	say_misses(&watching);
	looking_close(&watching.looking);
	return ret;
}

static void watch_done(void *data)
{
	struct watch_request *request = data;

	ifaces_done(&request->ifaces);
}

const struct command cmd_watch = {
	.name = "watch",
	.summary = "print packets as they come, and which rule decides",
	.usage = "[OPTION]... [IFNAME]...",
	.notes =
		"Without IFNAME, watches every interface that has the filter now. Filters make samples only while\n"
		"somebody watches.\n",
	.examples = "  xdp-ipfilter watch --drop eth0\n"
		    "  xdp-ipfilter watch --json -n 100 --count 1000 >sample.jsonl\n",
	.exit_codes = "  0  ended by SIGINT, SIGTERM or after N packets\n"
		      "  3  not loaded on a named interface, or unloaded meanwhile\n",
	.options = watch_options,
	.request_size = sizeof(struct watch_request),
	.defaults = &watch_defaults,
	.needs = CAPABILITY_BPF | TOOL_NEEDS_CLOCK,
	.run = find_ifaces,
	.commit = watch,
	.done = watch_done,
};
