// SPDX-License-Identifier: GPL-2.0
/*
 * How do the rules of a family cut its addresses into groups, parts and runs of points, and which
 * rule follows which?
 *
 * One pass over the sorted rules does it. Prefixes nest or are apart, never overlap by halves, so
 * a stack holds those that are open at the current address; where one ends, its cover is in force
 * again. That gives a sequence of "from this word on, that is in force", which becomes spans. At
 * the first level the spans fall into groups of the index; at a group's end each part of it gets
 * what it needs: nothing, a point, or a run. Behind the points of a group or a run lies what they
 * refer to of the only rule below a word.
 *
 * IPv6 rules longer than a word are a level of their own, with a stack of its own, below the word
 * that they have in common. Their run is written before the point that refers to it.
 */
#include <table/compile.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <util/array.h>

#define WORD_BITS 32
#define WORD_MAX UINT32_MAX

/* So that a start, which counts from its group, leaves room for the state behind it. */
#define INDEX_MIN_BITS IPF_STATE_BITS

/* What is in force: nothing, a rule's verdict, or a way to find out. */
struct value {
	enum ipf_state state;
	__u32 reference; /* the rule, or of DEEPER and RUN the run */
};
static const struct value nothing = { IPF_STATE_NONE, 0 };

struct point {
	__u32 start;
	struct value value;
};

struct span {
	__u32 from, to; /* of a group's spans from its first word on */
	struct value value;
};

/* A run that is being made. */
struct run {
	struct point *points;
	size_t count;
	size_t capacity;
	__u64 covered; /* the first word behind the last span */
};

/* A level is a word of the address: what is in force from `from` on, unless something else comes to
 * be so at the same word, and the run that the spans before it made. */
struct level {
	__u32 from;
	struct value value;
	struct run run; /* of the first level: of a part */
};

/* The group of the first level that the last spans fell into. */
struct open_group {
	__u64 number;
	struct span *spans;
	size_t count;
	size_t capacity;
};

struct cutter {
	const struct rule *rules;
	struct ipf_timer *timers;
	bool owned;
	__u32 phase; /* of the points' section, in points from its chunk's start */
	enum ipf_family family;
	struct cut *cut;
	struct open_group group;
	struct level levels[IPF_WORDS];
	int error; /* the first that happened; what follows is thrown away */
};

void cut_done(struct cut *cut)
{
	free(cut->groups);
	free(cut->points4);
	free(cut->owners);
	free(cut->points6);
	*cut = (struct cut){ 0 };
}

/* The word of the key that a level looks at. */
static __u32 word_of(const struct ipf_key *key, unsigned int level)
{
	__u64 half = level < 2 ? key->high : key->low;

	return (__u32)(level % 2 ? half : half >> WORD_BITS);
}

/* The last word of this level under a prefix that begins at `word` and ends within the level. */
static __u32 last_word(__u32 word, unsigned int level, unsigned int bits)
{
	unsigned int here = bits - level * WORD_BITS;

	return here == WORD_BITS ? word : word | WORD_MAX >> here;
}

static bool goes_deeper(const struct rule *rule, unsigned int level)
{
	return rule->prefix.bits > (level + 1) * WORD_BITS;
}

/* --- Points ----------------------------------------------------------------------------------- */

/* A value that says itself where it does not hold needs no point behind it that says so. */
static bool is_exact(enum ipf_state state)
{
	return state >= IPF_STATE_HOST_PASS && state <= IPF_STATE_DEEPER;
}

static bool has_owner(enum ipf_state state)
{
	return state >= IPF_STATE_PASS && state <= IPF_STATE_HOST_DROP;
}

static bool same_value(const struct value *a, const struct value *b)
{
	return a->state == b->state && a->reference == b->reference;
}

/* Who packets are told has decided. */
static __u32 owner_of(const struct cutter *cutter, __u32 rule)
{
	return cutter->timers ? rule : cutter->rules[rule].counter;
}

