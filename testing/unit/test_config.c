// SPDX-License-Identifier: GPL-2.0
/*
 * Which configuration files does sync read, and what is wrong with the others?
 */
#include <sync/config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <source/needs.h>
#include <sync/config_file.h>
#include <util/error.h>

#include "support.h"

/* As in a build without libmnl. */
int needs_check(enum location_kind kind, struct error *err)
{
	return kind == LOCATION_ROUTE ? error_set(err, -ENOTSUP, "built without libmnl") : 0;
}

static int parse(const char *text, struct config *config, struct error *err)
{
	FILE *file = fmemopen((char *)text, strlen(text), "r");
	int ret;

	assert_non_null(file);
	ret = config_file_parse(file, "sync.conf", config, err);
	fclose(file);
	return ret;
}

static const char example[] =
	"# comment\n"
	"interface eth0 { mode = skb  policy = deny  priority = 7  counters = never  observe = yes }\n"
	"interface 'wan 1' { }\n"
	"source list {\n"
	"	from = \"https://example.net/drop.txt\" // comment\n"
	"	every = 12h\n"
	"	interfaces = { eth0, 'wan 1' }\n"
	"	hold = 1d\n"
	"	shrink = yes\n"
	"	format = csv\n"
	"	where = { 'country=KP,RU', 'asn=64500' }\n"
	"	verdict = pass\n"
	"	max-size = 64M\n"
	"	ca = /ca  cert = /cert  key = /key  user-file = /user\n"
	"}\n"
	"source file { every = 5m from = /etc/drop.txt }\n"
	"source plain { from = /etc/plain.txt }\n"
	"source api { from = 'crowdsec+http://h:1' key-file = /api }\n"
	"source url { from = http://example.net/a }\n";

static void check_values(void **state)
{
	struct config config = { 0 };
	struct error err = { 0 };
	const struct config_source *source;
	const struct config_interface *iface;

	(void)state;
	assert_int_equal(parse(example, &config, &err), 0);
	assert_string_equal(err.text, "");
	assert_int_equal(config.interface_count, 2);
	iface = config.interfaces;
	assert_string_equal(iface->name, "eth0");
	assert_int_equal(iface->attach.mode, ATTACH_MODE_SKB);
	assert_int_equal(iface->attach.policy, IPF_DROP);
	assert_int_equal(iface->attach.priority, 7);
	assert_int_equal(iface->attach.counting, IPF_COUNT_NEVER);
	assert_true(iface->attach.observe);
	iface++;
	assert_string_equal(iface->name, "wan 1");
	assert_int_equal(iface->attach.mode, ATTACH_MODE_NATIVE);
	assert_int_equal(iface->attach.policy, IPF_PASS);
	assert_int_equal(iface->attach.priority, IPF_PRIORITY);
	assert_int_equal(iface->attach.counting, IPF_COUNT_AUTO);
	assert_false(iface->attach.observe);

	assert_int_equal(config.source_count, 5);
	source = config.sources;
	assert_string_equal(source->set, "list");
	assert_string_equal(source->location.text, "https://example.net/drop.txt");
	assert_int_equal(source->every_s, 12 * 3600);
	assert_int_equal(source->interface_count, 2);
	assert_string_equal(source->interfaces[1], "wan 1");
	assert_int_equal(source->hold_s, 86400);
	assert_true(source->shrink);
	assert_string_equal(source->format, "csv");
	assert_string_equal(source->where, "country=KP,RU\nasn=64500");
	assert_int_equal(source->verdict, VERDICT_PASS);
	assert_int_equal(source->max_bytes, 64 << 20);
	assert_string_equal(source->ca, "/ca");
	assert_string_equal(source->cert, "/cert");
	assert_string_equal(source->key, "/key");
	assert_string_equal(source->user_file, "/user");
	assert_int_equal(source[1].every_s, 300);
	assert_int_equal(source[2].every_s, 60);
	assert_int_equal(source[2].hold_s, 0);
	assert_false(source[2].shrink);
	assert_int_equal(source[2].verdict, VERDICT_BY_POLICY);
	assert_null(source[2].format);
	assert_int_equal(source[3].every_s, 10);
	assert_string_equal(source[3].key_file, "/api");
	assert_int_equal(source[4].every_s, 3600);
	config_done(&config);
}

struct bad_case {
	const char *text;
	const char *name; /* the problem that is told */
};

