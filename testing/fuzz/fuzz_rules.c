// SPDX-License-Identifier: GPL-2.0
/*
 * Does any text make the rule file reader, the rule set or the compiler misbehave?
 *
 * What is accepted must survive the whole way: text -> rules -> image -> rules -> text -> rules.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <ruleset/image.h>
#include <ruleset/rulefile.h>
#include <ruleset/ruleset.h>
#include <util/error.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_rules(const void *text, size_t size, struct ruleset *out)
{
	struct rule_input input = { .verdict = IPF_DROP, .now = 1000 };
	FILE *file = fmemopen((void *)text, size, "r");
	struct error err = { { 0 } };
	int ret;

	assert(file);
	ruleset_init(out);
	ret = rule_input_read(&input, file, "-", &err);
	fclose(file);
	assert(!ret == !err.text[0]);
	for (size_t i = 0; !ret && i < input.set_count; i++)
		assert(ruleset_name_set(out, input.sets[i].name) == (int)i);
	if (!ret)
		assert(!ruleset_add(out, input.rules, input.count, NULL));
	rule_input_done(&input);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset rules, back, again;
	struct image image;
	char *text = NULL;
	size_t length;
	FILE *out;

	if (!size)
		return 0;
	if (!read_rules(data, size, &rules)) {
		assert(!image_compile(&rules, &image));
		assert(!image_check(&image, NULL));
		assert(!image_rules(&image, &back, NULL));
		assert(back.count == rules.count);

		out = open_memstream(&text, &length);
		assert(out && !rule_text_write(&back, 1000, out));
		fclose(out);
		if (length) {
			assert(!read_rules(text, length, &again));
			assert(again.count == rules.count);
			ruleset_done(&again);
		}
		free(text);
		ruleset_done(&back);
		image_done(&image);
	}
	ruleset_done(&rules);
	return 0;
}
