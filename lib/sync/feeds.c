// SPDX-License-Identifier: GPL-2.0
/*
 * How do all sources together come to be what filters have?
 */
#include <sync/feeds.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/ruleset.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <sync/adopt.h>
#include <sync/cache.h>
#include <sync/config.h>
#include <sync/copying.h>
#include <sync/feeding.h>
#include <sync/keep.h>
#include <sync/publish.h>
#include <util/auto.h>
#include <util/backoff.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/log.h>

#define PAUSE_MS 1000

/* A failure to make rules live is worth a try soon. */
#define LONGEST_BACKOFF_MS 30000

struct feeds {
	struct feeds_options options;
	struct feeding_host host;
	struct copying copying; /* how each one begins */
	struct adopt adopt;     /* what filters have, while a configuration is taken */
	bool has_read_filters;
	/* Sources as they were for interfaces that they do not name any more, until their sets have
	 * gone from there. */
	struct config narrowed;
	struct feeding **items;
	struct publish_set *sets; /* one for each item */
	size_t count;
	struct publish publish;
	bool something_came, is_needed, told_of_none;
	uint64_t published_ms, next_try_ms;
	struct backoff backoff;
	struct error trouble;
};

static void note_change(void *context)
{
	struct feeds *feeds = context;

	feeds->something_came = true;
}

/* Does the configuration call it by an alternative name? */
static bool has_other_name(const struct config_source *source, const struct netdev *dev)
{
	struct netdev found;

	for (size_t i = 0; i < source->interface_count; i++)
		if (!netdev_find(source->interfaces[i], &found, NULL) &&
		    found.ifindex == dev->ifindex)
			return true;
	return false;
}

static bool is_source_for(const struct feeds *feeds, const struct config_source *source,
			  const struct netdev *dev)
{
	return config_source_is_for(source, keep_configured_name(feeds->options.keep, dev)) ||
	       has_other_name(source, dev);
}

static bool was_for(const struct feeds *feeds, const char *set, const struct netdev *dev)
{
	for (size_t i = 0; i < feeds->narrowed.source_count; i++)
		if (!strcmp(feeds->narrowed.sources[i].set, set))
			return is_source_for(feeds, &feeds->narrowed.sources[i], dev);
	return false;
}

static enum publish_scope scope_of(void *context, size_t set, const struct netdev *dev)
{
	const struct feeds *feeds = context;
	const struct config_source *source = feeding_source(feeds->items[set]);

	if (is_source_for(feeds, source, dev))
		return PUBLISH_HERE;
	return was_for(feeds, source->set, dev) ? PUBLISH_NO_LONGER : PUBLISH_ELSEWHERE;
}

/* A source whose set is looked for in filters. */
struct asking {
	const struct feeds *feeds;
	const struct config_source *source;
};

static bool asks_for(void *context, const struct netdev *dev)
{
	const struct asking *asking = context;

	return is_source_for(asking->feeds, asking->source, dev);
}

/* Filters are read when the first source begins, for all of them. */
static int join_live(void *context, const struct config_source *source, struct joined *out,
		     struct error *err)
{
	struct feeds *feeds = context;
	struct asking asking = { .feeds = feeds, .source = source };
	int ret = feeds->has_read_filters ? 0 : adopt_read(&feeds->adopt, err);

	if (ret)
		return ret;
	feeds->has_read_filters = true;
	if (adopt_join(&feeds->adopt, source->set, asks_for, &asking, out))
		return error_no_memory(err);
	return 0;
}

int feeds_new(const struct feeds_options *options, struct feeds **out, struct error *err)
{
	struct feeds *feeds = calloc(1, sizeof(*feeds));
	struct error own = { 0 };

	if (!feeds)
		return error_no_memory(err);
	feeds->options = *options;
	feeds->host = (struct feeding_host){ .loop = options->loop,
					     .copying = &feeds->copying,
					     .once = options->once,
					     .changed = note_change,
					     .context = feeds };
	feeds->copying = (struct copying){ .folder = options->cache,
					   .join_live = join_live,
					   .context = feeds };
	feeds->publish = (struct publish){ .scope_of = scope_of, .context = feeds };
	/* Without a folder it works, but starts from nothing the next time. */
	if (cache_open(options->cache, &own))
		log_warning("%s", own.text);
	*out = feeds;
	return 0;
}

void feeds_free(struct feeds *feeds)
{
	if (!feeds)
		return;
	for (size_t i = 0; i < feeds->count; i++) {
		feeding_settle(feeds->items[i], true);
		feeding_end(feeds->items[i]);
	}
	publish_done(&feeds->publish);
	config_done(&feeds->narrowed);
	free(feeds->items);
	free(feeds->sets);
	free(feeds);
}

/* --- Configuration ---------------------------------------------------------------------------- */

/* The number of the source that is as this one; feeds->count: there is none. */
static size_t find_same(const struct feeds *feeds, const struct config_source *source)
{
	size_t i = 0;

	while (i < feeds->count && !config_same_source(feeding_source(feeds->items[i]), source))
		i++;
	return i;
}