static const struct bad_case bad_cases[] = {
	{ "source x { from = '/a' }\n\nsource x { from = '/b' }",
	  "sync.conf:3: 'x': there is another" },
	{ "interface x { }\ninterface x { }", "sync.conf:2: 'x': there is another" },
	{ "source x {\nfrom = '/a'\nevery = 3x\n}", "sync.conf:3: every = '3x': a duration" },
	{ "source x {\nevery = 59s\nfrom = 'http://h/a'\n}", "sync.conf:2: every = '59s': a URL" },
	{ "source x {\nfrom = '/a'\n\nbogus = 1\n}", "sync.conf:4: 'bogus': there is no such key" },
	{ "# one\nbogus x { }", "sync.conf:2: 'bogus': there is no such key" },
	{ "include('other.conf')", "sync.conf:1: 'include': there is no such key" },
	{ "source x {\nevery = 1m\n}", "sync.conf:3: source x: from: is missing" },
	{ "source x {\nhold = 1m\nhold = 1m\nfrom = '/a'\n}",
	  "sync.conf:3: hold: was given in line 2 already" },
	{ "source x {\nfrom = '/a\n}", "sync.conf:2: a text has no second quote" },
	{ "\nsource x {\nfrom = '/a'\n", "sync.conf:2: the { of this line has no }" },
	{ "source x { interfaces = { a }\n", "sync.conf:1: the { of this line has no }" },
	{ "/* a\n */ // b\n# c\nbogus x { }", "sync.conf:4: 'bogus'" },
	{ "source x { from = /a\n\n/* a\n*\n", "sync.conf:3: this comment has no end" },
	{ "source x { interfaces = { * } }", "* and ${ go into single quotes" },
	{ "source x { from = ${HOME} }", "* and ${ go into single quotes" },
	{ "source x { from = \"${HOME}\" }", "there are no variables" },
	{ "source x { from = \"\\999\" }", "\\ is followed by" },
	{ "source x { from = /a\x01 }", "a control character" },
	{ "source x", "sync.conf:1: the file ends too early" },
	{ "source x { interfaces = { a, b }\nfrom = '/a' interfaces = { b, b } }",
	  "interfaces = 'b': named twice" },
	{ "source x { from = '/a' interfaces = { '' } }", "not the name of an interface" },
	{ "source x { from = 'http://h/a' key-file = /k }",
	  "a source of kind url has no such key" },
	{ "source x { from = '/a' ca = /k }", "a source of kind file has no such key" },
	{ "source x { from = 'etcd+http://h:1/p' every = 1m }", "of kind etcd has no such key" },
	{ "source x { from = 'etcd+http://h:1/p' cert = /c }", "source x: key: is missing" },
	{ "source x { from = 'etcd+http://h:1/p' key = /c }", "source x: cert: is missing" },
	{ "source x { from = 'crowdsec+http://h:1' }", "source x: key-file: is missing" },
	{ "source x { from = 'route:66' }", "sync.conf:1: source x: built without libmnl" },
	{ "source x { from = 'gopher://h' }", "'gopher://h': not a source" },
	{ "source 'a b' { from = '/a' }", "sync.conf:1: source 'a b': the name of a set" },
	{ "source '' { from = '/a' }", "source '': the name of a set" },
	{ "source x { from = '/a' shrink = maybe }", "shrink = 'maybe': one of no, yes" },
	{ "source x { from = '/a' verdict = allow }", "verdict = 'allow': one of drop, pass" },
	{ "source x { from = '/a' format = xml }", "format = 'xml': one of rules, ndjson" },
	{ "source x { from = '/a' where = country }", "where: 'country': a condition is" },
	{ "source x { from = 'route:66' where = { 'country=KP' } }",
	  "of kind route has no such key" },
	{ "source x { from = '/a' where = 'city = x' }", "where: 'city = x': a condition is" },
	{ "source x { from = '/a'\nwhere = { 'a=1', 'b=1', 'c=1', 'd=1', 'e=1', 'f=1', 'g=1', "
	  "'h=1', 'i=1' } }",
	  "sync.conf:2: where = 'i=1': a source has at most 8 conditions" },
	{ "source x { from = '/a' where = 'asn=1' format = p2p }",
	  "source x: format: p2p has no networks" },
	{ "source x { from = '/a' format = mmdb }", "source x: where: is missing" },
	{ "source x { from = '/a' max-size = 5T }", "max-size = '5T': a size" },
	{ "source x { from = '/a' max-size = 5G }", "max-size = '5G': a size" },
	{ "source x { from = '/a' max-size = 0 }", "max-size = '0': a size" },
	{ "source x { from = '/a' max-size = 1MB }", "max-size = '1MB': a size" },
	{ "source x { from = '/a' hold = 0 }", "hold = '0': a duration" },
	{ "source x { from = '/a' = }", "unexpected token '='" },
	{ "interface x {\npolicy = drop }", "sync.conf:2: policy = 'drop': one of allow, deny" },
	{ "interface x { mode = fast }", "mode = 'fast': one of native, skb, hw, unspecified" },
	{ "interface x { priority = -1 }", "priority = '-1': a number" },
	{ "interface x { counters = no }", "counters = 'no': one of auto, always, never" },
	{ "interface x {\nobserve = maybe }", "sync.conf:2: observe = 'maybe': one of no, yes" },
	{ "interface '' { }", "interface '': not the name" },
	{ "}", "unexpected closing brace" },
	{ "\"", "sync.conf:1: a text has no second quote" },
	{ "'", "sync.conf:1: a text has no second quote" },
	{ "'\\", "sync.conf:1: a text has no second quote" },
	{ "/*", "sync.conf:1: this comment has no end" },
	{ "source x { from = /a hold = '\xff' }", "hold = '\\xff'" },
};

