// SPDX-License-Identifier: GPL-2.0
/*
 * test: would packets from these addresses be dropped, and by which rule?
 *
 * Looks the addresses up in the live tables, or in one that is compiled from files. The lookup is
 * the code that the XDP program runs.
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cli/report.h>
#include <control/incoming.h>
#include <control/loading.h>
#include <control/rule_input.h>
#include <control/snapshot.h>
#include <control/stream.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <feed/addresses.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <table/compile.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/log.h>

struct test_request {
	struct option_texts devices, files, texts;
	struct rule_input_files rules;
	const char *policy, *only;
	bool quiet;
	struct addresses addresses;
	struct input input; /* of the rule files */
};

static const char *only_name(unsigned int verdict)
{
	return verdict <= IPF_DROP ? verdict_name((enum ipf_verdict)verdict) : NULL;
}

static const struct option_spec test_options[] = {
	IFACE_OPTION(struct test_request, devices),
	OPTION_TEXTS(0, "rules", "FILE", struct test_request, rules.names,
		     "Ask the rules of FILE instead of live ones; - is standard input. May be "
		     "repeated. Needs no privileges."),
	RULE_INPUT_FORMAT_OPTIONS(struct test_request, rules),
	OPTION_CHOICE('p', "policy", "POLICY", struct test_request, policy, loading_policy,
		      "With --rules, what happens to a source without a rule (default: allow)."),
	OPTION_TEXTS('f', "file", "FILE", struct test_request, files,
		     "Read addresses from FILE, the first word of each line; - is standard input. "
		     "May be repeated."),
	OPTION_CHOICE(0, "only", "VERDICT", struct test_request, only, only_name,
		      "Print only addresses with this verdict."),
	OPTION_FLAG('q', "quiet", struct test_request, quiet,
		    "Print nothing; the exit code is the answer."),
	OPTION_POSITIONALS("ADDRESS", struct test_request, texts),
	OPTION_END,
};

static bool uses_files(const void *data)
{
	const struct test_request *request = data;

	return request->rules.names.count > 0;
}

static size_t count_stdin(const struct option_texts *files)
{
	size_t count = 0;

	for (size_t i = 0; i < files->count; i++)
		count += !strcmp(files->items[i], "-");
	return count;
}

static const char *check(const void *data)
{
	const struct test_request *request = data;

	if (!request->texts.count && !request->files.count)
		return "which address?";
	if (count_stdin(&request->files) + count_stdin(&request->rules.names) > 1)
		return "standard input can be only one of the files";
	if (uses_files(request))
		return request->devices.count ? "--dev or --rules, not both" : NULL;
	if (request->policy)
		return "--policy is for --rules: an interface has a policy";
	if (request->rules.where.count)
		return "--where is for --rules";
	return request->rules.format ? "--format is for --rules" : NULL;
}

/* --- Input ------------------------------------------------------------------------------------ */

static int read_addresses(struct test_request *request, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < request->files.count && !ret; i++) {
		const char *name = request->files.items[i];
		FILE *file = stream_open(name, err);

		if (!file)
			return -EIO;
		ret = addresses_read(&request->addresses, file, name, err);
		stream_close(file);
	}
	for (size_t i = 0; i < request->texts.count && !ret; i++)
		ret = addresses_argument(&request->addresses, request->texts.items[i], err);
	return ret;
}

static enum ipf_verdict policy_of(const struct test_request *request)
{
	return request->policy && !strcmp(request->policy, loading_policy(IPF_DROP)) ? IPF_DROP :
										       IPF_PASS;
}

static int read_input(void *data, struct error *err)
{
	static const struct option_texts no_arguments = { 0 };
	struct test_request *request = data;
	int ret = read_addresses(request, err);

	if (ret || !uses_files(request))
		return ret;
	request->input = (struct input){
		.verdict = policy_of(request) == IPF_PASS ? VERDICT_DROP : VERDICT_PASS,
		.expires = IPF_NEVER,
		.now = tick_now(),
		.unix_now_ns = clock_unix_ns(),
	};
	return rule_input_read(&request->input, &request->rules, &no_arguments, err);
}

/* --- Answers ---------------------------------------------------------------------------------- */

/* What the addresses are looked up in. */
struct subject {
	const char *name; /* each line begins with it; NULL: there is only this one */
	const struct ruleset *rules;
	const struct table_snapshot *table;
	enum ipf_verdict policy;
	__u32 now;
};

