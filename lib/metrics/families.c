// SPDX-License-Identifier: GPL-2.0
/*
 * Which families of metrics are there?
 */
#include <metrics/families.h>

#include <string.h>

#include <control/counting.h>
#include <metrics/facts.h>

static const char *const family_names[IPF_FAMILIES] = { [IPF_IPV4] = "ipv4", [IPF_IPV6] = "ipv6" };
static const char *const source_states[] = { "starting", "fresh", "held", "failing" };

/* -- Filters ----------------------------------------------------------------------------------- */

static const char *device(const struct facts *facts, size_t i)
{
	return facts->ifaces.items[i].dev.name;
}

/* Is there a program, whose counters and rules can be read? */
static bool has_program(const struct facts *facts, size_t i)
{
	return facts->ifaces.items[i].chain.program_id;
}

static bool any_program(const struct facts *facts)
{
	for (size_t i = 0; i < facts->ifaces.count; i++)
		if (has_program(facts, i))
			return true;
	return false;
}

static void write_counter(struct openmetrics *metrics, const struct facts *facts, bool bytes)
{
	for (size_t i = 0; i < facts->ifaces.count; i++)
		for (unsigned int total = 0; total < IPF_TOTALS && has_program(facts, i); total++) {
			const struct ipf_counter *sum =
				&facts->snapshots.items[i].totals.sum[total];

			openmetrics_sample(metrics,
					   OPENMETRICS_LABELS({ "device", device(facts, i) },
							      { "verdict", counting_names[total] }),
					   bytes ? sum->bytes : sum->packets);
		}
}

static void write_set(struct openmetrics *metrics, const char *name, const struct facts_set *set)
{
	for (unsigned int family = 0; family < IPF_FAMILIES; family++)
		openmetrics_sample(metrics,
				   OPENMETRICS_LABELS({ "device", name },
						      { "family", family_names[family] },
						      { "set", set->name }),
				   set->count[family]);
}

static void write_rules(struct openmetrics *metrics, const struct facts *facts)
{
	for (size_t i = 0; i < facts->ifaces.count; i++)
		for (size_t set = 0; set < facts->rules[i].set_count; set++)
			write_set(metrics, device(facts, i), &facts->rules[i].sets[set]);
}

static void write_enforcing(struct openmetrics *metrics, const struct facts *facts)
{
	for (size_t i = 0; i < facts->ifaces.count; i++)
		if (has_program(facts, i))
			openmetrics_sample(metrics,
					   OPENMETRICS_LABELS({ "device", device(facts, i) }),
					   !facts->snapshots.items[i].observes);
}

static void write_filters(struct openmetrics *metrics, const struct facts *facts)
{
	if (!any_program(facts))
		return;
	openmetrics_family(metrics, "xdp_ipfilter_packets", OPENMETRICS_COUNTER,
			   "Packets that the filter has seen, by verdict; while "
			   "xdp_ipfilter_enforcing is 0, those of drop pass.");
	write_counter(metrics, facts, false);
	openmetrics_family(metrics, "xdp_ipfilter_bytes", OPENMETRICS_COUNTER,
			   "Bytes of the packets that the filter has seen, by verdict; while "
			   "xdp_ipfilter_enforcing is 0, those of drop pass.");
	write_counter(metrics, facts, true);
	openmetrics_family(metrics, "xdp_ipfilter_rules", OPENMETRICS_GAUGE,
			   "Rules of the filter, by set.");
	write_rules(metrics, facts);
	openmetrics_family(metrics, "xdp_ipfilter_enforcing", OPENMETRICS_GAUGE,
			   "Whether the filter drops (1), or only observes what it would drop (0).");
	write_enforcing(metrics, facts);
}

static bool is_filtering(const struct iface *iface)
{
	enum filter_state state = iface_state(iface);

	return state == FILTER_STATE_CHAINED || state == FILTER_STATE_SINGLE;
}

