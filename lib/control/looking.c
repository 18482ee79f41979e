// SPDX-License-Identifier: GPL-2.0
/*
 * Which packets do the filters of several interfaces see, and which rules decide?
 */
#include <control/looking.h>

#include <errno.h>
#include <stdlib.h>

#include <dataplane/lock.h>
#include <ruleset/tick.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>

/* More than this wait for a reader that does not read. */
#define MAX_PENDING 16384

/* Rules are read again at most for this part of the time: a table may be large and change often. */
#define READING_SHARE 10

/* The filter of one interface. */
struct look {
	const struct iface *iface;
	struct events events;
	struct ruleset rules;
	bool has_rules;
	__u32 generation;      /* of the tables that the rules were read from */
	uint64_t next_read_ms; /* the rules are not read again before */
};

struct looking_event {
	struct ipf_event event;
	struct look *look;
};

/* -- Rules ------------------------------------------------------------------------------------- */

static int read_rules(struct look *look, struct error *err)
{
	const uint64_t start = clock_monotonic_ms();
	struct table_snapshot table = { 0 };
	struct ruleset rules;
	uint64_t end;
	int ret = table_read(&look->iface->filter, &rules, &table, err);

	if (ret)
		return error_prefix(err, ret, "%s", look->iface->dev.name);
	ruleset_done(&look->rules);
	look->rules = rules;
	look->has_rules = true;
	look->generation = table.generation;
	table_snapshot_done(&table);
	end = clock_monotonic_ms();
	look->next_read_ms = end + READING_SHARE * (end - start);
	return 0;
}

/* Makes look->rules those that decided, if they still are there. */
static int need_rules(struct look *look, __u32 generation, struct error *err)
{
	if (look->has_rules &&
	    (look->generation == generation || clock_monotonic_ms() < look->next_read_ms))
		return 0;
	return read_rules(look, err);
}

/* Finds the rule as it was for the packet: among the same rules, at the same time. */
static int find_rule(struct look *look, struct looking_packet *sighting, struct error *err)
{
	const struct ipf_event *event = &sighting->event;
	const __u32 tick = (__u32)(event->time_ns >> IPF_TICK_SHIFT);
	const struct rule *rule;
	int ret = need_rules(look, event->generation, err);

	if (ret || look->generation != event->generation)
		return ret;
	rule = ruleset_decide(&look->rules, &sighting->flow.source, tick);
	if (!rule || rule->verdict != event->verdict)
		return 0;
	sighting->rule = rule;
	sighting->set = look->rules.sets[rule->set].name;
	return 0;
}

/* -- Read -------------------------------------------------------------------------------------- */

struct collector {
	struct looking *looking;
	struct look *look;
};

static int collect(const struct ipf_event *event, void *context)
{
	const struct collector *collector = context;
	struct looking *looking = collector->looking;

	if (looking->pending_count >= MAX_PENDING) {
		looking->lost++;
		return 0;
	}
	if (array_reserve(&looking->pending, &looking->pending_capacity, looking->pending_count + 1,
			  sizeof(*looking->pending)))
		return -ENOMEM;
	looking->pending[looking->pending_count++] =
		(struct looking_event){ *event, collector->look };
	return 0;
}

static int compare_times(const void *a, const void *b)
{
	const struct looking_event *first = a, *second = b;

	return (first->event.time_ns > second->event.time_ns) -
	       (first->event.time_ns < second->event.time_ns);
}

static int collect_all(struct looking *looking, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < looking->count && !ret; i++) {
		struct collector collector = { looking, &looking->looks[i] };

		ret = events_read(&looking->looks[i].events, collect, &collector);
	}
	if (ret)
		return error_no_memory(err);
	if (looking->pending_count)
		qsort(looking->pending, looking->pending_count, sizeof(*looking->pending),
		      compare_times);
	return 0;
}

static int describe(const struct looking_event *pending, struct looking_packet *out,
		    struct error *err)
{
	struct look *look = pending->look;

	*out = (struct looking_packet){
		.iface = look->iface,
		.event = pending->event,
		.unix_ns = clock_unix_ns() - (tick_clock_ns() - pending->event.time_ns),
	};
	flow_read((enum ipf_link)look->iface->filter.config.link, pending->event.headers,
		  pending->event.copied, &out->flow);
	return out->flow.has_addresses ? find_rule(look, out, err) : 0;
}