static int reserve_points(struct cutter *cutter, size_t count)
{
	struct cut *cut = cutter->cut;
	size_t owners = cut->capacity;

	if (count > 1ull << IPF_REFERENCE_BITS)
		return -E2BIG;
	if (cutter->family == IPF_IPV6)
		return array_reserve(&cut->points6, &cut->capacity, count, sizeof(*cut->points6));
	if (cutter->owned && array_reserve(&cut->owners, &owners, count, sizeof(*cut->owners)))
		return -ENOMEM;
	return array_reserve(&cut->points4, &cut->capacity, count, sizeof(*cut->points4));
}

static void write_point(const struct cutter *cutter, __u32 position, __u32 start,
			struct value value)
{
	struct cut *cut = cutter->cut;

	if (has_owner(value.state))
		value.reference = cutter->owned ? owner_of(cutter, value.reference) : 0;
	if (cutter->family == IPF_IPV6) {
		/* What no counter becomes is larger than any counter. */
		__u32 mask = (1u << IPF_REFERENCE_BITS) - 1;

		cut->points6[position] =
			(struct ipf_point6){ start, (__u32)value.state << IPF_REFERENCE_BITS |
							    (value.reference & mask) };
		return;
	}
	if (value.state == IPF_STATE_RUN)
		start = value.reference;
	cut->points4[position] = start << IPF_STATE_BITS | value.state;
	if (cutter->owned)
		cut->owners[position] = has_owner(value.state) ? value.reference : IPF_NO_RULE;
}

/* Makes room for some points that lie in one chunk. Returns the position of the first. */
static __u32 place_points(struct cutter *cutter, size_t count)
{
	struct ipf_space *space = &cutter->cut->space;
	__u32 in_chunk = IPF_CHUNK_SIZE >> space->point_shift;
	__u32 base = space->point_count;
	__u32 left = in_chunk - (cutter->phase + base) % in_chunk;

	if (count > left)
		base += left;
	if (!cutter->error)
		cutter->error = reserve_points(cutter, base + count);
	if (cutter->error)
		return 0;
	for (; space->point_count < base; space->point_count++)
		write_point(cutter, space->point_count, 0, nothing);
	space->point_count += (__u32)count;
	return base;
}

/* How many points' room the rest of a prefix takes. */
static size_t rest_size(const struct cutter *cutter, const struct value *value)
{
	if (value->state != IPF_STATE_RULE)
		return 0;
	return 1u + cutter->owned + (cutter->rules[value->reference].prefix.bits > 64);
}

static size_t rests_size(const struct cutter *cutter, const struct point *points, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += rest_size(cutter, &points[i].value);
	return size;
}

static void write_rest(const struct cutter *cutter, __u32 position, __u32 number)
{
	const struct rule *rule = &cutter->rules[number];
	struct ipf_point6 *out = &cutter->cut->points6[position];

	*out++ = (struct ipf_point6){ word_of(&rule->prefix.key, 1),
				      (__u32)cutter->owned << IPF_SUFFIX_OWNED_SHIFT |
					      (__u32)rule->verdict << IPF_SUFFIX_VERDICT_SHIFT |
					      rule->prefix.bits };
	if (cutter->owned)
		*out++ = (struct ipf_point6){ owner_of(cutter, number), 0 };
	if (rule->prefix.bits > 64)
		memcpy(out, &rule->prefix.key.low, sizeof(*out));
}

/* Writes some points from `base` on, and the rests that they refer to behind them; there is room. */
static void write_block(const struct cutter *cutter, __u32 base, const struct point *points,
			size_t count)
{
	__u32 rest = base + (__u32)count;

	for (size_t i = 0; i < count; i++) {
		struct value value = points[i].value;

		if (value.state == IPF_STATE_RULE) {
			write_rest(cutter, rest, value.reference);
			value.reference = rest;
		}
		write_point(cutter, base++, points[i].start, value);
		rest += (__u32)rest_size(cutter, &points[i].value);
	}
}

