// SPDX-License-Identifier: GPL-2.0
/*
 * top: which sources send the most packets now?
 */
#include "cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cli/report.h>
#include <control/looking.h>
#include <control/rounds.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <dataplane/totals.h>
#include <ruleset/talkers.h>
#include <ruleset/verdict.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/number.h>

/* More sources than this are not told apart; each with a 1,024th of the packets is found. */
#define COUNTERS 1024u
#define MAX_SHOWN 10u
#define MIN_SHARE 1u /* percent: a rule for a source with less would hit a bystander */
#define RATE 1000u

enum top_only { TOP_ALL, TOP_DROP, TOP_PASS };

struct top_request {
	struct option_texts names;
	enum top_only only;
	struct rounds rounds;
	unsigned int sample;
	const char *by;
	bool batch, json, rules;
	struct ifaces ifaces;
};

static const struct top_request top_defaults = { .rounds = ROUNDS_DEFAULTS, .sample = 1 };

/* Reads "24" or "24,48". */
static bool parse_lengths(const char *text, unsigned int bits[IPF_FAMILIES])
{
	const char *comma = strchr(text, ',');
	char first[4];
	uint64_t ipv4, ipv6 = 128;

	snprintf(first, sizeof(first), "%.*s", comma ? (int)(comma - text) : 3, text);
	if (strlen(text) > 6 || (!comma && strlen(text) > 2) || number_parse(first, 0, 32, &ipv4) ||
	    (comma && number_parse(comma + 1, 0, 128, &ipv6)))
		return false;
	bits[IPF_IPV4] = (unsigned int)ipv4;
	bits[IPF_IPV6] = (unsigned int)ipv6;
	return true;
}

static bool is_lengths(const char *text)
{
	unsigned int bits[IPF_FAMILIES];

	return parse_lengths(text, bits);
}

static const struct option_spec top_options[] = {
	OPTION_VALUE(0, "drop", struct top_request, only, TOP_DROP,
		     "Only packets that are dropped."),
	OPTION_VALUE(0, "pass", struct top_request, only, TOP_PASS, "Only packets that pass."),
	OPTION_NUMBER('n', "sample", "N", struct top_request, sample, 1, IPF_SAMPLE_MAX,
		      "Look at one of N packets."),
	ROUNDS_OPTIONS('i', struct top_request, rounds),
	OPTION_NAME(0, "by", "LENGTHS", struct top_request, by, is_lengths,
		    "a length is 0 to 32 for IPv4; 0 to 128 for IPv6, after a comma",
		    "Group sources by prefixes of this length, as in 24,48."),
	OPTION_FLAG('b', "batch", struct top_request, batch, "Print rounds one after the other."),
	OPTION_FLAG('j', "json", struct top_request, json, "Print JSON, one object per round."),
	OPTION_FLAG(0, "rules", struct top_request, rules,
		    "Print rules that drop these sources, for 'add -f -'."),
	OPTION_POSITIONALS("IFNAME", struct top_request, names),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct top_request *request = data;

	if (request->json && request->rules)
		return "--json or --rules, not both";
	if (!request->batch && !request->json && !request->rules)
		return "there is no full-screen view; use --batch, --json or --rules";
	return NULL;
}

static struct events_wish make_wish(const struct top_request *request)
{
	static const __u32 totals[] = {
		[TOP_ALL] = 1u << IPF_DROPPED | 1u << IPF_PASSED,
		[TOP_DROP] = 1u << IPF_DROPPED,
		[TOP_PASS] = 1u << IPF_PASSED,
	};

	return (struct events_wish){ request->sample, RATE, totals[request->only] };
}

/* -- Count ------------------------------------------------------------------------------------- */

/* What an interface has seen since the last print. */
struct seen {
	const struct iface *iface;
	struct talkers talkers;
	uint64_t samples[2];                 /* by enum ipf_verdict */
	struct ipf_counter last[IPF_TOTALS]; /* at the last print */
	double per_s[2];                     /* packets, by enum ipf_verdict: from the totals */
};

struct topping {
	const struct top_request *request;
	unsigned int bits[IPF_FAMILIES];
	struct looking looking;
	struct seen *seen; /* one for each interface */
	uint64_t printed_ms;
	unsigned int left; /* prints; 0: no end */
};

static struct seen *seen_of(const struct topping *topping, const struct iface *iface)
{
	return &topping->seen[iface - topping->request->ifaces.items];
}

static int count_packet(const struct looking_packet *packet, void *context, struct error *err)
{
	struct topping *topping = context;
	struct seen *seen = seen_of(topping, packet->iface);
	const struct address *source = &packet->flow.source;
	const enum ipf_verdict verdict = packet->event.verdict == IPF_DROP ? IPF_DROP : IPF_PASS;
	struct talker *talker;
	struct prefix prefix;

	(void)err;
	if (!packet->flow.has_addresses)
		return 0;
	prefix = prefix_of_address(source, topping->bits[source->family]);
	talker = talkers_count(&seen->talkers, &prefix, verdict, packet->event.bytes);
	seen->samples[verdict]++;
	talker->has_rule = packet->rule;
	if (packet->rule) {
		talker->rule = packet->rule->prefix;
		snprintf(talker->set, sizeof(talker->set), "%s", packet->set);
	}
	return 0;
}

