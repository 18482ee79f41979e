// SPDX-License-Identifier: GPL-2.0
/*
 * What does an input do to the rules of one interface?
 */
#include <control/incoming.h>

#include <errno.h>
#include <stdlib.h>

#include <control/change.h>
#include <control/lockout.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/error.h>

static int refuse_set(const struct incoming *incoming, const struct input_set *set,
		      struct error *err)
{
	__u32 line;
	const struct input_source *source = input_find_source(incoming->input, set->origin, &line);

	error_set(err, -E2BIG, "set %s: %s has %u sets already", set->name,
		  incoming->iface->dev.name, IPF_MAX_SETS);
	if (source && source->name)
		error_prefix(err, -E2BIG, "%s:%u", source->name, line);
	return -E2BIG;
}

static int find_sets(struct incoming *incoming, struct error *err)
{
	const struct input *input = incoming->input;

	for (size_t i = 0; i < input->set_count; i++) {
		int index = ruleset_name_set(change_rules(incoming->iface), input->sets[i].name);

		if (index == -E2BIG)
			return refuse_set(incoming, &input->sets[i], err);
		if (index < 0)
			return error_no_memory(err);
		incoming->sets[i] = (__u16)index;
	}
	return 0;
}

static void copy_rules(struct incoming *incoming, enum ipf_verdict policy)
{
	const struct input *input = incoming->input;

	for (size_t i = 0; i < input->count; i++) {
		struct rule *rule = &incoming->rules[i];

		*rule = input->rules[i];
		verdict_settle(rule, incoming->sets[rule->set], policy);
	}
}

int incoming_init(struct incoming *incoming, struct iface *iface, const struct input *input,
		  enum ipf_verdict policy, struct error *err)
{
	int ret = 0;

	*incoming = (struct incoming){
		.input = input,
		.iface = iface,
		.rules = calloc(input->count + 1, sizeof(*incoming->rules)),
		.sets = calloc(input->set_count + 1, sizeof(*incoming->sets)),
	};
	if (!incoming->rules || !incoming->sets)
		ret = error_no_memory(err);
	if (!ret)
		ret = find_sets(incoming, err);
	if (!ret)
		copy_rules(incoming, policy);
	else
		incoming_done(incoming);
	return ret;
}

void incoming_done(struct incoming *incoming)
{
	free(incoming->rules);
	free(incoming->sets);
	*incoming = (struct incoming){ 0 };
}

int incoming_add(struct incoming *incoming, size_t *changed, struct error *err)
{
	return change_add(incoming->iface, incoming->rules, incoming->input->count, changed, err);
}

int incoming_remove(struct incoming *incoming, size_t *changed, struct error *err)
{
	return change_remove(incoming->iface, incoming->rules, incoming->input->count, changed,
			     err);
}

/* What happens to a set of the interface. */
struct replaced {
	bool *sets;     /* one flag for each set of the interface */
	size_t *before; /* how many rules each has */
};

static int check_shrink(const struct incoming *incoming, const struct replaced *replaced,
			struct error *err)
{
	const struct ruleset *rules = change_rules(incoming->iface);
	size_t count = rules->set_count;
	auto_free size_t *after = calloc(count + 1, sizeof(*after));
	int ret;

	if (!after)
		return error_no_memory(err);
	ret = change_count_sets(incoming->iface, replaced->sets, after, err);
	if (ret)
		return ret;
	for (size_t i = 0; i < count && !ret; i++)
		if (replaced->sets[i])
			ret = lockout_check_shrink(rules->sets[i].name, replaced->before[i],
						   after[i], err);
	return ret ? error_prefix(err, ret, "%s", incoming->iface->dev.name) : 0;
}

int incoming_replace(struct incoming *incoming, incoming_filter is_replaced, bool force,
		     size_t *changed, struct error *err)
{
	const struct input *input = incoming->input;
	size_t count = change_rules(incoming->iface)->set_count;
	auto_free bool *sets = calloc(count + 1, sizeof(*sets));
	auto_free size_t *before = calloc(count + 1, sizeof(*before));
	const struct replaced replaced = { sets, before };
	int ret;

	if (!sets || !before)
		return error_no_memory(err);
	for (size_t i = 0; i < input->set_count; i++)
		sets[incoming->sets[i]] = is_replaced(input, i);
	ret = change_count_sets(incoming->iface, sets, before, err);
	if (!ret)
		ret = change_replace(incoming->iface, sets, incoming->rules, input->count, changed,
				     err);
	return ret || force ? ret : check_shrink(incoming, &replaced, err);
}
