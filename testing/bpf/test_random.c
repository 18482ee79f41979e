// SPDX-License-Identifier: GPL-2.0
/*
 * Do the XDP program in the kernel, its headers on the host, and a simple second filter agree on
 * random frames?
 *
 *     FRAMES=1000000 SEED=... test_random [OBJECT]
 *
 * Each round has a random rule set, one of the two policies, one kind of link, and a few thousand
 * frames: mutated frames of the corpus, and frames from addresses at and around the rules. Two
 * rounds in eight damage the table, and compare only the kernel and the headers: they must give the
 * same answer, without a fault. In half the rounds the program writes events, and in a quarter it
 * only observes: neither changes an answer or a counter. After a difference, the test prints the
 * frame and the fewest rules that still show it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ruleset/tick.h>
#include <ruleset/verdict.h>

#include "chance.h"
#include "corpus.h"
#include "oracle.h"
#include "program.h"
#include "rules.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	FRAMES_PER_ROUND = 2000,
	RULES_AT_MOST = 3000,
	SETS = 3,
	DIFFERENCES_SHOWN = 3,
	LARGE_FRAMES = 400,  /* one in this many frames is larger than a page */
	FAR_TICKS = 1000000, /* 37 hours: no rule ends during a round */
};

static struct program programs[IPF_LINKS][2]; /* of each link, for each policy */
static struct frame frame;
static char why[256];
static unsigned long long differences;

/*
 * Rules.
 */

/* There are few networks, so rules nest, touch and repeat. */
static struct ipf_key random_key(enum ipf_family family)
{
	static const __u64 nets[] = { 0xc000020000000000, 0x20010db800000000, 0, 0xfe80000000000000,
				      ~0ull };
	struct ipf_key key = { chance_bits(), chance_bits() };
	unsigned int kept = chance_below(family == IPF_IPV4 ? 33 : 65);

	if (!chance_one_in(4)) {
		__u64 mask = kept ? ~0ull << (64 - kept) : 0;

		key.high = (nets[chance_below(COUNT(nets))] & mask) | (key.high & ~mask);
		if (chance_one_in(2))
			key.low = chance_one_in(2) ? chance_below(8) : ~(__u64)chance_below(8);
	}
	if (family == IPF_IPV4) {
		key.high &= ~0ull << 32;
		key.low = 0;
	}
	return key;
}

static struct prefix random_prefix(void)
{
	enum ipf_family family = chance_one_in(2) ? IPF_IPV4 : IPF_IPV6;
	unsigned int most = address_family_bits(family);
	unsigned int bits = chance_one_in(3) ? most :
			    chance_one_in(2) ? chance_below(most + 1) :
					       most - chance_below(most / 2);
	struct prefix prefix = { .key = random_key(family),
				 .family = (__u8)family,
				 .bits = (__u8)bits };

	prefix.key.high &= bits >= 64 ? ~0ull : bits ? ~0ull << (64 - bits) : 0;
	prefix.key.low &= bits >= 128 ? ~0ull : bits > 64 ? ~0ull << (128 - bits) : 0;
	return prefix;
}

static size_t random_rules(struct rule *rules, __u32 now)
{
	static const __u32 most[] = { 1, 2, 4, 10, 30, 100, 300, RULES_AT_MOST };
	size_t count = chance_below(most[chance_below(COUNT(most))] + 1);

	for (size_t i = 0; i < count; i++) {
		rules[i] = (struct rule){
			.prefix = random_prefix(),
			.verdict = chance_one_in(2) ? IPF_DROP : IPF_PASS,
			.set = (__u16)chance_below(SETS),
			.expires = !chance_one_in(4) ? IPF_NEVER :
				   chance_one_in(2)  ? now + FAR_TICKS :
						       now - chance_below(now),
			.counter = IPF_NO_COUNTER,
		};
		/* Another verdict, time or set for an existing prefix. */
		if (i && chance_one_in(5))
			rules[i].prefix = rules[chance_below((__u32)i)].prefix;
	}
	return count;
}

/* An offset after the beginning of a family's points; the header may be damaged already. */
static size_t points_from(const struct ipf_header *header, size_t size)
{
	__u64 points = sizeof(*header) + header->layout.space[chance_below(IPF_FAMILIES)].points;

	return points < size ? points + chance_bits() % (size - points) : 0;
}

