// SPDX-License-Identifier: GPL-2.0
/*
 * Which owners want which rules, and what is different for sync?
 *
 * All claims are in one tree, sorted by prefix, then owner: the last one of a prefix decides. The
 * trees are libc's, which are balanced, so whoever chooses the names and prefixes cannot make them
 * slow. A prefix that changes is noted with the rule that decided before. A delivery compares the
 * first note of each prefix, which is what sync knows, with what decides now. A million rules take
 * 0.15 GB, and 2 us each.
 */
#include <source/claims.h>

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/ruleset.h>
#include <ruleset/tick.h>
#include <source/delivery.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/error.h>

struct claim {
	struct claim *next; /* of the same owner, sorted by prefix */
	struct owner *owner;
	struct prefix prefix;
	__u32 expires;
	__u8 verdict;
	bool ended; /* no longer in the trees; its owner still names it */
};

struct owner {
	struct owner *next, *previous;
	struct claim *claims;
	uint64_t version;
	uint64_t rank;  /* goes before the name; may change only while it has no claims */
	uint64_t round; /* the last one that it was seen in */
	const void *name;
	size_t size;
};

/* The rule that decided for a prefix before something was done to it. */
struct note {
	struct prefix prefix;
	__u32 number; /* in the order of time */
	__u32 expires;
	__u8 verdict;
	bool claimed; /* there was a rule */
};

struct claims {
	void *by_name;   /* a tree of owners */
	void *by_prefix; /* a tree of claims */
	void *by_end;    /* those of them that end */
	struct owner *first;
	size_t owner_count;
	bool by_version; /* owners are ranked by it */
	uint64_t round;
	bool listed; /* sync has a list; before that, nothing is noted */
	struct note *notes;
	size_t note_count;
	size_t note_capacity;
};

static int compare_owners(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;
	int order = memcmp(x->name, y->name, x->size < y->size ? x->size : y->size);

	return order ? order : (x->size > y->size) - (x->size < y->size);
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = prefix_compare(&x->prefix, &y->prefix);

	if (order || x->owner == y->owner)
		return order;
	if (x->owner->rank != y->owner->rank)
		return x->owner->rank < y->owner->rank ? -1 : 1;
	return compare_owners(x->owner, y->owner);
}

static int compare_ends(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->expires != y->expires)
		return x->expires < y->expires ? -1 : 1;
	return compare_claims(a, b);
}

/* For qsort(), of pointers. */
static int compare_claim_pointers(const void *a, const void *b)
{
	return compare_claims(*(const struct claim *const *)a, *(const struct claim *const *)b);
}

