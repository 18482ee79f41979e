// SPDX-License-Identifier: GPL-2.0
/*
 * How does a large table change a little?
 */
#include <dataplane/edit.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <dataplane/blocks.h>
#include <dataplane/claim.h>
#include <dataplane/kernel.h>
#include <dataplane/slots.h>
#include <ruleset/tick.h>
#include <table/decompile.h>
#include <util/error.h>

/* -- The base ---------------------------------------------------------------------------------- */

static const struct ipf_layout *base_layout(const struct edit *edit)
{
	return &image_header(&edit->part.image)->layout;
}

static int need_low(const struct edit *edit, const struct ipf_rule6 *rule)
{
	if (rule->bits <= 64 || rule->low >= edit->records.header->low_count)
		return 0;
	return half_part_need(&edit->part, base_layout(edit)->lows + rule->low * sizeof(__u64),
			      sizeof(__u64));
}

/* Reads all that the image has of rule i. */
static int need_rule(const struct edit *edit, size_t i)
{
	const struct half_part *part = &edit->part;
	const struct ipf_layout *layout = base_layout(edit);
	size_t count4 = edit->base.count[IPF_IPV4];
	int ret;

	if (i < count4)
		ret = half_part_need(part,
				     layout->space[IPF_IPV4].rules + i * sizeof(struct ipf_rule4),
				     sizeof(struct ipf_rule4));
	else
		ret = half_part_need(part,
				     layout->space[IPF_IPV6].rules +
					     (i - count4) * sizeof(struct ipf_rule6),
				     sizeof(struct ipf_rule6));
	if (!ret && i >= count4)
		ret = need_low(edit, &edit->records.rules6[i - count4]);
	if (!ret && layout->timers)
		ret = half_part_need(part, layout->timers + i * sizeof(struct ipf_timer),
				     sizeof(struct ipf_timer));
	if (!ret && layout->counters)
		ret = half_part_need(part, layout->counters + i * sizeof(__u32), sizeof(__u32));
	return ret;
}

static int refuse_part(int ret, struct error *err)
{
	if (ret == -EBADMSG)
		return image_damaged(err, "a part of it is missing");
	return error_set(err, ret, "cannot read the live table: %s", kernel_strerror(ret));
}

static int read_rule(const void *context, size_t i, struct rule *out, struct error *err)
{
	const struct edit *edit = context;
	int ret = need_rule(edit, i);

	return ret ? refuse_part(ret, err) : edit->whole.read(edit->whole.context, i, out, err);
}

/* Reads what the image has of all rules, but for timers, counters and lower halves. */
static int need_rules(const struct edit *edit)
{
	const struct ipf_layout *layout = base_layout(edit);
	const struct half_part *part = &edit->part;
	int ret = half_part_need(part, layout->space[IPF_IPV4].rules,
				 edit->base.count[IPF_IPV4] * sizeof(struct ipf_rule4));

	return ret ? ret :
		     half_part_need(part, layout->space[IPF_IPV6].rules,
				    edit->base.count[IPF_IPV6] * sizeof(struct ipf_rule6));
}

/* If the rules cannot be read, the caller finds that out by the first one. */
static size_t seek_sets(const void *context, size_t from, const bool *sets)
{
	const struct edit *edit = context;

	return need_rules(edit) ? from : edit->whole.seek(edit->whole.context, from, sets);
}

static int tally_sets(const void *context, struct base_tally *sets, struct error *err)
{
	const struct edit *edit = context;
	int ret = need_rules(edit);

	return ret ? refuse_part(ret, err) : edit->whole.tally(edit->whole.context, sets, err);
}

static int check_base(const struct edit *edit, struct error *err)
{
	const struct image *image = &edit->part.image;
	const struct ipf_header *header = image_header(image);
	int ret = image_check_header(image, err);

	if (ret)
		return ret;
	ret = half_part_need(&edit->part, header->sets, header->set_count * sizeof(struct ipf_set));
	return ret ? refuse_part(ret, err) : image_check_sets(image, err);
}

static int open_base(struct edit *edit, struct error *err)
{
	const struct half half = { edit->filter, edit->root, edit->slots,
				   half_base(edit->generation) };
	const struct image *image = &edit->part.image;
	int ret = half_part_open(&half, &edit->part);

	if (ret)
		return refuse_part(ret, err);
	ret = check_base(edit, err);
	if (ret)
		return ret;
	records_of(image, &edit->records);
	base_from_records(&edit->whole, &edit->records);
	edit->base = edit->whole;
	edit->base.context = edit;
	edit->base.read = read_rule;
	edit->base.seek = seek_sets;
	edit->base.tally = tally_sets;
	edit->counter_end = image_header(image)->counter_end;
	return 0;
}

/* -- The delta --------------------------------------------------------------------------------- */

static int copy_counters(struct edit *edit, const struct image *image, struct error *err)
{
	const __u32 *slots = image_counters(image, &edit->counter_count);

	if (!edit->counter_count)
		return 0;
	edit->counters = malloc(edit->counter_count * sizeof(*slots));
	if (!edit->counters)
		return error_no_memory(err);
	memcpy(edit->counters, slots, edit->counter_count * sizeof(*slots));
	return 0;
}

static int take_delta(struct edit *edit, const struct image *image, struct error *err)
{
	const struct ipf_header *header = image_header(image);
	struct prefix_list regions;
	struct ruleset rules;
	int ret = image_check(image, err);

	if (!ret)
		ret = copy_counters(edit, image, err);
	if (!ret)
		ret = decompile_delta(image, &rules, &regions, err);
	if (ret)
		return ret;
	ret = delta_take(&edit->delta, &rules, &regions, header->replaced, err);
	ruleset_done(&rules);
	prefix_list_done(&regions);
	if (header->counter_end > edit->counter_end)
		edit->counter_end = header->counter_end;
	return ret;
}

