// SPDX-License-Identifier: GPL-2.0
/*
 * How do rules get to the packets, and back?
 */
#include <dataplane/table.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <dataplane/half.h>
#include <dataplane/kernel.h>
#include <dataplane/slots.h>
#include <table/compile.h>
#include <table/decompile.h>
#include <util/error.h>
#include <util/log.h>

/* A writer is rarely faster than a reader, and never every time. */
#define MAX_READS 1000

/* -- Read -------------------------------------------------------------------------------------- */

/* What was read counts only if the same table was live before and after. */
static int read_live(const struct filter *filter, struct ipf_root *root, struct table_snapshot *out)
{
	for (int i = 0; i < MAX_READS; i++) {
		struct half half = { .filter = filter, .root = root };
		int ret;

		half.generation = claim_live(root);
		ret = half_read(&half, &out->image);
		/* Nothing of the table may be read after the second look at what is live. */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (claim_live(root) == half.generation) {
			out->generation = half.generation;
			return ret;
		}
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
	ret = image_check(&out->image, err);
	if (ret)
		table_snapshot_done(out);
	return ret;
}

int table_read(const struct filter *filter, struct ruleset *out, struct table_snapshot *table,
	       struct error *err)
{
	struct table_snapshot live = { 0 };
	int ret = read_checked(filter, &live, err);

	if (!ret)
		ret = decompile_rules(&live.image, out, err);
	if (!ret && table)
		*table = live;
	else
		table_snapshot_done(&live);
	return ret;
}

void table_snapshot_done(struct table_snapshot *table)
{
	image_done(&table->image);
}

/* -- Build ------------------------------------------------------------------------------------- */

static struct half half_of(const struct table_change *change, __u32 generation)
{
	return (struct half){ change->filter, change->claim.root, change->slots, generation };
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

/* Takes the new table out of its half, unless that is another command's by now. */
static void give_up(const struct table_change *change)
{
	const struct half next = half_of(change, change->claim.live + 1);

	if (claim_is_held(&change->claim))
		half_empty(&next);
}

static int build(const struct table_change *change, const struct image *image)
{
	const struct half next = half_of(change, change->claim.live + 1);
	int ret = 0;

	/* Packets may still use this half if a killed command made it obsolete. */
	if (!claim_is_settled(&change->claim))
		ret = claim_wait(&change->claim);
	if (ret)
		return ret;
	ret = half_empty(&next);
	if (!ret)
		ret = half_write(&next, image);
	if (ret)
		give_up(change);
	return ret;
}

static int fill(struct table_change *change, const struct image *live, struct ruleset *rules,
		struct error *err)
{
	struct image image = { 0 };
	int ret = blocks_assign(&change->blocks, live, rules, err);

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
	ret = fill(&change, &live->image, rules, err);
	if (ret)
		close_change(&change);
	else
		*out = change;
	return ret;
}

/* Releases what only the old table has, and what killed commands left. */
static void clean_up(const struct table_change *change)
{
	const struct half old = half_of(change, change->claim.live - 1);

	half_empty(&old);
	blocks_drop_unused(&change->blocks);
}

int table_commit(struct table_change *change, struct error *err)
{
	int ret = claim_publish(&change->claim, err);

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
	ret = claim_publish(&change.claim, err);
	if (!ret)
		claim_settle(&change.claim);
	close_change(&change);
	return ret;
}
