// SPDX-License-Identifier: GPL-2.0
/*
 * test: would packets from these addresses be dropped, and by which rule?
 *
 * Looked up in the live table by the lines that the XDP program runs.
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>

#include <cli/report.h>
#include <dataplane/capability.h>
#include <dataplane/table.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/error.h>

#include "common.h"
#include "iface.h"

static const struct option_spec test_options[] = {
	{ 'd', "dev", "IFNAME", "only this interface; may be given several times" },
	{ 'q', "quiet", NULL, "print nothing, only the exit code tells" },
	OPTIONS_TABLE_END,
};

struct test_request {
	struct option_texts devs, words;
	struct address *addresses; /* of the words */
	bool quiet;
};

static int parse_option(struct test_request *request, int id, const struct options *options,
			struct error *err)
{
	switch (id) {
	case 'd':
		return word_option(&request->devs, options, err);
	case 'q':
		request->quiet = true;
		return 0;
	case OPTIONS_POSITIONAL:
		return word_option(&request->words, options, err);
	default:
		return -EINVAL;
	}
}

static int parse(struct test_request *request, struct options *options, struct error *err)
{
	int ret = 0;
	int id;

	while (!ret && (id = options_next(options, err)) != OPTIONS_END)
		ret = parse_option(request, id, options, err);
	if (!ret && !request->words.count)
		return options_refuse(options, err, "which address?");
	return ret;
}

/* Would it be an address but for leading zeros? */
static bool has_zeros(const char *word)
{
	struct address address;
	const char *end = address_scan_padded(word, &address);

	return end && !*end;
}

static int parse_addresses(struct test_request *request, struct error *err)
{
	request->addresses = calloc(request->words.count, sizeof(*request->addresses));
	if (!request->addresses)
		return error_no_memory(err);
	for (size_t i = 0; i < request->words.count; i++) {
		const char *word = request->words.items[i];

		if (!address_parse(word, &request->addresses[i], NULL))
			continue;
		return error_set_usage(err, "'%.80s': %s", word,
				       has_zeros(word) ? prefix_problem_text(PREFIX_LEADING_ZEROS) :
							 "not an IPv4 or IPv6 address");
	}
	return 0;
}

/* "10.0.0.5: drop by 10.0.0.0/8 (default)" */
static void print_verdict(struct report *report, const struct address *address,
			  const struct rule *rule, enum ipf_verdict verdict,
			  const struct iface *iface, bool with_ifname)
{
	char text[ADDRESS_TEXT_SIZE], prefix[PREFIX_TEXT_SIZE];

	address_format(address, text);
	if (rule) {
		prefix_format(&rule->prefix, prefix);
		report_line(report, "%s%s%s: %s by %s (%s)", with_ifname ? iface->dev.name : "",
			    with_ifname ? ": " : "", text, verdict_name(verdict), prefix,
			    iface->rules.sets[rule->set].name);
	} else {
		report_line(report, "%s%s%s: %s (policy)", with_ifname ? iface->dev.name : "",
			    with_ifname ? ": " : "", text, verdict_name(verdict));
	}
}

/* Asked twice: the table, by the lines that packets run, and the rules, which know their names. */
static int find_verdict(const struct iface *iface, const struct address *address,
			const struct rule **rule, enum ipf_verdict *verdict, struct error *err)
{
	__u32 now = tick_now();
	struct ipf_match match = image_lookup(&iface->live.image, address, now);
	char text[ADDRESS_TEXT_SIZE];

	*rule = ruleset_decide(&iface->rules, address, now);
	*verdict = *rule ? (*rule)->verdict : iface->filter.config.policy;
	if (match.verdict == (*rule ? (*rule)->verdict : IPF_NO_VERDICT))
		return 0;
	address_format(address, text);
	return error_set(
		err, -EBADMSG,
		"%s: the rule table is damaged: packets from %s meet another verdict than the rules "
		"say; 'xdp-ipfilter replace' with all rules writes it anew",
		iface->dev.name, text);
}

static int test_target(const struct test_request *request, const struct iface *iface,
		       bool with_ifname, bool *all_dropped, struct error *err)
{
	struct report report;
	int ret;

	report_init(&report, REPORT_TEXT, stdout);
	for (size_t i = 0; i < request->words.count; i++) {
		const struct address *address = &request->addresses[i];
		const struct rule *rule;
		enum ipf_verdict verdict;

		ret = find_verdict(iface, address, &rule, &verdict, err);
		if (ret)
			return ret;
		*all_dropped = *all_dropped && verdict == IPF_DROP;
		if (!request->quiet)
			print_verdict(&report, address, rule, verdict, iface, with_ifname);
	}
	ret = report_finish(&report, err);
	return ret < 0 ? ret : 0;
}

static int test_ifaces(const struct test_request *request, struct ifaces *ifaces, struct error *err)
{
	bool all_dropped = true;
	int ret;

	for (size_t i = 0; i < ifaces->count; i++) {
		struct iface *iface = &ifaces->items[i];

		/* A warning has said so already. */
		all_dropped = all_dropped && !iface->misread.text[0];
		if (table_read(&iface->filter, &iface->rules, &iface->live, err))
			return error_prefix(err, -EIO, "%s", iface->dev.name);
	}
	for (size_t i = 0; i < ifaces->count; i++) {
		ret = test_target(request, &ifaces->items[i], ifaces->count > 1, &all_dropped, err);
		if (ret)
			return ret;
	}
	/* Without a message: the output says which. */
	return all_dropped ? 0 : error_set_kind(err, -ENOENT, ERROR_FAILURE);
}

static int test(struct options *options, struct error *err)
{
	struct test_request request = { 0 };
	struct ifaces ifaces = { 0 };
	int ret = parse(&request, options, err);

	if (!ret)
		ret = parse_addresses(&request, err);
	if (!ret)
		ret = ready(err);
	if (!ret)
		ret = ifaces_filtering(&request.devs, &ifaces, err);
	if (!ret)
		ret = test_ifaces(&request, &ifaces, err);
	ifaces_done(&ifaces);
	free(request.addresses);
	option_texts_done(&request.words);
	option_texts_done(&request.devs);
	return ret;
}

const struct command cmd_test = {
	.name = "test",
	.summary = "tell which rule would decide for packets from an address",
	.usage = "[OPTION]... ADDRESS...",
	.options = test_options,
	.needs = CAPABILITY_BPF,
	.notes = "Without --dev, on every interface that has the filter. Nothing is counted.\n",
	.examples = "  xdp-ipfilter test 192.0.2.66 2001:db8::66\n"
		    "  xdp-ipfilter test -q 192.0.2.66 && echo blocked\n",
	.exit_codes = "  0  every address would be dropped\n"
		      "  1  some would pass, or the test failed\n"
		      "  3  the filter is not loaded there, or nowhere\n",
	.run = test,
};