static int open_delta(struct edit *edit, __u32 now, struct error *err)
{
	const struct half half = { edit->filter, edit->root, edit->slots,
				   half_delta(edit->generation) };
	struct image image;
	int ret = delta_init(&edit->delta, &edit->base, now, err);

	if (ret || !(edit->generation & IPF_GENERATION_HAS_DELTA))
		return ret;
	ret = half_read(&half, &image);
	if (ret)
		return refuse_part(ret, err);
	ret = take_delta(edit, &image, err);
	image_done(&image);
	return ret;
}

/* -- Open -------------------------------------------------------------------------------------- */

static int refuse_map(struct error *err)
{
	int ret = -errno;

	return error_set(err, ret, "cannot read the live table: %s", kernel_strerror(ret));
}

/* Leaves a small table alone as soon as that is known: most have no other. */
static int map(struct edit *edit, struct error *err)
{
	edit->root = filter_map_root(edit->filter, PROT_READ);
	if (!edit->root)
		return refuse_map(err);
	edit->generation = claim_live(edit->root);
	if (!half_is_large(edit->root, edit->generation))
		return -E2BIG;
	edit->slots = slots_map(edit->filter, PROT_READ);
	if (!edit->slots)
		return refuse_map(err);
	return half_has_delta_chunks(edit->slots) ? 0 : -E2BIG;
}

int edit_open(const struct filter *filter, __u32 now, struct edit *out, struct error *err)
{
	int ret;

	*out = (struct edit){ .filter = filter };
	ret = map(out, err);
	if (!ret)
		ret = open_base(out, err);
	if (!ret)
		ret = open_delta(out, now, err);
	/* A table that another command replaces meanwhile seems to be damaged. */
	if (ret == -EBADMSG && claim_live(out->root) != out->generation) {
		error_clear(err);
		ret = edit_check(out, err);
	}
	if (ret)
		edit_done(out);
	return ret;
}

void edit_done(struct edit *edit)
{
	free(edit->counters);
	delta_done(&edit->delta);
	half_part_done(&edit->part);
	slots_unmap(edit->slots);
	if (edit->root)
		munmap(edit->root, sizeof(*edit->root));
	*edit = (struct edit){ 0 };
}

struct edit_identity edit_identity(const struct edit *edit)
{
	const struct ipf_header *header = image_header(&edit->part.image);

	return (struct edit_identity){ header->size, header->sum };
}

int edit_check(const struct edit *edit, struct error *err)
{
	return claim_check_live(edit->root, edit->generation, err);
}

/* -- Questions --------------------------------------------------------------------------------- */

/* No image of a delta with more records fits into a chunk. */
#define MAX_DELTA (IPF_CHUNK_SIZE / 16)

/* Each change reads and compiles the whole delta: its cost grows with the delta. To compile a table
 * of n rules anew costs as much per rule. If that is done after every d changes of one rule, a
 * change costs d / 2 + n / d rules on average, least with d = sqrt(2 n); twice as much is little
 * worse, and better for packets. A change of many rules may make the delta larger, as it costs more
 * itself. */
size_t edit_limit(const struct edit *edit, size_t count)
{
	size_t rules = base_count(&edit->base), limit = 64;

	while (limit * limit < 16 * rules)
		limit *= 2;
	if (count > limit / 8)
		limit = count < MAX_DELTA ? count * 8 : MAX_DELTA;
	if (limit > MAX_DELTA)
		limit = MAX_DELTA;
	return limit < rules / 8 ? limit : rules / 8;
}

int edit_read_counters(const struct edit *edit, __u32 **out, size_t *count, struct error *err)
{
	size_t of_base = base_count(&edit->base), of_delta = edit->counter_count;
	int ret = half_part_need(&edit->part, base_layout(edit)->counters, of_base * sizeof(**out));

	if (ret)
		return refuse_part(ret, err);
	*out = malloc((of_base + of_delta) * sizeof(**out));
	if (!*out)
		return error_no_memory(err);
	memcpy(*out, edit->records.counters, of_base * sizeof(**out));
	if (of_delta)
		memcpy(*out + of_base, edit->counters, of_delta * sizeof(**out));
	*count = of_base + of_delta;
	return 0;
}

/* Does rule i of the base pass, and hold? */
static int passes(const struct edit *edit, size_t i, bool *out, struct error *err)
{
	struct rule rule;
	int ret = read_rule(edit, i, &rule, err);

	*out = !ret && rule.verdict == IPF_PASS && !tick_ended(rule.expires, edit->delta.now) &&
	       !prefix_list_covers(&edit->delta.regions, &rule.prefix);
	return ret;
}

int edit_find_pass(const struct edit *edit, bool *out, struct error *err)
{
	size_t count4 = edit->base.count[IPF_IPV4], count = base_count(&edit->base);
	int ret = need_rules(edit);

	*out = false;
	if (ret)
		return refuse_part(ret, err);
	for (size_t i = 0; i < edit->delta.rules.count && !*out; i++)
		*out = edit->delta.rules.rules[i].verdict == IPF_PASS;
	for (size_t i = 0; i < count && !*out && !ret; i++) {
		__u8 verdict = i < count4 ? edit->records.rules4[i].verdict :
					    edit->records.rules6[i - count4].verdict;

		if (verdict != IPF_DROP)
			ret = passes(edit, i, out, err);
	}
	return ret;
}
