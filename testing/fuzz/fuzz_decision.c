// SPDX-License-Identifier: GPL-2.0
/*
 * Does any answer make the reader of CrowdSec's decisions misbehave?
 */
#include "fuzz.h"

#include <source/decision.h>

static void check_list(const struct decision_list *list, const struct decision_origins *origins)
{
	for (size_t i = 0; i < list->count; i++) {
		assert(list->items[i].owner[0]);
		assert(list->items[i].prefixes.count > 0);
		assert(list->items[i].origin < origins->count);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decision_origins origins = { 0 };
	struct decision_answer answer;
	struct error err = { { 0 } };
	int ret = decision_read((const char *)data, size, &origins, &answer, &err);

	assert(!ret == !err.text[0]);
	assert(!ret || !(answer.fresh.count + answer.deleted.count));
	check_list(&answer.fresh, &origins);
	check_list(&answer.deleted, &origins);
	/* One for each owner. */
	for (size_t i = 1; i < answer.fresh.count; i++)
		assert(strcmp(answer.fresh.items[i - 1].owner, answer.fresh.items[i].owner) < 0);
	decision_answer_done(&answer);
	decision_origins_done(&origins);
	return 0;
}