/* Damages bits and words all over the table, mostly in its header and its points. */
static void damage(struct image *image)
{
	__u32 *words = image->data;
	struct ipf_header *header = image->data;
	size_t count = image->size / sizeof(*words);

	for (__u32 i = chance_below(20) + 1; i; i--) {
		size_t at = chance_one_in(3) ? chance_below(sizeof(*header) / sizeof(*words)) :
					       (size_t)(chance_bits() % count);

		if (chance_one_in(3))
			at = points_from(header, image->size) / sizeof(*words);
		words[at] = chance_one_in(3) ? (__u32)chance_bits() :
			    chance_one_in(2) ? words[at] ^ 1u << chance_below(32) :
			    chance_one_in(2) ? ~0u :
					       chance_below(16);
	}
}

/*
 * Frames.
 */

static struct ipf_key near_rule(const struct rule *rule)
{
	struct ipf_key first = rule->prefix.key;
	struct ipf_key last = prefix_last(&rule->prefix);
	struct ipf_key inside = { first.high | (chance_bits() & (last.high ^ first.high)),
				  first.low | (chance_bits() & (last.low ^ first.low)) };

	if (rule->prefix.family == IPF_IPV4) {
		inside.low = 0;
		inside.high &= ~0ull << 32;
	}
	switch (chance_below(6)) {
	case 0:
		return first;
	case 1:
		return last;
	case 2:
		return key_before(rule->prefix.family, first);
	case 3:
		return key_after(rule->prefix.family, last);
	default:
		return inside;
	}
}

static void resize(__u32 size)
{
	while (frame.size < size)
		frame.bytes[frame.size++] = (__u8)chance_bits();
	frame.size = size < FRAME_MIN ? FRAME_MIN : size;
}

static void insert_tag(void)
{
	static const __u16 tpids[] = { 0x8100, 0x88a8, 0x9100, 0x9200, 0x8100 };
	__u16 tpid = tpids[chance_below(COUNT(tpids))];
	__u8 tag[4] = { (__u8)(tpid >> 8), (__u8)tpid, (__u8)chance_bits(), (__u8)chance_bits() };

	if (frame.size + 4 > FRAME_ROOM)
		return;
	memmove(frame.bytes + 16, frame.bytes + 12, frame.size - 12);
	memcpy(frame.bytes + 12, tag, sizeof(tag));
	frame.size += 4;
}

/* Puts the packet of the Ethernet frame into a PPPoE session, with any header but the right
 * type. */
static void insert_session(void)
{
	__u8 header[10] = { 0x88, 0x64, 0x11, 0, 0, 1, (__u8)chance_bits(), (__u8)chance_bits() };
	__u32 size = sizeof(header) - chance_one_in(3);
	__u8 protocol = frame.bytes[12] == 0x86 ? 0x57 : 0x21;

	if (frame.size + 8 > FRAME_ROOM)
		return;
	if (chance_one_in(8))
		header[2 + chance_below(6)] = (__u8)chance_bits();
	if (chance_one_in(8))
		protocol = (__u8)chance_bits();
	header[size - 1] = protocol;
	memmove(frame.bytes + 12 + size, frame.bytes + 14, frame.size - 14);
	memcpy(frame.bytes + 12, header, size);
	frame.size += size - 2;
}

/* Makes it a frame of a link without Ethernet. */
static void strip_ethernet(void)
{
	if (frame.size < 2 * FRAME_MIN)
		return;
	frame.size -= FRAME_MIN;
	memmove(frame.bytes, frame.bytes + FRAME_MIN, frame.size);
}

