// SPDX-License-Identifier: GPL-2.0
/*
 * Which sources send the filters of several interfaces the most packets, as far as samples tell?
 */
#include <control/ranking.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dataplane/enforcement.h>
#include <dataplane/totals.h>
#include <util/clock.h>
#include <util/error.h>

/* More sources than this are not told apart; each with a 1,024th of the packets is found. */
#define COUNTERS 1024u

static struct events_wish events_wish(const struct ranking_wish *wish)
{
	static const __u32 totals[] = {
		[RANKING_ALL] = 1u << IPF_DROPPED | 1u << IPF_PASSED,
		[RANKING_DROP] = 1u << IPF_DROPPED,
		[RANKING_PASS] = 1u << IPF_PASSED,
	};

	return (struct events_wish){ wish->sample, RANKING_RATE, totals[wish->only] };
}

static bool is_wished(const struct ranking *ranking, enum ipf_verdict verdict)
{
	return ranking->wish.only == RANKING_ALL ||
	       (ranking->wish.only == RANKING_DROP) == (verdict == IPF_DROP);
}

/* -- Count ------------------------------------------------------------------------------------- */

static struct ranking_iface *seen_of(const struct ranking *ranking, const struct iface *iface)
{
	return &ranking->items[iface - ranking->ifaces->items];
}

static int count_packet(const struct looking_packet *packet, void *context, struct error *err)
{
	struct ranking *ranking = context;
	struct ranking_iface *seen = seen_of(ranking, packet->iface);
	const struct address *source = &packet->flow.source;
	const enum ipf_verdict verdict = packet->event.verdict == IPF_DROP ? IPF_DROP : IPF_PASS;
	struct talker *talker;
	struct prefix prefix;

	(void)err;
	/* After ranking_change() come a few that were wished for before. */
	if (!packet->flow.has_addresses || !is_wished(ranking, verdict))
		return 0;
	prefix = prefix_of_address(source, ranking->wish.bits[source->family]);
	talker = talkers_count(&seen->talkers, &prefix, verdict, packet->event.bytes);
	seen->samples[verdict]++;
	talker->has_rule = packet->rule;
	if (packet->rule) {
		talker->rule = packet->rule->prefix;
		snprintf(talker->set, sizeof(talker->set), "%s", packet->set);
	}
	return 0;
}

int ranking_read(struct ranking *ranking, struct error *err)
{
	return looking_read(&ranking->looking, count_packet, ranking, err);
}

/* Reads how many packets there were, sampled or not. */
static int read_rates(struct ranking_iface *seen, double seconds, struct error *err)
{
	static const enum ipf_total totals[] = { [IPF_PASS] = IPF_PASSED, [IPF_DROP] = IPF_DROPPED };
	struct totals now;
	int ret = totals_read(&seen->iface->filter, &now, err);

	if (ret)
		return ret;
	seen->rates = (struct ranking_rates){ 0 };
	for (int verdict = IPF_PASS; verdict <= IPF_DROP && seconds > 0; verdict++) {
		const struct ipf_counter *sum = &now.sum[totals[verdict]];
		const struct ipf_counter *last = &seen->last[totals[verdict]];

		seen->rates.packets[verdict] = (double)(sum->packets - last->packets) / seconds;
		seen->rates.bytes[verdict] = (double)(sum->bytes - last->bytes) / seconds;
	}
	memcpy(seen->last, now.sum, sizeof(seen->last));
	totals_done(&now);
	return 0;
}

static int measure(struct ranking_iface *seen, double seconds, struct error *err)
{
	enum enforcement enforcement;
	int ret = read_rates(seen, seconds, err);

	if (!ret) {
		ret = enforcement_read(&seen->iface->filter, &enforcement);
		if (ret)
			error_set(err, ret, "cannot read whether it drops: %s", strerror(-ret));
	}
	if (ret)
		return error_prefix(err, ret, "%s", seen->iface->dev.name);
	seen->observes = enforcement == ENFORCEMENT_OFF;
	return 0;
}

int ranking_measure(struct ranking *ranking, uint64_t now_ms, struct error *err)
{
	const double seconds = (double)(now_ms - ranking->began_ms) / 1000;
	int ret = 0;

	ranking->began_ms = now_ms;
	for (size_t i = 0; i < ranking->ifaces->count && !ret; i++)
		ret = measure(&ranking->items[i], seconds, err);
	return ret;
}

