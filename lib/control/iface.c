// SPDX-License-Identifier: GPL-2.0
/*
 * Which interfaces does a command work on?
 */
#include <control/iface.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <dataplane/chain_advice.h>
#include <dataplane/framing.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/descriptors.h>
#include <util/error.h>
#include <util/log.h>
#include <util/program.h>

/* How many loads and unloads are tolerated between reading a chain and opening its program. */
#define OPEN_TRIES 8

void iface_edit_done(struct iface *iface)
{
	edit_done(&iface->edit);
	iface->is_edited = false;
}

static void iface_done(struct iface *iface)
{
	filter_close(&iface->filter);
	ruleset_done(&iface->rules);
	table_snapshot_done(&iface->live);
	iface_edit_done(iface);
}

void ifaces_done(struct ifaces *ifaces)
{
	for (size_t i = 0; i < ifaces->count; i++)
		iface_done(&ifaces->items[i]);
	free(ifaces->items);
	*ifaces = (struct ifaces){ 0 };
}

static int add(struct ifaces *ifaces, const struct netdev *dev, struct error *err)
{
	struct iface *iface;

	for (size_t i = 0; i < ifaces->count; i++)
		if (ifaces->items[i].dev.ifindex == dev->ifindex)
			return 0;
	if (array_reserve(&ifaces->items, &ifaces->capacity, ifaces->count + 1,
			  sizeof(*ifaces->items)))
		return error_no_memory(err);
	iface = &ifaces->items[ifaces->count++];
	*iface = (struct iface){ .dev = *dev, .filter = FILTER_CLOSED };
	ruleset_init(&iface->rules);
	return 0;
}

int ifaces_named(const struct option_texts *names, struct ifaces *out, struct error *err)
{
	int ret = 0;
	struct netdev dev;

	for (size_t i = 0; i < names->count && !ret; i++) {
		ret = netdev_find(names->items[i], &dev, err);
		if (!ret)
			ret = add(out, &dev, err);
	}
	return ret;
}

static int read_chains(struct ifaces *ifaces, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < ifaces->count && !ret; i++)
		ret = chain_read(&ifaces->items[i].dev, &ifaces->items[i].chain, err);
	return ret;
}

/* Has the interface gone since it was found? Checks its number, as its name may have changed. */
static bool has_gone(const struct netdev *dev)
{
	auto_free struct netdev *devs = NULL;
	size_t count;

	if (netdev_all(&devs, &count, NULL))
		return false;
	for (size_t i = 0; i < count; i++)
		if (devs[i].ifindex == dev->ifindex)
			return false;
	return true;
}

static bool was_lost(const struct chain *chain)
{
	return chain->state == FILTER_STATE_NOT_FILTERING || chain->held.program_id;
}

bool iface_lost(const struct iface *iface)
{
	return was_lost(&iface->chain);
}

static int find_loaded(struct ifaces *out, struct error *err)
{
	auto_free struct rtnl_link *links = NULL;
	struct chain chain;
	size_t count;
	int ret = netdev_links(&links, &count, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < count; i++) {
		const struct netdev dev = netdev_of_link(&links[i]);

		ret = chain_read_listed(&links[i], &chain, err);
		if (ret) {
			if (!has_gone(&dev))
				return ret;
			error_clear(err);
			continue;
		}
		if (chain.state == FILTER_STATE_NOT_LOADED && !was_lost(&chain))
			continue;
		ret = add(out, &dev, err);
		if (ret)
			return ret;
		out->items[out->count - 1].chain = chain;
	}
	return 0;
}

int ifaces_find(const struct option_texts *names, struct ifaces *out, struct error *err)
{
	int ret;

	if (!names->count)
		return find_loaded(out, err);
	ret = ifaces_named(names, out, err);
	return ret ? ret : read_chains(out, err);
}

/* Lets the chain describe its filter number n, from 0. */
static void choose_filter(struct chain *chain, unsigned int n)
{
	for (unsigned int i = 0; i < chain->count; i++) {
		const struct chain_component *component = &chain->components[i];

		if (!component->ours || n--)
			continue;
		chain->program_id = component->program_id;
		chain->position = component->position;
		chain->priority = component->priority;
		return;
	}
}

int ifaces_split(struct ifaces *ifaces, struct error *err)
{
	struct ifaces split = { 0 };

	for (size_t i = 0; i < ifaces->count; i++) {
		unsigned int filters = ifaces->items[i].chain.our_count;

		for (unsigned int n = 0; n < (filters ? filters : 1); n++) {
			if (array_reserve(&split.items, &split.capacity, split.count + 1,
					  sizeof(*split.items))) {
				free(split.items);
				return error_no_memory(err);
			}
			split.items[split.count] = ifaces->items[i];
			choose_filter(&split.items[split.count++].chain, n);
		}
	}
	free(ifaces->items);
	*ifaces = split;
	return 0;
}

