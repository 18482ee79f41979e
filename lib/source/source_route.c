// SPDX-License-Identifier: GPL-2.0
/*
 * Which prefixes does a routing table discard?
 *
 * Those of blackhole, unreachable and prohibit routes. The table is listed once; then events say
 * what changes. It is listed again where events were lost, where one does not say what it did, and
 * now and then, because the kernel deletes some routes without an event (those with the address of
 * an interface or with a nexthop object that went).
 *
 * A route that was there all the time may be missing in a list while others are deleted: the kernel
 * goes on by counting. So a route goes by its event, or if a whole round of lists did not show it.
 */
#include <source/source.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <source/claims.h>
#include <source/delivery.h>
#include <source/netlink.h>
#include <source/stop.h>
#include <util/array.h>
#include <util/backoff.h>
#include <util/clock.h>
#include <util/error.h>

/* Prefixes that go are delivered when none has gone for a moment. A daemon that loses a session
 * withdraws all of its routes, one after the other. sync must see that they go together, or it
 * would believe that they are to go. */
#define LEAVE_QUIET_MS 1000
#define LEAVE_LATEST_MS (10 * 1000)

/* Where the table changes faster than it can be listed: those that are known to have gone are
 * delivered then, and before the first whole list, those that lists have shown. */
#define UNLISTED_LATEST_MS (60 * 1000)

/* Between two deliveries, and between two lists: time for more events to come together. A list
 * takes at most a sixth of the time. */
#define DELIVERY_PAUSE_MS 200
#define LIST_PAUSE_MS 200
#define LIST_PAUSE_FACTOR 5

/* Until the table is listed without need. */
#define LIST_AGAIN_MS (10 * 60 * 1000)

/* In one round. */
#define MAX_LISTS 3

/* An operator needs some examples. */
#define MAX_WARNINGS 16

/* What comes while the table is listed is done after it, because a list shows older news, too. */
struct event {
	enum netlink_news news;
	struct netlink_route route;
};

/* The one name of a route. */
struct owner {
	struct ipf_key key;
	uint64_t identity;
	uint16_t family;
	uint16_t bits;
	uint32_t zero; /* no padding: names are compared byte by byte */
};

struct follower {
	const struct job *job;
	FILE *out;
	struct netlink netlink;
	struct claims *claims;

	bool listing;
	struct event *events;
	size_t event_count;
	size_t event_capacity;
	bool unsure;       /* routes were deleted while the table was listed */
	bool has_nexthops; /* a route of ours has had one */

	bool stale;         /* it must be listed again */
	bool in_round;      /* of lists */
	bool again;         /* after this round: a route that it showed may have gone unheard */
	unsigned int lists; /* in this round */
	uint64_t list_at;   /* not before */
	uint64_t list_by;   /* at the latest */

	bool ready;          /* a round has ended */
	uint64_t early_at;   /* until then: what is known is delivered then */
	bool was_early;      /* which was told */
	bool changed;        /* perhaps */
	bool done;           /* all that the job asks for is delivered */
	uint64_t deliver_at; /* not before */

	bool leaving;          /* some have gone that sync was not told of */
	uint64_t leaving_from; /* since when */
	uint64_t left_at;      /* the last one */

	bool in_trouble; /* which was told */
	struct backoff backoff;

	struct address *addresses; /* of this machine */
	size_t address_count;
	struct prefix warned[MAX_WARNINGS];
	size_t warned_count;
};

/* -- Warnings ---------------------------------------------------------------------------------- */

static int compare_addresses(const void *a, const void *b)
{
	const struct address *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return address_key_compare(&x->key, &y->key);
}

static int refresh_addresses(struct follower *follower, struct error *err)
{
	struct address *fresh;
	int ret = netlink_addresses(&fresh, &follower->address_count, err);

	if (ret)
		return ret;
	free(follower->addresses);
	follower->addresses = fresh;
	if (fresh)
		qsort(fresh, follower->address_count, sizeof(*fresh), compare_addresses);
	return 0;
}

