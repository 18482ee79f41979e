// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a source say, which of them are believed, and what is to change?
 */
#include <source/following.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/ruleset.h>
#include <ruleset/tick.h>
#include <source/receiver.h>
#include <util/array.h>
#include <util/clock.h>
#include <util/error.h>

/* The verdict of what is not there. */
#define NONE RECEIVER_REMOVED

/* So many changes are joined at once, however rarely plans are made. */
#define MANY_NOTED 65536

/* What is said of a prefix, and what was accepted. At most 32 bytes: there may be millions. */
struct following_entry {
	struct ipf_key key;
	__u8 family, bits;
	__u8 said, accepted; /* enum verdict, or NONE */
	__u32 said_expires, accepted_expires;
};
_Static_assert(sizeof(struct following_entry) <= 32, "its size decides how much memory sync needs");

const char *following_state_name(enum following_state state)
{
	static const char *const names[] = { "starting", "fresh", "held", "failing" };

	return names[state];
}

struct following_time following_now(void)
{
	return (struct following_time){ .ms = clock_monotonic_ms(), .tick = tick_now() };
}

static void plan_done(struct following_plan *plan)
{
	free(plan->added);
	free(plan->removed);
	free(plan->at);
	*plan = (struct following_plan){ 0 };
}

void following_done(struct following *following)
{
	plan_done(&following->plan);
	free(following->entries);
	free(following->noted);
	free(following->touched);
	*following = (struct following){ 0 };
}

enum following_state following_state(const struct following *following)
{
	if (following->is_failing)
		return FOLLOWING_FAILING;
	if (!following->heard)
		return FOLLOWING_STARTING;
	return following->is_held || following->is_refused ? FOLLOWING_HELD : FOLLOWING_FRESH;
}

bool following_knows(const struct following *following)
{
	return following->knows;
}

/* --- Ends ------------------------------------------------------------------------------------- */

static bool same_end(__u32 a, __u32 b)
{
	const __u32 tolerance = tick_after(0, FOLLOWING_TOLERANCE_S);

	if (a == IPF_NEVER || b == IPF_NEVER)
		return a == b;
	return (a > b ? a - b : b - a) <= tolerance;
}

static void note_end(struct following *following, __u32 expires)
{
	if (expires == IPF_NEVER)
		return;
	if (following->next_end == IPF_NEVER || expires < following->next_end)
		following->next_end = expires;
}

/* --- Said rules ------------------------------------------------------------------------------- */

static struct prefix prefix_of(const struct following_entry *entry)
{
	return (struct prefix){ .key = entry->key, .family = entry->family, .bits = entry->bits };
}

static int compare(const struct following_entry *entry, const struct prefix *prefix)
{
	const struct prefix own = prefix_of(entry);

	return prefix_compare(&own, prefix);
}

/* The first entry from `low` on, and before `high`, that does not come before the prefix; else
 * `high`. */