static void remove_pending(struct looking *looking, size_t count)
{
	for (size_t i = count; i < looking->pending_count; i++)
		looking->pending[i - count] = looking->pending[i];
	looking->pending_count -= count;
}

static int call_back(struct looking *looking, looking_callback call, void *context,
		     struct error *err)
{
	size_t done = 0;
	int ret = 0;

	while (done < looking->pending_count && !ret) {
		struct looking_packet sighting;

		ret = describe(&looking->pending[done], &sighting, err);
		if (!ret)
			ret = call(&sighting, context, err);
		if (!ret)
			done++;
	}
	remove_pending(looking, done);
	return ret == LOOKING_LATER ? 0 : ret;
}

static int renew(struct looking *looking, struct error *err)
{
	const uint64_t now = clock_monotonic_ms();
	int ret = 0;

	if (now - looking->renewed_ms < EVENTS_RENEW_MS)
		return 0;
	looking->renewed_ms = now;
	for (size_t i = 0; i < looking->count && !ret; i++) {
		struct look *look = &looking->looks[i];

		ret = iface_check(look->iface, err);
		if (!ret && events_renew(&look->events, err))
			ret = error_prefix(err, -EIO, "%s", look->iface->dev.name);
	}
	return ret;
}

int looking_change(struct looking *looking, const struct events_wish *wish, struct error *err)
{
	for (size_t i = 0; i < looking->count; i++)
		looking->looks[i].events.wish = *wish;
	looking->renewed_ms = 0; /* now */
	return renew(looking, err);
}

int looking_read(struct looking *looking, looking_callback call, void *context, struct error *err)
{
	int ret = renew(looking, err);

	if (!ret)
		ret = collect_all(looking, err);
	return ret ? ret : call_back(looking, call, context, err);
}

struct looking_misses looking_count_misses(const struct looking *looking)
{
	struct looking_misses misses = { .lost = looking->lost };

	for (size_t i = 0; i < looking->count; i++) {
		misses.skipped += looking->looks[i].events.skipped;
		misses.lost += looking->looks[i].events.lost;
	}
	return misses;
}

/* -- Open and close ---------------------------------------------------------------------------- */

static int open_look(struct look *look, const struct iface *iface, const struct events_wish *wish,
		     struct error *err)
{
	int ret = events_open(&iface->filter, wish, &look->events, err);

	if (ret)
		return error_prefix(err, ret, "%s", iface->dev.name);
	look->iface = iface;
	ruleset_init(&look->rules);
	return 0;
}

static int open_looks(struct looking *looking, const struct ifaces *ifaces,
		      const struct events_wish *wish, struct error *err)
{
	auto_fd int lock = lock_take(err);
	int ret = lock < 0 ? lock : 0;

	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		ret = open_look(&looking->looks[i], &ifaces->items[i], wish, err);
		looking->count += !ret;
	}
	return ret;
}

int looking_open(const struct ifaces *ifaces, const struct events_wish *wish, struct looking *out,
		 struct error *err)
{
	struct looking looking = { .renewed_ms = clock_monotonic_ms() };
	int ret;

	looking.looks = calloc(ifaces->count + 1, sizeof(*looking.looks));
	if (!looking.looks)
		return error_no_memory(err);
	ret = open_looks(&looking, ifaces, wish, err);
	if (ret)
		looking_close(&looking);
	else
		*out = looking;
	return ret;
}

/* Does not wait for other commands: the next one that changes rules sweeps, too. */
static void sweep(const struct looking *looking)
{
	auto_fd int lock = lock_try(NULL);

	for (size_t i = 0; i < looking->count && lock >= 0; i++)
		events_sweep(&looking->looks[i].iface->filter, looking->looks[i].events.root);
}

void looking_close(struct looking *looking)
{
	for (size_t i = 0; i < looking->count; i++)
		events_leave(&looking->looks[i].events);
	if (looking->count)
		sweep(looking);
	for (size_t i = 0; i < looking->count; i++) {
		events_done(&looking->looks[i].events);
		ruleset_done(&looking->looks[i].rules);
	}
	free(looking->looks);
	free(looking->pending);
	*looking = (struct looking){ 0 };
}