/* Reads how many packets there were, sampled or not. */
static int read_rates(struct seen *seen, double seconds, struct error *err)
{
	static const enum ipf_total totals[] = { [IPF_PASS] = IPF_PASSED, [IPF_DROP] = IPF_DROPPED };
	struct totals now;
	int ret = totals_read(&seen->iface->filter, &now, err);

	if (ret)
		return error_prefix(err, ret, "%s", seen->iface->dev.name);
	for (int verdict = IPF_PASS; verdict <= IPF_DROP; verdict++) {
		const enum ipf_total total = totals[verdict];
		const __u64 packets = now.sum[total].packets - seen->last[total].packets;

		seen->per_s[verdict] = seconds > 0 ? (double)packets / seconds : 0;
	}
	memcpy(seen->last, now.sum, sizeof(seen->last));
	totals_done(&now);
	return 0;
}

/* -- Print ------------------------------------------------------------------------------------- */

/* An estimate for a source: its share of the samples, times what the filter has counted. */
struct estimate {
	uint64_t packets, error, bytes; /* each second */
	unsigned int share; /* of all packets of the verdicts that are asked for, in % */
};

static double all_per_s(const struct top_request *request, const struct seen *seen)
{
	return (request->only == TOP_PASS ? 0 : seen->per_s[IPF_DROP]) +
	       (request->only == TOP_DROP ? 0 : seen->per_s[IPF_PASS]);
}

static struct estimate estimate(const struct top_request *request, const struct seen *seen,
				const struct talker *talker)
{
	const double scale = seen->per_s[talker->verdict] / (double)seen->samples[talker->verdict];
	const double packets = (double)talker->packets * scale;
	const double all = all_per_s(request, seen);
	const double size = (double)talker->bytes / (double)(talker->packets - talker->error);

	return (struct estimate){
		.packets = (uint64_t)(packets + 0.5),
		.error = (uint64_t)((double)talker->error * scale + 0.5),
		.bytes = (uint64_t)(packets * size + 0.5),
		.share = all > 0 ? (unsigned int)(100 * packets / all + 0.5) : 0,
	};
}

static void print_text(struct report *report, const struct talker *talker,
		       const struct estimate *value)
{
	char prefix[PREFIX_TEXT_SIZE], rule[PREFIX_TEXT_SIZE] = "", error[32] = "";

	prefix_format(&talker->prefix, prefix);
	if (value->error)
		snprintf(error, sizeof(error), " (-%" PRIu64 ")", value->error);
	if (talker->has_rule)
		prefix_format(&talker->rule, rule);
	report_line(report,
		    "%s %-18s %3u %% %10" PRIu64 "%s packets/s %12" PRIu64 " bits/s%s%s%s%s%s",
		    verdict_name(talker->verdict), prefix, value->share, value->packets, error,
		    8 * value->bytes, talker->has_rule ? "  by " : "", rule,
		    talker->has_rule ? " (" : "", talker->has_rule ? talker->set : "",
		    talker->has_rule ? ")" : "");
}

static void describe_source(struct report *report, const struct talker *talker,
			    const struct estimate *value)
{
	char prefix[PREFIX_TEXT_SIZE], rule[PREFIX_TEXT_SIZE];

	prefix_format(&talker->prefix, prefix);
	if (talker->has_rule)
		prefix_format(&talker->rule, rule);
	report_object(report, NULL, NULL);
	report_string(report, "source", NULL, prefix);
	report_string(report, "verdict", NULL, verdict_name(talker->verdict));
	report_number(report, "packets_per_s", NULL, value->packets);
	report_number(report, "error_per_s", NULL, value->error);
	report_number(report, "bytes_per_s", NULL, value->bytes);
	report_number(report, "share", NULL, value->share);
	report_string(report, "prefix", NULL, talker->has_rule ? rule : NULL);
	report_string(report, "set", NULL, talker->has_rule ? talker->set : NULL);
	report_close(report);
}

/* "drop 192.0.2.66 # 1200 packets/s, 34 %" */
static void print_rule(struct report *report, const struct talker *talker,
		       const struct estimate *value)
{
	char prefix[PREFIX_TEXT_SIZE];

	prefix_format(&talker->prefix, prefix);
	report_line(report, "drop %s # %" PRIu64 " packets/s, %u %%", prefix, value->packets,
		    value->share);
}

static void print_sources(struct report *report, const struct top_request *request,
			  struct seen *seen)
{
	const struct talker *ranked = talkers_rank(&seen->talkers);
	unsigned int shown = 0;

	for (__u32 i = 0; i < seen->talkers.count && shown < MAX_SHOWN; i++) {
		const struct estimate value = estimate(request, seen, &ranked[i]);

		if (value.share < MIN_SHARE)
			continue;
		shown++;
		if (request->json)
			describe_source(report, &ranked[i], &value);
		else if (request->rules)
			print_rule(report, &ranked[i], &value);
		else
			print_text(report, &ranked[i], &value);
	}
}