/* --- Runs ------------------------------------------------------------------------------------- */

static void add_point(struct cutter *cutter, struct run *run, __u64 start, struct value value)
{
	if (array_reserve(&run->points, &run->capacity, run->count + 1, sizeof(*run->points))) {
		cutter->error = -ENOMEM;
		return;
	}
	run->points[run->count++] = (struct point){ (__u32)start, value };
}

/* Lays a span into the run that begins at `first`. Spans come in order. */
static void run_add(struct cutter *cutter, struct run *run, __u32 first, const struct span *span)
{
	if (!run->count) {
		if (span->from > first && !is_exact(span->value.state))
			add_point(cutter, run, first, nothing);
	} else if (run->covered < span->from &&
		   !is_exact(run->points[run->count - 1].value.state)) {
		add_point(cutter, run, run->covered, nothing);
	}
	add_point(cutter, run, span->from, span->value);
	run->covered = (__u64)span->to + 1;
}

/* Writes some points as a run. Returns its position. */
static __u32 write_points(struct cutter *cutter, const struct point *points, size_t count)
{
	__u32 base = place_points(cutter, 1 + count + rests_size(cutter, points, count));

	if (cutter->error)
		return 0;
	write_point(cutter, base, (__u32)count, nothing);
	write_block(cutter, base + 1, points, count);
	return base;
}

/* Writes a long run piece by piece, and puts in its stead one that refers to the pieces. */
static void split_run(struct cutter *cutter, struct run *run)
{
	size_t pieces = 0;

	for (size_t at = 0; at < run->count; at += IPF_RUN_MAX, pieces++) {
		size_t left = run->count - at;
		__u32 start = run->points[at].start;
		__u32 base = write_points(cutter, run->points + at,
					  left < IPF_RUN_MAX ? left : IPF_RUN_MAX);

		run->points[pieces] = (struct point){ start, { IPF_STATE_RUN, base } };
	}
	run->count = pieces;
}

/* Ends the run at its last word, writes it out and empties it. Returns its position. */
static __u32 write_run(struct cutter *cutter, struct run *run, __u32 last)
{
	__u32 base = 0;

	if (run->count && run->covered <= last &&
	    !is_exact(run->points[run->count - 1].value.state))
		add_point(cutter, run, run->covered, nothing);
	if (run->count > IPF_RUN_MAX)
		split_run(cutter, run);
	if (!cutter->error)
		base = write_points(cutter, run->points, run->count);
	run->count = 0;
	return base;
}

/* --- Groups of the first level ------------------------------------------------------------------ */

/* What becomes of a group's parts. */
struct parts {
	__u32 bits; /* parts in which there is something */
	__u32 full; /* of these, the parts in which all words have one value */
	struct point points[IPF_SLICES];
};

/* A run for the part from `first` to `last`, of the spans that reach into it. */
static __u32 write_part(struct cutter *cutter, const struct span *spans, size_t count, __u32 first,
			__u32 last)
{
	struct run *run = &cutter->levels[0].run;

	for (size_t i = 0; i < count; i++) {
		struct span piece = spans[i];

		if (piece.from < first)
			piece.from = first;
		if (piece.to > last)
			piece.to = last;
		run_add(cutter, run, first, &piece);
	}
	return write_run(cutter, run, last);
}

