/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do the unit tests share?
 *
 * Each line of a table becomes a test. Random tests draw from a seed, which they print and which
 * SEED=N sets. Rule sets come from texts, or are random in the shapes that break lookups.
 */
#ifndef UNIT_SUPPORT_H
#define UNIT_SUPPORT_H

/* cmocka needs these before its own header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <feed/input.h>
#include <stdio.h>
#include <ruleset/ruleset.h>

/* cmocka 2 has one for each sign, and a warning about the old name. */
#ifndef assert_uint_in_range
#define assert_uint_in_range assert_in_range
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The tests of one program. Zeroed is empty. */
struct suite {
	struct CMUnitTest tests[512];
	size_t count;
};
/* Adds a test. The function gets its case as `const struct X *c = *state;`. */
void suite_add(struct suite *suite, const char *name, CMUnitTestFunction function,
	       const void *its_case);
/* Returns main()'s exit code. */
int suite_run(struct suite *suite, const char *name);

/* One test for each line of a table whose lines have a `name`. */
#define SUITE_TABLE(suite, function, table)                                             \
	do {                                                                            \
		for (size_t line = 0; line < COUNT_OF(table); line++)                   \
			suite_add(suite, (table)[line].name, function, &(table)[line]); \
	} while (0)

/* Each test gets the same sequence, so it fails alone just as it fails among others. */
void random_restart(void);
uint64_t random_number(void);
uint64_t random_below(uint64_t limit);
struct address random_address(enum ipf_family family);

/* Of the text of one prefix. */
struct prefix prefix_from(const char *text);

/* Modulo 2^128. Not every compiler has numbers of 128 bits. */
struct ipf_key key_sum(struct ipf_key a, struct ipf_key b);
/* The address so many after the key, or before it. */
struct address address_at(enum ipf_family family, struct ipf_key key, int step);
/* Bit 0 is the highest. */
bool key_bit(const struct ipf_key *key, unsigned int bit);

enum shape {
	SHAPE_SPREAD,     /* anything anywhere */
	SHAPE_CLUSTERED,  /* around a few addresses */
	SHAPE_NESTED,     /* prefixes of every length that contain one address */
	SHAPE_NEIGHBOURS, /* runs that touch each other */
	SHAPE_EDGES,      /* whole spaces, their halves, their first and last addresses */
	SHAPE_DUPLICATES, /* a few prefixes in many sets */
	SHAPE_IPV4_ONLY,
	SHAPE_IPV6_ONLY,
	SHAPES
};
extern const char *const shape_names[SHAPES];

#define RANDOM_MAX_EXPIRES 24u /* rules end at ticks 1 to this, or never */
#define RANDOM_MAX_SETS 5u

/* Makes random rules, and their sets in `set`. The caller frees *rules. */
void random_rules(struct ruleset *rules, enum shape shape, size_t count, struct rule **out);
/* Release with ruleset_done(). */
void random_ruleset(struct ruleset *rules, enum shape shape, size_t count);

/* Gives each rule a counter, as in a filter that had none. */
void assign_counters(struct ruleset *rules);

/* Makes the rules of a rule file, tidied at tick 0, from which timeouts count. Release them with
 * ruleset_done(). */
void ruleset_from_text(struct ruleset *rules, const char *text);
/* Takes the rules that were read, tidied at tick 0, and releases the input. */
void ruleset_from_input(struct ruleset *rules, struct input *input);
/* The text of the rules from writer_write() at tick 0. The caller frees it. */
char *ruleset_to_text(const struct ruleset *rules);
/* The text must stay in memory until the file is closed. */
FILE *open_text(const char *text, size_t length);

void assert_same_rule(const struct rule *a, const struct rule *b);
void assert_same_ruleset(const struct ruleset *a, const struct ruleset *b);
/* The rules are sorted, and no set has a prefix twice. */
void assert_sound_ruleset(const struct ruleset *rules);

#endif
