// SPDX-License-Identifier: GPL-2.0
/*
 * What is understood of the answers of CrowdSec's local API?
 */
#include <source/decision.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <util/auto.h>
#include <util/error.h>

#include "support.h"

#define BAN(scope, value, duration)                                                  \
	"{\"duration\":\"" duration "\",\"id\":7,\"origin\":\"cscli\",\"scenario\":" \
	"\"manual\",\"scope\":\"" scope "\",\"type\":\"ban\",\"value\":\"" value "\"}"

#define NEW(decisions) "{\"deleted\":null,\"new\":[" decisions "]}"

struct answer_case {
	const char *name;
	const char *text;
	const char *expected; /* a line for each decision; NULL: the answer is refused */
};

static const struct answer_case answers[] = {
	{ "nothing", "{\"deleted\":null,\"new\":null}", "" },
	{ "empty arrays, and blanks", " { \"new\" : [ ] ,\r\n\t\"deleted\" : [ ] } \n", "" },
	{ "the other order", "{\"new\":[],\"deleted\":null}", "" },
	{ "a ban", NEW(BAN("Ip", "192.0.2.7", "3h59m57.609s")),
	  "+ip ban 192.0.2.7 [cscli] 14397609 ms: 192.0.2.7\n" },
	{ "the scope lies", NEW(BAN("Ip", "198.51.100.0/28", "1s")),
	  "+ip ban 198.51.100.0/28 [cscli] 1000 ms: 198.51.100.0/28\n" },
	{ "a range", NEW(BAN("Range", "2001:DB8::/32", "1s")),
	  "+range ban 2001:db8::/32 [cscli] 1000 ms: 2001:db8::/32\n" },
	{ "a range without a common prefix", NEW(BAN("range", "192.0.2.1-192.0.2.2", "1s")),
	  "+range ban 192.0.2.1-192.0.2.2 [cscli] 1000 ms: 192.0.2.1 192.0.2.2\n" },
	{ "IPv4 in IPv6", NEW(BAN("ip", "::ffff:192.0.2.7", "1s")),
	  "+ip ban ::ffff:192.0.2.7 [cscli] 1000 ms: 192.0.2.7\n" },
	{ "another country", NEW(BAN("Country", "DE", "1s")), "" },
	{ "a captcha",
	  NEW("{\"scope\":\"Ip\",\"type\":\"captcha\",\"value\":\"192.0.2.7\",\"duration\":\"1s\"}"),
	  "" },
	{ "a BAN of a list, with a uuid and more",
	  NEW("{\"scope\":\"IP\",\"type\":\"Ban\",\"value\":\"192.0.2.7\",\"duration\":\"1s\","
	      "\"origin\":\"lists\",\"scenario\":\"tor\",\"uuid\":\"1-2\",\"x\":{\"y\":[{}]}}"),
	  "+ip ban 192.0.2.7 [lists:tor] 1000 ms: 192.0.2.7\n" },
	{ "a simulated ban",
	  NEW("{\"scope\":\"Ip\",\"type\":\"ban\",\"value\":\"192.0.2.7\",\"duration\":\"1s\","
	      "\"simulated\":true}"),
	  "" },
	{ "ended", "{\"deleted\":[" BAN("Ip", "192.0.2.7", "-134.5ms") "],\"new\":null}",
	  "-ip ban 192.0.2.7 [cscli] 0 ms: 192.0.2.7\n" },
	{ "deleted, without a duration",
	  "{\"new\":null,\"deleted\":[{\"scope\":\"Ip\",\"type\":\"ban\",\"value\":\"192.0.2.7\"}]}",
	  "-ip ban 192.0.2.7 [] 0 ms: 192.0.2.7\n" },
	{ "deleted nonsense", "{\"new\":null,\"deleted\":[" BAN("Ip", "nobody", "1s") "]}", "" },
	{ "the longest of those with one name",
	  NEW(BAN("Ip", "192.0.2.7", "2m") "," BAN("Ip", "192.0.2.9", "1s") "," //
	      BAN("ip", "192.0.2.7", "1h") "," BAN("Ip", "192.0.2.7", "1m")),
	  "+ip ban 192.0.2.7 [cscli] 3600000 ms: 192.0.2.7\n"
	  "+ip ban 192.0.2.9 [cscli] 1000 ms: 192.0.2.9\n" },
	{ "one address with two names",
	  NEW(BAN("Ip", "192.0.2.7", "1s") "," BAN("Range", "192.0.2.7/32", "1s")),
	  "+ip ban 192.0.2.7 [cscli] 1000 ms: 192.0.2.7\n"
	  "+range ban 192.0.2.7/32 [cscli] 1000 ms: 192.0.2.7\n" },
	{ "an unknown member before, between and after",
	  "{\"a\":1,\"deleted\":null,\"b\":[{\"new\":7}],\"new\":null,\"c\":\"}\\\"\",\"d\":1.5e3}",
	  "" },
	{ "a value that is none", NEW(BAN("Ip", "nobody", "1s") "," BAN("Ip", "192.0.2.7", "1s")),
	  "+ip ban 192.0.2.7 [cscli] 1000 ms: 192.0.2.7\n"
	  "1 unreadable: 'nobody': not an address, prefix or range\n" },
	{ "durations that are none",
	  NEW(BAN("Ip", "192.0.2.7", "soon") "," BAN("Ip", "192.0.2.8", "")),
	  "2 unreadable: 'soon': not a duration\n" },
	{ "a value that is a number",
	  NEW("{\"scope\":\"Ip\",\"type\":\"ban\",\"value\":7,\"duration\":\"1s\"}"),
	  "1 unreadable: '': not an address, prefix or range\n" },
	{ "empty", "", NULL },
	{ "an empty object", "{}", NULL },
	{ "an error with status 200", "{\"message\":\"access forbidden\"}", NULL },
	{ "only new ones", "{\"new\":null}", NULL },
	{ "only deleted ones", "{\"deleted\":[]}", NULL },
	{ "a page of a proxy", "<html><body>504</body></html>", NULL },
	{ "null", "null", NULL },
	{ "an array", "[]", NULL },
	{ "new is an object", "{\"deleted\":null,\"new\":{}}", NULL },
	{ "new is false", "{\"deleted\":null,\"new\":false}", NULL },
	{ "a decision is null", NEW("null"), NULL },
	{ "a decision is a number", NEW("7"), NULL },
	{ "a comma too many", NEW(BAN("Ip", "192.0.2.7", "1s") ","), NULL },
	{ "a comma missing", NEW(BAN("Ip", "192.0.2.7", "1s") BAN("Ip", "192.0.2.8", "1s")), NULL },
	{ "a member without a name", "{\"deleted\":null,\"new\":null,7:8}", NULL },
	{ "a member without a value", "{\"deleted\":null,\"new\":}", NULL },
	{ "something after it", "{\"deleted\":null,\"new\":null}{}", NULL },
	{ "NUL after it", NULL, NULL }, /* see test_answer() */
};