static void find_parts(struct cutter *cutter, struct parts *parts)
{
	const struct span *span = cutter->group.spans, *end = span + cutter->group.count, *behind;
	unsigned int shift = cutter->cut->space.bucket_shift - IPF_SLICES_SHIFT;
	__u32 part = 0, first, last;

	parts->bits = parts->full = 0;
	for (; span < end && !cutter->error; part++) {
		if (span->from >> shift > part)
			part = span->from >> shift;
		first = part << shift;
		last = first | ((1u << shift) - 1);
		for (behind = span; behind < end && behind->from <= last; behind++)
			;
		parts->bits |= 1u << part;
		if (behind == span + 1 && is_exact(span->value.state)) {
			parts->points[part] = (struct point){ span->from, span->value };
		} else if (behind == span + 1 && span->from <= first && span->to >= last) {
			parts->full |= 1u << part;
			parts->points[part] = (struct point){ 0, span->value };
		} else {
			parts->points[part].start = 0;
			parts->points[part].value.state = IPF_STATE_RUN;
			parts->points[part].value.reference =
				write_part(cutter, span, (size_t)(behind - span), first, last);
		}
		while (span < behind && span->to <= last)
			span++;
	}
}

/* The number of the lowest bit that is set, which is cleared: a group seldom has more than a few. */
static __u32 take_bit(__u32 *bits)
{
	__u32 number = (__u32)__builtin_ctz(*bits);

	*bits &= *bits - 1;
	return number;
}

/* Do more than half of the parts have this value, all over? */
static bool is_common(const struct parts *parts, const struct value *value)
{
	unsigned int count = 0;

	for (__u32 left = parts->full; left;)
		count += same_value(&parts->points[take_bit(&left)].value, value);
	return count * 2 > IPF_SLICES;
}

/* The value that most parts have, all over; `nothing` where that is no rule's. */
static struct value common_value(const struct parts *parts)
{
	struct value common = nothing;
	int votes = 0;

	/* By vote (Boyer and Moore): who has more than half of them is left over. */
	for (__u32 left = parts->full; left;) {
		const struct value *value = &parts->points[take_bit(&left)].value;

		if (!votes)
			common = *value;
		votes += same_value(value, &common) ? 1 : -1;
	}
	return is_common(parts, &common) ? common : nothing;
}

/* Where one point stands for all parts without their own, parts with nothing need one that says
 * so. Returns which parts do need one. */
static __u32 cover_parts(struct parts *parts, const struct value *common)
{
	__u32 own = 0;

	for (unsigned int part = 0; part < IPF_SLICES; part++) {
		if (!(parts->bits >> part & 1))
			parts->points[part] = (struct point){ 0, nothing };
		else if (parts->full >> part & 1 && same_value(&parts->points[part].value, common))
			continue;
		own |= 1u << part;
	}
	return own;
}

static void write_group(struct cutter *cutter, struct parts *parts)
{
	struct ipf_bucket *group = &cutter->cut->groups[cutter->group.number];
	struct value common = parts->full ? common_value(parts) : nothing;
	bool covered = common.state != IPF_STATE_NONE;
	struct point points[IPF_SLICES + 1];
	size_t count = 0;
	__u32 base;

	group->bitmap = covered ? cover_parts(parts, &common) : parts->bits;
	if (covered)
		points[count++] = (struct point){ 0, common };
	for (__u32 left = group->bitmap; left;)
		points[count++] = parts->points[take_bit(&left)];
	base = place_points(cutter, count + rests_size(cutter, points, count));
	if (cutter->error)
		return;
	group->base = base | (__u32)covered << IPF_COVERED_SHIFT;
	write_block(cutter, base, points, count);
}

static void close_group(struct cutter *cutter)
{
	struct parts parts;

	if (!cutter->group.count || cutter->error)
		return;
	find_parts(cutter, &parts);
	if (!cutter->error)
		write_group(cutter, &parts);
	cutter->group.count = 0;
}

static void group_add(struct cutter *cutter, const struct span *span)
{
	struct open_group *group = &cutter->group;
	struct span *before = group->count ? &group->spans[group->count - 1] : NULL;

	/* Where nobody asks who decides, neighbours with one verdict are one. */
	if (before && !cutter->owned && cutter->family == IPF_IPV4 &&
	    before->to + 1 == span->from && before->value.state == span->value.state &&
	    !is_exact(span->value.state)) {
		before->to = span->to;
		return;
	}
	if (array_reserve(&group->spans, &group->capacity, group->count + 1,
			  sizeof(*group->spans))) {
		cutter->error = -ENOMEM;
		return;
	}
	group->spans[group->count++] = *span;
}

