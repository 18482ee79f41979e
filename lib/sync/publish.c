// SPDX-License-Identifier: GPL-2.0
/*
 * How do the rules of all sources get to all filters?
 */
#include <sync/publish.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <control/change.h>
#include <control/transaction.h>
#include <dataplane/claim.h>
#include <dataplane/filter.h>
#include <dataplane/lock.h>
#include <ruleset/ruleset.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/log.h>

/* Others may change other sets of the same filter all the time, as fail2ban does. Looking for what
 * they did to ours may take so much of the time. */
#define COMPARE_SHARE 20

static void forget_filter(const struct publish_filter *filter)
{
	if (filter->root)
		munmap((void *)filter->root, sizeof(*filter->root));
}

void publish_done(struct publish *publish)
{
	for (size_t i = 0; i < publish->count; i++)
		forget_filter(&publish->filters[i]);
	free(publish->filters);
	free(publish->links);
	*publish = (struct publish){ 0 };
}

/* --- What filters there are ------------------------------------------------------------------- */

static struct publish_filter *find_filter(const struct publish *publish, __u32 program_id)
{
	for (size_t i = 0; i < publish->count; i++)
		if (publish->filters[i].program_id == program_id)
			return &publish->filters[i];
	return NULL;
}

static bool was_changed(const struct publish_filter *filter)
{
	return !filter->root || claim_live(filter->root) != filter->generation;
}

/* The interfaces and their programs, as numbers that can be compared. The caller frees *out. */
static int list_links(unsigned int **out, size_t *count)
{
	auto_free struct rtnl_link *links = NULL;
	size_t link_count, used = 0;
	int ret = netdev_links(&links, &link_count, NULL);

	if (ret)
		return ret;
	*out = calloc(link_count * 4 + 1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; i < link_count; i++) {
		const struct rtnl_xdp *xdp = &links[i].xdp;

		if (!xdp->attached)
			continue;
		(*out)[used++] = links[i].ifindex;
		(*out)[used++] = xdp->native ? xdp->native : xdp->program;
		(*out)[used++] = xdp->skb;
		(*out)[used++] = xdp->hw;
	}
	*count = used;
	return 0;
}

/* Do other interfaces, or other programs, run than at the last look? */
static bool links_changed(struct publish *publish)
{
	unsigned int *links;
	size_t count;
	bool changed;

	if (list_links(&links, &count))
		return false;
	changed = count != publish->link_count ||
		  (count && memcmp(links, publish->links, count * sizeof(*links)) != 0);
	free(publish->links);
	publish->links = links;
	publish->link_count = count;
	return changed;
}

bool publish_is_needed(struct publish *publish)
{
	bool changed = links_changed(publish);

	if (clock_monotonic_ms() < publish->next_compare_ms)
		return changed;
	for (size_t i = 0; i < publish->count && !changed; i++)
		changed = !publish->filters[i].is_right || was_changed(&publish->filters[i]);
	return changed;
}

/* --- The change of one filter ----------------------------------------------------------------- */

/* A transaction on all filters that run. */
struct publication {
	struct transaction change; /* first: its steps get this */
	struct publish *publish;
	struct publish_set *sets;
	size_t count;
	struct rule **whole; /* all rules of each set, once they are needed */
	size_t *whole_count;
	bool compares;     /* filters that others changed */
	bool has_compared; /* one of them at least */
};

/* A copy for one filter: with its number of the set, and verdicts by its policy. The caller frees
 * *out. */
static int copy_rules(struct iface *iface, __u16 set, const struct rule *rules, size_t count,
		      struct rule **out, struct error *err)
{
	enum ipf_verdict policy = iface_policy(iface);

	*out = malloc((count + 1) * sizeof(**out));
	if (!*out)
		return error_no_memory(err);
	for (size_t i = 0; i < count; i++) {
		(*out)[i] = rules[i];
		verdict_settle(&(*out)[i], set, policy);
	}
	return 0;
}

