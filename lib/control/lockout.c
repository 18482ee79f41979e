// SPDX-License-Identifier: GPL-2.0
/*
 * Would these rules lock the operator out?
 */
#include <control/lockout.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/coverage.h>
#include <ruleset/tick.h>
#include <util/error.h>
#include <util/log.h>

/* Sets this large come from a list. A list that lost half of its rules was truncated. */
#define MANY_RULES 100

/* The limits, as fractions of the addresses in use; the header gives the reasons. */
#define NEARLY_NOBODY 256
#define WIDE_LINE 3

#define NAMED_LINES 3 /* in a message about several lines that drop nearly all together */

int lockout_check_input(const struct input *input, struct error *err)
{
	if (!input->truncated_example[0])
		return 0;
	return error_set(
		err, -EPERM,
		"%s: the last line of its file may be truncated: it has no line end and is wider "
		"than all others; end the line, or use --force if you mean it",
		input->truncated_example);
}

static bool covers_many(const struct input *input)
{
	for (unsigned int family = 0; family < IPF_FAMILIES; family++)
		if (input->most_covered[family] >= coverage_total(family) / NEARLY_NOBODY)
			return true;
	return false;
}

bool lockout_may_refuse(const struct input *input, const struct ruleset *rules,
			enum ipf_verdict policy, enum lockout_change change)
{
	if (covers_many(input))
		return true;
	if (change == LOCKOUT_ADDS)
		return false;
	/* Removing a rule drops something only if that rule passes and the next one to decide
	 * drops. */
	for (size_t i = 0; i < rules->count; i++)
		if (rules->rules[i].verdict == IPF_PASS)
			return true;
	return policy == IPF_DROP;
}

int lockout_may_refuse_edit(const struct input *input, const struct edit *edit,
			    enum ipf_verdict policy, enum lockout_change change, bool *may,
			    struct error *err)
{
	*may = covers_many(input);
	if (*may || change == LOCKOUT_ADDS)
		return 0;
	*may = policy == IPF_DROP;
	return *may ? 0 : edit_find_pass(edit, may, err);
}

/* The widest lines of a family, and what they newly drop. */
struct wide_drops {
	const struct input *input;
	enum ipf_family family;
	struct coverage all;
	struct coverage_line lines[INPUT_WIDE]; /* in the order of input->wide */
	size_t count;
};

static void measure(struct wide_drops *drops, const struct ruleset *before,
		    const struct ruleset *after, enum ipf_verdict policy)
{
	const struct input_wide *wide = drops->input->wide[drops->family];

	while (drops->count < INPUT_WIDE && wide[drops->count].origin) {
		drops->lines[drops->count].origin = wide[drops->count].origin;
		drops->count++;
	}
	drops->all = (struct coverage){ .family = drops->family,
					.policy = policy,
					.lines = drops->lines,
					.line_count = drops->count };
	coverage_compare(&drops->all, before, after);
}

/* The line that newly drops most; drops->count if none drops anything. */
static size_t widest(const struct wide_drops *drops)
{
	size_t best = drops->count;

	for (size_t i = 0; i < drops->count; i++)
		if (drops->lines[i].dropped &&
		    (best == drops->count || drops->lines[i].dropped > drops->lines[best].dropped))
			best = i;
	return best;
}

static bool is_from_file(const struct input *input, __u32 origin)
{
	__u32 line;
	const struct input_source *source = input_find_source(input, origin, &line);

	return source && source->name;
}

static void describe(const struct wide_drops *drops, size_t line, char text[INPUT_POSITION_SIZE])
{
	input_describe_wide(drops->input, &drops->input->wide[drops->family][line], text);
}

static int refuse_line(const struct wide_drops *drops, size_t line, const char *what,
		       struct error *err)
{
	char text[INPUT_POSITION_SIZE];

	describe(drops, line, text);
	if (!is_from_file(drops->input, drops->lines[line].origin))
		return error_set(err, -EPERM, "%s: %s; use --force if you mean it", text, what);
	return error_set(err, -EPERM, "%s: %s; leave the line out, or use --force if you mean it",
			 text, what);
}

/* The message names the widest lines. */
static int refuse_together(const struct netdev *dev, struct wide_drops *drops, const char *what,
			   struct error *err)
{
	char names[NAMED_LINES * INPUT_POSITION_SIZE] = "";
	size_t line, used = 0;

	for (int i = 0; i < NAMED_LINES && (line = widest(drops)) < drops->count; i++) {
		char text[INPUT_POSITION_SIZE];

		describe(drops, line, text);
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
					 text);
		drops->lines[line].dropped = 0;
	}
	if (!used)
		return error_set(err, -EPERM,
				 "%s: after this the rules %s; use --force if you mean it",
				 dev->name, what);
	return error_set(err, -EPERM,
			 "%s: the rules together %s; the widest are %s; use --force if you mean it",
			 dev->name, what, names);
}

static int refuse_all(const struct netdev *dev, struct wide_drops *drops, struct error *err)
{
	size_t line = widest(drops);
	bool nobody = !drops->all.passed_after;
	bool alone = line < drops->count && drops->all.dropped - drops->lines[line].dropped <
						    coverage_total(drops->family) / NEARLY_NOBODY;
	char what[48];

	snprintf(what, sizeof(what), "drop%s %severy %s source", alone ? "s" : "",
		 nobody ? "" : "nearly ", address_family_name(drops->family));
	return alone ? refuse_line(drops, line, what, err) : refuse_together(dev, drops, what, err);
}