/* Lays a span into the groups that it reaches into. */
static void groups_add(struct cutter *cutter, __u32 from, __u32 to, struct value value)
{
	const struct ipf_space *space = &cutter->cut->space;
	__u64 distance = from - space->first, end = to - space->first;
	__u64 mask = (1ull << space->bucket_shift) - 1;

	while (distance <= end && !cutter->error) {
		__u64 last = end < (distance | mask) ? end : distance | mask;

		if (distance >> space->bucket_shift != cutter->group.number) {
			close_group(cutter);
			cutter->group.number = distance >> space->bucket_shift;
		}
		group_add(cutter,
			  &(struct span){ (__u32)(distance & mask), (__u32)(last & mask), value });
		distance = last + 1;
	}
}

/* --- From what is in force to spans ------------------------------------------------------------- */

static void add_span(struct cutter *cutter, unsigned int depth, __u32 to)
{
	struct level *level = &cutter->levels[depth];
	struct span span = { level->from, to, level->value };

	if (span.value.state == IPF_STATE_NONE || cutter->error)
		return;
	if (is_exact(span.value.state))
		span.to = span.from;
	if (depth)
		run_add(cutter, &level->run, 0, &span);
	else
		groups_add(cutter, span.from, span.to, span.value);
}

/* From `word` on the value is in force. What came before at the same word gives way: the prefix
 * that ends and one that follows it directly both mark that word, and so do a prefix and its cover
 * that start together. */
static void turn(struct cutter *cutter, unsigned int depth, __u32 word, struct value value)
{
	struct level *level = &cutter->levels[depth];

	if (word != level->from)
		add_span(cutter, depth, word - 1);
	level->from = word;
	level->value = value;
}

/* --- Prefixes --------------------------------------------------------------------------------- */

static bool same_prefix(const struct rule *a, const struct rule *b)
{
	return a->prefix.key.high == b->prefix.key.high && a->prefix.key.low == b->prefix.key.low &&
	       a->prefix.bits == b->prefix.bits;
}

/* Rules of one prefix: the first decides until it has ended, then the first that drops. Positions
 * in the rule set; `drop` is `first` where none passes, and IPF_NO_RULE where none drops. */
struct group {
	__u32 first;
	__u32 drop;
	size_t end; /* one behind the last */
};

static struct group next_group(const struct cutter *cutter, size_t at, size_t end)
{
	const struct rule *rules = cutter->rules;
	struct group group = { .first = (__u32)at, .drop = IPF_NO_RULE };

	for (; at < end && same_prefix(&rules[at], &rules[group.first]); at++)
		if (group.drop == IPF_NO_RULE && rules[at].verdict == IPF_DROP)
			group.drop = (__u32)at;
	group.end = at;
	return group;
}

/* The first rule on the way from `rule` that lasts longer than `expires`: what has ended by then
 * need not be visited. */
static __u32 skip_ended(const struct cutter *cutter, __u32 rule, __u32 expires)
{
	const struct ipf_timer *timers = cutter->timers;

	while (rule != IPF_NO_RULE && timers[rule].expires != IPF_NEVER &&
	       timers[rule].expires <= expires)
		rule = timers[rule].next == IPF_NO_RULE ?
			       IPF_NO_RULE :
			       timers[rule].next & ~(1u << IPF_NEXT_VERDICT_SHIFT);
	return rule;
}

static void link_rule(const struct cutter *cutter, __u32 rule, __u32 cover)
{
	struct ipf_timer *timer = &cutter->timers[rule];
	__u32 next;

	if (timer->expires == IPF_NEVER)
		return;
	next = skip_ended(cutter, cover, timer->expires);
	if (next != IPF_NO_RULE)
		timer->next = (__u32)cutter->rules[next].verdict << IPF_NEXT_VERDICT_SHIFT | next;
}

