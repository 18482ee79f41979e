// SPDX-License-Identifier: GPL-2.0
/*
 * Can a source program that was taken over harm whoever receives from it?
 *
 * The same bytes must mean the same in one piece and byte by byte.
 */
#include "fuzz.h"

#include <errno.h>

#include <source/receiver.h>

#define MAX_RULES 1000

struct heard {
	size_t events;
	uint64_t sum;
};

static int hear(void *context, struct receiver_event *event, struct error *err)
{
	struct heard *heard = context;

	(void)err;
	assert(event->count <= MAX_RULES);
	assert((event->kind == RECEIVER_LATER) == (event->later_s != 0));
	heard->events++;
	heard->sum = heard->sum * 31 + event->kind;
	for (const char *c = event->text; *c; c++)
		heard->sum = heard->sum * 31 + (unsigned char)*c;
	for (size_t i = 0; i < event->count; i++) {
		const struct rule *rule = &event->rules[i];

		assert(rule->set == 0 && rule->counter == IPF_NO_COUNTER);
		assert(rule->verdict == VERDICT_PASS || rule->verdict == VERDICT_DROP ||
		       rule->verdict == VERDICT_BY_POLICY ||
		       (rule->verdict == RECEIVER_REMOVED && event->kind == RECEIVER_CHANGE));
		assert(rule->prefix.bits <= address_family_bits(rule->prefix.family));
		heard->sum = heard->sum * 31 + rule->prefix.key.high + rule->prefix.key.low +
			     rule->prefix.bits + rule->verdict + rule->expires;
	}
	return 0;
}

static int receive(const uint8_t *data, size_t size, size_t piece, struct heard *heard)
{
	struct receiver receiver = {
		.verdict = VERDICT_BY_POLICY, .max_rules = MAX_RULES, .call = hear, .context = heard
	};
	struct error err = { { 0 } };
	int ret = 0;

	assert(!receiver_init(&receiver, &err));
	for (size_t i = 0; i < size && !ret; i += piece)
		ret = receiver_take(&receiver, (const char *)data + i,
				    size - i < piece ? size - i : piece, FUZZ_NOW, &err);
	assert(ret ? ret == -EPROTO && err.text[0] : !err.text[0]);
	receiver_done(&receiver);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heard whole = { 0 }, drips = { 0 };

	assert(receive(data, size, size + 1, &whole) == receive(data, size, 1, &drips));
	assert(whole.events == drips.events && whole.sum == drips.sum);
	return 0;
}
