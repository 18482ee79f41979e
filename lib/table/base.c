// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules of a large table are inside a prefix, and which cover it?
 *
 * Two prefixes nest or are disjoint. So in the order of the rules a cover comes before what it
 * covers, and all that is inside a prefix is in one range.
 */
#include <table/base.h>

#include <ruleset/prefix.h>
#include <table/image.h>
#include <table/records.h>

static int read_from_ruleset(const void *context, size_t i, struct rule *out, struct error *err)
{
	const struct ruleset *rules = context;

	(void)err;
	*out = rules->rules[i];
	return 0;
}

void base_from_ruleset(struct base *base, const struct ruleset *rules)
{
	size_t count4 = ruleset_count_family(rules, IPF_IPV4);

	*base = (struct base){
		.count = { [IPF_IPV4] = count4, [IPF_IPV6] = rules->count - count4 },
		.sets = rules->sets,
		.set_count = rules->set_count,
		.context = rules,
		.read = read_from_ruleset,
	};
}

static int read_record(const void *context, size_t i, struct rule *out, struct error *err)
{
	const char *fault = records_read(context, i, out);

	return fault ? image_damaged(err, fault) : 0;
}

/* Looks at nothing but the set of each record. */
static size_t seek_record(const void *context, size_t from, const bool *sets)
{
	const struct records *records = context;
	size_t count4 = records->count[IPF_IPV4], count = count4 + records->count[IPF_IPV6];
	__u32 set_count = records->header->set_count;
	size_t i = from;

	for (; i < count4; i++)
		if (records->rules4[i].set >= set_count || sets[records->rules4[i].set])
			return i;
	for (; i < count; i++)
		if (records->rules6[i - count4].set >= set_count ||
		    sets[records->rules6[i - count4].set])
			return i;
	return count;
}

/* As above. */
static int tally_records(const void *context, struct base_tally *sets, struct error *err)
{
	const struct records *records = context;
	__u32 set_count = records->header->set_count, strays = 0;

	for (size_t i = 0; i < records->count[IPF_IPV4]; i++)
		if (records->rules4[i].set < set_count)
			sets[records->rules4[i].set].rules[IPF_IPV4]++;
		else
			strays++;
	for (size_t i = 0; i < records->count[IPF_IPV6]; i++)
		if (records->rules6[i].set < set_count)
			sets[records->rules6[i].set].rules[IPF_IPV6]++;
		else
			strays++;
	return strays ? image_damaged(err, "a rule belongs to no set") : 0;
}

void base_from_records(struct base *base, const struct records *records)
{
	*base = (struct base){
		.count = { records->count[IPF_IPV4], records->count[IPF_IPV6] },
		.shortest = { records->header->shortest[IPF_IPV4],
			      records->header->shortest[IPF_IPV6] },
		.sets = records->sets,
		.set_count = records->header->set_count,
		.context = records,
		.read = read_record,
		.seek = seek_record,
		.tally = tally_records,
	};
}

size_t base_count(const struct base *base)
{
	return base->count[IPF_IPV4] + base->count[IPF_IPV6];
}

int base_tally_sets(const struct base *base, struct base_tally *sets, struct error *err)
{
	struct rule rule;

	if (base->tally)
		return base->tally(base->context, sets, err);
	for (size_t i = 0; i < base_count(base); i++) {
		int ret = base->read(base->context, i, &rule, err);

		if (ret)
			return ret;
		sets[rule.set].rules[rule.prefix.family]++;
	}
	return 0;
}

/* A question that is false for the first rules of a family and true for all others. */
typedef bool (*base_question)(const struct prefix *rule, const struct prefix *prefix);

static bool is_not_before(const struct prefix *rule, const struct prefix *prefix)
{
	return prefix_compare(rule, prefix) >= 0;
}

static bool is_after(const struct prefix *rule, const struct prefix *prefix)
{
	return prefix_compare(rule, prefix) > 0;
}

static bool is_after_all_inside(const struct prefix *rule, const struct prefix *prefix)
{
	struct ipf_key last = prefix_last(prefix);

	return address_key_compare(&rule->key, &last) > 0;
}

/* Where to look next in [low, high): in steps that double, away from where the search began; from
 * the first step on that went too far, in the middle. */
static size_t next_probe(const struct base_range *left, bool backwards, size_t step)
{
	size_t width = left->end - left->first;

	if (step >= width / 2)
		return left->first + width / 2;
	return backwards ? left->end - step : left->first + step;
}

static int not_in_order(struct error *err)
{
	return image_damaged(err, "the rules are not in order");
}

