// SPDX-License-Identifier: GPL-2.0
/*
 * What does a frame cost under our XDP program, against the least that a filter could do?
 *
 *     REPEAT=3000000 ROUNDS=5 bench [OBJECT]
 *
 * CPU time of this thread around BPF_PROG_TEST_RUN, one source again and again, so tables are in
 * the cache. Every candidate is measured once in each round, so that what disturbs the machine
 * disturbs all; a ratio compares within a round, and the table shows medians. The kernel's part of
 * each measurement, the same for all, is in the line `empty`.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <util/text.h>

#include "../bpf/corpus.h"
#include "../bpf/program.h"
#include "../bpf/rules.h"
#include "../bpf/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { MOST_ROUNDS = 100, SKIPPED = 77 };

enum source { HIT, MISS };

static struct candidate {
	const char *name;
	enum ipf_family family;
	__u32 rules; /* 0: a program of floor.o */
	enum source source;
	const char *program; /* its name there */
	/* Filled in: */
	struct program ours;
	int fd;
	struct frame frame;
	__u32 action; /* what it must answer */
	double ns[MOST_ROUNDS];
} candidates[] = {
	/* clang-format off */
	{ .name = "floor, IPv4", .family = IPF_IPV4, .program = "floor_drop" },
	{ .name = "floor, IPv6", .family = IPF_IPV6, .program = "floor_drop" },
	{ .name = "empty",       .family = IPF_IPV4, .program = "empty" },
	{ .name = "IPv4, 1 rule, hit",        .family = IPF_IPV4, .rules = 1,      .source = HIT },
	{ .name = "IPv4, 1 rule, miss",       .family = IPF_IPV4, .rules = 1,      .source = MISS },
	{ .name = "IPv4, 1,000 rules, hit",   .family = IPF_IPV4, .rules = 1000,   .source = HIT },
	{ .name = "IPv4, 1,000 rules, miss",  .family = IPF_IPV4, .rules = 1000,   .source = MISS },
	{ .name = "IPv4, 100,000 rules, hit", .family = IPF_IPV4, .rules = 100000, .source = HIT },
	{ .name = "IPv4, 100,000 rules, miss", .family = IPF_IPV4, .rules = 100000, .source = MISS },
	{ .name = "IPv6, 1 rule, hit",        .family = IPF_IPV6, .rules = 1,      .source = HIT },
	{ .name = "IPv6, 1 rule, miss",       .family = IPF_IPV6, .rules = 1,      .source = MISS },
	{ .name = "IPv6, 1,000 rules, hit",   .family = IPF_IPV6, .rules = 1000,   .source = HIT },
	{ .name = "IPv6, 1,000 rules, miss",  .family = IPF_IPV6, .rules = 1000,   .source = MISS },
	{ .name = "IPv6, 100,000 rules, hit", .family = IPF_IPV6, .rules = 100000, .source = HIT },
	{ .name = "IPv6, 100,000 rules, miss", .family = IPF_IPV6, .rules = 100000, .source = MISS },
	/* clang-format on */
};

static void must(int ret, const char *what)
{
	if (ret)
		tap_bail("%s: %s", what, strerror(-ret));
}

static __u64 setting(const char *name, __u64 standard, __u64 most)
{
	const char *text = getenv(name);
	uint64_t value;

	if (!text || !*text)
		return standard;
	if (number_parse(text, 1, most, &value))
		tap_bail("%s=%s is not a number from 1 to %llu", name, text, most);
	return value;
}

