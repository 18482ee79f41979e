// SPDX-License-Identifier: GPL-2.0
/*
 * Which sources send the most packets?
 *
 * A hash finds the counter of a source, a heap the counter with the least packets.
 */
#include <ruleset/talkers.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int talkers_init(struct talkers *talkers, __u32 capacity)
{
	__u32 buckets = 1;

	while (buckets < 2 * capacity)
		buckets *= 2;
	*talkers = (struct talkers){ .capacity = capacity, .mask = buckets - 1 };
	talkers->items = calloc(capacity, sizeof(*talkers->items));
	talkers->heap = calloc(capacity, sizeof(*talkers->heap));
	talkers->buckets = calloc(buckets, sizeof(*talkers->buckets));
	if (talkers->items && talkers->heap && talkers->buckets)
		return 0;
	talkers_done(talkers);
	return -ENOMEM;
}

void talkers_done(struct talkers *talkers)
{
	free(talkers->items);
	free(talkers->heap);
	free(talkers->buckets);
	*talkers = (struct talkers){ 0 };
}

void talkers_clear(struct talkers *talkers)
{
	memset(talkers->buckets, 0, ((size_t)talkers->mask + 1) * sizeof(*talkers->buckets));
	talkers->count = 0;
	talkers->total = 0;
}

/* -- Hash -------------------------------------------------------------------------------------- */

/* Mixes as the end of MurmurHash3 does. */
static __u64 mix(__u64 value)
{
	value ^= value >> 33;
	value *= 0xff51afd7ed558ccdull;
	value ^= value >> 33;
	value *= 0xc4ceb9fe1a85ec53ull;
	return value ^ value >> 33;
}

static __u32 *bucket_of(const struct talkers *talkers, const struct prefix *prefix, __u8 verdict)
{
	const struct ipf_key *key = &prefix->key;
	__u64 hash = mix(key->high ^ mix(key->low ^ (__u64)prefix->bits << 8 ^ verdict));

	return &talkers->buckets[hash & talkers->mask];
}

static bool is_of(const struct talker *talker, const struct prefix *prefix, __u8 verdict)
{
	return talker->verdict == verdict && talker->prefix.bits == prefix->bits &&
	       talker->prefix.family == prefix->family &&
	       !address_key_compare(&talker->prefix.key, &prefix->key);
}

static struct talker *find(const struct talkers *talkers, const struct prefix *prefix, __u8 verdict)
{
	__u32 at = *bucket_of(talkers, prefix, verdict);

	while (at && !is_of(&talkers->items[at - 1], prefix, verdict))
		at = talkers->items[at - 1].next;
	return at ? &talkers->items[at - 1] : NULL;
}

static void link_item(struct talkers *talkers, __u32 position)
{
	struct talker *talker = &talkers->items[position];
	__u32 *bucket = bucket_of(talkers, &talker->prefix, talker->verdict);

	talker->next = *bucket;
	*bucket = position + 1;
}

static void unlink_item(const struct talkers *talkers, __u32 position)
{
	const struct talker *talker = &talkers->items[position];
	__u32 *link = bucket_of(talkers, &talker->prefix, talker->verdict);

	while (*link != position + 1)
		link = &talkers->items[*link - 1].next;
	*link = talker->next;
}

/* -- Heap -------------------------------------------------------------------------------------- */

static __u64 packets_at(const struct talkers *talkers, __u32 at)
{
	return talkers->items[talkers->heap[at]].packets;
}

static void put(struct talkers *talkers, __u32 at, __u32 position)
{
	talkers->heap[at] = position;
	talkers->items[position].heap_at = at;
}

static void swap(struct talkers *talkers, __u32 a, __u32 b)
{
	const __u32 position = talkers->heap[a];

	put(talkers, a, talkers->heap[b]);
	put(talkers, b, position);
}

/* A counter that has grown sinks. */
static void sink(struct talkers *talkers, __u32 at)
{
	for (;;) {
		__u32 least = at;

		for (__u32 child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < talkers->count &&
			    packets_at(talkers, child) < packets_at(talkers, least))
				least = child;
		if (least == at)
			return;
		swap(talkers, at, least);
		at = least;
	}
}

/* A new counter has no packets yet, so it rises to the top. */
static void rise(struct talkers *talkers, __u32 at)
{
	while (at && packets_at(talkers, at) < packets_at(talkers, (at - 1) / 2)) {
		swap(talkers, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

/* -- Count ------------------------------------------------------------------------------------- */

/* A counter for another source: a free one, or that with the least packets. */
static struct talker *take_counter(struct talkers *talkers, __u64 *error)
{
	__u32 position = talkers->count;

	*error = 0;
	if (talkers->count < talkers->capacity) {
		talkers->count++;
		return &talkers->items[position];
	}
	position = talkers->heap[0];
	*error = talkers->items[position].packets;
	unlink_item(talkers, position);
	return &talkers->items[position];
}

static struct talker *add(struct talkers *talkers, const struct prefix *prefix, __u8 verdict)
{
	__u64 error;
	struct talker *talker = take_counter(talkers, &error);
	const __u32 position = (__u32)(talker - talkers->items);
	const __u32 heap_at = error ? talker->heap_at : position;

	*talker = (struct talker){
		.prefix = *prefix,
		.verdict = verdict,
		.packets = error,
		.error = error,
	};
	put(talkers, heap_at, position);
	rise(talkers, heap_at);
	link_item(talkers, position);
	return talker;
}

struct talker *talkers_count(struct talkers *talkers, const struct prefix *prefix,
			     enum ipf_verdict verdict, __u32 bytes)
{
	struct talker *talker = find(talkers, prefix, (__u8)verdict);

	if (!talker)
		talker = add(talkers, prefix, (__u8)verdict);
	talker->packets++;
	talker->bytes += bytes;
	talkers->total++;
	sink(talkers, talker->heap_at);
	return talker;
}

/* More packets first; of equal ones, the lower address. */
static int compare_ranks(const void *a, const void *b)
{
	const struct talker *first = a, *second = b;

	if (first->packets != second->packets)
		return first->packets < second->packets ? 1 : -1;
	return address_key_compare(&first->prefix.key, &second->prefix.key);
}

const struct talker *talkers_rank(struct talkers *talkers)
{
	if (talkers->count)
		qsort(talkers->items, talkers->count, sizeof(*talkers->items), compare_ranks);
	return talkers->items;
}
