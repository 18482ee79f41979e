/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in force at a word of an address?
 */
#ifndef TABLE_VALUE_H
#define TABLE_VALUE_H

#include <ipfilter/abi.h>
#include <stdbool.h>

/* Nothing, no rule, a rule's verdict, or where to find out. */
struct value {
	enum ipf_state state;
	__u32 reference; /* the rule; for DEEPER and RUN the position of the run, or VALUE_INDEX */
};

/* The other bits number an index (points_add_index()) that will follow the point. */
#define VALUE_INDEX (1u << 31)

static const struct value value_none = { IPF_STATE_NONE, 0 };
static const struct value value_clear = { IPF_STATE_CLEAR, 0 };

static inline bool value_is_same(const struct value *a, const struct value *b)
{
	return a->state == b->state && a->reference == b->reference;
}

/* Is it in force at one word only? Its point then says so itself, and no point after it need say
 * that it has ended. */
static inline bool value_is_exact(const struct value *value)
{
	return value->state >= IPF_STATE_LONE_PASS;
}

/* Does its point name the rule that decides? */
static inline bool value_has_owner(const struct value *value)
{
	return value->state == IPF_STATE_PASS || value->state == IPF_STATE_DROP ||
	       value->state == IPF_STATE_LONE_PASS || value->state == IPF_STATE_LONE_DROP;
}

/* Is its suffix in the point itself? */
static inline bool value_is_short(const struct value *value)
{
	return value->state >= IPF_STATE_SHORT_PASS;
}

/* The same for one prefix, of a value that is in force at several words. */
static inline struct value value_lone(struct value value)
{
	value.state += IPF_STATE_LONE_PASS - IPF_STATE_PASS;
	return value;
}

static inline bool value_is_lone(const struct value *value)
{
	return value->state >= IPF_STATE_LONE_PASS && value->state <= IPF_STATE_LONE_CLEAR;
}

/* The start of its point: the prefix has `size` words, a power of two. */
static inline __u32 value_lone_start(__u32 first, __u32 size)
{
	return first << 1 | size;
}

/* One value is in force at all words from the first to the last. */
struct value_interval {
	__u32 first;
	__u32 last;
	struct value value;
};

#endif
