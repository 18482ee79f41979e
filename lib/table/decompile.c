// SPDX-License-Identifier: GPL-2.0
/*
 * How are the rules of a table image read back?
 */
#include <table/decompile.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/prefix.h>
#include <ruleset/ruleset.h>
#include <table/image.h>
#include <table/records.h>
#include <util/auto.h>
#include <util/error.h>

/* Reads the records one after the other, in order. */
struct reader {
	struct records records;
	__u32 low;    /* the next lower half */
	__u32 prefix; /* the current one, as the position of its first record plus one */
	__u32 *seen;  /* for each set the last prefix that it had */
	struct prefix_list *regions;
	struct rule before;
	int error; /* of memory */
};

/* Lower halves are in the order of the rules that have them. */
static const char *check_low(struct reader *reader, size_t i, const struct rule *rule)
{
	size_t count4 = reader->records.count[IPF_IPV4];

	if (rule->prefix.family != IPF_IPV6 || rule->prefix.bits <= 64)
		return NULL;
	if (reader->records.rules6[i - count4].low != reader->low++)
		return "a rule's lower half isn't the next one";
	return NULL;
}

/* Each rule comes after the one before it, and no set has a prefix twice. */
static const char *check_order(struct reader *reader, size_t i, const struct rule *rule)
{
	const struct rule *before = &reader->before;

	if (i && rule_compare(before, rule) >= 0)
		return "the rules are not in order";
	if (!i || prefix_compare(&before->prefix, &rule->prefix) != 0)
		reader->prefix = (__u32)i + 1;
	if (records_is_mark(rule))
		return NULL;
	if (reader->seen[rule->set] == reader->prefix)
		return "a set has a prefix twice";
	reader->seen[rule->set] = reader->prefix;
	return NULL;
}

/* Regions are disjoint. */
static const char *add_region(struct reader *reader, const struct prefix *region)
{
	struct prefix_list *regions = reader->regions;

	if (regions->count && prefix_contains(&regions->items[regions->count - 1], region))
		return "a region is in another one";
	reader->error = prefix_list_add(regions, region);
	return NULL;
}

static const char *read_record(struct reader *reader, size_t i, struct ruleset *out)
{
	struct rule rule;
	const char *fault = records_read(&reader->records, i, &rule);

	if (!fault)
		fault = check_low(reader, i, &rule);
	if (!fault)
		fault = check_order(reader, i, &rule);
	if (fault)
		return fault;
	reader->before = rule;
	if (records_is_mark(&rule))
		return add_region(reader, &rule.prefix);
	out->rules[out->count++] = rule;
	return NULL;
}

static const char *read_records(struct reader *reader, struct ruleset *out)
{
	const struct records *records = &reader->records;
	size_t count = records->count[IPF_IPV4] + records->count[IPF_IPV6];
	const char *fault = NULL;

	for (size_t i = 0; i < count && !fault && !reader->error; i++)
		fault = read_record(reader, i, out);
	if (!fault && !reader->error && reader->low != records->header->low_count)
		fault = "a lower half belongs to no rule";
	return fault;
}

/* Into rules and regions, which are empty. */
static int decompile(const struct image *image, struct ruleset *rules, struct prefix_list *regions,
		     struct error *err)
{
	struct reader reader = { .regions = regions };
	const struct ipf_header *header = image_header(image);
	const char *fault;
	size_t count;

	records_of(image, &reader.records);
	count = reader.records.count[IPF_IPV4] + reader.records.count[IPF_IPV6];
	reader.seen = calloc(header->set_count, sizeof(*reader.seen));
	if (!reader.seen || ruleset_reserve(rules, count, header->set_count)) {
		free(reader.seen);
		return error_no_memory(err);
	}
	fault = read_records(&reader, rules);
	free(reader.seen);
	if (reader.error)
		return error_no_memory(err);
	if (fault)
		return image_damaged(err, fault);
	memcpy(rules->sets, reader.records.sets, header->set_count * sizeof(*rules->sets));
	rules->set_count = header->set_count;
	return 0;
}

int decompile_rules(const struct image *image, struct ruleset *out, struct error *err)
{
	struct prefix_list none = { 0 };
	int ret;

	ruleset_init(out);
	if (!image->data)
		return 0;
	ret = decompile(image, out, &none, err);
	if (ret)
		ruleset_done(out);
	prefix_list_done(&none);
	return ret;
}

int decompile_delta(const struct image *image, struct ruleset *rules, struct prefix_list *regions,
		    struct error *err)
{
	int ret;

	ruleset_init(rules);
	*regions = (struct prefix_list){ 0 };
	ret = decompile(image, rules, regions, err);
	if (!ret && !regions->count)
		ret = image_damaged(err, "a delta has no region");
	if (ret) {
		ruleset_done(rules);
		prefix_list_done(regions);
		*regions = (struct prefix_list){ 0 };
	}
	return ret;
}
