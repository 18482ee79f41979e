// SPDX-License-Identifier: GPL-2.0
/*
 * Is what etcd answers understood, and its values, and is everything else refused?
 *
 * The answers are those of etcd 3.4.23 and 3.5.16.
 */
#include <source/etcd_answer.h>

#include <errno.h>
#include <string.h>

#include <ruleset/verdict.h>
#include <source/etcd_value.h>
#include <util/auto.h>
#include <util/error.h>

#include "support.h"

#define HEADER "\"header\":{\"cluster_id\":\"14841639068965178418\",\"revision\":\"7\"}"

static void test_a_range(void **state)
{
	static const char text[] =
		"{" HEADER ",\"kvs\":["
		"{\"key\":\"L2YvYQ==\",\"create_revision\":\"2\",\"mod_revision\":\"5\","
		"\"version\":\"1\",\"value\":\"MTAuMC4wLjAvOA==\",\"lease\":\"1\"},"
		"{\"key\":\"L2YvYg==\",\"mod_revision\":\"6\"}],"
		"\"more\":true,\"count\":\"9\"}";
	struct etcd_answer answer;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(etcd_answer_range(text, strlen(text), &answer, &err), 0);
	assert_true(answer.cluster == UINT64_C(14841639068965178418));
	assert_int_equal(answer.revision, 7);
	assert_int_equal(answer.total, 9);
	assert_true(answer.more);
	assert_int_equal(answer.count, 2);
	assert_int_equal(answer.pairs[0].key_size, 4);
	assert_memory_equal(answer.pairs[0].key, "/f/a", 4);
	assert_int_equal(answer.pairs[0].value_size, 10);
	assert_memory_equal(answer.pairs[0].value, "10.0.0.0/8", 10);
	assert_int_equal(answer.pairs[0].revision, 5);
	assert_memory_equal(answer.pairs[1].key, "/f/b", 4);
	assert_int_equal(answer.pairs[1].value_size, 0);
	etcd_answer_done(&answer);
}

static void test_an_empty_range(void **state)
{
	static const char text[] = "{" HEADER "}";
	struct etcd_answer answer;

	(void)state;
	assert_int_equal(etcd_answer_range(text, strlen(text), &answer, NULL), 0);
	assert_int_equal(answer.count + answer.total, 0);
	assert_false(answer.more);
	etcd_answer_done(&answer);
}

static void test_events(void **state)
{
	static const char text[] =
		"{\"result\":{" HEADER ",\"events\":[{\"kv\":{\"key\":\"L2YvYQ==\",\"mod_revision\""
		":\"8\"}},{\"type\":\"DELETE\",\"kv\":{\"key\":\"L2YvYg==\",\"mod_revision\":\"9\""
		"}}],\"fragment\":true}}";
	struct etcd_answer answer;

	(void)state;
	assert_int_equal(etcd_answer_watch(text, strlen(text), &answer, NULL), 0);
	assert_true(answer.fragment);
	assert_false(answer.created || answer.cancelled);
	assert_int_equal(answer.count, 2);
	assert_false(answer.pairs[0].deleted);
	assert_true(answer.pairs[1].deleted);
	assert_int_equal(answer.pairs[1].revision, 9);
	etcd_answer_done(&answer);
}

static void test_a_cancelled_watch(void **state)
{
	static const char text[] = "{\"result\":{" HEADER
				   ",\"created\":true,\"canceled\":true,\"compact_revision\":"
				   "\"5\",\"cancel_reason\":\"no\\nmore\"}}";
	struct etcd_answer answer;

	(void)state;
	assert_int_equal(etcd_answer_watch(text, strlen(text), &answer, NULL), 0);
	assert_true(answer.created && answer.cancelled);
	assert_int_equal(answer.compacted, 5);
	assert_string_equal(answer.reason, "no\\x0amore");
	etcd_answer_done(&answer);
}

static void test_a_failed_watch(void **state)
{
	static const char text[] = "{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":"
				   "\"transport is closing\",\"http_status\":\"x\"}}";
	struct etcd_answer answer;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(etcd_answer_watch(text, strlen(text), &answer, &err), -EREMOTEIO);
	assert_string_equal(err.text, "the watch failed: transport is closing");
}