static int change_difference(struct iface *iface, __u16 set, const struct following_plan *plan,
			     size_t *changed, struct error *err)
{
	auto_free struct rule *added = NULL, *removed = NULL;
	size_t count = 0;
	int ret = 0;

	if (plan->removed_count)
		ret = copy_rules(iface, set, plan->removed, plan->removed_count, &removed, err);
	if (!ret && removed)
		ret = change_remove(iface, removed, plan->removed_count, &count, err);
	*changed += count;
	count = 0;
	if (!ret && plan->added_count)
		ret = copy_rules(iface, set, plan->added, plan->added_count, &added, err);
	if (!ret && added)
		ret = change_add(iface, added, plan->added_count, &count, err);
	*changed += count;
	return ret;
}

static int read_whole(struct publication *publication, size_t index, struct error *err)
{
	if (publication->whole[index])
		return 0;
	return following_rules(publication->sets[index].following, &publication->whole[index],
			       &publication->whole_count[index], err);
}

static int change_whole(struct publication *publication, struct iface *iface, size_t index,
			__u16 set, size_t *changed, struct error *err)
{
	size_t set_count = change_rules(iface)->set_count, count = 0;
	auto_free bool *marked = calloc(set_count + 1, sizeof(*marked));
	auto_free struct rule *rules = NULL;
	int ret = marked ? read_whole(publication, index, err) : error_no_memory(err);

	if (!ret)
		ret = copy_rules(iface, set, publication->whole[index],
				 publication->whole_count[index], &rules, err);
	if (ret)
		return ret;
	marked[set] = true;
	ret = change_replace(iface, marked, rules, publication->whole_count[index], &count, err);
	*changed += count;
	return ret;
}

/* A set that the filter does not have, and is not to have, is not made there. */
static int number_set(struct iface *iface, const struct publish_set *set, struct error *err)
{
	int index = ruleset_name_set(change_rules(iface), set->name);

	if (index == -E2BIG)
		return error_set(err, -E2BIG, "set %s: %s has %u sets already", set->name,
				 iface->dev.name, IPF_MAX_SETS);
	return index < 0 ? error_no_memory(err) : index;
}

static int empty_set(struct iface *iface, const char *name, size_t *changed, struct error *err)
{
	const struct ruleset *rules = change_rules(iface);
	auto_free bool *marked = calloc(rules->set_count + 1, sizeof(*marked));
	size_t count = 0;
	int ret;

	if (!marked)
		return error_no_memory(err);
	for (size_t i = 0; i < rules->set_count; i++)
		marked[i] = !strcmp(rules->sets[i].name, name);
	ret = change_replace(iface, marked, NULL, 0, &count, err);
	*changed += count;
	return ret;
}

static int change_set(struct publication *publication, struct iface *iface, size_t index,
		      bool compare, size_t *changed, struct error *err)
{
	const struct publish *publish = publication->publish;
	const struct publish_set *set = &publication->sets[index];
	const struct following_plan *plan = &set->following->plan;
	enum publish_scope scope = publish->scope_of(publish->context, index, &iface->dev);
	int number;

	if (scope == PUBLISH_NO_LONGER)
		return empty_set(iface, set->name, changed, err);
	if (scope == PUBLISH_ELSEWHERE || !following_knows(set->following))
		return 0;
	if (!compare && !set->is_whole && !plan->at_count)
		return 0;
	number = number_set(iface, set, err);
	if (number < 0)
		return number;
	if (compare || set->is_whole)
		return change_whole(publication, iface, index, (__u16)number, changed, err);
	return change_difference(iface, (__u16)number, plan, changed, err);
}

static int change_filter(struct iface *iface, const struct transaction *transaction,
			 size_t *changed, struct error *err)
{
	struct publication *publication = (struct publication *)(void *)transaction;
	struct publish_filter *filter = find_filter(publication->publish, iface->filter.program_id);
	bool compare = !filter;
	int ret = 0;

	if (filter) {
		filter->was_as_left = filter->is_right && filter->generation == iface->generation;
		compare = publication->compares && !filter->was_as_left;
	}
	*changed = 0;
	publication->has_compared |= compare;
	for (size_t i = 0; i < publication->count && !ret; i++)
		ret = change_set(publication, iface, i, compare, changed, err);
	return ret;
}

/* --- Afterwards ------------------------------------------------------------------------------- */