static int compare_notes(const void *a, const void *b)
{
	const struct note *x = a, *y = b;
	int order = prefix_compare(&x->prefix, &y->prefix);

	return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* A search that finds nothing, but remembers where it came by. tfind() passes what is searched for
 * first. */
struct search {
	const struct prefix *prefix;
	const struct claim *last;
};

static int go_to_last_owner(const void *key, const void *node)
{
	struct search *search = (struct search *)key;
	const struct claim *claim = node;
	int order = prefix_compare(search->prefix, &claim->prefix);

	if (order)
		return order;
	search->last = claim;
	return 1;
}

static int go_to_first_end(const void *key, const void *node)
{
	((struct search *)key)->last = node;
	return -1;
}

/* The claim that decides for the prefix. NULL: there is none. */
static const struct claim *find_decider(const struct claims *claims, const struct prefix *prefix)
{
	struct search search = { .prefix = prefix };

	tfind(&search, &claims->by_prefix, go_to_last_owner);
	return search.last;
}

static struct claim *find_first_end(const struct claims *claims)
{
	struct search search = { 0 };

	tfind(&search, &claims->by_end, go_to_first_end);
	return (struct claim *)search.last;
}

/* Something will be done to the prefix. */
static int note(struct claims *claims, const struct prefix *prefix)
{
	const struct claim *decider;
	struct note *fresh;

	if (!claims->listed)
		return 0;
	if (claims->note_count == UINT32_MAX ||
	    array_reserve(&claims->notes, &claims->note_capacity, claims->note_count + 1,
			  sizeof(*claims->notes)))
		return -ENOMEM;
	decider = find_decider(claims, prefix);
	fresh = &claims->notes[claims->note_count];
	*fresh = (struct note){ .prefix = *prefix, .number = (__u32)claims->note_count++ };
	if (decider) {
		fresh->claimed = true;
		fresh->verdict = decider->verdict;
		fresh->expires = decider->expires;
	}
	return 0;
}

static int plant(struct claims *claims, struct claim *claim)
{
	int ret = note(claims, &claim->prefix);

	if (ret)
		return ret;
	if (!tsearch(claim, &claims->by_prefix, compare_claims))
		return -ENOMEM;
	if (claim->expires != IPF_NEVER && !tsearch(claim, &claims->by_end, compare_ends))
		return -ENOMEM;
	return 0;
}

static int uproot(struct claims *claims, struct claim *claim)
{
	int ret;

	if (claim->ended)
		return 0;
	ret = note(claims, &claim->prefix);
	tdelete(claim, &claims->by_prefix, compare_claims);
	if (claim->expires != IPF_NEVER)
		tdelete(claim, &claims->by_end, compare_ends);
	return ret;
}

/* The owner has a rule for one more prefix. It goes to where *link is. */
static int add_claim(struct claims *claims, struct owner *owner, struct claim **link,
		     const struct rule *rule)
{
	struct claim *claim = malloc(sizeof(*claim));

	if (!claim)
		return -ENOMEM;
	*claim = (struct claim){
		.next = *link,
		.owner = owner,
		.prefix = rule->prefix,
		.verdict = rule->verdict,
		.expires = rule->expires,
	};
	*link = claim;
	return plant(claims, claim);
}

static int drop_claim(struct claims *claims, struct claim **link)
{
	struct claim *claim = *link;
	int ret = uproot(claims, claim);

	*link = claim->next;
	free(claim);
	return ret;
}

static int renew_claim(struct claims *claims, struct claim *claim, const struct rule *rule)
{
	int ret;

	if (claim->verdict == rule->verdict && claim->expires == rule->expires)
		return 0;
	ret = uproot(claims, claim);
	if (ret)
		return ret;
	claim->ended = false;
	claim->verdict = rule->verdict;
	claim->expires = rule->expires;
	return plant(claims, claim);
}

/* Joins the sorted claims of the owner with its new rules, sorted too. */
static int join(struct claims *claims, struct owner *owner, const struct rule *rules, size_t count)
{
	struct claim **link = &owner->claims;
	const struct rule *end = rules + count;
	int ret = 0;

	while (!ret && (*link || rules < end)) {
		int order = !*link ? 1 : -1;

		if (*link && rules < end)
			order = prefix_compare(&(*link)->prefix, &rules->prefix);
		if (order < 0) {
			ret = drop_claim(claims, link);
			continue;
		}
		if (order > 0)
			ret = add_claim(claims, owner, link, rules++);
		else
			ret = renew_claim(claims, *link, rules++);
		link = &(*link)->next;
	}
	return ret;
}

static struct owner *find_owner(const struct claims *claims, const void *name, size_t size)
{
	const struct owner like = { .name = name, .size = size };
	void *const *found = tfind(&like, &claims->by_name, compare_owners);

	return found ? *found : NULL;
}

static struct owner *make_owner(struct claims *claims, const void *name, size_t size)
{
	struct owner *owner = calloc(1, sizeof(*owner) + size);

	if (!owner)
		return NULL;
	memcpy(owner + 1, name, size);
	owner->name = owner + 1;
	owner->size = size;
	if (!tsearch(owner, &claims->by_name, compare_owners)) {
		free(owner);
		return NULL;
	}
	owner->next = claims->first;
	if (owner->next)
		owner->next->previous = owner;
	claims->first = owner;
	claims->owner_count++;
	return owner;
}

static int rank(struct claims *claims, struct owner *owner)
{
	uint64_t fresh = claims->by_version ? owner->version : 0;
	int ret = 0;

	if (fresh != owner->rank)
		ret = join(claims, owner, NULL, 0);
	owner->rank = fresh;
	return ret;
}

int claims_set(struct claims *claims, const void *owner, size_t size, uint64_t version,
	       struct rule *rules, size_t count, struct error *err)
{
	struct owner *found = find_owner(claims, owner, size);
	int ret;

	if (!found)
		found = make_owner(claims, owner, size);
	if (!found)
		return error_no_memory(err);
	found->version = version;
	found->round = claims->round;
	ret = ruleset_sort_incoming(rules, &count);
	if (!ret)
		ret = rank(claims, found);
	if (!ret)
		ret = join(claims, found, rules, count);
	return ret ? error_no_memory(err) : 0;
}

static int drop_owner(struct claims *claims, struct owner *owner, struct error *err)
{
	int ret = join(claims, owner, NULL, 0);

	if (ret)
		return error_no_memory(err);
	tdelete(owner, &claims->by_name, compare_owners);
	if (owner->next)
		owner->next->previous = owner->previous;
	if (owner->previous)
		owner->previous->next = owner->next;
	else
		claims->first = owner->next;
	claims->owner_count--;
	free(owner);
	return 0;
}

int claims_remove(struct claims *claims, const void *owner, size_t size, struct error *err)
{
	struct owner *found = find_owner(claims, owner, size);

	return found ? drop_owner(claims, found, err) : 0;
}

bool claims_keep(struct claims *claims, const void *owner, size_t size, uint64_t version)
{
	struct owner *found = find_owner(claims, owner, size);

	if (found) {
		found->version = version;
		found->round = claims->round;
	}
	return found;
}

bool claims_version(const struct claims *claims, const void *owner, size_t size, uint64_t *version)
{
	const struct owner *found = find_owner(claims, owner, size);

	if (found)
		*version = found->version;
	return found;
}

bool claims_decider(const struct claims *claims, const struct prefix *prefix, uint64_t *version)
{
	const struct claim *decider = find_decider(claims, prefix);

	if (decider)
		*version = decider->owner->version;
	return decider;
}

void claims_visit(const struct claims *claims, claims_visitor visit, void *context)
{
	for (const struct owner *owner = claims->first; owner; owner = owner->next)
		for (const struct claim *claim = owner->claims; claim; claim = claim->next)
			if (!claim->ended)
				visit(context, &claim->prefix, owner->version);
}

size_t claims_owners(const struct claims *claims)
{
	return claims->owner_count;
}

bool claims_newest(const struct claims *claims, const void **owner, size_t *size, uint64_t *version)
{
	const struct owner *newest = claims->first;

	for (const struct owner *next = newest; next; next = next->next)
		if (next->version > newest->version)
			newest = next;
	if (!newest)
		return false;
	*owner = newest->name;
	*size = newest->size;
	*version = newest->version;
	return true;
}

void claims_begin_round(struct claims *claims)
{
	claims->round++;
}

int claims_end_round(struct claims *claims, struct error *err)
{
	struct owner *owner = claims->first, *next;
	int ret = 0;

	for (; owner && !ret; owner = next) {
		next = owner->next;
		if (owner->round != claims->round)
			ret = drop_owner(claims, owner, err);
	}
	return ret;
}

/* Takes the claims that have ended out of the trees, so that they decide no more. */
static int end_claims(struct claims *claims, __u32 now)
{
	struct claim *claim;
	int ret = 0;

	while (!ret && (claim = find_first_end(claims)) && tick_ended(claim->expires, now)) {
		ret = uproot(claims, claim);
		claim->ended = true;
	}
	return ret;
}

/* All claims that have not ended, sorted. The caller frees *out. */
static int collect(const struct claims *claims, const struct claim ***out, size_t *count)
{
	size_t capacity = 0;

	for (const struct owner *owner = claims->first; owner; owner = owner->next) {
		for (const struct claim *claim = owner->claims; claim; claim = claim->next) {
			if (claim->ended)
				continue;
			if (array_reserve(out, &capacity, *count + 1, sizeof(**out)))
				return -ENOMEM;
			(*out)[(*count)++] = claim;
		}
	}
	if (*count)
		qsort(*out, *count, sizeof(**out), compare_claim_pointers);
	return 0;
}

static int write_claim(FILE *out, const struct claim *claim, __u32 now, struct error *err)
{
	const struct rule rule = {
		.prefix = claim->prefix,
		.verdict = claim->verdict,
		.expires = claim->expires,
	};

	return delivery_add(out, &rule, now, err);
}

static int deliver_all(const struct claims *claims, FILE *out,
		       int (*begin)(FILE *out, struct error *err), const char *validator, __u32 now,
		       struct error *err)
{
	auto_free const struct claim **all = NULL;
	size_t count = 0;
	int ret;

	if (collect(claims, &all, &count))
		return error_no_memory(err);
	ret = begin(out, err);
	for (size_t i = 0; i < count && !ret; i++)
		if (i + 1 == count || prefix_compare(&all[i]->prefix, &all[i + 1]->prefix) != 0)
			ret = write_claim(out, all[i], now, err);
	if (!ret)
		ret = delivery_end(out, validator, err);
	return ret ? ret : 1;
}

/* What sync knew when the prefix was noted: does something else decide now? */
static bool is_different(const struct note *before, const struct claim *decider, __u32 now)
{
	bool claimed = before->claimed && !tick_ended(before->expires, now);

	if (!claimed || !decider)
		return claimed || decider;
	return before->verdict != decider->verdict || before->expires != decider->expires;
}

enum extent { EVERYTHING, ADDITIONS };

/* For a later delivery: it stays the first note of its prefix. */
static void keep_note(struct claims *claims, const struct note *before)
{
	struct note *kept = &claims->notes[claims->note_count];

	*kept = *before;
	kept->number = (__u32)claims->note_count++;
}

static int write_difference(struct claims *claims, FILE *out, const struct note *before,
			    enum extent extent, __u32 now, bool *begun, struct error *err)
{
	const struct claim *decider = find_decider(claims, &before->prefix);
	int ret = 0;

	if (!is_different(before, decider, now))
		return 0;
	if (!decider && extent == ADDITIONS) {
		keep_note(claims, before);
		return 0;
	}
	if (!*begun)
		ret = delivery_begin_change(out, err);
	*begun = true;
	if (ret)
		return ret;
	if (decider)
		return write_claim(out, decider, now, err);
	return delivery_remove(out, &before->prefix, err);
}

/* Each kept note goes where one was that has been looked at. */
static int deliver_change(struct claims *claims, FILE *out, const char *validator,
			  enum extent extent, __u32 now, struct error *err)
{
	size_t count = claims->note_count;
	struct prefix last;
	bool begun = false;
	int ret = 0;

	if (count)
		qsort(claims->notes, count, sizeof(*claims->notes), compare_notes);
	claims->note_count = 0;
	for (size_t i = 0; i < count && !ret; i++) {
		const struct note note = claims->notes[i];

		if (!i || prefix_compare(&last, &note.prefix) != 0)
			ret = write_difference(claims, out, &note, extent, now, &begun, err);
		last = note.prefix;
	}
	if (!ret && begun)
		ret = delivery_end(out, validator, err);
	return ret ? ret : begun;
}

static int deliver(struct claims *claims, FILE *out, const char *validator, enum extent extent,
		   __u32 now, struct error *err)
{
	if (end_claims(claims, now))
		return error_no_memory(err);
	if (!claims->listed) {
		claims->listed = true;
		return deliver_all(claims, out, delivery_begin_list, validator, now, err);
	}
	return deliver_change(claims, out, validator, extent, now, err);
}

int claims_deliver(struct claims *claims, FILE *out, const char *validator, __u32 now,
		   struct error *err)
{
	return deliver(claims, out, validator, EVERYTHING, now, err);
}

int claims_deliver_additions(struct claims *claims, FILE *out, const char *validator, __u32 now,
			     struct error *err)
{
	return deliver(claims, out, validator, ADDITIONS, now, err);
}

int claims_deliver_early(struct claims *claims, FILE *out, __u32 now, struct error *err)
{
	if (end_claims(claims, now))
		return error_no_memory(err);
	return deliver_all(claims, out, delivery_begin_change, NULL, now, err);
}

int claims_open(struct claims **out, struct error *err)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : error_no_memory(err);
}

void claims_decide_by_version(struct claims *claims)
{
	claims->by_version = true;
}

static void keep_item(void *item)
{
	(void)item;
}

static void free_owner(struct owner *owner)
{
	struct claim *next;

	for (struct claim *claim = owner->claims; claim; claim = next) {
		next = claim->next;
		free(claim);
	}
	free(owner);
}

void claims_close(struct claims *claims)
{
	struct owner *next;

	if (!claims)
		return;
	tdestroy(claims->by_name, keep_item);
	tdestroy(claims->by_prefix, keep_item);
	tdestroy(claims->by_end, keep_item);
	for (struct owner *owner = claims->first; owner; owner = next) {
		next = owner->next;
		free_owner(owner);
	}
	free(claims->notes);
	free(claims);
}