/* Begins what is new. */
static int begin_new(struct feeds *feeds, const struct config *config, struct feeding **items,
		     struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < config->source_count && !ret; i++)
		if (find_same(feeds, &config->sources[i]) == feeds->count)
			ret = feeding_begin(&config->sources[i], &feeds->host, &items[i], err);
	for (size_t i = 0; i < config->source_count && ret; i++)
		feeding_end(items[i]);
	adopt_done(&feeds->adopt);
	feeds->has_read_filters = false;
	return ret;
}

/* Takes over what is as it was. */
static void take_same(struct feeds *feeds, const struct config *config, struct feeding **items,
		      struct publish_set *sets)
{
	for (size_t i = 0; i < config->source_count; i++) {
		size_t old = find_same(feeds, &config->sources[i]);

		sets[i].is_whole = true;
		if (old < feeds->count && !items[i]) {
			items[i] = feeds->items[old];
			sets[i].is_whole = feeds->sets[old].is_whole;
		}
		sets[i].following = feeding_following(items[i]);
		sets[i].name = config->sources[i].set;
	}
}

static bool is_among(const struct feeding *item, struct feeding *const *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (items[i] == item)
			return true;
	return false;
}

/* Keeps copies of those that end: what goes on in another way begins with its copy. */
static void keep_changed(const struct feeds *feeds, const struct config *config)
{
	for (size_t i = 0; i < feeds->count; i++) {
		const struct config_source *source = feeding_source(feeds->items[i]);
		size_t same = 0;

		while (same < config->source_count &&
		       !config_same_source(source, &config->sources[same]))
			same++;
		if (same == config->source_count)
			feeding_settle(feeds->items[i], true);
	}
}

static const struct config_source *find_set(const struct config *config, const char *set)
{
	for (size_t i = 0; i < config->source_count; i++)
		if (!strcmp(config->sources[i].set, set))
			return &config->sources[i];
	return NULL;
}

static bool is_narrower(const struct config_source *now, const struct config_source *before)
{
	if (!now->interface_count || !before->interface_count)
		return now->interface_count > before->interface_count;
	for (size_t i = 0; i < before->interface_count; i++)
		if (!config_source_is_for(now, before->interfaces[i]))
			return true;
	return false;
}

/* Nothing but its set and its interfaces. One that is there already, because its set has not gone
 * yet, gets more of them. */
static int note_scope(struct config *narrowed, const struct config_source *source,
		      struct error *err)
{
	struct config_source *noted = (struct config_source *)find_set(narrowed, source->set);
	int ret = noted ? 0 : config_add_source(narrowed, source->set, &noted, err);

	for (size_t i = 0; i < source->interface_count && !ret; i++)
		if (!noted->interface_count || !config_source_is_for(noted, source->interfaces[i]))
			ret = config_set_source(noted, "interfaces", source->interfaces[i], err);
	return ret;
}

/* Of a source that goes on, whatever it is now. */
static int note_narrowed(struct feeds *feeds, const struct config *config, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < feeds->count && !ret; i++) {
		const struct config_source *before = feeding_source(feeds->items[i]);
		const struct config_source *now = find_set(config, before->set);

		if (now && is_narrower(now, before))
			ret = note_scope(&feeds->narrowed, before, err);
	}
	return ret;
}

int feeds_configure(struct feeds *feeds, const struct config *config, struct error *err)
{
	const size_t count = config->source_count;
	auto_free struct feeding **items = calloc(count + 1, sizeof(*items));
	auto_free struct publish_set *sets = calloc(count + 1, sizeof(*sets));
	struct feeding **old = feeds->items;
	int ret = items && sets ? 0 : error_no_memory(err);

	if (ret)
		return ret;
	keep_changed(feeds, config);
	ret = note_narrowed(feeds, config, err);
	if (!ret)
		ret = begin_new(feeds, config, items, err);
	if (ret)
		return ret;
	take_same(feeds, config, items, sets);
	for (size_t i = 0; i < feeds->count; i++)
		if (!is_among(feeds->items[i], items, count))
			feeding_end(feeds->items[i]);
	for (size_t i = 0; i < count; i++)
		feeding_set_source(items[i], &config->sources[i]);
	free(old);
	free(feeds->sets);
	feeds->items = items;
	feeds->sets = sets;
	feeds->count = count;
	items = NULL;
	sets = NULL;
	feeds->is_needed = true;
	return 0;
}

/* --- Rounds ----------------------------------------------------------------------------------- */

/* Told once while it is the same. */
static void note_failure(struct feeds *feeds, const struct error *err)
{
	uint64_t pause_ms = backoff_next_ms(&feeds->backoff);

	if (pause_ms > LONGEST_BACKOFF_MS)
		pause_ms = backoff_jitter_ms(LONGEST_BACKOFF_MS);
	if (strcmp(feeds->trouble.text, err->text) != 0)
		log_warning("cannot make rules live: %s", err->text);
	feeds->trouble = *err;
	feeds->next_try_ms = clock_monotonic_ms() + pause_ms;
}