static bool is_found(const struct facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->ifaces.count; i++)
		if (!strcmp(device(facts, i), name))
			return true;
	return false;
}

/* An interface that sync has not brought the filter to is one that does not filter. */
static void write_filtering(struct openmetrics *metrics, const struct facts *facts)
{
	const struct state *sync = &facts->sync;

	if (!facts->ifaces.count && !sync->interface_count)
		return;
	openmetrics_family(metrics, "xdp_ipfilter_filtering", OPENMETRICS_GAUGE,
			   "Whether packets of the interface reach the filter (1) or not (0).");
	for (size_t i = 0; i < facts->ifaces.count; i++)
		openmetrics_sample(metrics, OPENMETRICS_LABELS({ "device", device(facts, i) }),
				   is_filtering(&facts->ifaces.items[i]));
	for (size_t i = 0; i < sync->interface_count; i++)
		if (!is_found(facts, sync->interfaces[i].ifname))
			openmetrics_sample(metrics,
					   OPENMETRICS_LABELS(
						   { "device", sync->interfaces[i].ifname }),
					   0);
}

/* -- Sources ----------------------------------------------------------------------------------- */

static void write_source_state(struct openmetrics *metrics, const struct state_source *source)
{
	for (size_t i = 0; i < sizeof(source_states) / sizeof(source_states[0]); i++)
		openmetrics_sample(metrics,
				   OPENMETRICS_LABELS({ "set", source->set },
						      { "state", source_states[i] }),
				   !strcmp(source->state, source_states[i]));
}

/* A source that was never read has no time. */
static void write_times(struct openmetrics *metrics, const struct state *sync)
{
	openmetrics_family(metrics, "xdp_ipfilter_sync_last_success_timestamp_seconds",
			   OPENMETRICS_GAUGE,
			   "When the source last answered what the set is, since 1970.");
	for (size_t i = 0; i < sync->source_count; i++)
		if (sync->sources[i].updated > 0)
			openmetrics_sample(metrics,
					   OPENMETRICS_LABELS({ "set", sync->sources[i].set }),
					   (uint64_t)sync->sources[i].updated);
}

static void write_sources(struct openmetrics *metrics, const struct state *sync)
{
	if (!sync->source_count)
		return;
	openmetrics_family(metrics, "xdp_ipfilter_sync_state", OPENMETRICS_GAUGE,
			   "The state of the source of the set: 1 for the one it is in.");
	for (size_t i = 0; i < sync->source_count; i++)
		write_source_state(metrics, &sync->sources[i]);
	write_times(metrics, sync);
	openmetrics_family(metrics, "xdp_ipfilter_sync_failures", OPENMETRICS_COUNTER,
			   "How often the source could not be read, since sync began to follow it.");
	for (size_t i = 0; i < sync->source_count; i++)
		openmetrics_sample(metrics, OPENMETRICS_LABELS({ "set", sync->sources[i].set }),
				   sync->sources[i].failures);
	openmetrics_family(metrics, "xdp_ipfilter_sync_rules", OPENMETRICS_GAUGE,
			   "Rules of the set, as its source asks for them.");
	for (size_t i = 0; i < sync->source_count; i++)
		openmetrics_sample(metrics, OPENMETRICS_LABELS({ "set", sync->sources[i].set }),
				   sync->sources[i].rules);
}

/* ---------------------------------------------------------------------------------------------- */

void families_write(const struct facts *facts, const char *version, enum openmetrics_format format,
		    FILE *out)
{
	struct openmetrics metrics;

	openmetrics_init(&metrics, format, out);
	openmetrics_family(&metrics, "xdp_ipfilter", OPENMETRICS_INFO, "The version of the tool.");
	openmetrics_sample(&metrics, OPENMETRICS_LABELS({ "version", version }), 1);
	write_filtering(&metrics, facts);
	write_filters(&metrics, facts);
	write_sources(&metrics, &facts->sync);
	openmetrics_finish(&metrics);
}
