/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a test write down a table?
 */
#ifndef TEST_RULES_H
#define TEST_RULES_H

#include <ipfilter/abi.h>
#include <table/image.h>
#include <ruleset/ruleset.h>
#include <stddef.h>

enum life { FOREVER, ENDED, TO_COME };

struct rule_line {
	const char *prefix; /* NULL ends a list */
	enum ipf_verdict verdict;
	enum life life;
	const char *set; /* NULL: default */
};

/* Lines as they are written in tables. */
#define RULE_LINE(text, decision, ends, in)                                          \
	{                                                                            \
		.prefix = (text), .verdict = (decision), .life = (ends), .set = (in) \
	}
#define DROP(text) RULE_LINE(text, IPF_DROP, FOREVER, NULL)
#define PASS(text) RULE_LINE(text, IPF_PASS, FOREVER, NULL)
#define DROP_ENDED(text) RULE_LINE(text, IPF_DROP, ENDED, NULL)
#define PASS_ENDED(text) RULE_LINE(text, IPF_PASS, ENDED, NULL)
#define DROP_TO_COME(text) RULE_LINE(text, IPF_DROP, TO_COME, NULL)
#define PASS_TO_COME(text) RULE_LINE(text, IPF_PASS, TO_COME, NULL)
#define DROP_IN(name, text) RULE_LINE(text, IPF_DROP, FOREVER, name)
#define PASS_IN(name, text) RULE_LINE(text, IPF_PASS, FOREVER, name)
#define DROP_ENDED_IN(name, text) RULE_LINE(text, IPF_DROP, ENDED, name)
#define PASS_ENDED_IN(name, text) RULE_LINE(text, IPF_PASS, ENDED, name)

/* A rule set and the image compiled from it. Zeroed is empty. */
struct table {
	struct ruleset rules;
	struct image image;
};
void table_done(struct table *table);

/* From at most `count` lines, up to one without a prefix. Any failure ends the test. */
void table_from_lines(struct table *table, const struct rule_line *lines, size_t count);
/* From these rules (their sets are 0 .. set_count - 1; the counters are assigned here). */
void table_from_rules(struct table *table, struct rule *rules, size_t count, size_t set_count);

/* The counter of the rule with this prefix and verdict. If there is none, the test ends. */
__u32 table_counter(const struct table *table, const char *prefix, enum ipf_verdict verdict);

/* The prefix of a valid text. */
struct prefix prefix_of(const char *text);

/* The address as 4 or 16 bytes in network byte order. */
size_t address_bytes(enum ipf_family family, const struct ipf_key *key, __u8 bytes[16]);
/* The next number, where zero follows the last one; the previous number, likewise. */
struct ipf_key key_after(enum ipf_family family, struct ipf_key key);
struct ipf_key key_before(enum ipf_family family, struct ipf_key key);

#endif