void ranking_clear(struct ranking *ranking)
{
	for (size_t i = 0; i < ranking->ifaces->count; i++) {
		struct ranking_iface *seen = &ranking->items[i];

		talkers_clear(&seen->talkers);
		memset(seen->samples, 0, sizeof(seen->samples));
	}
}

/* -- Estimate ---------------------------------------------------------------------------------- */

double ranking_packets_per_s(const struct ranking *ranking, const struct ranking_iface *seen)
{
	double sum = 0;

	for (int verdict = IPF_PASS; verdict <= IPF_DROP; verdict++)
		if (is_wished(ranking, (enum ipf_verdict)verdict))
			sum += seen->rates.packets[verdict];
	return sum;
}

struct ranking_estimate ranking_estimate(const struct ranking *ranking,
					 const struct ranking_iface *seen,
					 const struct talker *talker)
{
	const double scale =
		seen->rates.packets[talker->verdict] / (double)seen->samples[talker->verdict];
	const double packets = (double)talker->packets * scale;
	const double all = ranking_packets_per_s(ranking, seen);
	const double size = (double)talker->bytes / (double)(talker->packets - talker->error);

	return (struct ranking_estimate){
		.packets = (uint64_t)(packets + 0.5),
		.error = (uint64_t)((double)talker->error * scale + 0.5),
		.bytes = (uint64_t)(packets * size + 0.5),
		.share = all > 0 ? (unsigned int)(100 * packets / all + 0.5) : 0,
	};
}

/* -- Open and close ---------------------------------------------------------------------------- */

void ranking_close(struct ranking *ranking)
{
	looking_close(&ranking->looking);
	for (size_t i = 0; i < ranking->ifaces->count && ranking->items; i++)
		talkers_done(&ranking->items[i].talkers);
	free(ranking->items);
	ranking->items = NULL;
}

static int open_items(struct ranking *ranking, struct error *err)
{
	ranking->items = calloc(ranking->ifaces->count + 1, sizeof(*ranking->items));
	if (!ranking->items)
		return error_no_memory(err);
	for (size_t i = 0; i < ranking->ifaces->count; i++) {
		ranking->items[i].iface = &ranking->ifaces->items[i];
		if (talkers_init(&ranking->items[i].talkers, COUNTERS))
			return error_no_memory(err);
	}
	return 0;
}

int ranking_open(const struct ifaces *ifaces, const struct ranking_wish *wish, struct ranking *out,
		 struct error *err)
{
	struct ranking ranking = { .ifaces = ifaces, .wish = *wish };
	const struct events_wish events = events_wish(wish);
	int ret = open_items(&ranking, err);

	if (!ret)
		ret = ranking_measure(&ranking, clock_monotonic_ms(), err);
	if (!ret)
		ret = looking_open(ifaces, &events, &ranking.looking, err);
	if (ret)
		ranking_close(&ranking);
	else
		*out = ranking;
	return ret;
}

int ranking_change(struct ranking *ranking, const struct ranking_wish *wish, struct error *err)
{
	const struct events_wish events = events_wish(wish);
	int ret = looking_change(&ranking->looking, &events, err);

	if (!ret)
		ret = ranking_measure(ranking, clock_monotonic_ms(), err);
	if (ret)
		return ret;
	ranking->wish = *wish;
	ranking_clear(ranking);
	return 0;
}

static unsigned int choose_sample(const struct ranking *ranking)
{
	double most = 0;

	for (size_t i = 0; i < ranking->ifaces->count; i++) {
		const double packets = ranking_packets_per_s(ranking, &ranking->items[i]);

		most = packets > most ? packets : most;
	}
	most /= RANKING_RATE / 2;
	return most < 1 ? 1 : most > IPF_SAMPLE_MAX ? IPF_SAMPLE_MAX : (unsigned int)most;
}

/* Not for small changes, each of which begins all countdowns anew. */
int ranking_adapt(struct ranking *ranking, struct error *err)
{
	struct ranking_wish wish = ranking->wish;
	const unsigned int better = choose_sample(ranking);

	ranking_clear(ranking);
	if (better < 2 * wish.sample && wish.sample < 2 * better)
		return 0;
	wish.sample = better;
	return ranking_change(ranking, &wish, err);
}