/* Notes what the filter has now. One that several interfaces run was changed for the first. */
static int note_filter(struct publish *publish, const struct iface *iface, bool compared)
{
	struct publish_filter *filter = find_filter(publish, iface->filter.program_id);

	if (filter && filter->was_seen)
		return 0;
	if (!filter) {
		if (array_reserve(&publish->filters, &publish->capacity, publish->count + 1,
				  sizeof(*publish->filters)))
			return -ENOMEM;
		filter = &publish->filters[publish->count++];
		*filter = (struct publish_filter){
			.program_id = iface->filter.program_id,
			.root = filter_map_root(&iface->filter, PROT_READ),
			.was_as_left = true,
		};
	}
	filter->is_right = compared || filter->was_as_left;
	filter->generation = iface->generation;
	filter->was_seen = true;
	return 0;
}

/* Notes all that were in the transaction, and forgets those that have gone. */
static void note_filters(const struct publication *publication)
{
	struct publish *publish = publication->publish;
	const struct ifaces *ifaces = &publication->change.ifaces;
	size_t kept = 0;

	for (size_t i = 0; i < publish->count; i++)
		publish->filters[i].was_seen = false;
	for (size_t i = 0; i < ifaces->count; i++)
		if (note_filter(publish, &ifaces->items[i], publication->compares))
			break;
	for (size_t i = 0; i < publish->count; i++) {
		if (publish->filters[i].was_seen)
			publish->filters[kept++] = publish->filters[i];
		else
			forget_filter(&publish->filters[i]);
	}
	publish->count = kept;
}

static size_t count_changed(const struct publication *publication)
{
	size_t changed = 0;

	for (size_t i = 0; i < publication->change.ifaces.count; i++)
		changed += transaction_changed(&publication->change, i);
	return changed;
}

/* --- All -------------------------------------------------------------------------------------- */

static int run(struct publication *publication, bool *changed, struct error *err)
{
	auto_fd int lock = lock_take(err);
	int ret = lock < 0 ? lock : transaction_prepare(&publication->change, err);

	if (!ret) {
		*changed = count_changed(publication) > 0;
		ret = transaction_commit(&publication->change, err);
	}
	if (!ret)
		note_filters(publication);
	/* Under the lock: whatever was prepared in vain is undone. */
	transaction_done(&publication->change);
	return ret;
}

static int make_plans(struct publish_set *sets, size_t count, const struct following_time *now,
		      bool *pending, struct error *err)
{
	int ret = 0;

	*pending = false;
	for (size_t i = 0; i < count && !ret; i++) {
		ret = following_make_plan(sets[i].following, now, err);
		*pending |= !following_plan_is_empty(sets[i].following) ||
			    (sets[i].is_whole && following_knows(sets[i].following));
	}
	return ret;
}

static void accept_plans(struct publish_set *sets, size_t count, const struct following_time *now)
{
	for (size_t i = 0; i < count; i++) {
		if (following_knows(sets[i].following))
			sets[i].is_whole = false;
		following_accept(sets[i].following, now);
	}
}

static void free_whole(struct publication *publication)
{
	for (size_t i = 0; i < publication->count && publication->whole; i++)
		free(publication->whole[i]);
	free(publication->whole);
	free(publication->whole_count);
}

static int publish_plans(struct publish *publish, struct publish_set *sets, size_t count,
			 bool *changed, struct error *err)
{
	const uint64_t start_ms = clock_monotonic_ms();
	struct publication publication = {
		.change = { .apply = change_filter, .is_automatic = true },
		.publish = publish,
		.sets = sets,
		.count = count,
		.whole = calloc(count + 1, sizeof(*publication.whole)),
		.whole_count = calloc(count + 1, sizeof(*publication.whole_count)),
		.compares = start_ms >= publish->next_compare_ms,
	};
	int ret = publication.whole && publication.whole_count ? run(&publication, changed, err) :
								 error_no_memory(err);
	const uint64_t end_ms = clock_monotonic_ms();

	if (publication.has_compared)
		publish->next_compare_ms = end_ms + COMPARE_SHARE * (end_ms - start_ms);
	free_whole(&publication);
	return ret;
}

int publish_all(struct publish *publish, struct publish_set *sets, size_t count, bool is_needed,
		bool *changed, struct error *err)
{
	const struct following_time now = following_now();
	bool pending;
	int ret = make_plans(sets, count, &now, &pending, err);

	*changed = false;
	if (!ret && (pending || is_needed))
		ret = publish_plans(publish, sets, count, changed, err);
	if (!ret)
		accept_plans(sets, count, &now);
	return ret;
}
