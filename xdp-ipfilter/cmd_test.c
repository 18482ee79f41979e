// SPDX-License-Identifier: GPL-2.0
/*
 * test: would packets from these addresses be dropped, and by which rule?
 *
 * Looks the addresses up in the live table, with the code that the XDP program runs.
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>

#include <cli/report.h>
#include <control/snapshot.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/error.h>

struct test_request {
	struct option_texts devices, texts;
	struct address *addresses; /* one for each text */
	bool quiet;
};

static const struct option_spec test_options[] = {
	IFACE_OPTION(struct test_request, devices),
	OPTION_FLAG('q', "quiet", struct test_request, quiet,
		    "Print nothing; the exit code is the answer."),
	OPTION_POSITIONALS("ADDRESS", struct test_request, texts),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct test_request *request = data;

	return request->texts.count ? NULL : "which address?";
}

/* Would the text be an address without its leading zeros? */
static bool has_zeros(const char *text)
{
	struct address address;
	const char *end = address_scan_padded(text, &address);

	return end && !*end;
}

static int parse_addresses(void *data, struct error *err)
{
	struct test_request *request = data;

	request->addresses = calloc(request->texts.count, sizeof(*request->addresses));
	if (!request->addresses)
		return error_no_memory(err);
	for (size_t i = 0; i < request->texts.count; i++) {
		const char *text = request->texts.items[i];

		if (!address_parse(text, &request->addresses[i], NULL))
			continue;
		return error_set_usage(err, "'%.80s': %s", text,
				       has_zeros(text) ? prefix_problem_text(PREFIX_LEADING_ZEROS) :
							 "not an IPv4 or IPv6 address");
	}
	return 0;
}

/* The combined answer of all interfaces. */
struct findings {
	struct report report;
	bool quiet;
	bool with_ifname; /* each line begins with it: there are several interfaces */
	bool all_dropped;
};

/* "eth0: 10.0.0.5: drop by 10.0.0.0/8 (default)" */
static void print_verdict(struct findings *findings, const struct snapshot *snapshot,
			  const struct address *address, const struct rule *rule,
			  enum ipf_verdict verdict)
{
	const char *ifname = findings->with_ifname ? snapshot->iface->dev.name : "";
	const char *separator = findings->with_ifname ? ": " : "";
	char text[ADDRESS_TEXT_SIZE], prefix[PREFIX_TEXT_SIZE];

	address_format(address, text);
	if (!rule) {
		report_line(&findings->report, "%s%s%s: %s (policy)", ifname, separator, text,
			    verdict_name(verdict));
		return;
	}
	prefix_format(&rule->prefix, prefix);
	report_line(&findings->report, "%s%s%s: %s by %s (%s)", ifname, separator, text,
		    verdict_name(verdict), prefix, snapshot->rules.sets[rule->set].name);
}

/* Looks the address up in the table, with the code that packets run, and in the rules, which have
 * the names. */
static int find_verdict(const struct snapshot *snapshot, const struct address *address,
			const struct rule **rule, enum ipf_verdict *verdict, struct error *err)
{
	enum ipf_verdict packets = table_lookup(&snapshot->table, address, snapshot->tick);
	char text[ADDRESS_TEXT_SIZE];

	*rule = ruleset_decide(&snapshot->rules, address, snapshot->tick);
	*verdict = *rule ? (*rule)->verdict : iface_policy(snapshot->iface);
	if (packets == (*rule ? (*rule)->verdict : IPF_NO_VERDICT))
		return 0;
	address_format(address, text);
	return error_set(
		err, -EBADMSG,
		"%s: the rule table is damaged: packets from %s get another verdict than the rules "
		"give; 'xdp-ipfilter replace' with all rules rewrites it",
		snapshot->iface->dev.name, text);
}

static int test_address(struct findings *findings, const struct snapshot *snapshot,
			const struct address *address, struct error *err)
{
	const struct rule *rule;
	enum ipf_verdict verdict;
	int ret = find_verdict(snapshot, address, &rule, &verdict, err);

	if (ret)
		return ret;
	if (verdict != IPF_DROP)
		findings->all_dropped = false;
	if (!findings->quiet)
		print_verdict(findings, snapshot, address, rule, verdict);
	return 0;
}

static int test_snapshots(const struct test_request *request, const struct snapshots *snapshots,
			  struct findings *findings, struct error *err)
{
	int ret = 0;

	report_init(&findings->report, REPORT_TEXT, stdout);
	for (size_t i = 0; i < snapshots->count; i++) {
		const struct snapshot *snapshot = &snapshots->items[i];

		/* A warning has already said so. */
		if (snapshot->iface->misread.text[0])
			findings->all_dropped = false;
		for (size_t j = 0; j < request->texts.count && !ret; j++)
			ret = test_address(findings, snapshot, &request->addresses[j], err);
	}
	return ret ? ret : report_finish(&findings->report, err);
}

static int test_ifaces(const struct test_request *request, const struct ifaces *ifaces,
		       struct error *err)
{
	static const struct snapshot_parts parts = { .rules = true, .table = true };
	struct findings findings = {
		.quiet = request->quiet,
		.with_ifname = ifaces->count > 1,
		.all_dropped = true,
	};
	struct snapshots snapshots;
	int ret = snapshots_read(&snapshots, ifaces, &parts, err);

	if (ret)
		return ret;
	ret = test_snapshots(request, &snapshots, &findings, err);
	snapshots_done(&snapshots);
	if (ret < 0)
		return ret;
	/* Without a message: the output says which addresses pass. */
	return findings.all_dropped ? 0 : error_set_kind(err, -ENOENT, ERROR_FAILURE);
}

static int test(void *data, struct error *err)
{
	const struct test_request *request = data;
	struct ifaces ifaces = { 0 };
	int ret = ifaces_filtering(&request->devices, &ifaces, err);

	if (!ret)
		ret = test_ifaces(request, &ifaces, err);
	ifaces_done(&ifaces);
	return ret;
}

static void test_done(void *data)
{
	struct test_request *request = data;

	free(request->addresses);
}

const struct command cmd_test = {
	.name = "test",
	.summary = "show which rule would decide for packets from an address",
	.usage = "[OPTION]... ADDRESS...",
	.notes = "Without --dev, asks every interface that has the filter. Counts nothing.\n",
	.examples = "  xdp-ipfilter test 192.0.2.66 2001:db8::66\n"
		    "  xdp-ipfilter test -q 192.0.2.66 && echo blocked\n",
	.exit_codes = "  0  every address would be dropped\n"
		      "  1  some would pass, or the test failed\n"
		      "  3  not loaded on a named interface or, without --dev, on any\n",
	.options = test_options,
	.request_size = sizeof(struct test_request),
	.check = check,
	.read = parse_addresses,
	.needs = CAPABILITY_BPF | TOOL_NEEDS_CLOCK,
	.run = test,
	.done = test_done,
};