/* An address of this machine in the prefix; NULL: there is none. */
static const struct address *find_own(const struct follower *follower, const struct prefix *prefix)
{
	const struct address start = { prefix->family, prefix->key };
	size_t low = 0, high = follower->address_count;
	struct prefix own;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_addresses(&follower->addresses[middle], &start) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == follower->address_count)
		return NULL;
	own = prefix_of_address(&follower->addresses[low], prefix->bits);
	return prefix_compare(&own, prefix) ? NULL : &follower->addresses[low];
}

static bool was_warned(const struct follower *follower, const struct prefix *prefix)
{
	for (size_t i = 0; i < follower->warned_count; i++)
		if (!prefix_compare(&follower->warned[i], prefix))
			return true;
	return follower->warned_count == MAX_WARNINGS;
}

/* Routes discard destinations, which are often at home; rules drop sources. What drops all is left
 * to sync, which does not let it lock anybody out. */
static int warn(struct follower *follower, const struct prefix *prefix, struct error *err)
{
	const struct address *own = prefix->bits ? find_own(follower, prefix) : NULL;
	char text[256], prefix_text[PREFIX_TEXT_SIZE], own_text[ADDRESS_TEXT_SIZE];

	if (!own || was_warned(follower, prefix))
		return 0;
	follower->warned[follower->warned_count++] = *prefix;
	prefix_format(prefix, prefix_text);
	address_format(own, own_text);
	snprintf(text, sizeof(text),
		 "%s covers %s, an address of this machine; does routing table %" PRIu32
		 " hold sources to drop, or destinations (RFC 7999)?%s",
		 prefix_text, own_text, follower->job->location.table,
		 follower->warned_count == MAX_WARNINGS ? " Further ones are not named." : "");
	return delivery_warning(follower->out, text, err);
}

/* -- News -------------------------------------------------------------------------------------- */

static struct owner owner_of(const struct netlink_route *route)
{
	return (struct owner){ .key = route->prefix.key,
			       .identity = route->identity,
			       .family = route->prefix.family,
			       .bits = route->prefix.bits };
}

static int claim(struct follower *follower, const struct netlink_route *route, struct error *err)
{
	const struct owner owner = owner_of(route);
	struct rule rule = { .prefix = route->prefix,
			     .verdict = VERDICT_BY_POLICY,
			     .expires = IPF_NEVER,
			     .counter = IPF_NO_COUNTER };
	int ret;

	if (!route->discards)
		return 0;
	ret = warn(follower, &route->prefix, err);
	follower->has_nexthops = follower->has_nexthops || route->has_nexthop;
	if (ret || claims_keep(follower->claims, &owner, sizeof(owner), 0))
		return ret;
	return claims_set(follower->claims, &owner, sizeof(owner), 0, &rule, 1, err);
}

static void note_leaving(struct follower *follower, size_t owners_before)
{
	if (claims_owners(follower->claims) >= owners_before)
		return;
	follower->left_at = clock_monotonic_ms();
	if (!follower->leaving)
		follower->leaving_from = follower->left_at;
	follower->leaving = true;
}

static int unclaim(struct follower *follower, const struct netlink_route *route, struct error *err)
{
	const struct owner owner = owner_of(route);
	const size_t before = claims_owners(follower->claims);
	int ret = claims_remove(follower->claims, &owner, sizeof(owner), err);

	note_leaving(follower, before);
	return ret;
}

/* Routes may have gone that nobody will tell of. A round that has begun cannot find them, because
 * one of its lists may have shown them before. */
static void become_stale(struct follower *follower)
{
	follower->stale = true;
	follower->again = follower->in_round;
}

static int take(struct follower *follower, const struct event *event, struct error *err)
{
	const struct netlink_route *route = &event->route;
	uint64_t version;

	switch (event->news) {
	case NETLINK_LISTED:
	case NETLINK_ADDED:
		return claim(follower, route, err);
	case NETLINK_CHANGED:
		/* Only the kernel knows which one went. */
		if (claims_decider(follower->claims, &route->prefix, &version))
			become_stale(follower);
		return claim(follower, route, err);
	case NETLINK_DELETED:
		return unclaim(follower, route, err);
	case NETLINK_NEXTHOPS:
		if (follower->has_nexthops)
			become_stale(follower);
	}
	return 0;
}

