/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do the fuzzers share?
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <feed/format.h>
#include <feed/input.h>
#include <feed/reader.h>
#include <feed/writer.h>
#include <ruleset/ruleset.h>
#include <util/error.h>

#define FUZZ_NOW 1000                                  /* the tick from which timeouts count */
#define FUZZ_UNIX_NOW_NS UINT64_C(1796083200000000000) /* 2026-12-01T00:00:00Z */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads a text as a file of this format (NULL: detected) and makes a rule set of it. Returns the
 * format, or NULL with *out empty if the text was refused. */
static inline const struct format *fuzz_read(const void *text, size_t size,
					     const struct format *format, struct ruleset *out)
{
	struct input input = { .verdict = VERDICT_DROP,
			       .now = FUZZ_NOW,
			       .unix_now_ns = FUZZ_UNIX_NOW_NS,
			       .format = format };
	FILE *file = fmemopen((void *)text, size, "r");
	struct error err = { { 0 } };
	int ret;

	assert(file);
	ruleset_init(out);
	ret = reader_read(&input, file, "-", &err);
	fclose(file);
	/* Refused with a position and a message, or accepted without a message. */
	assert(ret ? !strncmp(err.text, "-:", 2) : !err.text[0]);
	for (const char *c = err.text; *c; c++)
		assert(*c >= ' ' && *c <= '~');
	for (size_t i = 0; !ret && i < input.count; i++) {
		char place[INPUT_POSITION_SIZE];

		/* Each rule comes from this file, and messages name its line. */
		input_describe(&input, &input.rules[i], place);
		assert(!strncmp(place, "-:", 2));
	}
	for (size_t i = 0; !ret && i < input.set_count; i++)
		assert(ruleset_name_set(out, input.sets[i].name) == (int)i);
	if (!ret)
		assert(!ruleset_add(out, input.rules, input.count, NULL));
	ruleset_tidy(out, FUZZ_NOW);
	input_done(&input);
	return ret ? NULL : input.read_as;
}

static inline struct rule fuzz_rule(uint64_t high, uint64_t low, uint8_t family, uint8_t bits,
				    uint8_t verdict, uint32_t expires)
{
	return (struct rule){ .prefix = { .key = { high, low }, .family = family, .bits = bits },
			      .verdict = verdict,
			      .expires = expires,
			      .counter = IPF_NO_COUNTER };
}

/* The rules as rule text must be detected as such, and mean the same. */
static inline void fuzz_write_and_read(const struct ruleset *rules)
{
	struct ruleset again;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert(out && !writer_write(rules, FUZZ_NOW, 0, out));
	fclose(out);
	if (length) {
		assert(fuzz_read(text, length, NULL, &again) == &format_rules);
		assert(again.count == rules->count);
		assert(again.set_count == rules->set_count);
		for (size_t i = 0; i < again.set_count; i++)
			assert(!strcmp(again.sets[i].name, rules->sets[i].name));
		for (size_t i = 0; i < again.count; i++) {
			assert(!prefix_compare(&again.rules[i].prefix, &rules->rules[i].prefix));
			assert(again.rules[i].verdict == rules->rules[i].verdict);
			assert(again.rules[i].set == rules->rules[i].set);
			assert(again.rules[i].expires == rules->rules[i].expires);
		}
		ruleset_done(&again);
	}
	free(text);
}

#endif
