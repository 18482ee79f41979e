// SPDX-License-Identifier: GPL-2.0
/*
 * list: which rules are live, in the words that replace reads?
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cli/report.h>
#include <dataplane/capability.h>
#include <dataplane/counters.h>
#include <feed/writer.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>

#include "transaction.h"
#include "common.h"

static const struct option_spec list_options[] = {
	{ 'd', "dev", "IFNAME", "only this interface; may be given several times" },
	{ 's', "set", "NAME", "only this set" },
	{ 'j', "json", NULL, "print JSON, with the counters of each rule" },
	OPTIONS_TABLE_END,
};

struct list_request {
	struct option_texts devs;
	const char *set;
	bool json;
};

static int parse_option(struct list_request *request, int id, const struct options *options,
			struct error *err)
{
	switch (id) {
	case 'd':
		return word_option(&request->devs, options, err);
	case 's':
		return set_option(&request->set, options, err);
	case 'j':
		request->json = true;
		return 0;
	case OPTIONS_POSITIONAL:
		return refuse_positional(options, err);
	default:
		return -EINVAL;
	}
}

static int parse(struct list_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END)
		ret = parse_option(request, id, options, err);
	return ret;
}

static void keep_set(struct ruleset *rules, const char *name)
{
	int index = ruleset_find_set(rules, name);
	size_t kept = 0;

	for (size_t i = 0; i < rules->count; i++)
		if (rules->rules[i].set == index)
			rules->rules[kept++] = rules->rules[i];
	rules->count = kept;
}

/* An interface's rules with what they have counted. */
struct listing {
	const struct iface *iface;
	struct counter *counters; /* one for each rule */
};

static int read_listing(const struct list_request *request, struct iface *iface, __u32 now,
			struct listing *listing, struct error *err)
{
	int ret = iface_read_rules(iface, now, err);

	listing->iface = iface;
	if (ret)
		return ret;
	if (request->set)
		keep_set(&iface->rules, request->set);
	if (!request->json)
		return 0;
	if (counters_read(&iface->filter, &iface->rules, &listing->counters, err))
		return error_prefix(err, -EIO, "%s", iface->dev.name);
	return 0;
}

static void describe_rule(struct report *report, const struct listing *listing, size_t i, __u32 now)
{
	const struct ruleset *rules = &listing->iface->rules;
	const struct rule *rule = &rules->rules[i];
	const struct counter *counter = &listing->counters[i];
	char prefix[PREFIX_TEXT_SIZE];

	prefix_format(&rule->prefix, prefix);
	report_row(report, NULL, NULL);
	report_string(report, "prefix", NULL, prefix);
	report_string(report, "verdict", NULL, verdict_name(rule->verdict));
	report_string(report, "set", NULL, rules->sets[rule->set].name);
	if (counter->counted) {
		report_number(report, "packets", NULL, counter->sum.packets);
		report_number(report, "bytes", NULL, counter->sum.bytes);
	} else {
		report_null(report, "packets");
		report_null(report, "bytes");
	}
	if (rule->expires == IPF_NEVER)
		report_null(report, "expires_s");
	else
		report_number(report, "expires_s", NULL, tick_seconds_left(rule->expires, now));
	report_close(report);
}

static void describe_listing(struct report *report, const struct listing *listing, __u32 now)
{
	report_object(report, NULL, NULL);
	report_string(report, "ifname", NULL, listing->iface->dev.name);
	report_array(report, "rules", NULL);
	for (size_t i = 0; i < listing->iface->rules.count; i++)
		describe_rule(report, listing, i, now);
	report_close(report);
	report_close(report);
}

static int print_json(const struct listing *listings, size_t count, __u32 now, struct error *err)
{
	struct report report;
	int ret;

	report_init(&report, REPORT_JSON, stdout);
	report_object(&report, NULL, NULL);
	report_number(&report, "schema", NULL, 1);
	report_array(&report, "interfaces", NULL);
	for (size_t i = 0; i < count; i++)
		describe_listing(&report, &listings[i], now);
	report_close(&report);
	report_close(&report);
	ret = report_finish(&report, err);
	return ret < 0 ? ret : 0;
}

static int print_text(const struct ifaces *ifaces, __u32 now, struct error *err)
{
	struct report report;
	int ret;

	report_init(&report, REPORT_TEXT, stdout);
	for (size_t i = 0; i < ifaces->count; i++) {
		if (ifaces->count > 1)
			report_line(&report, "# %s", ifaces->items[i].dev.name);
		ret = writer_write(&ifaces->items[i].rules, now, stdout);
		if (ret == -ENOMEM)
			return error_no_memory(err);
		if (ret) {
			ret = report_failure(ret, err);
			return ret < 0 ? ret : 0;
		}
	}
	ret = report_finish(&report, err);
	return ret < 0 ? ret : 0;
}

static int list_ifaces(const struct list_request *request, struct ifaces *ifaces, struct error *err)
{
	auto_free struct listing *listings = calloc(ifaces->count, sizeof(*listings));
	int ret = 0;
	__u32 now = tick_now();

	if (!listings)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++)
		ret = read_listing(request, &ifaces->items[i], now, &listings[i], err);
	if (!ret && request->json)
		ret = print_json(listings, ifaces->count, now, err);
	else if (!ret)
		ret = print_text(ifaces, now, err);
	for (size_t i = 0; i < ifaces->count; i++)
		free(listings[i].counters);
	return ret;
}

static int list(struct options *options, struct error *err)
{
	struct list_request request = { 0 };
	struct ifaces ifaces = { 0 };
	int ret = parse(&request, options, err);

	if (!ret)
		ret = ready(err);
	if (!ret)
		ret = ifaces_filtering(&request.devs, &ifaces, err);
	if (!ret)
		ret = list_ifaces(&request, &ifaces, err);
	ifaces_done(&ifaces);
	option_texts_done(&request.devs);
	return ret;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "print the live rules as 'replace' reads them",
	.usage = "[OPTION]...",
	.options = list_options,
	.needs = CAPABILITY_BPF,
	.notes =
		"Without --dev, the rules of every interface that has the filter. A set without rules does not\n"
		"exist, so the list of an unknown set is empty.\n",
	.examples =
		"  xdp-ipfilter list -d eth0 >rules.txt\n"
		"  xdp-ipfilter list --json | jq '.interfaces[].rules[] | select(.packets > 0)'\n",
	.exit_codes = "  3  the filter is not loaded there, or nowhere\n",
	.run = list,
};
