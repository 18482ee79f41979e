// SPDX-License-Identifier: GPL-2.0
/*
 * How do rules get to the packets, and back?
 */
#include <dataplane/table.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <dataplane/events.h>
#include <dataplane/half.h>
#include <dataplane/kernel.h>
#include <dataplane/slots.h>
#include <table/compile.h>
#include <table/decompile.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>

/* A writer is rarely faster than a reader, and never every time. */
#define MAX_READS 1000

/* -- Read -------------------------------------------------------------------------------------- */

/* Reads what this generation says is there. */
static int read_tables(const struct filter *filter, struct ipf_root *root,
		       struct table_snapshot *table)
{
	struct half half = { .filter = filter, .root = root };
	int ret;

	half.table = half_base(table->generation);
	ret = half_read(&half, &table->base);
	if (ret || !(table->generation & IPF_GENERATION_HAS_DELTA))
		return ret;
	half.table = half_delta(table->generation);
	return half_read(&half, &table->delta);
}

/* What was read counts only if the same table was live before and after. */
static int read_live(const struct filter *filter, struct ipf_root *root, struct table_snapshot *out)
{
	for (int i = 0; i < MAX_READS; i++) {
		int ret;

		out->generation = claim_live(root);
		ret = read_tables(filter, root, out);
		/* Nothing of the table may be read after the second look at what is live. */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (claim_live(root) == out->generation)
			return ret;
		table_snapshot_done(out);
	}
	return -EAGAIN;
}

static int read_checked(const struct filter *filter, struct table_snapshot *out, struct error *err)
{
	struct ipf_root *root = filter_map_root(filter, PROT_READ);
	int ret = root ? 0 : -errno;

	if (root) {
		ret = read_live(filter, root, out);
		munmap(root, sizeof(*root));
	}
	if (ret == -EBADMSG)
		return error_set(err, ret, "the rule table is damaged: its size is wrong");
	if (ret)
		return error_set(err, ret, "cannot read the live table: %s", kernel_strerror(ret));
	ret = image_check(&out->base, err);
	return ret ? ret : image_check(&out->delta, err);
}

/* Makes of the base's rules those of the table. */
static int merge_delta(const struct image *image, struct ruleset *rules, struct error *err)
{
	struct prefix_list regions;
	struct ruleset changed;
	struct delta delta;
	struct base base;
	int ret = decompile_delta(image, &changed, &regions, err);

	if (ret)
		return ret;
	base_from_ruleset(&base, rules);
	/* At tick 0 no rule has ended. */
	ret = delta_init(&delta, &base, 0, err);
	if (!ret)
		ret = delta_take(&delta, &changed, &regions, image_header(image)->replaced, err);
	if (!ret && delta_merge(&delta, rules))
		ret = error_no_memory(err);
	delta_done(&delta);
	ruleset_done(&changed);
	prefix_list_done(&regions);
	return ret;
}

static int rebuild_rules(const struct table_snapshot *table, struct ruleset *out, struct error *err)
{
	int ret = decompile_rules(&table->base, out, err);

	if (ret || !table->delta.data)
		return ret;
	ret = merge_delta(&table->delta, out, err);
	if (ret)
		ruleset_done(out);
	return ret;
}

int table_read(const struct filter *filter, struct ruleset *out, struct table_snapshot *table,
	       struct error *err)
{
	struct table_snapshot live = { 0 };
	int ret = read_checked(filter, &live, err);

	if (!ret)
		ret = rebuild_rules(&live, out, err);
	if (!ret && table)
		*table = live;
	else
		table_snapshot_done(&live);
	return ret;
}

void table_snapshot_done(struct table_snapshot *table)
{
	image_done(&table->base);
	image_done(&table->delta);
}

enum ipf_verdict table_lookup(const struct table_snapshot *table, const struct address *address,
			      __u32 now)
{
	enum ipf_verdict verdict = IPF_ASK_BASE;

	if (table->delta.data)
		verdict = image_lookup(&table->delta, address, now).verdict;
	return verdict == IPF_ASK_BASE ? image_lookup(&table->base, address, now).verdict : verdict;
}

