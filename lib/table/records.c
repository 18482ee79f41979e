// SPDX-License-Identifier: GPL-2.0
/*
 * What does one record of a table image say?
 */
#include <table/records.h>

#include <ruleset/prefix.h>
#include <ruleset/rule.h>
#include <table/image.h>

void records_of(const struct image *image, struct records *out)
{
	const struct ipf_header *header = image_header(image);
	const struct ipf_layout *layout = &header->layout;

	*out = (struct records){
		.header = header,
		.rules4 = image_at(image, layout->space[IPF_IPV4].rules),
		.rules6 = image_at(image, layout->space[IPF_IPV6].rules),
		.timers = image_at(image, layout->timers),
		.counters = image_at(image, layout->counters),
		.lows = image_at(image, layout->lows),
		.sets = image_at(image, header->sets),
		.count = { layout->space[IPF_IPV4].rule_count, layout->space[IPF_IPV6].rule_count },
		.are_marked = image->origin,
	};
}

bool records_is_mark(const struct rule *rule)
{
	return rule->verdict == IPF_NO_VERDICT;
}

static const char *mark_fault(const struct records *records, const struct rule *rule)
{
	if (!records->are_marked || !records_is_mark(rule) || rule->set != IPF_REGION_SET)
		return "a rule has no verdict";
	if (rule->expires != IPF_NEVER || rule->counter != IPF_NO_COUNTER)
		return "a region has a timer or a counter";
	return NULL;
}

static const char *rule_fault(const struct records *records, const struct rule *rule)
{
	const struct prefix *prefix = &rule->prefix;
	struct ipf_key host_mask;

	if (prefix->bits > address_family_bits(prefix->family))
		return "a rule's prefix is too long";
	host_mask = prefix_last(&(struct prefix){ .bits = prefix->bits });
	if ((prefix->key.high & host_mask.high) || (prefix->key.low & host_mask.low))
		return "a rule's prefix has host bits";
	if (prefix->bits < records->header->shortest[prefix->family])
		return "a rule's prefix is shorter than the header says";
	if (rule->verdict != IPF_PASS && rule->verdict != IPF_DROP)
		return mark_fault(records, rule);
	if (rule->set >= records->header->set_count)
		return "a rule belongs to no set";
	if (rule->counter != IPF_NO_COUNTER &&
	    rule->counter / IPF_COUNTER_BLOCK >= IPF_COUNTER_BLOCKS)
		return "a rule's counter is out of range";
	return NULL;
}

static const char *read_rule6(const struct records *records, size_t i, struct rule *out)
{
	const struct ipf_rule6 *rule = &records->rules6[i];

	*out = (struct rule){
		.prefix = { { rule->high, 0 }, IPF_IPV6, rule->bits },
		.verdict = rule->verdict,
		.set = rule->set,
	};
	if (rule->bits <= 64)
		return rule->low ? "a rule has a lower half that it doesn't need" : NULL;
	if (rule->low >= records->header->low_count)
		return "a rule's lower half is out of range";
	out->prefix.key.low = records->lows[rule->low];
	return NULL;
}

const char *records_read(const struct records *records, size_t i, struct rule *out)
{
	const struct ipf_layout *layout = &records->header->layout;
	const char *fault = NULL;

	if (i < records->count[IPF_IPV4]) {
		const struct ipf_rule4 *rule = &records->rules4[i];

		*out = (struct rule){
			.prefix = { { (__u64)rule->address << 32, 0 }, IPF_IPV4, rule->bits },
			.verdict = rule->verdict,
			.set = rule->set,
		};
	} else {
		fault = read_rule6(records, i - records->count[IPF_IPV4], out);
	}
	out->expires = layout->timers ? records->timers[i].expires : IPF_NEVER;
	out->counter = layout->counters ? records->counters[i] : IPF_NO_COUNTER;
	return fault ? fault : rule_fault(records, out);
}
