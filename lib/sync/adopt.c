// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules do filters have already, of a set that is now followed?
 */
#include <sync/adopt.h>

#include <stdlib.h>

#include <control/iface.h>
#include <control/pending.h>
#include <ruleset/tick.h>
#include <sync/joined.h>
#include <util/error.h>
#include <util/log.h>

void adopt_done(struct adopt *adopt)
{
	for (size_t i = 0; i < adopt->count; i++)
		ruleset_done(&adopt->filters[i].rules);
	free(adopt->filters);
	*adopt = (struct adopt){ 0 };
}

static void read_one(struct adopt *adopt, struct iface *iface)
{
	struct error err = { 0 };

	if (iface_read_rules(iface, tick_now(), &err)) {
		log_warning("%s; what it has is not known", err.text);
		return;
	}
	adopt->filters[adopt->count++] = (struct adopt_filter){
		.dev = iface->dev,
		.policy = iface_policy(iface),
		.rules = iface->rules,
	};
	/* Taken over. */
	ruleset_init(&iface->rules);
}

static bool waits_for_confirmation(void)
{
	struct pending pending;
	struct error err = { 0 };

	if (pending_read(&pending, &err) || !pending.pid)
		return false;
	log_verbose("a change waits to be confirmed: sets begin with their copies");
	return true;
}

int adopt_read(struct adopt *out, struct error *err)
{
	struct ifaces ifaces = { 0 };
	int ret;

	*out = (struct adopt){ 0 };
	if (waits_for_confirmation())
		return 0;
	ret = ifaces_running(&ifaces, err);
	if (!ret)
		out->filters = calloc(ifaces.count + 1, sizeof(*out->filters));
	if (!ret && !out->filters)
		ret = error_no_memory(err);
	for (size_t i = 0; i < ifaces.count && !ret; i++)
		read_one(out, &ifaces.items[i]);
	ifaces_done(&ifaces);
	return ret;
}

int adopt_join(const struct adopt *adopt, const char *set,
	       bool (*is_for)(void *context, const struct netdev *dev), void *context,
	       struct joined *out)
{
	int ret = 0;

	for (size_t i = 0; i < adopt->count && !ret; i++) {
		const struct adopt_filter *filter = &adopt->filters[i];

		if (is_for(context, &filter->dev))
			ret = joined_add(out, &filter->rules, set, filter->policy);
	}
	return ret;
}
