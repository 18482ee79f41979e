/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which 32 bits of an address does a level of the lookup see?
 *
 * Level 0 sees the first word of an address, level 3 the last one of IPv6.
 */
#ifndef TABLE_WORD_H
#define TABLE_WORD_H

#include <ipfilter/abi.h>
#include <ruleset/prefix.h>
#include <stdbool.h>

#define WORD_BITS 32
#define WORD_MAX 0xffffffffu

static inline __u32 word_at(const struct ipf_key *key, unsigned int level)
{
	__u64 half = level < 2 ? key->high : key->low;

	return (__u32)(level % 2 ? half : half >> WORD_BITS);
}

/* Does the prefix go on below this level's word? */
static inline bool word_is_exceeded(const struct prefix *prefix, unsigned int level)
{
	return prefix->bits > (level + 1) * WORD_BITS;
}

/* The last word of this level under the prefix, which reaches the level. */
static inline __u32 word_last(const struct prefix *prefix, unsigned int level)
{
	unsigned int here = prefix->bits - level * WORD_BITS;
	__u32 first = word_at(&prefix->key, level);

	return here >= WORD_BITS ? first : first | WORD_MAX >> here;
}

#endif