static int check_family(const struct netdev *dev, struct wide_drops *drops, struct error *err)
{
	__u64 total = coverage_total(drops->family);
	char what[64];

	if (drops->all.dropped >= total / NEARLY_NOBODY &&
	    drops->all.passed_before >= total / NEARLY_NOBODY &&
	    drops->all.passed_after < total / NEARLY_NOBODY)
		return refuse_all(dev, drops, err);
	for (size_t i = 0; i < drops->count; i++) {
		if (drops->lines[i].dropped < total / WIDE_LINE ||
		    !is_from_file(drops->input, drops->lines[i].origin))
			continue;
		snprintf(what, sizeof(what), "drops %u %% of the %s addresses in use",
			 (unsigned int)(drops->lines[i].dropped / (total / 100)),
			 address_family_name(drops->family));
		return refuse_line(drops, i, what, err);
	}
	return 0;
}

int lockout_check_rules(const struct netdev *dev, const struct input *input,
			const struct ruleset *before, const struct ruleset *after,
			enum ipf_verdict policy, struct error *err)
{
	int ret = 0;

	for (unsigned int family = 0; family < IPF_FAMILIES && !ret; family++) {
		struct wide_drops drops = { .input = input, .family = family };

		measure(&drops, before, after, policy);
		ret = check_family(dev, &drops, err);
	}
	return ret;
}

int lockout_check_shrink(const char *set, size_t before, size_t after, struct error *err)
{
	if (before < MANY_RULES || 2 * after >= before)
		return 0;
	return error_set(err, -EPERM,
			 "set %s: %zu of %zu rules would stay, less than half; use --force if you "
			 "mean it",
			 set, after, before);
}

/* The peer's address comes first in $SSH_CONNECTION; a link-local one may have a zone. */
static bool ssh_peer(struct address *peer)
{
	const char *connection = getenv("SSH_CONNECTION");
	char text[64];

	if (!connection)
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(connection, " %"), connection);
	return !address_parse(text, peer, NULL);
}

/* " (drop.txt:3:1: 192.0.2.0/24)"; empty where the policy decides. */
#define REASON_SIZE (INPUT_POSITION_SIZE + 4)
static void describe_reason(const struct input *input, const struct rule *rule,
			    char text[REASON_SIZE])
{
	static const struct input nothing;
	char name[INPUT_POSITION_SIZE];

	text[0] = '\0';
	if (!rule)
		return;
	input_describe(input ? input : &nothing, rule, name);
	snprintf(text, REASON_SIZE, " (%s)", name);
}

static bool drops(const struct rule *rule, enum ipf_verdict policy)
{
	return (rule ? (enum ipf_verdict)rule->verdict : policy) == IPF_DROP;
}

static bool passes_somebody(const struct ruleset *rules, enum ipf_verdict policy, __u32 now)
{
	if (policy == IPF_PASS)
		return true;
	for (size_t i = 0; i < rules->count; i++)
		if (rules->rules[i].verdict == IPF_PASS &&
		    !tick_ended(rules->rules[i].expires, now))
			return true;
	return false;
}

/* What is to be warned of. */
struct finding {
	bool nobody_passes;
	char peer[ADDRESS_TEXT_SIZE]; /* of this SSH session; empty unless it is dropped */
	char reason[REASON_SIZE];
};

static void find_peer(struct finding *finding, const struct address *peer, const struct rule *rule,
		      enum ipf_verdict policy, const struct input *input)
{
	if (!drops(rule, policy))
		return;
	address_format(peer, finding->peer);
	describe_reason(input, rule, finding->reason);
}

static void warn(const struct netdev *dev, const struct finding *finding)
{
	const char *peer = finding->peer;

	if (finding->nobody_passes)
		log_warning("%s: policy deny and no pass rule: this drops every source%s%s%s",
			    dev->name, peer[0] ? ", even " : "", peer,
			    peer[0] ? ", the peer of your SSH session" : "");
	else if (peer[0])
		log_warning("%s: this drops %s, the peer of your SSH session%s", dev->name, peer,
			    finding->reason);
}

void lockout_warn(const struct netdev *dev, const struct ruleset *rules, enum ipf_verdict policy,
		  const struct input *input, __u32 now)
{
	struct finding finding = { .nobody_passes = !passes_somebody(rules, policy, now) };
	struct address peer;

	if (ssh_peer(&peer))
		find_peer(&finding, &peer, ruleset_decide(rules, &peer, now), policy, input);
	warn(dev, &finding);
}

int lockout_warn_edit(const struct netdev *dev, const struct edit *edit, enum ipf_verdict policy,
		      const struct input *input, struct error *err)
{
	struct finding finding = { 0 };
	bool passes = true;
	struct address peer;
	struct rule rule;
	int ret = 0;

	if (policy == IPF_DROP)
		ret = edit_find_pass(edit, &passes, err);
	if (ret)
		return ret;
	finding.nobody_passes = !passes;
	if (ssh_peer(&peer)) {
		ret = delta_decide(&edit->delta, &peer, &rule, err);
		if (ret < 0)
			return ret;
		find_peer(&finding, &peer, ret ? &rule : NULL, policy, input);
	}
	warn(dev, &finding);
	return 0;
}