static size_t halve(const struct following *following, size_t low, size_t high,
		    const struct prefix *prefix)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&following->entries[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first entry from `from` on that does not come before the prefix. Takes long steps first: the
 * next one of a sorted list is mostly near. */
static size_t find(const struct following *following, size_t from, const struct prefix *prefix)
{
	const struct following_entry *entries = following->entries;
	size_t low = from, step = 1, high;

	while (low + step < following->count && compare(&entries[low + step], prefix) < 0) {
		low += step;
		step *= 2;
	}
	high = low + step < following->count ? low + step : following->count;
	return halve(following, low, high, prefix);
}

static bool is_at(const struct following *following, size_t at, const struct prefix *prefix)
{
	return at < following->count && !compare(&following->entries[at], prefix);
}

static void say(struct following *following, struct following_entry *entry, const struct rule *rule)
{
	breadth_note(&following->breadth, &rule->prefix, entry->said, rule->verdict);
	following->said -= entry->said != NONE;
	entry->said = rule->verdict;
	entry->said_expires = rule->verdict == NONE ? IPF_NEVER : rule->expires;
	following->said += entry->said != NONE;
	note_end(following, entry->said_expires);
}

/* Says what is known already, and moves what is not to the front. Returns how many those are. */
static size_t say_known(struct following *following, struct rule *rules, size_t count)
{
	size_t at = 0, fresh = 0;

	for (size_t i = 0; i < count; i++) {
		at = find(following, at, &rules[i].prefix);
		if (is_at(following, at, &rules[i].prefix))
			say(following, &following->entries[at], &rules[i]);
		else if (rules[i].verdict != NONE)
			rules[fresh++] = rules[i];
	}
	return fresh;
}

/* Inserts sorted rules for which there is no entry, from the last one on: each of the others moves
 * once. There is room. */
static void insert(struct following *following, const struct rule *rules, size_t count)
{
	struct following_entry *entries = following->entries;
	size_t end = following->count;

	following->count += count;
	for (size_t i = count; i--;) {
		const struct prefix *prefix = &rules[i].prefix;
		size_t low = halve(following, 0, end, prefix);

		memmove(&entries[low + i + 1], &entries[low], (end - low) * sizeof(*entries));
		entries[low + i] = (struct following_entry){ .key = prefix->key,
							     .family = prefix->family,
							     .bits = prefix->bits,
							     .said = NONE,
							     .accepted = NONE };
		say(following, &entries[low + i], &rules[i]);
		end = low;
	}
}

/* Says these rules, which are sorted, and for which there is room. */
static void say_all(struct following *following, struct rule *rules, size_t count)
{
	size_t fresh = say_known(following, rules, count);

	insert(following, rules, fresh);
}

static int make_room(struct following *following, size_t more)
{
	return array_reserve(&following->entries, &following->capacity, following->count + more,
			     sizeof(*following->entries));
}

/* Remembers which prefixes a plan has to look at. Of too many, it looks at all. */
static void touch(struct following *following, const struct rule *rules, size_t count)
{
	size_t need = following->touched_count + count;

	if (need > following->count / 8 + FOLLOWING_MANY ||
	    array_reserve(&following->touched, &following->touched_capacity, need,
			  sizeof(*following->touched)))
		following->touched_all = true;
	if (following->touched_all) {
		following->touched_count = 0;
		return;
	}
	memcpy(following->touched + following->touched_count, rules, count * sizeof(*rules));
	following->touched_count = need;
}

/* Joins the changes that were noted. Returns 0 or -ENOMEM with nothing changed. */
static int join_noted(struct following *following)
{
	size_t count = following->noted_count;

	if (!count)
		return 0;
	if (make_room(following, count) || ruleset_sort_incoming(following->noted, &count))
		return -ENOMEM;
	touch(following, following->noted, count);
	say_all(following, following->noted, count);
	following->noted_count = 0;
	if (following->noted_capacity > MANY_NOTED) {
		free(following->noted);
		following->noted = NULL;
		following->noted_capacity = 0;
	}
	return 0;
}

static int refuse_too_many(const struct following *following, struct error *err)
{
	return error_set(err, -E2BIG, "it has more than %zu rules", following->max_rules);
}

static void answered(struct following *following)
{
	following->heard = true;
	following->is_failing = false;
	if (following->has_given_up)
		following->touched_all = true;
	following->has_given_up = false;
}

static int replace_all(struct following *following, struct rule *rules, size_t count,
		       struct error *err)
{
	if (ruleset_sort_incoming(rules, &count))
		return error_no_memory(err);
	if (count > following->max_rules)
		return refuse_too_many(following, err);
	if (make_room(following, count))
		return error_no_memory(err);
	following->noted_count = 0;
	for (size_t i = 0; i < following->count; i++)
		following->entries[i].said = NONE;
	following->said = 0;
	breadth_restart(&following->breadth);
	say_all(following, rules, count);
	following->touched_all = true;
	following->touched_count = 0;
	following->knows = true;
	return 0;
}

int following_take_list(struct following *following, struct rule *rules, size_t count,
			struct error *err)
{
	int ret = replace_all(following, rules, count, err);

	if (ret)
		return ret;
	answered(following);
	following->was_emptied = !count;
	following->has_changed = false;
	following->changed_ms = 0;
	return 0;
}

int following_restore(struct following *following, struct rule *rules, size_t count,
		      struct error *err)
{
	int ret = replace_all(following, rules, count, err);

	for (size_t i = 0; i < following->count && !ret; i++) {
		following->entries[i].accepted = following->entries[i].said;
		following->entries[i].accepted_expires = following->entries[i].said_expires;
	}
	if (!ret)
		following->accepted = following->said;
	return ret;
}

bool following_says(const struct following *following, const struct rule *rules, size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		const struct following_entry *entry;

		at = find(following, at, &rules[i].prefix);
		if (!is_at(following, at, &rules[i].prefix))
			return false;
		entry = &following->entries[at];
		if (entry->said != rules[i].verdict ||
		    !same_end(entry->said_expires, rules[i].expires))
			return false;
	}
	return count == following->said;
}