/* -- Build ------------------------------------------------------------------------------------- */

/* The half that the live base, or the base of the table before it, is not in. */
static struct half other_base(const struct table_change *change)
{
	return (struct half){ change->filter, change->claim.root, change->slots,
			      !half_base(change->claim.live) };
}

static int compile(const struct ruleset *rules, struct image *image, struct error *err)
{
	int ret = compile_rules(rules, image);

	if (ret == -E2BIG)
		return error_set(err, ret, "%zu rules are more than one table can hold",
				 rules->count);
	if (ret)
		return error_set(err, ret, "out of memory for a table of %zu rules", rules->count);
	return 0;
}

/* Takes the new base out of its half, unless that is another command's by now. */
static void give_up(const struct table_change *change)
{
	const struct half next = other_base(change);

	if (change->step == CLAIM_BASE && claim_is_held(&change->claim))
		half_empty(&next);
}

/* Makes sure that no packet uses a half that is not live, as one may if a killed command made it
 * obsolete; and takes out what such a command left there. */
static int clear_way(const struct table_change *change)
{
	const struct half next = other_base(change);
	int ret = 0;

	if (!claim_is_settled(&change->claim))
		ret = claim_wait(&change->claim);
	return ret ? ret : half_empty(&next);
}

static int build(const struct table_change *change, const struct image *image)
{
	const struct half next = other_base(change);
	int ret = clear_way(change);

	if (ret)
		return ret;
	ret = half_write_base(&next, image);
	if (ret)
		give_up(change);
	return ret;
}

static int fill(struct table_change *change, const struct table_snapshot *live,
		struct ruleset *rules, struct error *err)
{
	struct image image = { 0 };
	int ret = blocks_assign(&change->blocks, &live->base, &live->delta, rules, err);

	if (!ret)
		ret = compile(rules, &image, err);
	if (ret)
		return ret;
	ret = build(change, &image);
	if (ret)
		error_set(err, ret, "cannot build the new table (%zu bytes): %s", image.size,
			  kernel_strerror(ret));
	image_done(&image);
	return ret;
}

/* -- Build a delta ----------------------------------------------------------------------------- */

/* Does the change leave each rule with a counter, or each without? */
static bool keeps_counting(const struct edit *edit)
{
	const bool counted = image_header(&edit->part.image)->layout.counters;
	size_t rules = delta_count_family(&edit->delta, IPF_IPV4) +
		       delta_count_family(&edit->delta, IPF_IPV6);

	return rules && blocks_are_wanted(edit->filter, rules) == counted;
}

static int write_delta(const struct table_change *change, const struct image *image)
{
	const struct half next = { change->filter, change->claim.root, change->slots,
				   half_delta(claim_next(change->claim.live, CLAIM_DELTA)) };
	int ret = half_write_delta(&next, image);

	return ret == -ENOENT ? -E2BIG : ret;
}

/* Are most of the counter slots up to the last one free? Rules keep theirs when the table is
 * compiled anew. So if each new rule got one after all others, a few old rules would keep many
 * blocks. */
static bool has_sparse_counters(const struct edit *edit)
{
	size_t rules = base_count(&edit->base) + edit->delta.rules.count;

	return edit->counter_end > 2 * rules + IPF_COUNTER_BLOCK;
}

/* New counters come after all others, because that needs no look at those of the base. */
static int extend_counters(struct table_change *change, struct edit *edit, struct error *err)
{
	struct blocks_reserved reserved = { 0 };
	__u32 first = edit->counter_end;
	auto_free __u32 *slots = NULL;

	if (has_sparse_counters(edit)) {
		int ret = edit_read_counters(edit, &slots, &reserved.count, err);

		if (ret)
			return ret;
		reserved.slots = slots;
		first = 0;
	}
	return blocks_extend(&change->blocks, first, &reserved, &edit->delta.rules, err);
}