/* *at: the number of the first rule of the prefix's family for which the answer is true. */
static int search(const struct base *base, base_question question, const struct prefix *prefix,
		  size_t *at, struct error *err)
{
	struct base_range left = { 0, base->count[IPF_IPV4] };
	size_t probe, step = 1;

	if (prefix->family == IPF_IPV6)
		left = (struct base_range){ left.end, base_count(base) };
	probe = *at < left.first ? left.first : *at < left.end ? *at : left.end - 1;
	while (left.first < left.end) {
		struct rule rule;
		int ret = base->read(base->context, probe, &rule, err);
		bool answer;

		if (ret)
			return ret;
		answer = question(&rule.prefix, prefix);
		if (answer)
			left.end = probe;
		else
			left.first = probe + 1;
		probe = next_probe(&left, answer, step);
		step *= 2;
	}
	*at = left.first;
	return 0;
}

int base_find(const struct base *base, const struct prefix *prefix, size_t *at, struct error *err)
{
	return search(base, is_not_before, prefix, at, err);
}

int base_find_inside(const struct base *base, const struct prefix *prefix, struct base_range *range,
		     struct error *err)
{
	size_t first = range->first, end;
	int ret = search(base, is_not_before, prefix, &first, err);

	end = first;
	if (!ret)
		ret = search(base, is_after_all_inside, prefix, &end, err);
	if (!ret && end < first)
		ret = not_in_order(err);
	if (!ret)
		*range = (struct base_range){ first, end };
	return ret;
}

/* The rule before `at`, if it is of that family. */
static int read_before(const struct base *base, enum ipf_family family, size_t at, bool *found,
		       struct rule *out, struct error *err)
{
	*found = at > (family == IPF_IPV4 ? 0 : base->count[IPF_IPV4]);
	return *found ? base->read(base->context, at - 1, out, err) : 0;
}

/* *before: the last rule that does not come after any that the prefix and the rule before it are
 * inside of. *at: the number of the one after it. */
static int search_common(const struct base *base, struct prefix *inner, size_t *at, bool *found,
			 struct rule *before, struct error *err)
{
	struct prefix common = prefix_common(&before->prefix, inner);
	int ret;

	if (common.bits >= inner->bits)
		return not_in_order(err);
	*inner = common;
	--*at;
	ret = search(base, is_after, inner, at, err);
	return ret ? ret : read_before(base, inner->family, *at, found, before, err);
}

/* A cover of the prefix comes before it, and so does each rule between the two, which is therefore
 * inside the cover. So the rule right before the prefix is the closest cover, or all covers are
 * over both. Then those are looked for that are over what the two have in common. */
static int find_cover(const struct base *base, const struct prefix *prefix, unsigned int shortest,
		      struct base_range *cover, struct error *err)
{
	struct prefix inner = *prefix;
	size_t at = cover->first, first;
	struct rule before;
	bool found;
	int ret = read_before(base, inner.family, at, &found, &before, err);

	while (!ret && found && inner.bits >= shortest && !prefix_contains(&before.prefix, &inner))
		ret = search_common(base, &inner, &at, &found, &before, err);
	if (ret)
		return ret;
	*cover = (struct base_range){ at, at };
	if (!found || inner.bits < shortest || before.prefix.bits < shortest)
		return 0;
	if (before.prefix.bits >= prefix->bits)
		return not_in_order(err);
	first = at - 1;
	ret = search(base, is_not_before, &before.prefix, &first, err);
	if (!ret && first >= at)
		ret = not_in_order(err);
	if (!ret)
		cover->first = first;
	return ret;
}

/* The first rule of a cover is where base_find() would be for its prefix. */
int base_next_cover(const struct base *base, unsigned int shortest, struct base_cover *cover,
		    struct error *err)
{
	struct rule rule;
	int ret = find_cover(base, &cover->prefix, shortest, &cover->range, err);

	if (ret || cover->range.first == cover->range.end)
		return ret;
	ret = base->read(base->context, cover->range.first, &rule, err);
	if (!ret)
		cover->prefix = rule.prefix;
	return ret;
}

int base_find_set(const struct base *base, const bool *sets, size_t *at, struct rule *out,
		  struct error *err)
{
	size_t count = base_count(base);
	int ret = 0;

	if (base->seek) {
		*at = base->seek(base->context, *at, sets);
		return *at < count ? base->read(base->context, *at, out, err) : 0;
	}
	for (; *at < count && !ret; ++*at) {
		ret = base->read(base->context, *at, out, err);
		if (!ret && sets[out->set])
			break;
	}
	return ret;
}
