// SPDX-License-Identifier: GPL-2.0
/*
 * Which sources send the most packets, while somebody looks at the page?
 */
#include <metrics/heaviest.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <dataplane/lock.h>
#include <util/clock.h>
#include <util/descriptors.h>

#define RETRY_MS 1000

/* Fewer samples than this tell no shares, unless they are all packets that there were. */
#define ENOUGH_SAMPLES 100u

/* At one filter. Its address stays, since its ranking has that of its interface. */
struct heaviest_look {
	struct heaviest_look *next;
	struct netdev dev;
	struct ifaces ifaces; /* the one, once it is open */
	struct ranking ranking;
	bool is_open;
	uint64_t retry_ms; /* it is not opened before */
	struct heaviest_filter seen;
};

static void set_timer(const struct heaviest *heaviest, uint64_t interval_ns)
{
	const struct timespec interval = { .tv_nsec = (long)interval_ns };
	const struct itimerspec spec = { .it_interval = interval, .it_value = interval };

	timerfd_settime(heaviest->timer, 0, &spec, NULL);
}

/* -- One filter -------------------------------------------------------------------------------- */

static void close_look(struct heaviest_look *look)
{
	if (look->is_open)
		ranking_close(&look->ranking);
	look->is_open = false;
	ifaces_done(&look->ifaces);
}

static int find_filter(struct heaviest_look *look, struct error *err)
{
	const char *name = look->dev.name;
	const struct option_texts names = { .items = &name, .count = 1 };
	int ret = ifaces_find(&names, &look->ifaces, err);

	if (!ret)
		ret = ifaces_open(&look->ifaces, err);
	if (!ret && look->ifaces.items[0].chain.program_id != look->seen.program_id)
		ret = error_set(err, -ENOENT, "%s: the filter has changed", name);
	return ret;
}

/* The next page needs descriptors for all filters. */
static int leave_descriptors(const struct heaviest *heaviest, struct error *err)
{
	return descriptors_check((unsigned int)heaviest->count * FILTER_MAPS + IFACE_DESCRIPTORS,
				 err);
}

static int open_look(const struct heaviest *heaviest, struct heaviest_look *look, struct error *err)
{
	static const struct ranking_wish wish = { .only = RANKING_ALL,
						  .sample = 1,
						  .bits = { [IPF_IPV4] = 32, [IPF_IPV6] = 128 } };
	int ret = find_filter(look, err);

	if (!ret)
		ret = ranking_open(&look->ifaces, &wish, &look->ranking, err);
	look->is_open = !ret;
	if (!ret)
		ret = leave_descriptors(heaviest, err);
	if (ret == -ETIMEDOUT)
		error_set(err, ret, "Another command is changing rules.");
	return ret;
}