static void mutate(void)
{
	static const __u8 bytes[] = { 0,    1,    4,    5,    6,    8,    58,   0x40,
				      0x44, 0x45, 0x4f, 0x60, 0x6f, 0x81, 0x86, 0x88,
				      0x91, 0xa8, 0xdd, 132,  133,  137,  138,  0xff };
	__u32 early = frame.size < 80 ? frame.size : 80;

	switch (chance_below(9)) {
	case 0: /* a bit of the headers */
		frame.bytes[chance_below(early)] ^= (__u8)(1u << chance_below(8));
		break;
	case 1: /* a meaningful byte */
		frame.bytes[chance_below(early)] = bytes[chance_below(COUNT(bytes))];
		break;
	case 2:
		frame.bytes[12 + chance_below(early - 12)] = (__u8)chance_bits();
		break;
	case 3:
		resize(FRAME_MIN + chance_below(early - FRAME_MIN + 1));
		break;
	case 4:
		if (frame.size < 1000)
			resize(frame.size + chance_below(100));
		break;
	case 5:
		insert_tag();
		break;
	case 6: /* one tag fewer */
		if (frame.size >= FRAME_MIN + 4) {
			memmove(frame.bytes + 12, frame.bytes + 16, frame.size - 16);
			frame.size -= 4;
		}
		break;
	case 7:
		insert_session();
		break;
	case 8:
		if (chance_one_in(LARGE_FRAMES / 8))
			resize(3000 + chance_below(62000));
		break;
	}
}

static void random_frame(enum ipf_link link, const struct ruleset *rules)
{
	if (chance_one_in(20)) { /* noise after a type that leads on */
		static const __u16 types[] = { 0x0800, 0x86dd, 0x8100, 0x88a8,
					       0x9100, 0x0806, 0x8864 };
		__u16 type = types[chance_below(COUNT(types))];

		frame.size = 0;
		resize(FRAME_MIN + chance_below(100));
		if (!chance_one_in(4)) {
			frame.bytes[12] = (__u8)(type >> 8);
			frame.bytes[13] = (__u8)type;
		}
	} else if (rules->count && !chance_one_in(4)) {
		const struct rule *rule = &rules->rules[chance_below((__u32)rules->count)];
		struct ipf_key source = near_rule(rule);

		frame_from(rule->prefix.family, &source, &frame);
		if (rule->prefix.family == IPF_IPV6 && chance_one_in(4)) {
			frame.bytes[FRAME_MIN + 6] = 58;
			frame.bytes[FRAME_MIN + 40] = (__u8)(130 + chance_below(10));
		}
		if (link == IPF_LINK_ETHERNET && chance_one_in(4))
			insert_session();
		for (__u32 tags = link == IPF_LINK_ETHERNET && chance_one_in(2) ? chance_below(6) :
										  0;
		     tags; tags--)
			insert_tag();
	} else {
		do
			packet_build(&corpus[chance_below((__u32)corpus_count)], &frame);
		while (frame.size > 2000 && !chance_one_in(LARGE_FRAMES / 16));
	}
	if (link == IPF_LINK_IP)
		strip_ethernet();
	for (__u32 times = chance_one_in(2) ? chance_below(4) : 0; times; times--)
		mutate();
	if (program_too_large(frame.size))
		frame.size = PROGRAM_ONE_BUFFER;
}

/*
 * Differences.
 */

static void print_frame(void)
{
	__u32 shown = frame.size < 256 ? frame.size : 256;

	printf("#   frame of %u bytes%s:\n#  ", frame.size,
	       shown < frame.size ? ", the first 256" : "");
	for (__u32 i = 0; i < shown; i++)
		printf("%s%02x", i % 32 ? "" : " ", frame.bytes[i]);
	putchar('\n');
}

static void print_rules(const struct rule *rules, size_t count, __u32 now)
{
	for (size_t i = 0; i < count && i < 40; i++) {
		char text[PREFIX_TEXT_SIZE];

		prefix_format(&rules[i].prefix, text);
		tap_note("    %s %s, set %u%s", verdict_name(rules[i].verdict), text, rules[i].set,
			 rules[i].expires == IPF_NEVER ? "" :
			 rules[i].expires <= now       ? ", ended" :
							 ", will end");
	}
	if (count > 40)
		tap_note("    ... and %zu more", count - 40);
}

static bool same(const struct decision *a, const struct decision *b)
{
	return a->verdict == b->verdict && a->total == b->total && a->counter == b->counter;
}

static void print_decision(const char *name, const struct decision *decision)
{
	static const char *const totals[] = { "dropped", "passed", "other", "malformed" };

	if (decision->counter == IPF_NO_COUNTER)
		tap_note("    %s: %s, counted as %s", name, verdict_name(decision->verdict),
			 totals[decision->total]);
	else
		tap_note("    %s: %s, counted as %s and by rule counter %u", name,
			 verdict_name(decision->verdict), totals[decision->total],
			 decision->counter);
}

