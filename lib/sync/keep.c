// SPDX-License-Identifier: GPL-2.0
/*
 * Which interfaces of the configuration have the filter, and how does it come to the others?
 */
#include <sync/keep.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <control/iface.h>
#include <control/loading.h>
#include <control/recovery.h>
#include <dataplane/lock.h>
#include <dataplane/sweep.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/log.h>

/* Not every change of a chain tells. */
#define LOOK_EVERY_MS 2000
/* However many events come. */
#define LOOK_PAUSE_MS 20

const char *keep_state_name(enum keep_state state)
{
	static const char *const names[] = {
		[KEEP_ABSENT] = "absent",
		[KEEP_WAITING] = "waiting",
		[KEEP_FILTERING] = "filtering",
		[KEEP_FAILING] = "failing",
	};

	return names[state];
}

/* -- The configuration ------------------------------------------------------------------------- */

static void free_items(struct keep_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(items[i].wanted.name);
	free(items);
}

void keep_done(struct keep *keep)
{
	free_items(keep->items, keep->count);
	keep->items = NULL;
	keep->count = 0;
}

static const struct keep_item *find(const struct keep *keep, const char *name)
{
	for (size_t i = 0; i < keep->count; i++)
		if (!strcmp(keep->items[i].wanted.name, name))
			return &keep->items[i];
	return NULL;
}

/* What is known of an interface of this name stays known. */
static int make_item(const struct keep *keep, const struct config_interface *wanted,
		     struct keep_item *out)
{
	const struct keep_item *known = find(keep, wanted->name);

	if (known)
		*out = *known;
	/* Looked at again, and compared. */
	if (known && !config_same_interface(&known->wanted, wanted)) {
		out->chain = (struct chain){ 0 };
		out->told_of_difference = false;
	}
	out->next_try_ms = 0;
	out->wanted = *wanted;
	out->wanted.name = strdup(wanted->name);
	return out->wanted.name ? 0 : -ENOMEM;
}

int keep_configure(struct keep *keep, const struct config *config, struct error *err)
{
	size_t count = config->interface_count;
	struct keep_item *items = calloc(count + 1, sizeof(*items));
	int ret = items ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !ret; i++)
		ret = make_item(keep, &config->interfaces[i], &items[i]);
	if (ret) {
		free_items(items, items ? count : 0);
		return error_no_memory(err);
	}
	keep_done(keep);
	keep->items = items;
	keep->count = count;
	keep->is_due = true;
	return 0;
}

const char *keep_configured_name(const struct keep *keep, const struct netdev *dev)
{
	for (size_t i = 0; i < keep->count; i++)
		if (keep->items[i].dev.ifindex == dev->ifindex)
			return keep->items[i].wanted.name;
	return dev->name;
}

/* -- One interface ----------------------------------------------------------------------------- */

/* Tells of trouble once, and tries again later and later. */
static void fail(struct keep_item *item, const struct error *err)
{
	if (item->state != KEEP_FAILING || strcmp(item->trouble.text, err->text) != 0)
		log_warning("%s", err->text);
	item->state = KEEP_FAILING;
	item->trouble = *err;
	item->next_try_ms = clock_monotonic_ms() + backoff_next_ms(&item->backoff);
}

static void succeed(struct keep_item *item, const struct iface *iface)
{
	item->state = KEEP_FILTERING;
	item->chain = iface->chain;
	item->next_try_ms = 0;
	error_clear(&item->trouble);
	backoff_reset(&item->backoff);
}

static void tell_of(struct keep_item *item, const char *what, const char *has, const char *wanted)
{
	const char *name = item->dev.name;

	log_warning("%s: its filter was loaded with %s %s, the configuration says %s; "
		    "'xdp-ipfilter unload %s' makes sync load it as configured",
		    name, what, has, wanted, name);
	item->told_of_difference = true;
}