static int open_filter(struct iface *iface, struct error *err)
{
	int ret = 0;

	for (int i = 0; i < OPEN_TRIES && iface->chain.program_id; i++) {
		ret = filter_open(iface->chain.program_id, &iface->filter, err);
		if (ret != -ENOENT)
			break;
		ret = chain_read(&iface->dev, &iface->chain, err);
		if (ret)
			break;
	}
	if (ret)
		return error_prefix(err, ret, "%s", iface->dev.name);
	if (iface->chain.program_id)
		framing_check(&iface->dev, &iface->chain.link, &iface->filter.config,
			      &iface->misread);
	return 0;
}

int ifaces_open(struct ifaces *ifaces, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < ifaces->count && !ret; i++)
		ret = open_filter(&ifaces->items[i], err);
	return ret ? ret : descriptors_check(IFACE_DESCRIPTORS, err);
}

/* Which filters of the interface are of which version? An interface can have several. */
struct versions {
	unsigned int current; /* the number of one that is of this version, from 1; 0: none */
	__u32 outdated_id;    /* one that is not; 0: none */
};

static int find_versions(const struct chain *chain, struct versions *out, struct error *err)
{
	*out = (struct versions){ 0 };
	for (unsigned int n = 0; n < chain->our_count; n++) {
		struct chain chosen = *chain;
		struct filter filter;
		int ret;

		choose_filter(&chosen, n);
		ret = filter_open(chosen.program_id, &filter, err);
		if (!ret) {
			filter_close(&filter);
			out->current = n + 1;
		} else if (ret == -EPROTO) {
			out->outdated_id = chosen.program_id;
		} else if (ret != -ENOENT) {
			return ret;
		}
		error_clear(err);
	}
	return 0;
}

static int open_or_older(struct iface *iface, struct error *err)
{
	struct versions versions;
	int ret = find_versions(&iface->chain, &versions, err);

	if (ret)
		return error_prefix(err, ret, "%s", iface->dev.name);
	iface->outdated_id = versions.outdated_id;
	if (versions.current)
		choose_filter(&iface->chain, versions.current - 1);
	if (versions.current || !versions.outdated_id)
		return open_filter(iface, err);
	iface->chain.program_id = versions.outdated_id;
	ret = filter_open_older(versions.outdated_id, &iface->filter, err);
	return ret ? error_prefix(err, ret, "%s", iface->dev.name) : 0;
}

int ifaces_open_or_older(struct ifaces *ifaces, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < ifaces->count && !ret; i++)
		ret = open_or_older(&ifaces->items[i], err);
	return ret ? ret : descriptors_check(IFACE_DESCRIPTORS, err);
}

enum filter_state iface_state(const struct iface *iface)
{
	return iface->misread.text[0] ? FILTER_STATE_NOT_FILTERING : iface->chain.state;
}

bool iface_observes(const struct iface *iface)
{
	return iface->chain.program_id && iface->filter.enforcement == ENFORCEMENT_OFF;
}

const char *iface_state_text(const struct iface *iface)
{
	return iface_observes(iface) ? filter_state_text_observing(iface_state(iface)) :
				       filter_state_text(iface_state(iface));
}

int iface_refuse(const struct iface *iface, struct error *err)
{
	char advice[CHAIN_ADVICE_SIZE];

	error_set(err, -ENOENT, "%s: %s; %s", iface->dev.name,
		  filter_state_text(iface->chain.state),
		  chain_advice(&iface->dev, &iface->chain, advice));
	return error_set_kind(err, -ENOENT,
			      iface->chain.state == FILTER_STATE_NOT_FILTERING ? ERROR_FAILURE :
										 ERROR_ABSENT);
}

/* Every interface that was named must have the filter. */
static int require_filters(const struct ifaces *ifaces, struct error *err)
{
	for (size_t i = 0; i < ifaces->count; i++)
		if (!ifaces->items[i].chain.program_id)
			return iface_refuse(&ifaces->items[i], err);
	return 0;
}

static void list_filters(const struct chain *chain, char *text, size_t size)
{
	size_t length = 0;

	*text = '\0';
	for (unsigned int i = 0; i < chain->count && length < size; i++)
		if (chain->components[i].ours)
			length += (size_t)snprintf(text + length, size - length, "%s%u",
						   length ? ", " : "",
						   chain->components[i].program_id);
}