static void publish(struct program *program, const struct table *table)
{
	unsigned int half = !(program->root->generation & 1);

	if (program_add_blocks_for(program, table->rules.count) ||
	    program_fill(program, half, &table->image))
		tap_bail("a table cannot be published");
	program_switch(program, half);
}

/* Do the answers for the frame still differ with only these rules? */
static bool differs_with(struct program *program, const struct rule *rules, size_t count, __u32 now)
{
	struct program_input input = { .frame = frame.bytes, .size = frame.size };
	struct rule *copy = calloc(count + 1, sizeof(*copy));
	struct decision want, headers;
	struct table table;
	bool differs;

	if (!copy)
		tap_bail("no memory");
	memcpy(copy, rules, count * sizeof(*copy));
	table_from_rules(&table, copy, count, SETS);
	publish(program, &table);
	want = oracle_decide(&table.rules, &program->options, now, frame.bytes, frame.size);
	headers = headers_decide(program, now, frame.bytes, frame.size);
	program_accept_counters(program, (__u32)table.rules.count);
	snprintf(why, sizeof(why), "headers and oracle differ");
	differs = !same(&want, &headers) ||
		  !program_expect(program, &input, &want, why, sizeof(why));
	table_done(&table);
	free(copy);
	return differs;
}

/* Removes ever smaller groups of rules as long as the difference stays. */
static size_t fewest_rules(struct program *program, struct rule *rules, size_t count, __u32 now)
{
	for (size_t run = count; run; run /= 2) {
		for (size_t at = 0; at + run <= count;) {
			struct rule *fewer = calloc(count + 1, sizeof(*fewer));

			if (!fewer)
				tap_bail("no memory");
			memcpy(fewer, rules, at * sizeof(*fewer));
			memcpy(fewer + at, rules + at + run, (count - at - run) * sizeof(*fewer));
			if (differs_with(program, fewer, count - run, now)) {
				count -= run;
				memcpy(rules, fewer, count * sizeof(*fewer));
			} else {
				at += run;
			}
			free(fewer);
		}
	}
	return count;
}

/* This changes the live table. */
static void report(struct program *program, const struct table *table, __u32 now)
{
	size_t count = table->rules.count;
	struct rule *rules = calloc(count + 1, sizeof(*rules));

	if (!rules)
		tap_bail("no memory");
	memcpy(rules, table->rules.rules, count * sizeof(*rules));
	print_frame();
	if (differs_with(program, rules, count, now)) {
		count = fewest_rules(program, rules, count, now);
		differs_with(program, rules, count, now);
		tap_note("  with these rules: %s", why);
	} else {
		tap_note("  alone it agrees; all rules of the round:");
	}
	print_rules(rules, count, now);
	free(rules);
}

/*
 * Rounds.
 */

struct tally {
	unsigned long long totals[IPF_TOTALS];
	unsigned long long by_rule, large, damaged, observed, events, skipped;
};

/* Of each eight rounds, two are observed, one under each policy, and four are sampled, one of them
 * with a low rate. Forgets earlier events. */
static void set_modes(struct program *program, unsigned long long round)
{
	const bool slow = round % 8 == 5;
	const struct program_sample sample = {
		.every = 1 + chance_below(slow || chance_one_in(2) ? 2 : 100),
		.totals = slow ? (1u << IPF_TOTALS) - 1 : 1 + chance_below((1u << IPF_TOTALS) - 1),
		.rate = slow ? 1 : UINT32_MAX,
		.lease_ns = UINT64_MAX,
	};

	memset(program->rings, 0, program->cpus * sizeof(*program->rings));
	program->root->modes.observe = round % 8 / 2 == 1;
	program->root->modes.sample = 0;
	if ((round + 1) / 2 % 2)
		program_begin_sampling(program, &sample);
}

static void tally_modes(const struct program *program, unsigned long long frames,
			struct tally *tally)
{
	if (program->root->modes.observe)
		tally->observed += frames;
	for (unsigned int cpu = 0; cpu < program->cpus; cpu++) {
		tally->events += program->rings[cpu].head;
		tally->skipped += program->rings[cpu].skipped;
	}
}