/* The combined answer of all subjects. */
struct findings {
	const struct test_request *request;
	struct report report;
	size_t counts[IPF_DROP + 1]; /* of the addresses of one subject, by verdict */
	bool all_dropped;
};

/* Is the answer more than the lines about addresses that the user has typed? */
static bool wants_counts(const struct test_request *request)
{
	return request->files.count || request->only || uses_files(request);
}

/* "eth0: 10.0.0.5: drop by 10.0.0.0/8 (default)" */
static void print_verdict(struct findings *findings, const struct subject *subject,
			  const struct address *address, const struct rule *rule,
			  enum ipf_verdict verdict)
{
	const char *name = subject->name ? subject->name : "";
	const char *separator = subject->name ? ": " : "";
	char text[ADDRESS_TEXT_SIZE], prefix[PREFIX_TEXT_SIZE];

	address_format(address, text);
	if (!rule) {
		report_line(&findings->report, "%s%s%s: %s (policy)", name, separator, text,
			    verdict_name(verdict));
		return;
	}
	prefix_format(&rule->prefix, prefix);
	report_line(&findings->report, "%s%s%s: %s by %s (%s)", name, separator, text,
		    verdict_name(verdict), prefix, subject->rules->sets[rule->set].name);
}

/* Looks the address up in the table, with the code that packets run, and in the rules, which have
 * the names. */
static int find_verdict(const struct subject *subject, const struct address *address,
			const struct rule **rule, enum ipf_verdict *verdict, struct error *err)
{
	enum ipf_verdict packets = table_lookup(subject->table, address, subject->now);
	char text[ADDRESS_TEXT_SIZE];

	*rule = ruleset_decide(subject->rules, address, subject->now);
	*verdict = *rule ? (*rule)->verdict : subject->policy;
	if (packets == (*rule ? (*rule)->verdict : IPF_NO_VERDICT))
		return 0;
	address_format(address, text);
	return error_set(
		err, -EBADMSG,
		"the rule table is damaged: packets from %s get another verdict than the rules "
		"give; 'xdp-ipfilter replace' with all rules rewrites it",
		text);
}

static int test_address(struct findings *findings, const struct subject *subject,
			const struct address *address, struct error *err)
{
	const char *only = findings->request->only;
	const struct rule *rule;
	enum ipf_verdict verdict;
	int ret = find_verdict(subject, address, &rule, &verdict, err);

	if (ret)
		return ret;
	findings->counts[verdict]++;
	if (verdict != IPF_DROP)
		findings->all_dropped = false;
	if (!findings->request->quiet && (!only || !strcmp(only, verdict_name(verdict))))
		print_verdict(findings, subject, address, rule, verdict);
	return 0;
}

/* "eth0: 3 drop, 2 pass" */
static void print_counts(struct findings *findings, const struct subject *subject)
{
	if (findings->request->quiet || !wants_counts(findings->request))
		return;
	report_line(&findings->report, "%s%s%zu %s, %zu %s", subject->name ? subject->name : "",
		    subject->name ? ": " : "", findings->counts[IPF_DROP], verdict_name(IPF_DROP),
		    findings->counts[IPF_PASS], verdict_name(IPF_PASS));
}

static int test_subject(struct findings *findings, const struct subject *subject, struct error *err)
{
	const struct addresses *addresses = &findings->request->addresses;
	int ret = 0;

	memset(findings->counts, 0, sizeof(findings->counts));
	for (size_t i = 0; i < addresses->count && !ret; i++)
		ret = test_address(findings, subject, &addresses->items[i], err);
	if (!ret)
		print_counts(findings, subject);
	return ret;
}

/* --- Live rules ------------------------------------------------------------------------------- */

static int test_snapshots(struct findings *findings, const struct snapshots *snapshots,
			  struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < snapshots->count && !ret; i++) {
		const struct snapshot *snapshot = &snapshots->items[i];
		const struct iface *iface = snapshot->iface;
		const struct subject subject = {
			.name = snapshots->count > 1 ? iface->dev.name : NULL,
			.rules = &snapshot->rules,
			.table = &snapshot->table,
			.policy = iface_policy(iface),
			.now = snapshot->tick,
		};

		if (iface_observes(snapshot->iface))
			log_warning("%s: observing: whatever the rules say, nothing is dropped",
				    snapshot->iface->dev.name);
		/* A warning has already said so. */
		if (iface->misread.text[0])
			findings->all_dropped = false;
		ret = test_subject(findings, &subject, err);
		if (ret)
			error_prefix(err, ret, "%s", iface->dev.name);
	}
	return ret;
}