/* Who decides once the rules of the group have ended, given the deciding rule of the closest cover.
 * The covers' are known, since covers come first. Rules that never decide have no next. */
static void link_group(const struct cutter *cutter, const struct group *group, __u32 cover)
{
	if (!cutter->timers)
		return;
	if (group->drop != IPF_NO_RULE && group->drop != group->first) {
		link_rule(cutter, group->drop, cover);
		cover = group->drop;
	}
	link_rule(cutter, group->first, cover);
}

/* The prefixes of a level that are open at the current word, each inside the one before it: one of
 * each length at most. The outermost cover is that of the level above. */
struct open_prefixes {
	struct {
		__u32 last;
		__u32 owner;
	} items[WORD_BITS + 1];
	unsigned int count;
	__u32 cover;
};

static __u32 innermost(const struct open_prefixes *open)
{
	return open->count ? open->items[open->count - 1].owner : open->cover;
}

static struct value value_of(const struct cutter *cutter, __u32 rule)
{
	if (rule == IPF_NO_RULE)
		return nothing;
	return (struct value){ cutter->rules[rule].verdict == IPF_PASS ? IPF_STATE_PASS :
									 IPF_STATE_DROP,
			       rule };
}

/* What a rule for one IPv4 address, under no other, puts in force. */
static struct value host_value(const struct cutter *cutter, __u32 rule)
{
	return (struct value){ cutter->rules[rule].verdict == IPF_PASS ? IPF_STATE_HOST_PASS :
									 IPF_STATE_HOST_DROP,
			       rule };
}

/* Closes what ends before `word`, the inner ones first. */
static void close_before(struct cutter *cutter, unsigned int depth, struct open_prefixes *open,
			 __u64 word)
{
	while (open->count && open->items[open->count - 1].last < word) {
		__u32 last = open->items[--open->count].last;

		if (last != WORD_MAX)
			turn(cutter, depth, last + 1, value_of(cutter, innermost(open)));
	}
}

/* How far the rules go that are longer than a word and have this one in common. */
static size_t end_of_word(const struct cutter *cutter, unsigned int depth, size_t at, size_t end)
{
	__u32 word = word_of(&cutter->rules[at].prefix.key, depth);

	while (at < end && word_of(&cutter->rules[at].prefix.key, depth) == word)
		at++;
	return at;
}

static __u32 cut_level(struct cutter *cutter, unsigned int depth, size_t at, size_t end,
		       __u32 cover);

/* What rules below one word put in force there. */
static struct value deeper_value(struct cutter *cutter, unsigned int depth, size_t at, size_t end,
				 __u32 cover)
{
	struct group group = next_group(cutter, at, end);

	if (group.end < end || cover != IPF_NO_RULE)
		return (struct value){ IPF_STATE_DEEPER,
				       cut_level(cutter, depth + 1, at, end, cover) };
	link_group(cutter, &group, cover);
	return (struct value){ IPF_STATE_RULE, group.first };
}

/* The rules [at, end) have all words above this level in common, and `cover` over them. Returns the
 * position of the run that they make; of the first level, which makes many, nothing of use. */
