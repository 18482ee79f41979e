/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do the rules of a family cut its addresses into runs of points, and which rule follows which?
 *
 * One pass over the sorted rules does it. Prefixes nest or are apart, never overlap by halves, so
 * a stack holds those that are open at the current address; where one ends, its cover is in force
 * again. That gives a sequence of "from this word on, that is in force", which becomes spans, which
 * are laid into the groups of the index as points.
 *
 * IPv6 rules longer than a word are a level of their own, with a stack of its own, below the word
 * that they have in common. Their run is written before the run that refers to it.
 */
#include <ruleset/cut.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <util/array.h>
#include <util/cleanup.h>

#define WORD_BITS 32
#define WORD_MAX UINT32_MAX

#define INDEX_MIN_BITS 3

/* What is in force: nothing, a rule's verdict, or a way to find out. */
struct value {
	enum ipf_state state;
	__u32 reference; /* the rule, or of IPF_STATE_DEEPER the run */
};
static const struct value nothing = { IPF_STATE_NONE, 0 };

struct point {
	__u32 start;
	struct value value;
};

/* The run that is being made at one level. Of the first level it is a group's. */
struct level {
	struct point *points;
	size_t count;
	size_t capacity;
	__u64 covered; /* the first word of the run behind its last span */
	/* In force from `from` on, unless something else comes to be so at the same word. */
	__u32 from;
	struct value value;
	__u64 group; /* of the first level: which one */
};

struct cutter {
	const struct rule *rules;
	struct ipf_timer *timers;
	bool owned;
	__u32 phase; /* of the points' section, in points from its chunk's start */
	enum ipf_family family;
	struct cut *cut;
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

/* --- Runs ------------------------------------------------------------------------------------- */

/* A value that says itself where it does not hold needs no point behind it that says so. */
static bool is_exact(enum ipf_state state)
{
	return state == IPF_STATE_HOST_PASS || state == IPF_STATE_HOST_DROP ||
	       state == IPF_STATE_RULE;
}

static void add_point(struct cutter *cutter, struct level *level, __u64 start, struct value value)
{
	if (array_reserve(&level->points, &level->capacity, level->count + 1,
			  sizeof(*level->points))) {
		cutter->error = -ENOMEM;
		return;
	}
	level->points[level->count++] = (struct point){ (__u32)start, value };
}

/* Lays [from, to] (counted from the run's first word) into the run. Spans come in order. */
static void run_add(struct cutter *cutter, struct level *level, __u64 from, __u64 to,
		    struct value value)
{
	enum ipf_state before = level->count ? level->points[level->count - 1].value.state :
					       IPF_STATE_NONE;

	/* The first point's start has another meaning, so it can't be compared with a host. */
	if (!from && value.state == IPF_STATE_HOST_PASS)
		value.state = IPF_STATE_PASS;
	else if (!from && value.state == IPF_STATE_HOST_DROP)
		value.state = IPF_STATE_DROP;