static int put_off(struct follower *follower, const struct event *event, struct error *err)
{
	if (array_reserve(&follower->events, &follower->event_capacity, follower->event_count + 1,
			  sizeof(*event)))
		return error_no_memory(err);
	follower->events[follower->event_count++] = *event;
	if (event->news != NETLINK_ADDED)
		follower->unsure = true;
	return 0;
}

static int hear(void *context, enum netlink_news news, const struct netlink_route *route,
		struct error *err)
{
	struct follower *follower = context;
	struct event event = { .news = news };

	if (route && route->table != follower->job->location.table)
		return 0;
	if (route)
		event.route = *route;
	if (follower->listing && news != NETLINK_LISTED)
		return put_off(follower, &event, err);
	return take(follower, &event, err);
}

/* -- Lists ------------------------------------------------------------------------------------- */

static int take_events(struct follower *follower, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < follower->event_count && !ret; i++)
		ret = take(follower, &follower->events[i], err);
	free(follower->events);
	follower->events = NULL;
	follower->event_count = follower->event_capacity = 0;
	return ret;
}

/* Lists the table of both families. *whole becomes false where a list or the events had gaps.
 * Returns 0, or a negative errno and sets *err. */
static int list(struct follower *follower, bool *whole, struct error *err)
{
	static const enum ipf_family families[] = { IPF_IPV4, IPF_IPV6 };
	int ret = 0;

	*whole = true;
	follower->listing = true;
	follower->unsure = false;
	for (size_t i = 0; i < 2 && !ret; i++) {
		ret = netlink_dump(&follower->netlink, families[i], follower->job->location.table,
				   err);
		if (ret == -ENOBUFS || ret == -EINTR) {
			*whole = false;
			ret = 0;
		}
	}
	follower->listing = false;
	return ret ? ret : take_events(follower, err);
}

/* What a round of lists does not show is gone. */
static int end_round(struct follower *follower, struct error *err)
{
	const size_t before = claims_owners(follower->claims);
	int ret = claims_end_round(follower->claims, err);

	follower->in_round = false;
	follower->stale = follower->again;
	follower->ready = true;
	note_leaving(follower, before);
	return ret;
}

/* Lists the table once more; it stays stale while the round needs further lists. */
static int go_round(struct follower *follower, struct error *err)
{
	bool whole;
	int ret;

	if (!follower->in_round) {
		claims_begin_round(follower->claims);
		follower->in_round = true;
		follower->again = false;
		follower->lists = 0;
	}
	follower->stale = false;
	ret = refresh_addresses(follower, err);
	if (!ret)
		ret = list(follower, &whole, err);
	if (ret)
		return ret;
	if (whole && (!follower->unsure || ++follower->lists == MAX_LISTS))
		return end_round(follower, err);
	/* Where there was a gap, a route that this list shows may be gone. */
	follower->in_round = whole;
	follower->stale = true;
	return 0;
}

/* The same, by the clock. What the kernel refuses is told once, and tried again. */
static int refresh(struct follower *follower, struct error *err)
{
	const uint64_t start = clock_monotonic_ms();
	struct error trouble = { 0 };
	uint64_t end;
	int ret = go_round(follower, &trouble);

	end = clock_monotonic_ms();
	follower->list_at = end + clock_later(LIST_PAUSE_MS, LIST_PAUSE_FACTOR * (end - start));
	follower->list_by = end + backoff_jitter_ms(LIST_AGAIN_MS);
	follower->changed = true;
	if (!ret) {
		backoff_reset(&follower->backoff);
		return 0;
	}
	follower->stale = true;
	follower->in_round = false;
	follower->list_at = end + backoff_next_ms(&follower->backoff);
	if (follower->in_trouble)
		return 0;
	follower->in_trouble = true;
	return delivery_trouble(follower->out, trouble.text, err);
}

/* -- Following --------------------------------------------------------------------------------- */

/* A list that is to come may show that more have gone. */
static uint64_t leave_at(const struct follower *follower)
{
	if (follower->stale)
		return follower->leaving_from + UNLISTED_LATEST_MS;
	return clock_earlier(follower->left_at + LEAVE_QUIET_MS,
			     follower->leaving_from + LEAVE_LATEST_MS);
}