/* Each change might be a new rule. */
static bool may_be_too_many(const struct following *following, size_t count)
{
	return following->said + following->noted_count + count > following->max_rules;
}

int following_take_change(struct following *following, const struct rule *rules, size_t count,
			  struct error *err)
{
	size_t need = following->noted_count + count;

	if ((need > MANY_NOTED || may_be_too_many(following, count)) && join_noted(following))
		return error_no_memory(err);
	if (may_be_too_many(following, count))
		return refuse_too_many(following, err);
	need = following->noted_count + count;
	if (array_reserve(&following->noted, &following->noted_capacity, need,
			  sizeof(*following->noted)))
		return error_no_memory(err);
	if (count)
		memcpy(following->noted + following->noted_count, rules, count * sizeof(*rules));
	following->noted_count = need;
	following->knows = true;
	following->has_changed = true;
	answered(following);
	return 0;
}

void following_take_same(struct following *following)
{
	answered(following);
}

void following_take_trouble(struct following *following, const struct following_time *now)
{
	if (!following->is_failing)
		following->failing_since_ms = now->ms;
	following->is_failing = true;
}

/* --- Time ------------------------------------------------------------------------------------- */

/* Rules that ended were no withdrawal. */
static void lower_peaks(struct following *following, size_t ended)
{
	for (size_t i = 0; i < FOLLOWING_PEAK_S; i++) {
		size_t *peak = &following->peaks[i].accepted;

		*peak -= ended < *peak ? ended : *peak;
	}
}

/* Have filters what is said? */
static bool agrees(const struct following_entry *entry)
{
	return entry->said == entry->accepted &&
	       (entry->said == NONE || same_end(entry->said_expires, entry->accepted_expires));
}

static void unsay(struct following *following, struct following_entry *entry)
{
	const struct prefix prefix = prefix_of(entry);

	breadth_note(&following->breadth, &prefix, entry->said, NONE);
	entry->said = NONE;
	following->said--;
}

/* Ends what has ended. The same end, although a little different, comes at one time: otherwise it
 * would look like a withdrawal. Returns whether anything is left of the entry. */
static bool end_entry(struct following *following, struct following_entry *entry, __u32 now,
		      size_t *ended)
{
	bool said = entry->said != NONE && tick_ended(entry->said_expires, now);
	bool accepted = entry->accepted != NONE && tick_ended(entry->accepted_expires, now);
	bool both = (said || accepted) && agrees(entry);

	if (said || both)
		unsay(following, entry);
	if (accepted || both) {
		entry->accepted = NONE;
		following->accepted--;
		++*ended;
	}
	if (entry->said != NONE)
		note_end(following, entry->said_expires);
	if (entry->accepted != NONE)
		note_end(following, entry->accepted_expires);
	return entry->said != NONE || entry->accepted != NONE;
}

/* Ends rules, and drops entries of which nothing is left. */
static void sweep(struct following *following, __u32 now)
{
	size_t kept = 0, ended = 0;

	following->next_end = IPF_NEVER;
	for (size_t i = 0; i < following->count; i++) {
		struct following_entry *entry = &following->entries[i];

		if (!end_entry(following, entry, now, &ended))
			continue;
		if (kept != i)
			following->entries[kept] = *entry;
		kept++;
	}
	following->count = following->swept = kept;
	lower_peaks(following, ended);
}

/* Has a rule ended, or have so many entries come since the last sweep that many may be dead? */
static bool needs_sweep(const struct following *following, __u32 now)
{
	if (following->next_end != IPF_NEVER && now >= following->next_end)
		return true;
	return following->count > following->swept + following->swept / 4 + FOLLOWING_MANY;
}