static int require_one_each(const struct ifaces *ifaces, struct error *err)
{
	for (size_t i = 0; i < ifaces->count; i++) {
		const struct iface *iface = &ifaces->items[i];
		const char *name = iface->dev.name;
		char filters[12 * CHAIN_MAX + 1];

		if (iface->chain.our_count < 2)
			continue;
		list_filters(&iface->chain, filters, sizeof(filters));
		return error_set(
			err, -EEXIST,
			"%s: there are %u filters in its chain (programs %s), so it is not clear which one "
			"is meant; 'xdp-loader unload %s -i ID' takes one off, 'xdp-ipfilter unload "
			"%s' all",
			name, iface->chain.our_count, filters, name, name);
	}
	return 0;
}

/* Keeps the interfaces that have the filter, and warns of those that lost it. */
static int keep_filters(struct ifaces *ifaces, struct error *err)
{
	char advice[CHAIN_ADVICE_SIZE];
	size_t kept = 0;
	bool lost;

	for (size_t i = 0; i < ifaces->count; i++) {
		struct iface *iface = &ifaces->items[i];

		if (iface->chain.program_id) {
			ifaces->items[kept++] = *iface;
			continue;
		}
		log_warning("%s: %s; %s", iface->dev.name, filter_state_text(iface->chain.state),
			    chain_advice(&iface->dev, &iface->chain, advice));
		iface_done(iface);
	}
	lost = ifaces->count > 0;
	ifaces->count = kept;
	if (kept)
		return 0;
	return error_set_absent(err, -ENOENT, "not loaded on any %s",
				lost ? "other interface" :
				       "interface; load it with '" PROGRAM_NAME " load IFNAME'");
}

static void warn_of_misreading(const struct ifaces *ifaces)
{
	for (size_t i = 0; i < ifaces->count; i++)
		if (ifaces->items[i].misread.text[0])
			log_warning("%s", ifaces->items[i].misread.text);
}

int ifaces_filtering(const struct option_texts *names, struct ifaces *out, struct error *err)
{
	int ret = ifaces_find(names, out, err);

	if (!ret)
		ret = ifaces_open(out, err);
	if (ret)
		return ret;
	ret = names->count ? require_filters(out, err) : keep_filters(out, err);
	if (!ret)
		ret = require_one_each(out, err);
	if (!ret)
		warn_of_misreading(out);
	return ret;
}

static void keep_running(struct ifaces *ifaces)
{
	size_t kept = 0;

	for (size_t i = 0; i < ifaces->count; i++)
		if (ifaces->items[i].chain.program_id)
			ifaces->items[kept++] = ifaces->items[i];
		else
			iface_done(&ifaces->items[i]);
	ifaces->count = kept;
}

int ifaces_running(struct ifaces *out, struct error *err)
{
	int ret = find_loaded(out, err);

	if (!ret)
		ret = ifaces_split(out, err);
	if (!ret)
		ret = ifaces_open(out, err);
	if (!ret)
		keep_running(out);
	return ret;
}

enum ipf_verdict iface_policy(const struct iface *iface)
{
	return iface->filter.config.policy == IPF_DROP ? IPF_DROP : IPF_PASS;
}

int iface_read_rules(struct iface *iface, __u32 now, struct error *err)
{
	int ret = table_read(&iface->filter, &iface->rules, &iface->live, err);

	if (ret)
		return error_prefix(err, ret, "%s", iface->dev.name);
	iface->generation = iface->live.generation;
	ruleset_tidy(&iface->rules, now);
	return 0;
}

int iface_edit(struct iface *iface, __u32 now, struct error *err)
{
	int ret = edit_open(&iface->filter, now, &iface->edit, err);

	if (ret)
		return ret == -E2BIG ? ret : error_prefix(err, ret, "%s", iface->dev.name);
	iface->generation = iface->edit.generation;
	iface->is_edited = true;
	return 0;
}

int iface_check(const struct iface *iface, struct error *err)
{
	const char *name = iface->dev.name;
	char advice[CHAIN_ADVICE_SIZE];
	struct chain now = { 0 };
	int ret = chain_read(&iface->dev, &now, err);

	if (!ret && chain_has(&now, iface->chain.program_id))
		return framing_check(&iface->dev, &now.link, &iface->filter.config, err);
	if (has_gone(&iface->dev))
		return error_set_absent(err, -ENODEV,
					"%s: not loaded any more; the interface is gone", name);
	if (ret)
		return ret;
	if (now.state == FILTER_STATE_NOT_FILTERING)
		return error_set(err, -ENOENT, "%s: %s; %s", name, filter_state_text(now.state),
				 chain_advice(&iface->dev, &now, advice));
	if (now.held.program_id == iface->chain.program_id)
		return error_set_absent(err, -ENOENT,
					"%s: not loaded any more; somebody turned it off", name);
	return error_set_absent(err, -ENOENT, "%s: not loaded any more; somebody unloaded it",
				name);
}