static void check_bad(void **state)
{
	const struct bad_case *c = *state;
	struct config config = { 0 };
	struct error err = { 0 };

	assert_int_not_equal(parse(c->text, &config, &err), 0);
	assert_true(error_is(&err, ERROR_USAGE));
	assert_ptr_equal(strstr(err.text, "sync.conf:"), err.text);
	assert_non_null(strstr(err.text, c->name));
	config_done(&config);

	/* A file that ends inside a text must not spoil the next one. */
	assert_int_equal(parse(example, &config, &err), 0);
	assert_int_equal(config.source_count, 5);
	config_done(&config);
}

static void check_arguments(void **state)
{
	const char *names[] = { "eth0", "eth1", "eth0" };
	const struct option_texts interfaces = { names, 3, 3 }, none = { 0 };
	struct config config = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(config_add_argument(&config, "a=http://h/x?y=z", 90, &interfaces, &err),
			 0);
	assert_string_equal(config.sources[0].set, "a");
	assert_string_equal(config.sources[0].location.text, "http://h/x?y=z");
	assert_int_equal(config.sources[0].every_s, 90);
	assert_int_equal(config.sources[0].interface_count, 2);
	assert_int_equal(config_add_argument(&config, "b=/x", 0, &none, &err), 0);
	assert_int_equal(config.sources[1].every_s, 60);
	assert_int_equal(config_add_argument(&config, "c", 0, &none, &err), -EINVAL);
	assert_non_null(strstr(err.text, "'c': not SET=SOURCE"));
	assert_int_equal(config_add_argument(&config, "a=/x", 0, &none, &err), -EINVAL);
	assert_non_null(strstr(err.text, "another one"));
	assert_int_equal(config_add_argument(&config, "d=http://h/", 59, &none, &err), -EINVAL);
	assert_non_null(strstr(err.text, "d: every = '59s'"));
	config_done(&config);
}

struct deny_case {
	const char *name; /* the file */
	bool is_good;
};

static const struct deny_case deny_cases[] = {
	{ "interface a { policy = allow }", true },
	{ "interface a { policy = deny }", false },
	{ "interface a { policy = deny } source x { from = /x }", true },
	{ "interface a { policy = deny } source x { from = /x interfaces = { a } }", true },
	{ "interface a { policy = deny } source x { from = /x interfaces = { b } }", false },
};

static void check_deny(void **state)
{
	const struct deny_case *c = *state;
	struct config config = { 0 };
	struct error err = { 0 };

	assert_int_equal(parse(c->name, &config, &err), 0);
	assert_int_equal(!config_check(&config, &err), c->is_good);
	assert_int_equal(!strstr(err.text, "interface a: policy = deny"), c->is_good);
	config_done(&config);
}

/* Each line differs from the first one in what SIGHUP must notice. */
static const char *const variants[] = {
	"from = 'https://h/a'",
	"from = 'https://h/b'",
	"from = 'https://h/a' every = 2h",
	"from = 'https://h/a' hold = 1h",
	"from = 'https://h/a' shrink = yes",
	"from = 'https://h/a' format = p2p",
	"from = 'https://h/a' where = 'asn=1'",
	"from = 'https://h/a' where = { 'asn=1', 'asn=2' }",
	"from = 'https://h/a' verdict = drop",
	"from = 'https://h/a' max-size = 1M",
	"from = 'https://h/a' ca = /a",
	"from = 'https://h/a' cert = /a key = /b",
	"from = 'https://h/a' user-file = /a",
	"from = 'https://h/a' interfaces = { a }",
	"from = 'https://h/a' interfaces = { b }",
};

static void check_same(void **state)
{
	struct config configs[COUNT_OF(variants)] = { 0 };
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(variants); i++) {
		snprintf(text, sizeof(text), "source x { %s }", variants[i]);
		assert_int_equal(parse(text, &configs[i], NULL), 0);
	}
	for (size_t i = 0; i < COUNT_OF(variants); i++)
		for (size_t j = 0; j < COUNT_OF(variants); j++)
			assert_int_equal(config_same_source(configs[i].sources, configs[j].sources),
					 i == j);
	for (size_t i = 0; i < COUNT_OF(variants); i++)
		config_done(&configs[i]);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "arguments", check_arguments, NULL);
	/* A build without libconfuse reads no file, and says so. */
	if (config_file_read("/dev/null", NULL, NULL) == -ENOTSUP)
		return suite_run(&suite, "config");
	suite_add(&suite, "every key", check_values, NULL);
	suite_add(&suite, "same", check_same, NULL);
	SUITE_TABLE(&suite, check_bad, bad_cases);
	SUITE_TABLE(&suite, check_deny, deny_cases);
	return suite_run(&suite, "config");
}
