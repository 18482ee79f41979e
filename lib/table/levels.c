// SPDX-License-Identifier: GPL-2.0
/*
 * Which value is in force from which word on, at each level of an address?
 *
 * One pass over the sorted rules tells. Prefixes nest or are disjoint, so a stack holds those that
 * are open at the current word. Where one ends, its cover is in force again. So the walk turns from
 * value to value, and between two turns there is an interval.
 *
 * Rules that go on below a word are walked when the walk meets that word, on a level of their own,
 * whose intervals become a run. The run is written before the point that refers to it.
 */
#include <table/levels.h>

#include <errno.h>
#include <stdlib.h>

#include <table/word.h>
#include <util/array.h>

/* From the word `from` on the value is in force, unless another one takes over at the same word. */
struct level {
	__u32 from;
	struct value value;
	/* The intervals so far; unused by the first level, whose buckets take them. */
	struct value_interval *intervals;
	size_t count;
	size_t capacity;
};

struct walk {
	const struct levels_context *context;
	const struct rule *rules;
	struct points *points;
	struct level levels[IPF_WORDS];
};

/* --- From turns to intervals ------------------------------------------------------------------ */

static void add_interval(struct walk *walk, struct level *level,
			 const struct value_interval *interval)
{
	struct value_interval *before = level->count ? &level->intervals[level->count - 1] : NULL;

	if (before && points_are_one(walk->points, before, interval))
		before->last = interval->last;
	else if (array_reserve(&level->intervals, &level->capacity, level->count + 1,
			       sizeof(*level->intervals)))
		points_fail(walk->points, -ENOMEM);
	else
		level->intervals[level->count++] = *interval;
}

/* The interval of the value in force ends with the word `last`. */
static void end_interval(struct walk *walk, unsigned int depth, __u32 last)
{
	struct level *level = &walk->levels[depth];
	struct value_interval interval = { level->from, last, level->value };

	if (interval.value.state == IPF_STATE_NONE || walk->points->error)
		return;
	if (value_is_exact(&interval.value))
		interval.last = interval.first;
	if (depth)
		add_interval(walk, level, &interval);
	else
		buckets_add(walk->context->buckets, &interval);
}

/* From the word on, the value is in force. It replaces one that took over at the same word: both
 * the end of a prefix and its neighbour turn there, and so do a cover and a prefix that starts with
 * it. */
static void turn(struct walk *walk, unsigned int depth, __u32 word, struct value value)
{
	struct level *level = &walk->levels[depth];

	if (word != level->from)
		end_interval(walk, depth, word - 1);
	level->from = word;
	level->value = value;
}

/* --- Open prefixes ---------------------------------------------------------------------------- */

/* What an open prefix makes of its addresses, as far as no longer one does. */
struct scope {
	__u32 rule;  /* the one that decides, or IPF_NO_RULE */
	bool silent; /* the table says nothing here: of a delta, outside of its regions */
};

/* The prefixes of a level that are open at the current word, each inside the one before it, so that
 * there is at most one of each length. `outer` is what covers the whole level. */
struct open_prefixes {
	struct {
		__u32 last;
		struct scope scope;
	} items[WORD_BITS + 1];
	unsigned int count;
	struct scope outer;
};

static struct scope innermost(const struct open_prefixes *open)
{
	return open->count ? open->items[open->count - 1].scope : open->outer;
}

static struct value value_of(const struct walk *walk, struct scope scope)
{
	if (scope.silent)
		return value_none;
	if (scope.rule == IPF_NO_RULE)
		return walk->context->is_delta ? value_clear : value_none;
	return (struct value){ walk->rules[scope.rule].verdict == IPF_PASS ? IPF_STATE_PASS :
									     IPF_STATE_DROP,
			       scope.rule };
}

/* The same of one IPv4 address, with nothing in force around it. */
static struct value host_value_of(const struct walk *walk, struct scope scope)
{
	struct value value = value_of(walk, scope);

	if (value.state != IPF_STATE_NONE)
		value = value_lone(value);
	return value;
}

/* Closes the prefixes that end before the word, the inner ones first. */
static void close_before(struct walk *walk, unsigned int depth, struct open_prefixes *open,
			 __u64 word)
{
	while (open->count && open->items[open->count - 1].last < word) {
		__u32 last = open->items[--open->count].last;

		if (last != WORD_MAX)
			turn(walk, depth, last + 1, value_of(walk, innermost(open)));
	}
}

/* Links the peers under what covers them. Returns what they make of their prefix. */
static struct scope scope_of(const struct walk *walk, const struct succession_peers *peers,
			     struct scope cover)
{
	struct scope scope = cover;

	if (peers->is_region)
		scope.silent = false;
	if (peers->first != IPF_NO_RULE) {
		succession_link(&walk->context->succession, peers, cover.rule);
		scope.rule = peers->first;
	}
	return scope;
}