/* --- The guard -------------------------------------------------------------------------------- */

static size_t peak(const struct following *following, uint64_t now_s)
{
	size_t most = following->accepted;

	for (size_t i = 0; i < FOLLOWING_PEAK_S; i++)
		if (following->peaks[i].second + FOLLOWING_PEAK_S > now_s &&
		    following->peaks[i].accepted > most)
			most = following->peaks[i].accepted;
	return most;
}

static bool is_suspicious(const struct following *following, uint64_t now_s)
{
	size_t most = peak(following, now_s);

	if (!following->accepted)
		return false;
	if (most >= FOLLOWING_MANY && 2 * following->said < most)
		return true;
	return !following->said && (!following->withdraws_each || following->was_emptied);
}

static bool is_over(const struct following *following, uint64_t since_ms, uint64_t now_ms)
{
	return following->hold_ms && now_ms - since_ms >= following->hold_ms;
}

/* Has the source said all that it had to say? */
static bool is_settled(struct following *following, uint64_t now_ms)
{
	if (following->has_changed)
		following->changed_ms = now_ms;
	following->has_changed = false;
	return !following->changed_ms || now_ms - following->changed_ms >= FOLLOWING_SETTLE_MS;
}

/* Decides whether what the source says is believed. */
static void judge(struct following *following, const struct following_time *now)
{
	bool settled = is_settled(following, now->ms);
	bool suspicious = !following->shrink && (is_suspicious(following, now->ms / 1000) ||
						 (following->was_suspicious && !settled));
	bool held, given_up;

	if (suspicious && !following->was_suspicious)
		following->held_since_ms = now->ms;
	following->was_suspicious = suspicious;
	following->was_emptied &= suspicious;
	held = suspicious && !is_over(following, following->held_since_ms, now->ms);
	given_up = following->is_failing &&
		   is_over(following, following->failing_since_ms, now->ms);
	if (held != following->is_held || given_up != following->has_given_up)
		following->touched_all = true;
	following->is_held = held;
	following->has_given_up = given_up;
}

static int put_rule(struct rule **list, size_t *count, size_t *capacity,
		    const struct following_entry *entry, __u8 verdict, __u32 expires)
{
	if (array_reserve(list, capacity, *count + 1, sizeof(**list)))
		return -ENOMEM;
	(*list)[(*count)++] = (struct rule){ .prefix = prefix_of(entry),
					     .verdict = verdict,
					     .expires = expires,
					     .counter = IPF_NO_COUNTER };
	return 0;
}

/* The said rules that decide how many addresses are dropped. The caller frees out->rules. */
static int list_said(const struct following *following, struct ruleset *out)
{
	int ret = 0;

	for (size_t i = 0; i < following->count && !ret; i++) {
		const struct following_entry *entry = &following->entries[i];
		const struct prefix prefix = prefix_of(entry);

		if (breadth_counts(&prefix, entry->said))
			ret = put_rule(&out->rules, &out->count, &out->capacity, entry, entry->said,
				       entry->said_expires);
	}
	return ret;
}

/* Would what the source says drop nearly everybody? Returns 0 or -ENOMEM. */
static int judge_breadth(struct following *following)
{
	struct ruleset rules = { 0 };
	bool was_refused = following->is_refused;
	int ret = 0;

	if (breadth_needs_look(&following->breadth)) {
		ret = list_said(following, &rules);
		if (!ret)
			breadth_look(&following->breadth, &rules);
		else
			following->breadth.has_changed = true;
		free(rules.rules);
	}
	following->is_refused = following->breadth.is_too_wide;
	following->touched_all |= following->is_refused != was_refused;
	return ret;
}

/* --- The plan --------------------------------------------------------------------------------- */

/* What filters are to have. */
static __u8 target(const struct following *following, const struct following_entry *entry,
		   __u32 *expires)
{
	*expires = IPF_NEVER;
	if (following->has_given_up)
		return NONE;
	if (entry->said != NONE && !following->is_refused) {
		*expires = entry->said_expires;
		return entry->said;
	}
	if (!following->is_held && !following->is_refused)
		return NONE;
	*expires = entry->accepted_expires;
	return entry->accepted;
}