/* Returns as open_look(). */
static int try_to_open(const struct heaviest *heaviest, struct heaviest_look *look, uint64_t now_ms)
{
	int ret;

	look->seen = (struct heaviest_filter){ .program_id = look->seen.program_id };
	look->retry_ms = now_ms + RETRY_MS;
	ret = open_look(heaviest, look, &look->seen.trouble);
	if (ret)
		close_look(look);
	return ret;
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

static void keep_sources(const struct ranking *ranking, struct ranking_iface *seen,
			 struct heaviest_filter *out)
{
	const struct talker *ranked = talkers_rank(&seen->talkers);

	for (; out->count < seen->talkers.count && out->count < HEAVIEST_SHOWN; out->count++) {
		const struct talker *talker = &ranked[out->count];
		const struct ranking_estimate each = ranking_estimate(ranking, seen, talker);

		if (!each.share)
			break;
		keep_source(talker, &each, &out->sources[out->count]);
	}
}

static void keep_round(struct heaviest_look *look)
{
	struct ranking_iface *seen = look->ranking.items;
	const uint64_t samples = seen->samples[IPF_PASS] + seen->samples[IPF_DROP];

	look->seen = (struct heaviest_filter){
		.program_id = look->seen.program_id,
		.is_measured = true,
		.observes = seen->observes,
		.had_packets = ranking_packets_per_s(&look->ranking, seen) > 0,
	};
	if (look->ranking.wish.sample == 1 || samples >= ENOUGH_SAMPLES)
		keep_sources(&look->ranking, seen, &look->seen);
}

static int read_samples(struct heaviest_look *look, struct error *err)
{
	const int round_ms = look->seen.is_measured ? HEAVIEST_ROUND_MS : HEAVIEST_FIRST_ROUND_MS;
	int ret = ranking_read(&look->ranking, err);
	const uint64_t now_ms = clock_monotonic_ms();

	if (ret || now_ms - look->ranking.began_ms < (uint64_t)round_ms)
		return ret;
	ret = ranking_measure(&look->ranking, now_ms, err);
	if (ret)
		return ret;
	keep_round(look);
	return ranking_adapt(&look->ranking, err);
}

/* A filter that is gone, for instance: the next page knows. */
static void read_look(struct heaviest_look *look)
{
	struct error err = { 0 };

	if (!look->is_open || !read_samples(look, &err))
		return;
	look->seen.trouble = err;
	close_look(look);
}

/* -- All filters ------------------------------------------------------------------------------- */

static struct heaviest_look *find_look(const struct heaviest *heaviest, __u32 program_id)
{
	struct heaviest_look *look = heaviest->looks;

	while (look && look->seen.program_id != program_id)
		look = look->next;
	return look;
}

static void remove_look(struct heaviest *heaviest, struct heaviest_look **at)
{
	struct heaviest_look *look = *at;

	*at = look->next;
	heaviest->count--;
	close_look(look);
	free(look);
}

/* Without memory, the next page tries again. */
static void add_look(struct heaviest *heaviest, const struct iface *iface)
{
	struct heaviest_look *look = calloc(1, sizeof(*look));

	if (!look)
		return;
	look->next = heaviest->looks;
	look->dev = iface->dev;
	look->seen.program_id = iface->chain.program_id;
	heaviest->looks = look;
	heaviest->count++;
}

/* Does it get packets to look at? */
static bool is_filtering(const struct iface *iface)
{
	const enum filter_state state = iface_state(iface);

	return state == FILTER_STATE_CHAINED || state == FILTER_STATE_SINGLE;
}

static bool is_there(const struct heaviest_look *look, const struct ifaces *now)
{
	for (size_t i = 0; i < now->count; i++)
		if (now->items[i].chain.program_id == look->seen.program_id)
			return is_filtering(&now->items[i]);
	return false;
}

void heaviest_ask(struct heaviest *heaviest, const struct ifaces *now)
{
	struct heaviest_look **at = &heaviest->looks;

	while (*at)
		if (is_there(*at, now))
			at = &(*at)->next;
		else
			remove_look(heaviest, at);
	for (size_t i = 0; i < now->count; i++)
		if (is_filtering(&now->items[i]) &&
		    !find_look(heaviest, now->items[i].chain.program_id))
			add_look(heaviest, &now->items[i]);
	heaviest->asked_ms = clock_monotonic_ms();
	set_timer(heaviest, EVENTS_READ_MS * CLOCK_NS_PER_MS);
}

/* One at a time, since the kernel may wait for all CPUs each time, and clients then wait, too. */
static void open_next(struct heaviest *heaviest)
{
	const uint64_t now_ms = clock_monotonic_ms();
	struct heaviest_look *look = heaviest->looks;

	while (look && (look->is_open || now_ms < look->retry_ms))
		look = look->next;
	if (!look || now_ms < heaviest->retry_ms)
		return;
	/* What another command holds is for all filters. */
	if (try_to_open(heaviest, look, now_ms) == -ETIMEDOUT)
		heaviest->retry_ms = look->retry_ms;
}

void heaviest_read(struct heaviest *heaviest)
{
	uint64_t expired;

	if (read(heaviest->timer, &expired, sizeof(expired)) < 0)
		return;
	for (struct heaviest_look *look = heaviest->looks; look; look = look->next)
		read_look(look);
	if (clock_monotonic_ms() - heaviest->asked_ms <= HEAVIEST_PATIENCE_MS)
		open_next(heaviest);
	else if (heaviest->looks)
		remove_look(heaviest, &heaviest->looks);
	if (!heaviest->looks)
		set_timer(heaviest, 0);
}

const struct heaviest_filter *heaviest_find(const struct heaviest *heaviest, __u32 program_id)
{
	const struct heaviest_look *look = find_look(heaviest, program_id);

	return look ? &look->seen : NULL;
}

int heaviest_init(struct heaviest *out, struct error *err)
{
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int ret = -errno;

	if (timer < 0)
		return error_set(err, ret, "cannot make a timer: %s", strerror(-ret));
	*out = (struct heaviest){ .timer = timer };
	/* Whoever scrapes waits for this process, but for no other one. */
	lock_set_timeout(0);
	return 0;
}

void heaviest_done(struct heaviest *heaviest)
{
	while (heaviest->looks)
		remove_look(heaviest, &heaviest->looks);
	if (heaviest->timer >= 0)
		close(heaviest->timer);
	heaviest->timer = -1;
}
