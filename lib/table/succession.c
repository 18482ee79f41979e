// SPDX-License-Identifier: GPL-2.0
/*
 * Which rule decides once a rule has ended?
 */
#include <table/succession.h>

static bool same_prefix(const struct rule *a, const struct rule *b)
{
	return a->prefix.key.high == b->prefix.key.high && a->prefix.key.low == b->prefix.key.low &&
	       a->prefix.bits == b->prefix.bits;
}

struct succession_peers succession_peers(const struct rule *rules, size_t at, size_t end)
{
	struct succession_peers peers = { .first = (__u32)at, .drop = IPF_NO_RULE };
	const struct rule *prefix = &rules[at];

	if (prefix->verdict == IPF_NO_VERDICT) {
		peers.is_region = true;
		at++;
		peers.first = at < end && same_prefix(&rules[at], prefix) ? (__u32)at : IPF_NO_RULE;
	}
	for (; at < end && same_prefix(&rules[at], prefix); at++)
		if (peers.drop == IPF_NO_RULE && rules[at].verdict == IPF_DROP)
			peers.drop = (__u32)at;
	peers.end = at;
	return peers;
}

static __u32 next_of(const struct ipf_timer *timer)
{
	return timer->next == IPF_NO_RULE ? IPF_NO_RULE :
					    timer->next & ~(1u << IPF_NEXT_VERDICT_SHIFT);
}

/* The first rule from `rule` on that outlasts the tick `expires`: packets need not visit those that
 * have ended by then. */
static __u32 skip_ended(const struct succession *succession, __u32 rule, __u32 expires)
{
	const struct ipf_timer *timers = succession->timers;

	while (rule != IPF_NO_RULE && timers[rule].expires != IPF_NEVER &&
	       timers[rule].expires <= expires)
		rule = next_of(&timers[rule]);
	return rule;
}

static void link_rule(const struct succession *succession, __u32 rule, __u32 cover)
{
	struct ipf_timer *timer = &succession->timers[rule];
	__u32 next;

	if (timer->expires == IPF_NEVER)
		return;
	next = skip_ended(succession, cover, timer->expires);
	if (next != IPF_NO_RULE)
		timer->next = (__u32)succession->rules[next].verdict << IPF_NEXT_VERDICT_SHIFT |
			      next;
}

void succession_link(const struct succession *succession, const struct succession_peers *peers,
		     __u32 cover)
{
	if (!succession->timers)
		return;
	if (peers->drop != IPF_NO_RULE && peers->drop != peers->first) {
		link_rule(succession, peers->drop, cover);
		cover = peers->drop;
	}
	link_rule(succession, peers->first, cover);
}