/* The same rules in every run. */
static __u64 random_bits(void)
{
	static __u64 state = 1;
	__u64 z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* IPv4: hosts and every fifth a /24. IPv6 in 2000::/4: of ten, five /64, two /48, one /32, two
 * hosts. */
static struct prefix random_prefix(enum ipf_family family)
{
	static const __u8 lengths6[] = { 64, 64, 64, 64, 64, 48, 48, 32, 128, 128 };
	struct prefix prefix = { .family = (__u8)family };

	if (family == IPF_IPV4) {
		prefix.bits = random_bits() % 5 ? 32 : 24;
		prefix.key.high = random_bits() & ~0ull << (64 - prefix.bits);
		return prefix;
	}
	prefix.bits = lengths6[random_bits() % COUNT(lengths6)];
	prefix.key.high = 2ull << 60 | random_bits() >> 4;
	if (prefix.bits < 64)
		prefix.key.high &= ~0ull << (64 - prefix.bits);
	if (prefix.bits == 128)
		prefix.key.low = random_bits();
	return prefix;
}

/* The rule in the middle; or an address just behind a rule's last, and under no other. */
static struct ipf_key choose_source(const struct table *table, enum ipf_family family,
				    enum source source)
{
	for (size_t i = table->rules.count / 2; i < table->rules.count; i++) {
		const struct prefix *prefix = &table->rules.rules[i].prefix;
		struct address address = { .family = family, .key = prefix_last(prefix) };

		if (family == IPF_IPV4)
			address.key.low = 0;
		if (source == HIT)
			return address.key;
		address.key = key_after(family, address.key);
		if (image_lookup(&table->image, &address, tick_now()).verdict == IPF_NO_VERDICT)
			return address.key;
	}
	tap_bail("no address without a rule");
}

static void prepare_ours(struct candidate *candidate, const char *path)
{
	struct rule *rules = calloc(candidate->rules, sizeof(*rules));
	struct ipf_key key;
	struct table table;

	if (!rules)
		tap_bail("no memory");
	for (__u32 i = 0; i < candidate->rules; i++)
		rules[i] = (struct rule){ .prefix = random_prefix(candidate->family),
					  .verdict = IPF_DROP,
					  .counter = IPF_NO_COUNTER };
	must(program_open(&candidate->ours, path,
			  &(struct program_options){ .policy = IPF_PASS,
						     .without_frame_length_helper =
							     getenv("NOLEN") }),
	     path);
	table_from_rules(&table, rules, candidate->rules, 1);
	must(program_add_blocks_for(&candidate->ours, table.rules.count), "counters");
	must(program_fill(&candidate->ours, 0, &table.image), "filling the table");
	key = choose_source(&table, candidate->family, candidate->source);
	frame_from(candidate->family, &key, &candidate->frame);
	candidate->fd = candidate->ours.fd;
	candidate->action = candidate->source == HIT ? XDP_DROP : XDP_PASS;
	table_done(&table);
	free(rules);
}

/* One object for each: its constant is the candidate's source. */
static struct bpf_object *prepare_floor(struct candidate *candidate, const char *path)
{
	struct packet plain = { .body = candidate->family == IPF_IPV4 ? BODY_IPV4 : BODY_IPV6 };
	__u32 at = candidate->family == IPF_IPV4 ? 26 : 22;
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *code;
	__u32 constant[4] = { 0 };
	struct bpf_map *map;

	if (!object)
		tap_bail("%s: %s", path, strerror(errno));
	packet_build(&plain, &candidate->frame);
	if (candidate->family == IPF_IPV4)
		memcpy(&constant[3], candidate->frame.bytes + at, 4);
	else
		memcpy(constant, candidate->frame.bytes + at, 16);
	bpf_object__for_each_map(map, object)
	{
		if (strstr(bpf_map__name(map), ".rodata"))
			must(bpf_map__set_initial_value(map, constant, sizeof(constant)),
			     "the constant");
	}
	must(bpf_object__load(object), path);
	code = bpf_object__find_program_by_name(object, candidate->program);
	candidate->fd = code ? bpf_program__fd(code) : -ENOENT;
	candidate->action = XDP_DROP;
	return object;
}

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double measure(const struct candidate *candidate, __u64 repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = candidate->frame.bytes,
		    .data_size_in = candidate->frame.size, .repeat = (int)repeat);
	double from = cpu_ns();

	must(bpf_prog_test_run_opts(candidate->fd, &options), candidate->name);
	if (options.retval != candidate->action)
		tap_bail("%s: answers %u, not %u", candidate->name, options.retval,
			 candidate->action);
	return (cpu_ns() - from) / (double)repeat;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_candidate(const struct candidate *candidate, const struct candidate *floor,
			    __u64 rounds)
{
	double ratios[MOST_ROUNDS], ns[MOST_ROUNDS];

	for (__u64 i = 0; i < rounds; i++) {
		ns[i] = candidate->ns[i];
		ratios[i] = candidate->ns[i] / floor->ns[i];
	}
	qsort(ns, rounds, sizeof(ns[0]), by_size);
	qsort(ratios, rounds, sizeof(ratios[0]), by_size);
	printf("%-28s %8.1f %8.2fx   %.2f to %.2f\n", candidate->name, ns[rounds / 2],
	       ratios[rounds / 2], ratios[0], ratios[rounds - 1]);
}

int main(int argc, char **argv)
{
	const char *path = program_object_path(argc, argv);
	const char *unavailable = program_unavailable();
	struct bpf_object *floors[COUNT(candidates)] = { NULL };
	char self[PATH_MAX] = "", floor_path[PATH_MAX + 16];
	__u64 repeat = setting("REPEAT", 3000000, INT_MAX);
	__u64 rounds = setting("ROUNDS", 5, MOST_ROUNDS);
	cpu_set_t one;

	if (unavailable) {
		printf("skipped: %s\n", unavailable);
		return SKIPPED;
	}
	/* Moving between CPUs would cool the caches. */
	CPU_ZERO(&one);
	CPU_SET((unsigned int)sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		tap_bail("no path of this program");
	snprintf(floor_path, sizeof(floor_path), "%s/floor.o", dirname(self));

	for (size_t i = 0; i < COUNT(candidates); i++) {
		if (candidates[i].rules)
			prepare_ours(&candidates[i], path);
		else
			floors[i] = prepare_floor(&candidates[i], floor_path);
		measure(&candidates[i], repeat / 10 + 1);
	}
	for (__u64 round = 0; round < rounds; round++)
		for (size_t i = 0; i < COUNT(candidates); i++)
			candidates[i].ns[round] = measure(&candidates[i], repeat);

	printf("One source, %llu frames a measurement, median of %llu rounds.\n\n", repeat, rounds);
	printf("%-28s %8s %9s   %s\n", "", "ns", "of floor", "ratios seen");
	for (size_t i = 0; i < COUNT(candidates); i++)
		print_candidate(&candidates[i], &candidates[candidates[i].family], rounds);

	for (size_t i = 0; i < COUNT(candidates); i++) {
		bpf_object__close(floors[i]);
		if (candidates[i].rules)
			program_close(&candidates[i].ours);
	}
	return EXIT_SUCCESS;
}
