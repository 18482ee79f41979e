// SPDX-License-Identifier: GPL-2.0
/*
 * Which table of a filter do packets use, and who may replace it?
 */
#include <dataplane/claim.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include <dataplane/kernel.h>
#include <dataplane/map.h>
#include <dataplane/ticket.h>
#include <util/auto.h>
#include <util/error.h>

#define CLAIM_NAME "ipf_claim"

/* -- The word: a generation below, a claim above ----------------------------------------------- */

static __u32 generation_of(__u64 word)
{
	return (__u32)(word & IPF_GENERATION_MASK);
}

static __u32 claim_of(__u64 word)
{
	return (__u32)(word >> IPF_CLAIM_SHIFT);
}

static __u64 make_word(__u32 generation, __u32 claim)
{
	return (__u64)claim << IPF_CLAIM_SHIFT | generation;
}

static __u64 own_word(const struct claim *claim)
{
	return make_word(claim->live, claim->id);
}

__u32 claim_live(const struct ipf_root *root)
{
	return generation_of(__atomic_load_n(&root->generation, __ATOMIC_ACQUIRE));
}

/* The step leaves the lowest bits alone, also where the number starts again. */
__u32 claim_next(__u32 live, enum claim_step step)
{
	__u32 next = live + IPF_GENERATION_STEP;

	if (step == CLAIM_BASE)
		next ^= IPF_GENERATION_BASE;
	if (step == CLAIM_DELTA)
		return (next ^ IPF_GENERATION_DELTA) | IPF_GENERATION_HAS_DELTA;
	return next & ~IPF_GENERATION_HAS_DELTA;
}

/* False: the word is not ours any more, and stays as it is. */
static bool change_word(const struct claim *claim, __u64 to)
{
	__u64 from = own_word(claim);

	return __atomic_compare_exchange_n(&claim->root->generation, &from, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* -- Take and release -------------------------------------------------------------------------- */

static int refuse_changed(struct error *err)
{
	return error_set(err, -EAGAIN,
			 "another command changed its rules at the same moment; nothing was "
			 "changed here, try again");
}

int claim_check_live(const struct ipf_root *root, __u32 live, struct error *err)
{
	/* Nothing of the table may be read after the look at what is live. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return claim_live(root) == live ? 0 : refuse_changed(err);
}

static int refuse_claimed(__u32 id, struct error *err)
{
	char holder[TICKET_HOLDER_SIZE];

	ticket_holder(id, holder);
	return error_set(err, -EBUSY,
			 "%s is changing its rules; nothing was changed here, try again or wait "
			 "longer with --lock-timeout",
			 holder);
}

static int take(const struct claim *claim, struct error *err)
{
	__u64 *word = &claim->root->generation;
	__u64 seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);

	do {
		if (generation_of(seen) != claim->live)
			return refuse_changed(err);
		if (claim_of(seen) && ticket_is_held(claim_of(seen), CLAIM_NAME))
			return refuse_claimed(claim_of(seen), err);
	} while (!__atomic_compare_exchange_n(word, &seen, own_word(claim), false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	return 0;
}

/* Leaves what it opened to close_claim(), on failure too. */
static int open_claim(struct claim *claim, struct error *err)
{
	int ret;

	claim->root = filter_map_root(claim->filter, PROT_READ | PROT_WRITE);
	if (!claim->root) {
		ret = -errno;
		return error_set(err, ret, "cannot map the root of the table: %s",
				 kernel_strerror(ret));
	}
	claim->ticket = ticket_make(CLAIM_NAME, &claim->id);
	if (claim->ticket < 0)
		return error_set(err, claim->ticket,
				 "cannot make a map to claim the table with: %s",
				 kernel_strerror(claim->ticket));
	claim->barrier = map_create(BPF_MAP_TYPE_ARRAY, "ipf_barrier", sizeof(__u32));
	if (claim->barrier < 0)
		return error_set(err, claim->barrier, "cannot make a map to wait with: %s",
				 kernel_strerror(claim->barrier));
	return 0;
}

static void close_claim(struct claim *claim)
{
	auto_release_fd(&claim->barrier);
	auto_release_fd(&claim->ticket);
	if (claim->root)
		munmap(claim->root, sizeof(*claim->root));
	*claim = (struct claim){ .ticket = -1, .barrier = -1 };
}

int claim_take(const struct filter *filter, __u32 live, struct claim *out, struct error *err)
{
	struct claim claim = { .filter = filter, .live = live, .ticket = -1, .barrier = -1 };
	int ret = open_claim(&claim, err);

	if (!ret)
		ret = take(&claim, err);
	if (ret)
		close_claim(&claim);
	else
		*out = claim;
	return ret;
}

bool claim_is_held(const struct claim *claim)
{
	return __atomic_load_n(&claim->root->generation, __ATOMIC_ACQUIRE) == own_word(claim);
}

void claim_release(struct claim *claim)
{
	change_word(claim, make_word(claim->live, 0));
	close_claim(claim);
}

/* -- Publish and wait -------------------------------------------------------------------------- */

int claim_publish(struct claim *claim, __u32 next, struct error *err)
{
	if (!change_word(claim, make_word(next, claim->id)))
		return refuse_changed(err);
	claim->live = next;
	return 0;
}

bool claim_is_settled(const struct claim *claim)
{
	return claim->root->settled == claim->live;
}

void claim_settle(const struct claim *claim)
{
	claim->root->settled = claim->live;
}

/* The kernel returns from an update of an array of maps only after all in-flight packets are done
 * (synchronize_rcu). */
int claim_wait(const struct claim *claim)
{
	__u32 only = 0;

	if (bpf_map_update_elem(claim->filter->maps[FILTER_BARRIER], &only, &claim->barrier,
				BPF_ANY))
		return -errno;
	claim_settle(claim);
	return 0;
}