static int build_delta(struct table_change *change, struct edit *edit, struct error *err)
{
	struct delta *delta = &edit->delta;
	struct image image;
	int ret = 0;

	if (image_header(&edit->part.image)->layout.counters)
		ret = extend_counters(change, edit, err);
	if (ret)
		return ret;
	ret = compile_delta(&delta->rules, &delta->regions, delta->replaced, &image);
	if (ret)
		return ret == -E2BIG ? ret : error_no_memory(err);
	ret = write_delta(change, &image);
	if (ret && ret != -E2BIG)
		error_set(err, ret, "cannot write the changed rules (%zu bytes): %s", image.size,
			  kernel_strerror(ret));
	image_done(&image);
	return ret;
}

static int fill_delta(struct table_change *change, struct edit *edit, struct error *err)
{
	int ret;

	if (!keeps_counting(edit))
		return -E2BIG;
	change->step = edit->delta.regions.count ? CLAIM_DELTA : CLAIM_NO_DELTA;
	ret = clear_way(change);
	if (ret)
		return error_set(err, ret, "cannot make room for the changed rules: %s",
				 kernel_strerror(ret));
	return change->step == CLAIM_DELTA ? build_delta(change, edit, err) : 0;
}

/* -- Change ------------------------------------------------------------------------------------ */

static int open_change(const struct filter *filter, __u32 live, struct table_change *out,
		       struct error *err)
{
	struct table_change change = { .filter = filter };
	int ret;

	change.slots = slots_map(filter, PROT_READ | PROT_WRITE);
	if (!change.slots) {
		ret = -errno;
		return error_set(err, ret, "cannot map the slots of the table: %s",
				 kernel_strerror(ret));
	}
	ret = blocks_open(filter, change.slots, &change.blocks, err);
	if (ret)
		goto unmap_slots;
	ret = claim_take(filter, live, &change.claim, err);
	if (ret)
		goto free_blocks;
	*out = change;
	return 0;

free_blocks:
	blocks_done(&change.blocks);
unmap_slots:
	slots_unmap(change.slots);
	return ret;
}

static void close_change(struct table_change *change)
{
	claim_release(&change->claim);
	blocks_done(&change->blocks);
	slots_unmap(change->slots);
	memset(change, 0, sizeof(*change));
}

int table_prepare(const struct filter *filter, const struct table_snapshot *live,
		  struct ruleset *rules, struct table_change *out, struct error *err)
{
	struct table_change change;
	int ret = open_change(filter, live->generation, &change, err);

	if (ret)
		return ret;
	ret = fill(&change, live, rules, err);
	if (ret)
		close_change(&change);
	else
		*out = change;
	return ret;
}

int table_prepare_edit(struct edit *edit, struct table_change *out, struct error *err)
{
	struct table_change change;
	int ret = open_change(edit->filter, edit->generation, &change, err);

	if (ret)
		return ret;
	ret = fill_delta(&change, edit, err);
	if (ret)
		close_change(&change);
	else
		*out = change;
	return ret;
}

static int publish(struct table_change *change, struct error *err)
{
	return claim_publish(&change->claim, claim_next(change->claim.live, change->step), err);
}

/* Releases what only the old table has, and what killed commands left. A delta leaves nothing: its
 * chunk is needed again, and the counters of its rules until the table is compiled anew. */
static void clean_up(const struct table_change *change)
{
	const struct half old = other_base(change);

	events_sweep(change->filter, change->claim.root);
	if (change->step != CLAIM_BASE)
		return;
	half_empty(&old);
	blocks_drop_unused(&change->blocks);
}

int table_commit(struct table_change *change, struct error *err)
{
	int ret = publish(change, err);

	if (!ret) {
		int wait = claim_wait(&change->claim);

		/* If we cannot wait, the next command does, and cleans up. */
		if (wait)
			log_verbose("cannot wait for in-flight packets: %s", kernel_strerror(wait));
		else
			clean_up(change);
	}
	close_change(change);
	return ret;
}

void table_abort(struct table_change *change)
{
	give_up(change);
	close_change(change);
}

int table_fill(const struct filter *filter, struct ruleset *rules, struct error *err)
{
	struct table_change change;
	int ret = table_prepare(filter, &(struct table_snapshot){ 0 }, rules, &change, err);

	if (ret)
		return ret;
	ret = publish(&change, err);
	if (!ret)
		claim_settle(&change.claim);
	close_change(&change);
	return ret;
}
