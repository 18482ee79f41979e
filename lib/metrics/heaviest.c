// SPDX-License-Identifier: GPL-2.0
/*
 * Which sources send the most packets, while somebody looks at the page?
 */
#include <metrics/heaviest.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <util/clock.h>
#include <util/log.h>

static void forget(struct heaviest *heaviest)
{
	free(heaviest->filters);
	heaviest->filters = NULL;
	heaviest->count = 0;
}

static void close_all(struct heaviest *heaviest)
{
	if (heaviest->is_open)
		ranking_close(&heaviest->ranking);
	heaviest->is_open = false;
	ifaces_done(&heaviest->ifaces);
	forget(heaviest);
}

void heaviest_done(struct heaviest *heaviest)
{
	close_all(heaviest);
}

static void note(struct heaviest *heaviest, const struct error *err)
{
	if (err->text[0] && strcmp(err->text, heaviest->trouble.text) != 0)
		log_warning("the page shows no heaviest sources: %s", err->text);
	heaviest->trouble = *err;
}

static void open_all(struct heaviest *heaviest)
{
	const struct ranking_wish wish = { .sample = 1,
					   .bits = { [IPF_IPV4] = 32, [IPF_IPV6] = 128 } };
	struct error err = { 0 };
	int ret = ifaces_running(&heaviest->ifaces, &err);

	if (!ret && heaviest->ifaces.count)
		ret = ranking_open(&heaviest->ifaces, &wish, &heaviest->ranking, &err);
	heaviest->is_open = !ret && heaviest->ifaces.count;
	note(heaviest, &err);
	if (!heaviest->is_open)
		ifaces_done(&heaviest->ifaces);
}

static bool is_looked_at(const struct heaviest *heaviest, __u32 program_id)
{
	for (size_t i = 0; i < heaviest->ifaces.count; i++)
		if (heaviest->ifaces.items[i].chain.program_id == program_id)
			return true;
	return false;
}

static bool has_new(const struct heaviest *heaviest, const struct ifaces *now)
{
	for (size_t i = 0; i < now->count; i++) {
		__u32 id = now->items[i].chain.program_id;

		if (id && !is_looked_at(heaviest, id))
			return true;
	}
	return false;
}

void heaviest_ask(struct heaviest *heaviest, const struct ifaces *now)
{
	heaviest->asked_ms = clock_monotonic_ms();
	if (heaviest->is_open && has_new(heaviest, now))
		close_all(heaviest);
	if (!heaviest->is_open)
		open_all(heaviest);
}

static void keep_source(const struct talker *talker, const struct ranking_estimate *each,
			struct heaviest_source *out)
{
	*out = (struct heaviest_source){ .verdict = talker->verdict, .each = *each };
	prefix_format(&talker->prefix, out->source);
	if (!talker->has_rule)
		return;
	prefix_format(&talker->rule, out->rule);
	snprintf(out->set, sizeof(out->set), "%s", talker->set);
}

static void keep_filter(const struct ranking *ranking, struct ranking_iface *seen,
			struct heaviest_filter *out)
{
	const struct talker *ranked = talkers_rank(&seen->talkers);

	out->program_id = seen->iface->chain.program_id;
	for (out->count = 0; out->count < seen->talkers.count && out->count < HEAVIEST_SHOWN;
	     out->count++) {
		const struct talker *talker = &ranked[out->count];
		const struct ranking_estimate each = ranking_estimate(ranking, seen, talker);

		if (!each.share)
			break;
		keep_source(talker, &each, &out->sources[out->count]);
	}
}

/* Without memory, the page goes on to wait. */
static int end_round(struct heaviest *heaviest, uint64_t now_ms, struct error *err)
{
	int ret = ranking_measure(&heaviest->ranking, now_ms, err);

	if (ret)
		return ret;
	forget(heaviest);
	heaviest->filters = calloc(heaviest->ifaces.count, sizeof(*heaviest->filters));
	if (heaviest->filters)
		heaviest->count = heaviest->ifaces.count;
	for (size_t i = 0; i < heaviest->count; i++)
		keep_filter(&heaviest->ranking, &heaviest->ranking.items[i], &heaviest->filters[i]);
	ranking_clear(&heaviest->ranking);
	return 0;
}

void heaviest_tick(struct heaviest *heaviest)
{
	const uint64_t now_ms = clock_monotonic_ms();
	struct error err = { 0 };
	int ret;

	if (!heaviest->is_open)
		return;
	ret = ranking_read(&heaviest->ranking, &err);
	if (!ret && now_ms - heaviest->ranking.began_ms >= HEAVIEST_ROUND_MS)
		ret = end_round(heaviest, now_ms, &err);
	/* A filter that is gone, for instance: the next page looks at those that are left. */
	if (ret || now_ms - heaviest->asked_ms > HEAVIEST_PATIENCE_MS)
		close_all(heaviest);
}

const struct heaviest_filter *heaviest_find(const struct heaviest *heaviest, __u32 program_id)
{
	for (size_t i = 0; i < heaviest->count; i++)
		if (heaviest->filters[i].program_id == program_id)
			return &heaviest->filters[i];
	return NULL;
}