/* Nobody filters: told once, unless the configuration has interfaces, which are told of. */
static void note_filters(struct feeds *feeds)
{
	const bool none = !feeds->publish.count && !feeds->options.keep->count && feeds->count;

	if (none && !feeds->told_of_none)
		log_warning("no interface has the filter; one that is loaded later gets the rules");
	feeds->told_of_none = none;
}

static void note_success(struct feeds *feeds)
{
	for (size_t i = 0; i < feeds->narrowed.source_count; i++)
		log_notice("set %s: is not on interfaces any more that its source no longer names",
			   feeds->narrowed.sources[i].set);
	config_done(&feeds->narrowed);
	if (feeds->trouble.text[0])
		log_notice("rules are live again");
	error_clear(&feeds->trouble);
	backoff_reset(&feeds->backoff);
	feeds->next_try_ms = 0;
	feeds->is_needed = false;
	note_filters(feeds);
}

static void publish(struct feeds *feeds)
{
	struct error err = { 0 };
	bool changed;
	int ret;

	if (clock_monotonic_ms() < feeds->next_try_ms)
		return;
	feeds->something_came = false;
	ret = publish_all(&feeds->publish, feeds->sets, feeds->count, feeds->is_needed, &changed,
			  &err);
	if (ret)
		note_failure(feeds, &err);
	else
		note_success(feeds);
	if (changed || ret)
		feeds->published_ms = clock_monotonic_ms();
	for (size_t i = 0; i < feeds->count; i++)
		feeding_settle(feeds->items[i], false);
}

void feeds_notice_filter(struct feeds *feeds)
{
	feeds->is_needed = true;
}

void feeds_tick(struct feeds *feeds)
{
	for (size_t i = 0; i < feeds->count; i++)
		feeding_tick(feeds->items[i]);
	feeds->is_needed |= publish_is_needed(&feeds->publish);
	publish(feeds);
}

void feeds_look(struct feeds *feeds)
{
	if (!feeds->something_came && !feeds->is_needed)
		return;
	if (clock_monotonic_ms() - feeds->published_ms >= PAUSE_MS)
		publish(feeds);
}

/* --- What others ask -------------------------------------------------------------------------- */

static int add_rules(struct following *following, const char *set, enum ipf_verdict policy,
		     struct ruleset *out, struct error *err)
{
	auto_free struct rule *rules = NULL;
	size_t count;
	const struct following_time now = following_now();
	int index = ruleset_name_set(out, set);
	int ret = index < 0 ? error_set(err, index, "set %s: too many sets", set) : 0;

	/* What came since the last plan was not judged yet. */
	if (!ret)
		ret = following_make_plan(following, &now, err);
	if (!ret)
		ret = following_rules(following, &rules, &count, err);
	if (ret)
		return ret;
	for (size_t i = 0; i < count; i++)
		verdict_settle(&rules[i], (__u16)index, policy);
	return ruleset_add(out, rules, count, NULL) ? error_no_memory(err) : 0;
}

int feeds_rules(const struct feeds *feeds, const struct netdev *dev, enum ipf_verdict policy,
		struct ruleset *out, bool *complete, struct error *err)
{
	int ret = 0;

	*complete = true;
	for (size_t i = 0; i < feeds->count && !ret; i++) {
		const struct config_source *source = feeding_source(feeds->items[i]);
		struct following *following = feeds->sets[i].following;

		if (!is_source_for(feeds, source, dev))
			continue;
		if (following_knows(following))
			ret = add_rules(following, source->set, policy, out, err);
		/* A set that is held before it has any rule has nothing to say, either. */
		*complete &= following_knows(following) &&
			     (following->accepted || !following->breadth.is_too_wide);
	}
	return ret;
}

bool feeds_have_tried(const struct feeds *feeds)
{
	for (size_t i = 0; i < feeds->count; i++)
		if (!feeding_has_tried(feeds->items[i]))
			return false;
	return !feeds->something_came;
}

bool feeds_have_ended(const struct feeds *feeds)
{
	for (size_t i = 0; i < feeds->count; i++)
		if (!feeding_has_ended(feeds->items[i]))
			return false;
	return !feeds->something_came;
}

int feeds_result(const struct feeds *feeds, struct error *err)
{
	if (feeds->trouble.text[0])
		return error_set(err, -EIO, "cannot make rules live: %s", feeds->trouble.text);
	for (size_t i = 0; i < feeds->count; i++) {
		const enum following_state state = following_state(feeds->sets[i].following);
		const char *trouble = feeding_trouble(feeds->items[i]);

		if (state != FOLLOWING_FRESH)
			return error_set(err, -EIO, "set %s: %s: %s", feeds->sets[i].name,
					 following_state_name(state), trouble ? trouble : "");
	}
	return 0;
}

size_t feeds_count(const struct feeds *feeds)
{
	return feeds->count;
}

struct feeding *feeds_item(const struct feeds *feeds, size_t number)
{
	return feeds->items[number];
}

const char *feeds_trouble(const struct feeds *feeds)
{
	return feeds->trouble.text[0] ? feeds->trouble.text : NULL;
}