static void describe(FILE *out, char sign, const struct decision *decision,
		     const struct decision_origins *origins)
{
	fprintf(out, "%c%s [%s] %" PRId64 " ms:", sign, decision->owner,
		origins->names[decision->origin], decision->left_ns / 1000000);
	for (size_t i = 0; i < decision->prefixes.count; i++) {
		char text[PREFIX_TEXT_SIZE];

		prefix_format(&decision->prefixes.items[i], text);
		fprintf(out, " %s", text);
	}
	fprintf(out, "\n");
}

/* A line for each decision. The caller frees it. */
static char *describe_answer(const struct decision_answer *answer,
			     const struct decision_origins *origins)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < answer->deleted.count; i++)
		describe(out, '-', &answer->deleted.items[i], origins);
	for (size_t i = 0; i < answer->fresh.count; i++)
		describe(out, '+', &answer->fresh.items[i], origins);
	if (answer->unreadable)
		fprintf(out, "%zu unreadable: %s\n", answer->unreadable, answer->first_unreadable);
	fclose(out);
	return text;
}

static void test_answer(void **state)
{
	static const char with_nul[] = "{\"deleted\":null,\"new\":null}";
	const struct answer_case *c = *state;
	struct decision_origins origins = { 0 };
	struct decision_answer answer;
	struct error err = { 0 };
	int ret = c->text ? decision_read(c->text, strlen(c->text), &origins, &answer, &err) :
			    decision_read(with_nul, sizeof(with_nul), &origins, &answer, &err);
	auto_free char *text = describe_answer(&answer, &origins);

	assert_int_equal(ret, c->expected ? 0 : -EBADMSG);
	assert_string_equal(text, c->expected ? c->expected : "");
	assert_int_equal(!ret, !err.text[0]);
	decision_answer_done(&answer);
	decision_origins_done(&origins);
}

/* An answer that was cut anywhere is refused, and leaves nothing. */
static void test_cut_anywhere(void **state)
{
	static const char whole[] = "{\"deleted\":[" BAN("Ip", "192.0.2.8", "-1s") "],\"new\":[" //
		BAN("Ip", "192.0.2.7", "1s") "," BAN("Ip", "192.0.2.9", "1s") "]}";
	struct decision_origins origins = { 0 };
	struct decision_answer answer;
	struct error err;

	(void)state;
	for (size_t length = 0; length < sizeof(whole) - 1; length++) {
		assert_int_equal(decision_read(whole, length, &origins, &answer, &err), -EBADMSG);
		assert_int_equal(answer.fresh.count + answer.deleted.count, 0);
	}
	assert_int_equal(decision_read(whole, sizeof(whole) - 1, &origins, &answer, &err), 0);
	assert_int_equal(answer.fresh.count, 2);
	decision_answer_done(&answer);
	decision_origins_done(&origins);
}

/* Origins are counted one by one; those beyond the limit together. */
static void test_many_origins(void **state)
{
	struct decision_origins origins = { 0 };
	struct decision_answer answer;
	char text[512];

	(void)state;
	for (unsigned int i = 0; i < DECISION_MAX_ORIGINS + 50; i++) {
		int length =
			snprintf(text, sizeof(text),
				 "{\"deleted\":null,\"new\":[{\"origin\":\"%u\",\"scope\":"
				 "\"ip\",\"type\":\"ban\",\"value\":\"192.0.2.7\",\"duration\":"
				 "\"1s\"}]}",
				 i);

		assert_int_equal(decision_read(text, (size_t)length, &origins, &answer, NULL), 0);
		assert_int_equal(answer.fresh.items[0].origin,
				 i < DECISION_MAX_ORIGINS ? i : DECISION_MAX_ORIGINS - 1);
		decision_answer_done(&answer);
	}
	assert_int_equal(origins.count, DECISION_MAX_ORIGINS);
	decision_origins_done(&origins);
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, test_answer, answers);
	suite_add(&suite, "cut anywhere", test_cut_anywhere, NULL);
	suite_add(&suite, "many origins", test_many_origins, NULL);
	return suite_run(&suite, "decision");
}