static void print_iface(struct report *report, const struct top_request *request, struct seen *seen)
{
	const char *name = seen->iface->dev.name;

	report_object(report, NULL, request->rules ? NULL : name);
	report_string(report, "ifname", NULL, name);
	report_array(report, "sources", NULL);
	print_sources(report, request, seen);
	report_close(report);
	report_close(report);
}

static int print_round(struct topping *topping, struct error *err)
{
	const struct top_request *request = topping->request;
	struct report report;

	report_init(&report, request->json ? REPORT_JSON_LINES : REPORT_TEXT, stdout);
	report_object(&report, NULL, NULL);
	report_number(&report, "schema", NULL, 1);
	report_array(&report, "interfaces", NULL);
	for (size_t i = 0; i < request->ifaces.count; i++)
		print_iface(&report, request, &topping->seen[i]);
	report_close(&report);
	report_close(&report);
	return report_finish(&report, err);
}

static void begin_round(struct topping *topping)
{
	for (size_t i = 0; i < topping->request->ifaces.count; i++) {
		struct seen *seen = &topping->seen[i];

		talkers_clear(&seen->talkers);
		memset(seen->samples, 0, sizeof(seen->samples));
	}
}

static int end_round(struct topping *topping, uint64_t now, struct error *err)
{
	const double seconds = (double)(now - topping->printed_ms) / 1000;
	int ret = 0;

	topping->printed_ms = now;
	for (size_t i = 0; i < topping->request->ifaces.count && !ret; i++)
		ret = read_rates(&topping->seen[i], seconds, err);
	if (!ret)
		ret = print_round(topping, err);
	begin_round(topping);
	if (ret)
		return ret;
	return topping->left && !--topping->left ? REPORT_CLOSED : 0;
}

static int read_samples(void *context, struct error *err)
{
	struct topping *topping = context;
	int ret = looking_read(&topping->looking, count_packet, topping, err);
	const uint64_t now = clock_monotonic_ms();

	if (ret || now - topping->printed_ms < topping->request->rounds.interval_ms)
		return ret;
	return end_round(topping, now, err);
}

/* -- Open and close ---------------------------------------------------------------------------- */

static void close_topping(struct topping *topping)
{
	looking_close(&topping->looking);
	for (size_t i = 0; i < topping->request->ifaces.count && topping->seen; i++)
		talkers_done(&topping->seen[i].talkers);
	free(topping->seen);
}

static int open_topping(struct topping *topping, struct error *err)
{
	const struct ifaces *ifaces = &topping->request->ifaces;
	const struct events_wish wish = make_wish(topping->request);

	topping->seen = calloc(ifaces->count + 1, sizeof(*topping->seen));
	if (!topping->seen)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count; i++) {
		struct seen *seen = &topping->seen[i];
		int ret;

		seen->iface = &ifaces->items[i];
		if (talkers_init(&seen->talkers, COUNTERS))
			return error_no_memory(err);
		ret = read_rates(seen, 0, err);
		if (ret)
			return ret;
	}
	topping->printed_ms = clock_monotonic_ms();
	return looking_open(ifaces, &wish, &topping->looking, err);
}

static int find_ifaces(void *data, struct error *err)
{
	struct top_request *request = data;

	return ifaces_filtering(&request->names, &request->ifaces, err);
}

/* The signals that end it are held back, so that nothing is left in the filters. */
static int top(void *data, struct error *err)
{
	const struct top_request *request = data;
	const struct rounds rounds = { .interval_ms = EVENTS_READ_MS };
	struct topping topping = {
		.request = request,
		.bits = { 32, 128 },
		.left = request->rounds.count,
	};
	int ret;

	if (request->by)
		parse_lengths(request->by, topping.bits);
	ret = open_topping(&topping, err);
	if (!ret)
		ret = rounds_run(&rounds, read_samples, &topping, err);
	close_topping(&topping);
	return ret;
}

static void top_done(void *data)
{
	struct top_request *request = data;

	ifaces_done(&request->ifaces);
}

const struct command cmd_top = {
	.name = "top",
	.summary = "show the sources that send the most packets",
	.usage = "[OPTION]... [IFNAME]...",
	.notes =
		"Without IFNAME, shows every interface that has the filter now. Shows up to ten sources with at\n"
		"least one percent of the packets each.\n",
	.examples = "  xdp-ipfilter top -b eth0\n"
		    "  xdp-ipfilter top --pass --rules --count 1 | xdp-ipfilter add -t 10m -f -\n",
	.exit_codes = "  0  ended by SIGINT, SIGTERM or after N prints\n"
		      "  3  not loaded on a named interface, or unloaded meanwhile\n",
	.options = top_options,
	.request_size = sizeof(struct top_request),
	.defaults = &top_defaults,
	.check = check,
	.needs = CAPABILITY_BPF | TOOL_NEEDS_CLOCK,
	.run = find_ifaces,
	.commit = top,
	.done = top_done,
};
