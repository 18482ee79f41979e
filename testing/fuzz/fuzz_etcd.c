// SPDX-License-Identifier: GPL-2.0
/*
 * Can what an etcd, or whoever answers for it, sends harm the program that follows it?
 */
#include "fuzz.h"

#include <errno.h>

#include <source/etcd_answer.h>
#include <source/etcd_value.h>
#include <util/auto.h>

static const struct job job = { .max_bytes = 1 << 20 };

/* The bytes of the pairs must be there to read, and each value is a list or refused. */
static void use_pairs(const struct etcd_answer *answer)
{
	for (size_t i = 0; i < answer->count; i++) {
		const struct etcd_answer_pair *pair = &answer->pairs[i];
		struct input input;
		struct error err = { { 0 } };
		char name[ETCD_VALUE_NAME_SIZE];
		int ret;

		assert(pair->key_size);
		for (const char *c = etcd_value_name(pair, i % 4, name); *c; c++)
			assert(*c >= ' ' && *c <= '~');
		ret = etcd_value_read(pair, i % 4, &job, name, &input, &err);
		assert(ret ? err.text[0] : !err.text[0]);
		input_done(&input);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = strndup((const char *)data, size);
	auto_free char *token = NULL;
	char message[ETCD_ANSWER_REFUSAL_SIZE];
	struct error err = { { 0 } };
	struct etcd_answer answer;
	int ret = etcd_answer_range((const char *)data, size, &answer, &err);

	assert(ret ? err.text[0] && !answer.pairs : !err.text[0]);
	use_pairs(&answer);
	etcd_answer_done(&answer);
	ret = etcd_answer_watch((const char *)data, size, &answer, &err);
	assert(ret ? err.text[0] && !answer.pairs : 1);
	use_pairs(&answer);
	etcd_answer_done(&answer);
	assert(!etcd_answer_token((const char *)data, size, &token, NULL) == (token != NULL));
	assert(!token || !strpbrk(token, "\r\n"));
	etcd_answer_refusal(text, message);
	for (const char *c = message; *c; c++)
		assert(*c >= ' ' && *c <= '~');
	return 0;
}