static int deliver(struct follower *follower, struct error *err)
{
	const bool all = !follower->leaving || clock_monotonic_ms() >= leave_at(follower);
	int ret = (all ? claims_deliver : claims_deliver_additions)(follower->claims, follower->out,
								    NULL, tick_now(), err);

	if (ret < 0)
		return ret;
	if (all)
		follower->leaving = false;
	if (!ret && follower->in_trouble)
		ret = delivery_same(follower->out, err);
	follower->in_trouble = false;
	follower->changed = false;
	follower->done = follower->job->once;
	follower->deliver_at = clock_monotonic_ms() + DELIVERY_PAUSE_MS;
	return ret < 0 ? ret : 0;
}

/* There was no whole list yet. What is missing in those that there were may be there, so nothing
 * goes by them. */
static int deliver_early(struct follower *follower, struct error *err)
{
	int ret = 0;

	follower->early_at = clock_monotonic_ms() + UNLISTED_LATEST_MS;
	if (!claims_owners(follower->claims))
		return 0;
	if (!follower->was_early)
		ret = delivery_warning(follower->out,
				       "the table changes faster than it can be listed: those of its "
				       "routes that were seen are used, and none goes",
				       err);
	follower->was_early = true;
	if (!ret)
		ret = claims_deliver_early(follower->claims, follower->out, tick_now(), err);
	follower->done = follower->job->once;
	return ret < 0 ? ret : 0;
}

/* When is an early delivery due? UINT64_MAX: never. */
static uint64_t next_early(const struct follower *follower)
{
	return follower->ready || follower->backoff.ms ? UINT64_MAX : follower->early_at;
}

/* When is the next delivery? UINT64_MAX: there is none to make. */
static uint64_t next_delivery(const struct follower *follower)
{
	uint64_t next = UINT64_MAX;

	if (!follower->ready || follower->backoff.ms)
		return next;
	if (follower->leaving)
		next = leave_at(follower);
	if (follower->changed)
		next = clock_earlier(next, follower->deliver_at);
	return clock_later(next, follower->deliver_at);
}

/* Does what is due, and says for how long nothing will be. */
static int work(struct follower *follower, uint64_t *wait_ms, struct error *err)
{
	uint64_t now = clock_monotonic_ms(), next;
	int ret = 0;

	if (now >= (follower->stale ? follower->list_at : follower->list_by))
		ret = refresh(follower, err);
	if (!ret && now >= next_early(follower))
		ret = deliver_early(follower, err);
	if (!ret && now >= next_delivery(follower))
		ret = deliver(follower, err);
	next = clock_earlier(next_early(follower), next_delivery(follower));
	next = clock_earlier(next, follower->stale ? follower->list_at : follower->list_by);
	now = clock_monotonic_ms();
	*wait_ms = next > now ? next - now : 0;
	return ret;
}

static int read_events(struct follower *follower, struct error *err)
{
	int ret = netlink_events(&follower->netlink, err);

	follower->changed = true;
	if (ret != -ENOBUFS)
		return ret;
	become_stale(follower);
	return 0;
}

static int follow(struct follower *follower, struct error *err)
{
	uint64_t wait_ms;
	bool readable;
	int ret;

	do {
		ret = work(follower, &wait_ms, err);
		if (ret || follower->done ||
		    stop_wait_for(netlink_descriptor(&follower->netlink), wait_ms, &readable))
			return ret;
		if (readable)
			ret = read_events(follower, err);
	} while (!ret);
	return ret;
}

int source_run_route(const struct job *job, FILE *out, struct error *err)
{
	struct follower follower = { .job = job, .out = out, .stale = true };
	int ret = claims_open(&follower.claims, err);

	follower.early_at = clock_monotonic_ms() + UNLISTED_LATEST_MS;
	if (!ret)
		ret = netlink_open(&follower.netlink, hear, &follower, err);
	if (!ret)
		ret = follow(&follower, err);
	netlink_close(&follower.netlink);
	claims_close(follower.claims);
	free(follower.events);
	free(follower.addresses);
	return ret;
}