static int test_ifaces(struct findings *findings, const struct ifaces *ifaces, struct error *err)
{
	static const struct snapshot_parts parts = { .rules = true, .table = true };
	struct snapshots snapshots;
	int ret = snapshots_read(&snapshots, ifaces, &parts, err);

	if (ret)
		return ret;
	ret = test_snapshots(findings, &snapshots, err);
	snapshots_done(&snapshots);
	return ret;
}

static int test_live(struct findings *findings, struct error *err)
{
	struct ifaces ifaces = { 0 };
	int ret = ifaces_filtering(&findings->request->devices, &ifaces, err);

	if (!ret)
		ret = test_ifaces(findings, &ifaces, err);
	ifaces_done(&ifaces);
	return ret;
}

/* --- Rules of files --------------------------------------------------------------------------- */

/* Makes of the input what `load` would make of it. */
static int make_rules(const struct test_request *request, struct iface *iface, struct error *err)
{
	struct incoming incoming;
	int ret = incoming_init(&incoming, iface, &request->input, policy_of(request), err);

	if (ret)
		return ret;
	ret = incoming_add(&incoming, NULL, err);
	incoming_done(&incoming);
	ruleset_tidy(&iface->rules, request->input.now);
	return ret;
}

static int compile(const struct ruleset *rules, struct table_snapshot *table, struct error *err)
{
	int ret = compile_rules(rules, &table->base);

	if (ret == -E2BIG)
		return error_set(err, ret, "%zu rules are more than one table can hold",
				 rules->count);
	return ret ? error_no_memory(err) : 0;
}

static int test_files(struct findings *findings, struct error *err)
{
	const struct test_request *request = findings->request;
	struct table_snapshot table = { .generation = 0 };
	struct iface iface = { .is_edited = false }; /* of no device: it holds the rules */
	const struct subject subject = {
		.rules = &iface.rules,
		.table = &table,
		.policy = policy_of(request),
		.now = request->input.now,
	};
	int ret = make_rules(request, &iface, err);

	if (!ret)
		ret = compile(&iface.rules, &table, err);
	if (!ret)
		ret = test_subject(findings, &subject, err);
	table_snapshot_done(&table);
	ruleset_done(&iface.rules);
	return ret;
}

static int test(void *data, struct error *err)
{
	const struct test_request *request = data;
	struct findings findings = { .request = request, .all_dropped = true };
	int ret;

	report_init(&findings.report, REPORT_TEXT, stdout);
	ret = uses_files(request) ? test_files(&findings, err) : test_live(&findings, err);
	if (!ret)
		ret = report_finish(&findings.report, err);
	if (ret < 0)
		return ret;
	/* Without a message: the output says which addresses pass. */
	return findings.all_dropped ? 0 : error_set_kind(err, -ENOENT, ERROR_FAILURE);
}

static void test_done(void *data)
{
	struct test_request *request = data;

	addresses_done(&request->addresses);
	input_done(&request->input);
}

const struct command cmd_test = {
	.name = "test",
	.summary = "show which rule would decide for packets from an address",
	.usage = "[OPTION]... [ADDRESS]...",
	.notes =
		"Without --dev and --rules, asks every interface that has the filter. Counts nothing there. With\n"
		"--rules, --file or --only, the last line counts the addresses.\n",
	.examples = "  xdp-ipfilter test 192.0.2.66 2001:db8::66\n"
		    "  xdp-ipfilter test -q 192.0.2.66 && echo blocked\n"
		    "  xdp-ipfilter test --rules drop.txt --only drop -f access.log\n",
	.exit_codes = "  0  every address would be dropped\n"
		      "  1  some would pass, or the test failed\n"
		      "  3  not loaded on a named interface or, without --dev, on any\n",
	.options = test_options,
	.request_size = sizeof(struct test_request),
	.check = check,
	.read = read_input,
	.needs = CAPABILITY_BPF | CAPABILITY_FILES | TOOL_NEEDS_CLOCK,
	.needs_nothing = uses_files,
	.run = test,
	.done = test_done,
};