static int plan_entry(struct following *following, size_t at)
{
	struct following_entry *entry = &following->entries[at];
	struct following_plan *plan = &following->plan;
	__u32 expires;
	__u8 verdict = target(following, entry, &expires);
	int ret;

	if (verdict == entry->accepted &&
	    (verdict == NONE || same_end(expires, entry->accepted_expires)))
		return 0;
	if (array_reserve(&plan->at, &plan->at_capacity, plan->at_count + 1, sizeof(*plan->at)))
		return -ENOMEM;
	if (verdict == NONE)
		ret = put_rule(&plan->removed, &plan->removed_count, &plan->removed_capacity, entry,
			       entry->accepted, entry->accepted_expires);
	else
		ret = put_rule(&plan->added, &plan->added_count, &plan->added_capacity, entry,
			       verdict, expires);
	if (!ret)
		plan->at[plan->at_count++] = at;
	return ret;
}

static int plan_all(struct following *following)
{
	int ret = 0;

	for (size_t i = 0; i < following->count && !ret; i++)
		ret = plan_entry(following, i);
	return ret;
}

static int plan_touched(struct following *following)
{
	size_t at = 0;
	int ret = ruleset_sort_incoming(following->touched, &following->touched_count);

	for (size_t i = 0; i < following->touched_count && !ret; i++) {
		const struct prefix *prefix = &following->touched[i].prefix;

		at = find(following, at, prefix);
		if (is_at(following, at, prefix))
			ret = plan_entry(following, at);
	}
	return ret;
}

static void empty_plan(struct following_plan *plan)
{
	if (plan->at_capacity > MANY_NOTED)
		plan_done(plan);
	plan->added_count = plan->removed_count = plan->at_count = 0;
}

int following_make_plan(struct following *following, const struct following_time *now,
			struct error *err)
{
	int ret = join_noted(following);

	if (ret)
		return error_no_memory(err);
	if (needs_sweep(following, now->tick))
		sweep(following, now->tick);
	if (judge_breadth(following))
		return error_no_memory(err);
	judge(following, now);
	empty_plan(&following->plan);
	ret = following->touched_all ? plan_all(following) : plan_touched(following);
	if (!ret)
		return 0;
	empty_plan(&following->plan);
	return error_no_memory(err);
}

bool following_plan_is_empty(const struct following *following)
{
	return !following->plan.at_count;
}

static void accept_entry(struct following *following, struct following_entry *entry)
{
	following->accepted -= entry->accepted != NONE;
	entry->accepted = target(following, entry, &entry->accepted_expires);
	following->accepted += entry->accepted != NONE;
	if (entry->accepted != NONE)
		note_end(following, entry->accepted_expires);
}

/* So many rules were accepted until now. */
static void note_peak(struct following *following, uint64_t now_s)
{
	typeof(following->peaks[0]) *slot = &following->peaks[now_s % FOLLOWING_PEAK_S];

	if (slot->second != now_s)
		slot->accepted = 0;
	slot->second = now_s;
	if (following->accepted > slot->accepted)
		slot->accepted = following->accepted;
}

void following_accept(struct following *following, const struct following_time *now)
{
	const struct following_plan *plan = &following->plan;

	if (plan->at_count)
		note_peak(following, now->ms / 1000);
	for (size_t i = 0; i < plan->at_count; i++)
		accept_entry(following, &following->entries[plan->at[i]]);
	empty_plan(&following->plan);
	following->touched_count = 0;
	following->touched_all = false;
}

int following_rules(const struct following *following, struct rule **out, size_t *count,
		    struct error *err)
{
	size_t most = following->said + following->accepted, capacity = 0;

	*out = NULL;
	*count = 0;
	if (array_reserve(out, &capacity, most + 1, sizeof(**out)))
		return error_no_memory(err);
	for (size_t i = 0; i < following->count; i++) {
		__u32 expires;
		__u8 verdict = target(following, &following->entries[i], &expires);

		if (verdict != NONE &&
		    put_rule(out, count, &capacity, &following->entries[i], verdict, expires)) {
			free(*out);
			return error_no_memory(err);
		}
	}
	return 0;
}