static void run_round(unsigned long long round, unsigned long long frames, struct tally *tally)
{
	struct program *program = &programs[round >> 3 & 1][round & 1];
	static struct rule rules[RULES_AT_MOST];
	enum ipf_verdict policy = program->options.policy;
	__u32 now = tick_now();
	struct table table;
	bool damaged;

	table_from_rules(&table, rules, random_rules(rules, now), SETS);
	damaged = round % 8 >= 6 && table.image.data;
	if (damaged)
		damage(&table.image);
	publish(program, &table);
	set_modes(program, round);

	for (unsigned long long i = 0; i < frames; i++) {
		struct program_input input = { .frame = frame.bytes };
		struct decision headers, want;
		bool agree;

		random_frame(program->options.link, &table.rules);
		input.size = frame.size;
		headers = headers_decide(program, now, frame.bytes, frame.size);
		want = damaged ? headers :
				 oracle_decide(&table.rules, &program->options, now, frame.bytes,
					       frame.size);
		agree = same(&headers, &want);
		/* A damaged rule may name a counter that is not there. */
		if (!program_has_counter(program, want.counter))
			want.counter = IPF_NO_COUNTER;
		snprintf(why, sizeof(why), "headers and oracle differ");
		if (agree)
			agree = program_expect(program, &input, &want, why, sizeof(why));
		tally->totals[want.total]++;
		tally->by_rule += want.counter != IPF_NO_COUNTER;
		tally->large += frame.size > 4096;
		tally->damaged += damaged;
		if (agree)
			continue;
		if (differences++ >= DIFFERENCES_SHOWN)
			continue;
		tap_note("difference, policy %s%s: %s", policy == IPF_DROP ? "deny" : "allow",
			 damaged ? ", damaged table" : "", why);
		print_decision("headers", &headers);
		if (damaged) {
			print_frame();
			continue;
		}
		print_decision("oracle", &want);
		report(program, &table, now);
		publish(program, &table);
	}
	if (!program_check_counters(program, RULES_AT_MOST, why, sizeof(why)) &&
	    differences++ < DIFFERENCES_SHOWN)
		tap_note("difference after a round: %s", why);
	tally_modes(program, frames, tally);
	table_done(&table);
}

int main(int argc, char **argv)
{
	const char *unavailable = program_unavailable();
	const char *path = program_object_path(argc, argv);
	unsigned long long frames, done = 0, rounds = 0;
	struct timespec from, to;
	struct tally tally = { 0 };

	if (unavailable)
		return tap_skip_all(unavailable);
	frames = chance_setting("FRAMES", 1000000);
	tap_note("SEED=%llu FRAMES=%llu", chance_begin(), frames);
	for (unsigned int i = 0; i < 2 * IPF_LINKS; i++)
		if (program_open(&programs[i / 2][i % 2], path,
				 &(struct program_options){ .policy = i % 2, .link = i / 2 }) ||
		    program_add_rings(&programs[i / 2][i % 2]))
			tap_bail("%s cannot be loaded", path);

	clock_gettime(CLOCK_MONOTONIC, &from);
	while (done < frames) {
		unsigned long long part = frames - done < FRAMES_PER_ROUND ? frames - done :
									     FRAMES_PER_ROUND;

		run_round(rounds++, part, &tally);
		done += part;
	}
	clock_gettime(CLOCK_MONOTONIC, &to);

	tap_ok(!differences, "%llu frames, %llu rule sets: %llu differences", done, rounds,
	       differences);
	tap_ok(rounds < 8 || (tally.events && tally.skipped && tally.observed),
	       "%llu events, %llu skipped for the rate; %llu frames observed", tally.events,
	       tally.skipped, tally.observed);
	tap_note("%llu dropped, %llu passed, %llu other, %llu malformed; %llu by a rule",
		 tally.totals[0], tally.totals[1], tally.totals[2], tally.totals[3], tally.by_rule);
	tap_note("%llu multi-buffer frames, %llu with a damaged table; %.1f s", tally.large,
		 tally.damaged,
		 (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	for (unsigned int i = 0; i < 2 * IPF_LINKS; i++)
		program_close(&programs[i / 2][i % 2]);
	return tap_done();
}