static const struct case_refused {
	const char *name;
	const char *text;
} refused[] = {
	{ "nothing", "" },
	{ "a page of a proxy", "<html>welcome</html>" },
	{ "a list", "[]" },
	{ "a number", "1" },
	{ "an object without a header", "{}" },
	{ "an answer that is cut off", "{" HEADER },
	{ "a revision that is no number", "{\"header\":{\"revision\":\"x\"}}" },
	{ "a negative revision", "{\"header\":{\"revision\":\"-1\"}}" },
	{ "a negative number", "{\"header\":{\"revision\":-1}}" },
	{ "a list that is none", "{" HEADER ",\"kvs\":{}}" },
	{ "a key that is no object", "{" HEADER ",\"kvs\":[1]}" },
	{ "a key without a name", "{" HEADER ",\"kvs\":[{}]}" },
	{ "a key that is not base64", "{" HEADER ",\"kvs\":[{\"key\":\"L2Yv!\"}]}" },
	{ "a value that is a number", "{" HEADER ",\"kvs\":[{\"key\":\"L2YvYQ==\",\"value\":1}]}" },
};

static void test_refused(void **state)
{
	const struct case_refused *c = *state;
	struct etcd_answer answer;
	struct error err = { 0 };

	assert_int_equal(etcd_answer_range(c->text, strlen(c->text), &answer, &err), -EPROTO);
	assert_true(err.text[0]);
	assert_null(answer.pairs);
	assert_int_equal(etcd_answer_watch(c->text, strlen(c->text), &answer, NULL), -EPROTO);
}

/* jansson gives up at 2048 levels; so deep a text is refused, whoever sent it. */
static void test_deep_json(void **state)
{
	const size_t depth = 1000000;
	auto_free char *text = malloc(depth);
	struct etcd_answer answer;

	(void)state;
	memset(text, '[', depth);
	assert_int_equal(etcd_answer_range(text, depth, &answer, NULL), -EPROTO);
}

static const struct case_token {
	const char *name;
	const char *text;
	const char *token; /* NULL: refused */
} tokens[] = {
	{ "a token", "{" HEADER ",\"token\":\"abc.12\"}", "abc.12" },
	{ "no token", "{" HEADER "}", NULL },
	{ "an empty one", "{\"token\":\"\"}", NULL },
	{ "one that would be two headers", "{\"token\":\"a\\r\\nHost: b\"}", NULL },
};

static void test_token(void **state)
{
	const struct case_token *c = *state;
	auto_free char *token = NULL;
	int ret = etcd_answer_token(c->text, strlen(c->text), &token, NULL);

	assert_int_equal(ret, c->token ? 0 : -EPROTO);
	if (c->token)
		assert_string_equal(token, c->token);
	else
		assert_null(token);
}

static const struct case_refusal {
	const char *name;
	const char *text;
	const char *message;
} refusals[] = {
	{ "etcd 3.4",
	  "{\"error\":\"etcdserver: mvcc: required revision has been compacted\",\"code\":11}",
	  "etcdserver: mvcc: required revision has been compacted" },
	{ "etcd 3.5", "{\"error\":\"a\",\"message\":\"permission denied\",\"code\":7}",
	  "permission denied" },
	{ "not etcd", "404 page\n", "404 page\\x0a" },
};

static void test_refusal(void **state)
{
	const struct case_refusal *c = *state;
	char message[ETCD_ANSWER_REFUSAL_SIZE];

	etcd_answer_refusal(c->text, message);
	assert_string_equal(message, c->message);
}

static const struct case_value {
	const char *name;
	const char *key; /* after /f/ */
	const char *value;
	const char *rules; /* NULL: refused */
} values[] = {
	{ "an address as the key", "192.0.2.7", "", "drop 192.0.2.7\n" },
	{ "a prefix as the key", "192.0.2.0/24", "", "drop 192.0.2.0/24\n" },
	{ "an IPv6 prefix as the key", "2001:db8::/32", "", "drop 2001:db8::/32\n" },
	{ "a range as the key", "10.0.0.0-10.0.0.2", "", "drop 10.0.0.0/31\ndrop 10.0.0.2\n" },
	{ "the folder", "", "", "" },
	{ "a name as the key", "drop.txt", "", NULL },
	{ "a list", "drop.txt", "10.0.0.0/8\npass 10.1.0.0/16\n",
	  "drop 10.0.0.0/8\npass 10.1.0.0/16\n" },
	{ "a list under the name of an address", "192.0.2.7", "10.0.0.0/8", "drop 10.0.0.0/8\n" },
	{ "only comments", "drop.txt", "# none\n\n", "" },
	{ "a time", "a", "10.0.0.1 timeout 1h", "drop 10.0.0.1 timeout 1h\n" },
	{ "another format", "a", "bad:10.0.0.0-10.0.0.1\n", "drop 10.0.0.0/31\n" },
	{ "one set", "a", "set x\n10.0.0.1\n10.0.0.2\n", "drop 10.0.0.1\ndrop 10.0.0.2\n" },
	{ "two sets", "a", "set x\n10.0.0.1\nset y\n10.0.0.2\n", NULL },
	{ "a mistake in the last line", "a", "10.0.0.0/8\n10.0.0.300\n", NULL },
	{ "another set", "a", "set y\n10.0.0.1\n", NULL },
	{ "a wide last line without an end", "a", "10.0.0.1\n10.0.0.0/8",
	  "drop 10.0.0.0/8\ndrop 10.0.0.1\n" },
	{ "what gzip did not pack", "a", "\x1f\x8b", NULL },
};

