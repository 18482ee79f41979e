/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Would these rules lock the operator out?
 */
#include "lockout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <util/error.h>
#include <util/log.h>

/* Sets this large come from a list; a list that lost half of itself was cut short on its way. */
#define MANY_RULES 100

int lockout_check_rules(const struct rule *rules, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		char text[PREFIX_TEXT_SIZE];

		if (rules[i].prefix.bits || rules[i].verdict != IPF_DROP)
			continue;
		prefix_format(&rules[i].prefix, text);
		return error_set(err, -EPERM,
				 "%s: drops every %s source; use --force if you mean it", text,
				 family_name(rules[i].prefix.family));
	}
	return 0;
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

/* The peer's address is the first word of $SSH_CONNECTION; a link-local one may have a zone. */
static bool ssh_peer(struct address *peer)
{
	const char *connection = getenv("SSH_CONNECTION");
	char text[64];

	if (!connection)
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(connection, " %"), connection);
	return !address_parse(text, peer, NULL);
}

static bool drops(const struct ruleset *rules, enum ipf_verdict policy,
		  const struct address *address, __u32 now)
{
	const struct rule *rule = ruleset_decide(rules, address, now);

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

void lockout_warn(const struct netdev *dev, const struct ruleset *rules, enum ipf_verdict policy,
		  __u32 now)
{
	char text[ADDRESS_TEXT_SIZE] = "";
	struct address peer;

	if (ssh_peer(&peer) && drops(rules, policy, &peer, now))
		address_format(&peer, text);
	if (!passes_somebody(rules, policy, now))
		log_warning("%s: policy deny and no pass rule: this passes nobody%s%s%s", dev->name,
			    text[0] ? ", not even " : "", text,
			    text[0] ? ", the peer of your SSH session" : "");
	else if (text[0])
		log_warning("%s: this drops %s, the peer of your SSH session", dev->name, text);
}
