// SPDX-License-Identifier: GPL-2.0
/*
 * How does a command change the rules of one interface: all of them, or a few of a large table?
 */
#include <control/change.h>

#include <errno.h>
#include <stdint.h>

#include <control/iface.h>
#include <table/delta.h>
#include <util/error.h>

struct ruleset *change_rules(struct iface *iface)
{
	return iface->is_edited ? &iface->edit.delta.rules : &iface->rules;
}

int change_add(struct iface *iface, struct rule *incoming, size_t count, size_t *changed,
	       struct error *err)
{
	struct edit *edit = &iface->edit;

	if (iface->is_edited)
		return delta_add(&edit->delta, incoming, count, edit_limit(edit, count), changed,
				 err);
	return ruleset_add(&iface->rules, incoming, count, changed) ? error_no_memory(err) : 0;
}

int change_remove(struct iface *iface, struct rule *incoming, size_t count, size_t *changed,
		  struct error *err)
{
	struct edit *edit = &iface->edit;

	if (iface->is_edited)
		return delta_remove(&edit->delta, incoming, count, edit_limit(edit, count), changed,
				    err);
	return ruleset_remove(&iface->rules, incoming, count, changed) ? error_no_memory(err) : 0;
}

/* The rules of the marked sets. Release with ruleset_done(). */
static int read_sets(const struct edit *edit, const bool *sets, struct ruleset *out,
		     struct error *err)
{
	return delta_read_sets(&edit->delta, sets, edit_limit(edit, SIZE_MAX), out, err);
}

int change_replace(struct iface *iface, const bool *sets, struct rule *incoming, size_t count,
		   size_t *changed, struct error *err)
{
	struct edit *edit = &iface->edit;
	struct ruleset old;
	size_t limit;
	int ret;

	if (!iface->is_edited)
		return ruleset_replace(&iface->rules, sets, incoming, count, changed) ?
			       error_no_memory(err) :
			       0;
	ret = read_sets(edit, sets, &old, err);
	if (ret)
		return ret;
	limit = edit_limit(edit, old.count + count);
	ruleset_done(&old);
	return delta_replace(&edit->delta, sets, incoming, count, limit, changed, err);
}

int change_count_sets(struct iface *iface, const bool *sets, size_t *counts, struct error *err)
{
	const struct ruleset *rules = &iface->rules;
	struct ruleset marked;
	int ret;

	ruleset_init(&marked);
	if (iface->is_edited) {
		ret = read_sets(&iface->edit, sets, &marked, err);
		if (ret)
			return ret;
		rules = &marked;
	}
	for (size_t i = 0; i < rules->set_count; i++)
		counts[i] = 0;
	for (size_t i = 0; i < rules->count; i++)
		counts[rules->rules[i].set] += sets[rules->rules[i].set];
	ruleset_done(&marked);
	return 0;
}