/* Somebody decided whether it drops, and may be looking at what comes of it. */
static void compare_enforcement(struct keep_item *item, const struct iface *iface)
{
	const bool observes = iface_observes(iface);

	if (observes == item->wanted.attach.observe)
		return;
	log_warning("%s: its filter %s, and stays so; the configuration says observe = %s, which "
		    "'xdp-ipfilter enforce %s -d %s' brings about",
		    item->dev.name, observes ? "only observes" : "drops", observes ? "no" : "yes",
		    observes ? "on" : "off", item->dev.name);
	item->told_of_difference = true;
}

/* A filter that is there already stays: who loaded it may have had a reason, and to load another
 * one would let packets pass for a moment. */
static void compare(struct keep_item *item, const struct iface *iface)
{
	const struct attach_options *wanted = &item->wanted.attach;

	if (item->told_of_difference)
		return;
	if (iface_policy(iface) != wanted->policy)
		tell_of(item, "policy", loading_policy(iface_policy(iface)),
			loading_policy(wanted->policy));
	else if (wanted->mode != ATTACH_MODE_UNSPECIFIED && iface->chain.mode != wanted->mode)
		tell_of(item, "mode", attach_mode_name(iface->chain.mode),
			attach_mode_name(wanted->mode));
	else
		compare_enforcement(item, iface);
}

/* Returns 1 where the sources have to say something first. */
static int prepare_anew(const struct keep *keep, struct keep_item *item, struct iface *iface,
			struct recovery *recovery, struct error *err)
{
	const struct attach_options *wanted = &item->wanted.attach;
	bool complete = false;
	int ret = keep->rules(keep->context, &iface->dev, wanted->policy, &iface->rules, &complete,
			      err);

	if (ret)
		return ret;
	if (!complete && wanted->policy == IPF_DROP)
		return 1;
	return recovery_prepare_anew(recovery, iface, wanted, err);
}

static int bring(const struct keep *keep, struct keep_item *item, struct iface *iface,
		 struct recovery *recovery, struct error *err)
{
	const bool is_held = iface->chain.held.program_id;
	int ret;

	if (iface->outdated_id)
		log_notice("%s: its filter is of an older version; replacing it", iface->dev.name);
	else if (iface_lost(iface))
		log_warning("%s: %s; bringing it back", iface->dev.name,
			    iface->chain.state == FILTER_STATE_NOT_FILTERING ?
				    filter_state_text(iface->chain.state) :
				    "the filter was turned off");
	if (iface->outdated_id)
		ret = recovery_prepare_upgrade(recovery, iface, err);
	else if (is_held)
		ret = recovery_prepare(recovery, iface, err);
	else
		ret = prepare_anew(keep, item, iface, recovery, err);
	if (ret == 1)
		item->state = KEEP_WAITING;
	if (ret)
		return ret;
	ret = recovery_commit(recovery, err);
	if (ret)
		return ret;
	loading_print(iface);
	fflush(stdout);
	succeed(item, iface);
	/* It comes back as it was loaded. */
	if (is_held || iface->outdated_id)
		compare(item, iface);
	return 0;
}

/* The chain was read under the lock, so no command of ours is at work on it. Returns 1 if there was
 * nothing to bring. */
static int put_right(const struct keep *keep, struct keep_item *item, struct iface *iface,
		     struct error *err)
{
	struct recovery recovery = { 0 };
	int ret;

	if (iface->misread.text[0]) {
		*err = iface->misread;
		return -EOPNOTSUPP;
	}
	if (iface->chain.program_id && !iface->outdated_id) {
		succeed(item, iface);
		compare(item, iface);
		return 1;
	}
	ret = bring(keep, item, iface, &recovery, err);
	recovery_done(&recovery);
	return ret;
}