static __u32 cut_level(struct cutter *cutter, unsigned int depth, size_t at, size_t end,
		       __u32 cover)
{
	struct open_prefixes open = { .cover = cover };
	struct level *level = &cutter->levels[depth];

	level->from = 0;
	level->value = value_of(cutter, cover);
	while (at < end && !cutter->error) {
		const struct prefix *prefix = &cutter->rules[at].prefix;
		__u32 word = word_of(&prefix->key, depth);

		close_before(cutter, depth, &open, word);
		if (goes_deeper(&cutter->rules[at], depth)) {
			size_t below = end_of_word(cutter, depth, at, end);

			turn(cutter, depth, word,
			     deeper_value(cutter, depth, at, below, innermost(&open)));
			if (word != WORD_MAX)
				turn(cutter, depth, word + 1, value_of(cutter, innermost(&open)));
			at = below;
		} else {
			struct group group = next_group(cutter, at, end);
			bool host = cutter->family == IPF_IPV4 && prefix->bits == WORD_BITS &&
				    innermost(&open) == IPF_NO_RULE;

			link_group(cutter, &group, innermost(&open));
			turn(cutter, depth, word,
			     host ? host_value(cutter, group.first) :
				    value_of(cutter, group.first));
			open.items[open.count].last = last_word(word, depth, prefix->bits);
			open.items[open.count++].owner = group.first;
			at = group.end;
		}
	}
	close_before(cutter, depth, &open, 1ull << WORD_BITS);
	add_span(cutter, depth, WORD_MAX);
	if (depth)
		return write_run(cutter, &level->run, WORD_MAX);
	close_group(cutter);
	return 0;
}

/* --- The index -------------------------------------------------------------------------------- */

static unsigned int bit_length(__u64 number)
{
	return number ? 64 - (unsigned int)__builtin_clzll(number) : 0;
}

/* Groups and their parts begin where prefixes do. */
static void set_first(struct ipf_space *space, __u32 first, __u32 last)
{
	space->first = first & ~(__u32)((1ull << space->bucket_shift) - 1);
	space->max_distance = last - space->first;
}

void cut_plan(const struct ruleset *set, size_t at, size_t end, bool owned, struct ipf_space *space)
{
	unsigned int bits = bit_length(end - at), width;
	__u32 first, last = 0;

	*space = (struct ipf_space){ .rule_count = (__u32)(end - at) };
	if (at == end)
		return;
	space->point_shift = owned || set->rules[at].prefix.family == IPF_IPV6 ? 3 : 2;
	first = word_of(&set->rules[at].prefix.key, 0);
	for (size_t i = at; i < end; i++) {
		const struct prefix *prefix = &set->rules[i].prefix;
		__u32 word = word_of(&prefix->key, 0);
		__u32 behind = prefix->bits < WORD_BITS ? last_word(word, 0, prefix->bits) : word;

		if (behind > last)
			last = behind;
	}
	if (bits < INDEX_MIN_BITS)
		bits = INDEX_MIN_BITS;
	if (bits > IPF_INDEX_MAX_BITS)
		bits = IPF_INDEX_MAX_BITS;
	width = bit_length(last - first);
	space->bucket_shift = width > bits + IPF_SLICES_SHIFT ? width - bits : IPF_SLICES_SHIFT;
	set_first(space, first, last);
}

void cut_coarsen(struct ipf_space *space)
{
	__u32 last = space->first + space->max_distance;

	space->bucket_shift++;
	set_first(space, space->first, last);
}

int cut_rules(const struct ruleset *set, size_t at, size_t end, bool owned,
	      const struct ipf_space *space, __u64 points, struct ipf_timer *timers,
	      struct cut *out)
{
	struct cutter cutter = {
		.rules = set->rules,
		.timers = timers,
		.owned = owned,
		.cut = out,
	};

	*out = (struct cut){ .space = *space };
	out->space.point_count = 0;
	if (at == end)
		return 0;
	cutter.family = set->rules[at].prefix.family;
	cutter.phase = (__u32)(points % IPF_CHUNK_SIZE >> space->point_shift);
	out->groups = calloc(((size_t)space->max_distance >> space->bucket_shift) + 1,
			     sizeof(*out->groups));
	if (!out->groups)
		return -ENOMEM;
	cut_level(&cutter, 0, at, end, IPF_NO_RULE);
	for (unsigned int depth = 0; depth < IPF_WORDS; depth++)
		free(cutter.levels[depth].run.points);
	free(cutter.group.spans);
	return cutter.error;
}