static void assert_rules(struct input *input, const char *wanted)
{
	struct ruleset rules;
	auto_free char *text = NULL;

	for (size_t i = 0; i < input->count; i++) {
		assert_int_equal(input->rules[i].set, 0);
		if (input->rules[i].verdict == VERDICT_BY_POLICY)
			input->rules[i].verdict = VERDICT_DROP;
		if (input->rules[i].expires != IPF_NEVER)
			input->rules[i].expires -= input->now;
	}
	input->set_count = input->set_count ? 1 : 0;
	if (input->set_count)
		strcpy(input->sets[0].name, RULE_DEFAULT_SET);
	ruleset_from_input(&rules, input);
	text = ruleset_to_text(&rules);
	assert_string_equal(text, wanted);
	ruleset_done(&rules);
}

static const struct job job = { .max_bytes = 1000, .set = (char *)"x" };

static int read_value(const struct case_value *c, struct input *input, struct error *err)
{
	char key[64];
	struct etcd_answer_pair pair = { .key = (uint8_t *)key,
					 .key_size = (size_t)snprintf(key, sizeof(key), "/f/%s",
								      c->key),
					 .value = (const uint8_t *)c->value,
					 .value_size = strlen(c->value) };

	return etcd_value_read(&pair, 3, &job, "value", input, err);
}

static void test_value(void **state)
{
	const struct case_value *c = *state;
	struct input input;
	struct error err = { 0 };

	if (c->rules) {
		assert_int_equal(read_value(c, &input, &err), 0);
		assert_rules(&input, c->rules);
		return;
	}
	assert_true(read_value(c, &input, &err) < 0);
	assert_true(err.text[0]);
	input_done(&input);
}

static void test_a_name_with_a_nul(void **state)
{
	const struct etcd_answer_pair pair = { .key = (const uint8_t *)"/f/10.0.0.1\0x",
					       .key_size = 13 };
	struct input input;

	(void)state;
	assert_int_equal(etcd_value_read(&pair, 3, &job, "a", &input, NULL), -EINVAL);
	assert_int_equal(input.count, 0);
	input_done(&input);
}

static void test_a_packed_value(void **state)
{
	/* "10.0.0.0/8\n" by gzip -n */
	static const uint8_t value[] = {
		0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x33, 0x34, 0xd0, 0x03,
		0x43, 0x7d, 0x0b, 0x2e, 0x00, 0xd4, 0xd5, 0x17, 0xf4, 0x0b, 0x00, 0x00, 0x00,
	};
	const struct etcd_answer_pair pair = { .key = (const uint8_t *)"/f/a.gz",
					       .key_size = 7,
					       .value = value,
					       .value_size = sizeof(value) };
	struct job limited = { .max_bytes = 11 };
	struct input input;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(etcd_value_read(&pair, 3, &limited, "a.gz", &input, NULL), 0);
	assert_rules(&input, "drop 10.0.0.0/8\n");
	limited.max_bytes = 10;
	assert_int_equal(etcd_value_read(&pair, 3, &limited, "a.gz", &input, &err), -EFBIG);
	assert_true(strstr(err.text, "a.gz: "));
	input_done(&input);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "a range", test_a_range, NULL);
	suite_add(&suite, "an empty range", test_an_empty_range, NULL);
	suite_add(&suite, "events", test_events, NULL);
	suite_add(&suite, "a cancelled watch", test_a_cancelled_watch, NULL);
	suite_add(&suite, "a failed watch", test_a_failed_watch, NULL);
	SUITE_TABLE(&suite, test_refused, refused);
	suite_add(&suite, "deep JSON", test_deep_json, NULL);
	SUITE_TABLE(&suite, test_token, tokens);
	SUITE_TABLE(&suite, test_refusal, refusals);
	SUITE_TABLE(&suite, test_value, values);
	suite_add(&suite, "a name with a NUL", test_a_name_with_a_nul, NULL);
	suite_add(&suite, "a packed value", test_a_packed_value, NULL);
	return suite_run(&suite, "etcd");
}