/* Opens this prefix, which the peers have; its first word is the current one. */
static void open_prefix(struct walk *walk, unsigned int depth, struct open_prefixes *open,
			const struct prefix *prefix, const struct succession_peers *peers)
{
	struct scope cover = innermost(open), scope = scope_of(walk, peers, cover);
	bool host = prefix->family == IPF_IPV4 && prefix->bits == WORD_BITS &&
		    value_of(walk, cover).state == IPF_STATE_NONE;

	turn(walk, depth, word_at(&prefix->key, depth),
	     host ? host_value_of(walk, scope) : value_of(walk, scope));
	open->items[open->count].last = word_last(prefix, depth);
	open->items[open->count++].scope = scope;
}

/* --- Levels ----------------------------------------------------------------------------------- */

/* The end of the rules that have this level's word in common with the one at `at`. All of them go
 * on below it: shorter ones come before. */
static size_t end_of_word(const struct walk *walk, unsigned int depth, size_t at, size_t end)
{
	__u32 word = word_at(&walk->rules[at].prefix.key, depth);

	while (at < end && word_at(&walk->rules[at].prefix.key, depth) == word)
		at++;
	return at;
}

/* Rules [at, end), all below one word of the level above, and what covers them. */
struct range {
	size_t at;
	size_t end;
	struct scope cover;
};

static __u32 walk_level(struct walk *walk, unsigned int depth, const struct range *range);

/* The value of the word at `depth` below which the rule is alone. */
static struct value value_alone(const struct walk *walk, unsigned int depth, __u32 number)
{
	const struct rule *rule = &walk->rules[number];

	if (walk->points->owner != POINT_OWNER_NONE || word_is_exceeded(&rule->prefix, depth + 1))
		return (struct value){ IPF_STATE_RULE, number };
	return (struct value){ rule->verdict == IPF_PASS ? IPF_STATE_SHORT_PASS :
							   IPF_STATE_SHORT_DROP,
			       number };
}

/* The value of the word at `depth` that the rules of the range have in common. */
static struct value value_below(struct walk *walk, unsigned int depth, const struct range *range)
{
	struct succession_peers peers = succession_peers(walk->rules, range->at, range->end);

	bool alone = peers.end == range->end && peers.first != IPF_NO_RULE &&
		     value_of(walk, range->cover).state == IPF_STATE_NONE;

	if (!alone)
		return (struct value){ IPF_STATE_DEEPER, walk_level(walk, depth + 1, range) };
	if (scope_of(walk, &peers, range->cover).silent)
		return value_none;
	return value_alone(walk, depth, peers.first);
}

/* Walks the rules that go on below the word of the one at `at`. Returns the end of them. */
static size_t walk_word(struct walk *walk, unsigned int depth, const struct open_prefixes *open,
			size_t at, size_t end)
{
	__u32 word = word_at(&walk->rules[at].prefix.key, depth);
	struct range below = { at, end_of_word(walk, depth, at, end), innermost(open) };

	turn(walk, depth, word, value_below(walk, depth, &below));
	if (word != WORD_MAX)
		turn(walk, depth, word + 1, value_of(walk, below.cover));
	return below.end;
}

/* Writes what the intervals of the level say, and empties it. Returns the reference to it. */
static __u32 write_level(struct walk *walk, struct level *level)
{
	size_t count = level->count;

	level->count = 0;
	if (walk->points->error)
		return 0;
	return buckets_write_range(walk->points, level->intervals, count, 0, WORD_MAX);
}

/* Returns the reference to what the rules make. The first level makes an index of its own: 0. */
static __u32 walk_level(struct walk *walk, unsigned int depth, const struct range *range)
{
	struct open_prefixes open = { .outer = range->cover };
	struct level *level = &walk->levels[depth];
	size_t at = range->at;

	level->from = 0;
	level->value = value_of(walk, range->cover);
	while (at < range->end && !walk->points->error) {
		const struct prefix *prefix = &walk->rules[at].prefix;

		close_before(walk, depth, &open, word_at(&prefix->key, depth));
		if (word_is_exceeded(prefix, depth)) {
			at = walk_word(walk, depth, &open, at, range->end);
		} else {
			struct succession_peers peers =
				succession_peers(walk->rules, at, range->end);

			open_prefix(walk, depth, &open, prefix, &peers);
			at = peers.end;
		}
	}
	close_before(walk, depth, &open, 1ull << WORD_BITS);
	end_interval(walk, depth, WORD_MAX);
	return depth ? write_level(walk, level) : 0;
}

void levels_walk(const struct levels_context *context, size_t at, size_t end)
{
	struct walk walk = { .context = context,
			     .rules = context->succession.rules,
			     .points = context->points };

	walk_level(&walk, 0, &(struct range){ at, end, { IPF_NO_RULE, context->is_delta } });
	buckets_close(context->buckets);
	for (unsigned int depth = 0; depth < IPF_WORDS; depth++)
		free(walk.levels[depth].intervals);
}
