// SPDX-License-Identifier: GPL-2.0
/*
 * How are the rules of a table image read back?
 */
#include <table/decompile.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/ruleset.h>
#include <table/image.h>
#include <util/auto.h>
#include <util/error.h>

/* What is wrong with a rule that was read; NULL: nothing. */
static const char *rule_fault(const struct rule *rule, __u32 set_count)
{
	const struct prefix *prefix = &rule->prefix;
	struct ipf_key host_mask;

	if (prefix->bits > address_family_bits(prefix->family))
		return "a rule's prefix is too long";
	host_mask = prefix_last(&(struct prefix){ .bits = prefix->bits });
	if ((prefix->key.high & host_mask.high) || (prefix->key.low & host_mask.low))
		return "a rule's prefix has host bits";
	if (rule->verdict != IPF_PASS && rule->verdict != IPF_DROP)
		return "a rule has no verdict";
	if (rule->set >= set_count)
		return "a rule belongs to no set";
	if (rule->counter != IPF_NO_COUNTER &&
	    rule->counter / IPF_COUNTER_BLOCK >= IPF_COUNTER_BLOCKS)
		return "a rule's counter is out of range";
	return NULL;
}

/* Reads the rules one after the other, in order. */
struct reader {
	const struct ipf_header *header;
	const struct ipf_rule4 *rules4;
	const struct ipf_rule6 *rules6;
	const struct ipf_timer *timers;
	const __u32 *counters;
	const __u64 *lows;
	__u32 low;    /* the next lower half */
	__u32 prefix; /* the current one, as the position of its first rule plus one */
	__u32 *seen;  /* for each set the last prefix that it had */
};

static const char *read_rule6(struct reader *reader, __u32 position, struct rule *out)
{
	const struct ipf_rule6 *rule = &reader->rules6[position];

	*out = (struct rule){
		.prefix = { { rule->high, 0 }, IPF_IPV6, rule->bits },
		.verdict = rule->verdict,
		.set = rule->set,
	};
	if (rule->bits <= 64)
		return rule->low ? "a rule has a lower half that it doesn't need" : NULL;
	if (rule->low != reader->low || rule->low >= reader->header->low_count)
		return "a rule's lower half isn't the next one";
	out->prefix.key.low = reader->lows[reader->low++];
	return NULL;
}

static const char *read_rule(struct reader *reader, __u32 i, struct rule *out)
{
	const struct ipf_layout *layout = &reader->header->layout;
	__u32 count4 = layout->space[IPF_IPV4].rule_count;
	const char *fault = NULL;

	if (i < count4) {
		const struct ipf_rule4 *rule = &reader->rules4[i];

		*out = (struct rule){
			.prefix = { { (__u64)rule->address << 32, 0 }, IPF_IPV4, rule->bits },
			.verdict = rule->verdict,
			.set = rule->set,
		};
	} else {
		fault = read_rule6(reader, i - count4, out);
	}
	out->expires = layout->timers ? reader->timers[i].expires : IPF_NEVER;
	out->counter = layout->counters ? reader->counters[i] : IPF_NO_COUNTER;
	return fault ? fault : rule_fault(out, reader->header->set_count);
}

/* Each rule comes after the one before it, and no set has a prefix twice. */
static const char *check_order(struct reader *reader, const struct rule *rule, __u32 i)
{
	const struct rule *before = rule - 1;

	if (i && rule_compare(before, rule) >= 0)
		return "the rules are not in order";
	if (!i || prefix_compare(&before->prefix, &rule->prefix) != 0)
		reader->prefix = i + 1;
	if (reader->seen[rule->set] == reader->prefix)
		return "a set has a prefix twice";
	reader->seen[rule->set] = reader->prefix;
	return NULL;
}

static const char *read_rules(struct reader *reader, struct rule *rules, size_t count)
{
	const char *fault = NULL;

	for (__u32 i = 0; i < count && !fault; i++) {
		fault = read_rule(reader, i, &rules[i]);
		if (!fault)
			fault = check_order(reader, &rules[i], i);
	}
	if (!fault && reader->low != reader->header->low_count)
		fault = "a lower half belongs to no rule";
	return fault;
}

int decompile_rules(const struct image *image, struct ruleset *out, struct error *err)
{
	const struct ipf_header *header = image_header(image);
	const struct ipf_layout *layout;
	auto_free __u32 *seen = NULL;
	const char *fault;
	size_t count;

	ruleset_init(out);
	if (!image->data)
		return 0;
	layout = &header->layout;
	count = (size_t)layout->space[IPF_IPV4].rule_count + layout->space[IPF_IPV6].rule_count;
	seen = calloc(header->set_count, sizeof(*seen));
	if (!seen || ruleset_reserve(out, count, header->set_count)) {
		ruleset_done(out);
		return error_no_memory(err);
	}
	fault = read_rules(
		&(struct reader){
			.header = header,
			.rules4 = image_at(image, layout->space[IPF_IPV4].rules),
			.rules6 = image_at(image, layout->space[IPF_IPV6].rules),
			.timers = image_at(image, layout->timers),
			.counters = image_at(image, layout->counters),
			.lows = image_at(image, layout->lows),
			.seen = seen,
		},
		out->rules, count);
	if (fault) {
		ruleset_done(out);
		return image_damaged(err, fault);
	}
	memcpy(out->sets, image_at(image, header->sets), header->set_count * sizeof(*out->sets));
	out->count = count;
	out->set_count = header->set_count;
	return 0;
}