static int find_and_put_right(const struct keep *keep, struct keep_item *item, struct error *err)
{
	const char *name = item->dev.name;
	const struct option_texts names = { .items = &name, .count = 1 };
	struct ifaces ifaces = { 0 };
	auto_fd int lock = lock_take(err);
	int ret = lock < 0 ? lock : ifaces_find(&names, &ifaces, err);

	if (!ret)
		ret = ifaces_open_or_older(&ifaces, err);
	if (!ret)
		ret = put_right(keep, item, &ifaces.items[0], err);
	ifaces_done(&ifaces);
	return ret;
}

static unsigned int program_of(const struct rtnl_link *link)
{
	return link->xdp.program ? link->xdp.program :
				   link->xdp.native | link->xdp.skb | link->xdp.hw;
}

/* Only a try that is due, or makes sense because something else is there now. */
static bool is_due(struct keep_item *item, const struct rtnl_link *link)
{
	if (item->state == KEEP_FILTERING && chain_goes_on(link, &item->chain))
		return false;
	if (item->state == KEEP_FAILING && item->tried_program == program_of(link) &&
	    clock_monotonic_ms() < item->next_try_ms)
		return false;
	item->tried_program = program_of(link);
	return true;
}

/* The interface of that name; else the one that it was, under another name. */
static int find_link(const struct keep_item *item, struct rtnl_link *out)
{
	int ret = rtnl_find(item->wanted.name, out);

	return ret == -ENODEV && item->dev.ifindex ? rtnl_get(item->dev.ifindex, out) : ret;
}

static void forget(struct keep_item *item)
{
	if (item->dev.ifindex) {
		log_verbose("%s: the interface is gone", item->wanted.name);
		item->gone.ifindex = item->dev.ifindex;
		item->gone.program_id = item->chain.program_id;
	}
	item->state = KEEP_ABSENT;
	item->dev = (struct netdev){ 0 };
	item->told_of_difference = false;
	backoff_reset(&item->backoff);
	error_clear(&item->trouble);
}

static void meet(struct keep_item *item, const struct rtnl_link *link)
{
	if (item->dev.ifindex != link->ifindex)
		forget(item);
	else if (strcmp(item->dev.name, link->name) != 0)
		log_verbose("%s: is called %s now", item->dev.name, link->name);
	item->dev = netdev_of_link(link);
}

static bool look_at(const struct keep *keep, struct keep_item *item)
{
	struct rtnl_link link;
	struct error err = { 0 };
	int ret = find_link(item, &link);

	if (ret == -ENODEV) {
		forget(item);
		return false;
	}
	if (!ret)
		meet(item, &link);
	if (ret || !is_due(item, &link))
		return false;
	ret = find_and_put_right(keep, item, &err);
	if (ret < 0)
		fail(item, &err);
	return !ret;
}

/* -- All of them ------------------------------------------------------------------------------- */

void keep_notice(struct keep *keep)
{
	keep->is_due = true;
}

static void sweep_item(struct keep_item *item, unsigned int ifindex)
{
	if (item->dev.ifindex == ifindex)
		forget(item);
	if (item->gone.ifindex != ifindex)
		return;
	if (item->gone.program_id)
		sweep_deleted(ifindex, item->gone.program_id);
	item->gone.ifindex = 0;
}

/* An interface that comes and goes, such as ppp0, would leave a filter in memory each time. */
void keep_notice_deleted(struct keep *keep, unsigned int ifindex)
{
	for (size_t i = 0; i < keep->count; i++)
		sweep_item(&keep->items[i], ifindex);
}

bool keep_look(struct keep *keep)
{
	uint64_t now = clock_monotonic_ms(), passed = now - keep->looked_ms;
	bool brought = false;

	if (keep->looked_ms && passed < (keep->is_due ? LOOK_PAUSE_MS : LOOK_EVERY_MS))
		return false;
	keep->looked_ms = now;
	keep->is_due = false;
	for (size_t i = 0; i < keep->count; i++)
		brought |= look_at(keep, &keep->items[i]);
	return brought;
}