	if (!level->count) {
		if (from && value.state != IPF_STATE_RULE)
			add_point(cutter, level, 0, nothing);
		add_point(cutter, level, from, value);
	} else if (level->covered < from) {
		if (!is_exact(before))
			add_point(cutter, level, level->covered, nothing);
		add_point(cutter, level, from, value);
	} else if (cutter->owned || cutter->family == IPF_IPV6 || before != value.state ||
		   is_exact(before)) {
		add_point(cutter, level, from, value);
	} /* Else nobody can tell it from its neighbour. */
	level->covered = to + 1;
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

/* A run that would lie across a chunk's end begins at that end instead. */
static __u32 place_run(const struct cutter *cutter, size_t count)
{
	__u32 in_chunk = IPF_CHUNK_SIZE /
			 (cutter->family == IPF_IPV6 ? sizeof(struct ipf_point6) : sizeof(__u32));
	__u32 base = cutter->cut->space.point_count;
	__u32 left = in_chunk - (cutter->phase + base) % in_chunk;

	return count > left ? base + left : base;
}

static void write_point(const struct cutter *cutter, __u32 position, const struct point *point)
{
	struct cut *cut = cutter->cut;

	if (cutter->family == IPF_IPV6) {
		cut->points6[position] =
			(struct ipf_point6){ point->start,
					     (__u32)point->value.state << IPF_REFERENCE_BITS |
						     point->value.reference };
		return;
	}
	cut->points4[position] = point->start << IPF_STATE_BITS | point->value.state;
	if (cutter->owned)
		cut->owners[position] =
			point->value.state == IPF_STATE_NONE ? IPF_NO_RULE : point->value.reference;
}

/* Writes some points as a run; the first one's start gives way to their number. Returns the run's
 * position. */
static __u32 write_points(struct cutter *cutter, struct point *points, size_t count)
{
	struct ipf_space *space = &cutter->cut->space;
	__u32 base = place_run(cutter, count);

	if (!cutter->error)
		cutter->error = reserve_points(cutter, base + count);
	if (cutter->error)
		return 0;
	for (; space->point_count < base; space->point_count++)
		write_point(cutter, space->point_count, &(struct point){ 0, nothing });
	points[0].start = (__u32)count;
	for (size_t i = 0; i < count; i++)
		write_point(cutter, base + (__u32)i, &points[i]);
	space->point_count += (__u32)count;
	return base;
}

/* Writes a long run piece by piece, and puts in its stead one that refers to the pieces. */
static void split_run(struct cutter *cutter, struct level *level)
{
	size_t pieces = 0;

	for (size_t at = 0; at < level->count; at += IPF_RUN_MAX, pieces++) {
		size_t left = level->count - at;
		__u32 start = level->points[at].start;
		__u32 base = write_points(cutter, level->points + at,
					  left < IPF_RUN_MAX ? left : IPF_RUN_MAX);

		level->points[pieces] = (struct point){ start, { IPF_STATE_SPLIT, base } };
	}
	level->count = pieces;
}

/* Ends the run at its last word, writes it out and empties it. Returns its position. */
static __u32 write_run(struct cutter *cutter, struct level *level, __u64 last)
{
	__u32 base = 0;

	if (level->count && level->covered <= last &&
	    !is_exact(level->points[level->count - 1].value.state))
		add_point(cutter, level, level->covered, nothing);
	if (level->count > IPF_RUN_MAX)
		split_run(cutter, level);
	if (!cutter->error)
		base = write_points(cutter, level->points, level->count);
	level->count = 0;
	level->covered = 0;
	return base;
}

/* --- Groups of the first level ------------------------------------------------------------------ */

static void close_group(struct cutter *cutter, struct level *level)
{
	const struct ipf_space *space = &cutter->cut->space;

	if (level->count)
		cutter->cut->groups[level->group].base =
			write_run(cutter, level, (1ull << space->shift) - 1);
}

/* The bits from `first` to `last`. */
static __u32 part_bits(__u64 first, __u64 last)
{
	return WORD_MAX >> (31 - last) & WORD_MAX << first;
}

static void groups_add(struct cutter *cutter, struct level *level, __u32 from, __u32 to,
		       struct value value)
{
	const struct ipf_space *space = &cutter->cut->space;
	__u64 distance = from - space->first, end = to - space->first;
	__u64 mask = (1ull << space->shift) - 1;
	unsigned int part_shift = space->shift - IPF_PARTS_SHIFT;

	while (distance <= end && !cutter->error) {
		__u64 group = distance >> space->shift;
		__u64 last = end < (distance | mask) ? end : distance | mask;

		if (level->count && group != level->group)
			close_group(cutter, level);
		level->group = group;
		run_add(cutter, level, distance & mask, last & mask, value);
		cutter->cut->groups[group].parts |=
			part_bits((distance & mask) >> part_shift, (last & mask) >> part_shift);
		distance = last + 1;
	}
}

/* --- From what is in force to spans ------------------------------------------------------------- */

static void add_span(struct cutter *cutter, unsigned int depth, __u32 to)
{
	struct level *level = &cutter->levels[depth];
	struct value value = level->value;

	if (value.state == IPF_STATE_NONE || cutter->error)
		return;
	if (is_exact(value.state))
		to = level->from;
	if (depth)
		run_add(cutter, level, level->from, to, value);
	else
		groups_add(cutter, level, level->from, to, value);
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
		return write_run(cutter, level, WORD_MAX);
	close_group(cutter, level);
	return 0;
}

/* --- The index -------------------------------------------------------------------------------- */

static unsigned int bit_length(__u64 number)
{
	return number ? 64 - (unsigned int)__builtin_clzll(number) : 0;
}

void cut_plan(const struct ruleset *set, size_t at, size_t end, struct ipf_space *space)
{
	unsigned int bits = bit_length(end - at), width;
	__u32 first, last = 0;

	*space = (struct ipf_space){ .rule_count = (__u32)(end - at) };
	if (at == end)
		return;
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
	space->shift = width > bits + IPF_PARTS_SHIFT ? width - bits : IPF_PARTS_SHIFT;
	/* Groups and their parts begin where prefixes do. */
	space->first = first & ~(__u32)((1ull << space->shift) - 1);
	space->span = last - space->first;
}

int cut_rules(const struct ruleset *set, size_t at, size_t end, const struct ipf_space *space,
	      __u64 points, struct ipf_timer *timers, bool owned, struct cut *out)
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
	cutter.phase =
		(__u32)(points % IPF_CHUNK_SIZE /
			(cutter.family == IPF_IPV6 ? sizeof(struct ipf_point6) : sizeof(__u32)));
	out->groups = calloc(((size_t)space->span >> space->shift) + 1, sizeof(*out->groups));
	if (!out->groups)
		return -ENOMEM;
	cut_level(&cutter, 0, at, end, IPF_NO_RULE);
	for (unsigned int depth = 0; depth < IPF_WORDS; depth++)
		free(cutter.levels[depth].points);
	return cutter.error;
}
