// SPDX-License-Identifier: GPL-2.0
/*
 * Does any file make the detection of its format, the readers, the rule set or the compiler
 * misbehave?
 *
 * Accepted rules must survive the whole way: text -> rules -> image -> rules -> text -> rules.
 */
#include "fuzz.h"

#include <ruleset/coverage.h>
#include <table/compile.h>
#include <table/decompile.h>
#include <table/image.h>

static void check_coverage(const struct ruleset *rules)
{
	static const struct ruleset nothing;

	for (unsigned int family = 0; family < IPF_FAMILIES; family++) {
		struct coverage got = { .family = family, .policy = IPF_PASS };

		coverage_compare(&got, &nothing, rules);
		assert(got.passed_before == coverage_total(family));
		assert(got.passed_before == got.passed_after + got.dropped);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset rules, back;
	struct image image;

	if (!size)
		return 0;
	if (fuzz_read(data, size, NULL, &rules)) {
		assert(!compile_rules(&rules, &image));
		assert(!image_check(&image, NULL));
		assert(!decompile_rules(&image, &back, NULL));
		assert(back.count == rules.count);
		check_coverage(&back);
		fuzz_write_and_read(&back);
		ruleset_done(&back);
		image_done(&image);
	}
	ruleset_done(&rules);
	return 0;
}
