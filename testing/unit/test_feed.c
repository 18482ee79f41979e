// SPDX-License-Identifier: GPL-2.0
/*
 * Which published lists are read, in which format, and what is refused?
 */
#include <feed/format.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <feed/input.h>
#include <feed/reader.h>
#include <ruleset/verdict.h>
#include <util/error.h>

#include "support.h"

#define METADATA(records) \
	"{\"type\":\"metadata\",\"timestamp\":1759752000,\"size\":99,\"records\":" records "}\n"
#define CIDR(prefix) "{\"cidr\":\"" prefix "\",\"sblid\":\"SBL1\",\"rir\":\"apnic\"}\n"
#define HEADING "Start\tEnd\tNetblock\tAttacks\tName\tCountry\temail\n"
#define HASH_NET "create bad hash:net family inet hashsize 1024 maxelem 65536\n"

#define DAT "192.000.002.000 - 192.000.002.255 , 000 , X\n"
#define ZEROS "leading zeros, which some tools read as octal; write the numbers without them"
#define OTHER_LINES                                                                        \
	"only create, add, and flush before the first add are read; remove the line, and " \
	"name the set with --set"
#define IPSASCII_LINE "a line is ADDRESS, REPORTS, TARGETS and two days, with tabs between them"

struct good_case {
	const char *name;
	const char *format; /* the detected format */
	const char *text;
	const char *canonical; /* its text from writer_write() */
};

static const struct good_case good_cases[] = {
	{ "an empty file is a text of rules", "rules", "", "" },
	{ "only comments are a text of rules", "rules", "# x\n; y\n\n", "" },
	{ "a netset", "rules", "#\n# firehol_level1\n#\n192.0.2.0/24\n198.51.100.7\n",
	  "drop 192.0.2.0/24\ndrop 198.51.100.7\n" },
	{ "Spamhaus DROP text", "rules", "; Spamhaus DROP List\n192.0.2.0/24 ; SBL1\n",
	  "drop 192.0.2.0/24\n" },
	{ "a list of IPv6 addresses", "rules", "2001:db8::1\nabcd::1\n",
	  "drop 2001:db8::1\ndrop abcd::1\n" },
	{ "rules that begin with a verdict", "rules", "pass 192.0.2.1\n", "pass 192.0.2.1\n" },
	{ "rules that begin with a set", "rules", "set a # b:192.0.2.1-192.0.2.1\n192.0.2.1\n",
	  "set a\ndrop 192.0.2.1\n" },
	{ "a comment may look like a P2P line", "rules", "192.0.2.1 # x:192.0.2.1-192.0.2.1\n",
	  "drop 192.0.2.1\n" },
	{ "a range of mapped addresses is no P2P line", "rules", "::ffff:192.0.2.0-192.0.2.1\n",
	  "drop 192.0.2.0/31\n" },

	{ "Spamhaus JSON", "ndjson", CIDR("192.0.2.0/24") CIDR("2001:db8::/32") METADATA("2"),
	  "drop 192.0.2.0/24\ndrop 2001:db8::/32\n" },
	{ "JSON with blanks and CR LF", "ndjson",
	  " { \"cidr\" : \"192.0.2.0/24\" } \r\n\r\n{ \"type\":\"metadata\",\"records\" : 1 }\r\n",
	  "drop 192.0.2.0/24\n" },
	{ "JSON with escapes", "ndjson", "{\"cidr\":\"192.0.2.0\\/24\"}\n" METADATA("1"),
	  "drop 192.0.2.0/24\n" },
	{ "two joined JSON lists", "ndjson",
	  CIDR("192.0.2.1") METADATA("1") CIDR("192.0.2.2") CIDR("192.0.2.3") METADATA("2"),
	  "drop 192.0.2.1\ndrop 192.0.2.2\ndrop 192.0.2.3\n" },
	{ "a JSON list without records says so", "ndjson", METADATA("0"), "" },
	{ "a record may be a range", "ndjson", CIDR("192.0.2.1-192.0.2.2") METADATA("1"),
	  "drop 192.0.2.1\ndrop 192.0.2.2\n" },

	{ "DShield with its heading", "dshield",
	  "# DShield\n" HEADING
	  "192.0.2.0\t192.0.2.255\t24\t1\tX\tXX\ta@b\n198.51.100.0\t198.51.101.255\t23\n",
	  "drop 192.0.2.0/24\ndrop 198.51.100.0/23\n" },
	{ "DShield without its heading", "dshield", "192.0.2.0\t192.0.2.255\t24\n",
	  "drop 192.0.2.0/24\n" },
	{ "DShield may have IPv6", "dshield",
	  "2001:db8::\t2001:db8:0:ffff:ffff:ffff:ffff:ffff\t48\n", "drop 2001:db8::/48\n" },

	{ "DShield sources", "ipsascii",
	  "# DShield\n192.000.002.001\t1741\t29\t2025-10-01\t2025-10-06\n"
	  "198.051.100.010\t1\t1\t2025-10-06\t2025-10-06\n",
	  "drop 192.0.2.1\ndrop 198.51.100.10\n" },
	{ "DShield sources without zeros", "ipsascii", "192.0.2.1\t1\t1\t2025-10-01\t2025-10-06",
	  "drop 192.0.2.1\n" },

	{ "an ipfilter.dat", "dat",
	  "# made by us\n192.000.002.000 - 192.000.002.255 , 000 , Example, Inc: a - b\n"
	  "198.051.100.008 - 198.051.100.009 , 127 , X\n",
	  "drop 192.0.2.0/24\ndrop 198.51.100.8/31\n" },
	{ "zeros mean decimals in an ipfilter.dat", "dat",
	  "010.011.012.013 - 010.011.012.013 , 0 ,\n", "drop 10.11.12.13\n" },
	{ "an ipfilter.dat without zeros and blanks", "dat", "192.0.2.0-192.0.2.1,0,X\n",
	  "drop 192.0.2.0/31\n" },
	{ "an ipfilter.dat without descriptions", "dat", "192.0.2.0 - 192.0.2.1 , 000",
	  "drop 192.0.2.0/31\n" },
	{ "an ipfilter.dat with comments of its own", "dat",
	  "// by hand\n 192.0.2.0 - 192.0.2.1 , 000 , X\n // more\n", "drop 192.0.2.0/31\n" },
	{ "levels above 127 make no rule", "dat",
	  "192.0.2.0 - 192.0.2.1 , 128 , allowed\n192.0.2.2 - 192.0.2.3 , 127 , blocked\n"
	  "192.0.2.0 - 192.0.2.255 , 255 , allowed\n",
	  "drop 192.0.2.2/31\n" },
	{ "an ipfilter.dat of IPv6", "dat", "2001:db8:: - 2001:db8::1 , 000 , X\n",
	  "drop 2001:db8::/127\n" },

	{ "a P2P list", "p2p", "# x\n\nExample Org:192.0.2.0-192.0.2.255\n",
	  "drop 192.0.2.0/24\n" },
	{ "labels may have colons and anything", "p2p",
	  "a: b; #c \xe4 10.0.0.0/8, :192.0.2.1-192.0.2.2\n", "drop 192.0.2.1\ndrop 192.0.2.2\n" },
	{ "a label may be empty", "p2p", ":192.0.2.1-192.0.2.1\n", "drop 192.0.2.1\n" },
	{ "a label may begin like a rule", "p2p", "drop bass:192.0.2.1-192.0.2.1\n",
	  "drop 192.0.2.1\n" },
	{ "a label may begin like a set", "p2p", "set top:192.0.2.1-192.0.2.1\n",
	  "drop 192.0.2.1\n" },

	{ "an ipset", "ipset", HASH_NET "add bad 192.0.2.0/24\nadd bad 198.51.100.7\n",
	  "set bad\ndrop 192.0.2.0/24\ndrop 198.51.100.7\n" },
	{ "an exception of an ipset", "ipset",
	  HASH_NET "add bad 192.0.2.0/24\nadd bad 192.0.2.7 nomatch\n",
	  "set bad\ndrop 192.0.2.0/24\npass 192.0.2.7\n" },
	{ "an ipset with all that can stand there", "ipset",
	  "create bad hash:ip family inet hashsize 1 timeout 60 counters comment skbinfo\n"
	  "add bad 192.0.2.1 timeout 90 packets 1 bytes 2 comment \"a \\ timeout 5 # ;\" "
	  "skbmark 0x1/0xf skbprio 1:2 skbqueue 3 nomatch\n",
	  "set bad\npass 192.0.2.1 timeout 1m30s\n" },
	{ "the timeout of an ipset is that of its entries", "ipset",
	  "create bad hash:ip timeout 60\nadd bad 192.0.2.1\nadd bad 192.0.2.2 timeout 0\n",
	  "set bad\ndrop 192.0.2.1 timeout 1m\ndrop 192.0.2.2\n" },
	{ "an ipset without its create line", "ipset", "add bad 192.0.2.1 -exist\n",
	  "set bad\ndrop 192.0.2.1\n" },
	{ "an ipset of a range", "ipset",
	  "create bad bitmap:ip range 192.0.2.0/24\nadd bad 192.0.2.2-192.0.2.3\n",
	  "set bad\ndrop 192.0.2.2/31\n" },
	{ "an ipset as blacklist scripts make it", "ipset",
	  "create bl -exist hash:net family inet hashsize 16384 maxelem 131072\nflush bl\n"
	  "add bl 192.0.2.0/24\n",
	  "set bl\ndrop 192.0.2.0/24\n" },
	{ "an ipset with -exist wherever it may stand", "ipset",
	  "-exist create bl hash:net\ncreate -! bl hash:net\ncreate bl hash:net -exist family inet\n"
	  "create bl hash:net family inet -!\n-! add bl 192.0.2.1\nadd -exist bl 192.0.2.1\n"
	  "add bl -! 192.0.2.2\nadd bl 192.0.2.3 -exist\nflush -exist other\nCOMMIT\n",
	  "set bl\ndrop 192.0.2.1\ndrop 192.0.2.2\ndrop 192.0.2.3\n" },
	{ "an ipset in the words of older versions", "ipset",
	  "-N bl nethash --hashsize 4096 --probes 2 --resize 50\n-F bl\n-A bl 192.0.2.1\nCOMMIT\n",
	  "set bl\ndrop 192.0.2.1\n" },
	{ "an ipset may begin with a flush", "ipset", "flush bl\nadd bl 192.0.2.1\n",
	  "set bl\ndrop 192.0.2.1\n" },
	{ "an ipset with blanks and tabs", "ipset", "\tcreate\tbl\thash:net\n add\tbl\t192.0.2.1\n",
	  "set bl\ndrop 192.0.2.1\n" },
	{ "an ipset whose family is an option", "ipset",
	  "create bl hash:net -6\nadd bl 2001:db8::1\n", "set bl\ndrop 2001:db8::1\n" },
	{ "an ipset may be named pass", "ipset", "create pass hash:net\nadd pass 192.0.2.1\n",
	  "set pass\ndrop 192.0.2.1\n" },
	{ "a label may begin like a line of an ipset", "p2p", "flush it:192.0.2.1-192.0.2.1\n",
	  "drop 192.0.2.1\n" },
	{ "two ipsets", "ipset",
	  "create b hash:ip family inet6\ncreate a hash:ip\nadd b 2001:db8::1\nadd a 192.0.2.1\n"
	  "add b 2001:db8::2\n",
	  "set a\ndrop 192.0.2.1\nset b\ndrop 2001:db8::1\ndrop 2001:db8::2\n" },
};

static void check_good(void **state)
{
	const struct good_case *c = *state;
	struct input input = { .verdict = VERDICT_DROP };
	FILE *file = open_text(c->text, strlen(c->text));
	struct error err = { 0 };
	struct ruleset rules;
	char *text;

	if (reader_read(&input, file, "feed", &err))
		fail_msg("%s", err.text);
	fclose(file);
	assert_string_equal(format_name(input.read_as), c->format);
	ruleset_from_input(&rules, &input);
	text = ruleset_to_text(&rules);
	assert_string_equal(text, c->canonical);
	free(text);
	ruleset_done(&rules);
}

static void every_format_has_a_name(void **state)
{
	size_t count = 0;

	(void)state;
	for (; format_names[count]; count++) {
		const struct format *format = format_find(format_names[count]);

		assert_non_null(format);
		assert_string_equal(format_name(format), format_names[count]);
		assert_non_null(format->begins);
		assert_non_null(format->read_line);
	}
	assert_int_equal(count, 9);
	assert_null(format_find("xml"));
	assert_null(format_find(""));
	assert_ptr_equal(format_of(""), &format_rules);
	assert_ptr_equal(format_of("<html>"), &format_rules);
}

struct bad_case {
	const char *name;
	const char *format; /* NULL: detected */
	const char *text;
	const char *message;
};

#define NDJSON_WHOLE(column, quoted) "f:1:" column ": '" quoted "': "

static const struct bad_case bad_cases[] = {
	{ "no metadata line", NULL, CIDR("192.0.2.1") CIDR("192.0.2.2"),
	  "f:3:1: the metadata line at the end is missing, so the file is not complete" },
	{ "records after the last metadata line", NULL,
	  CIDR("192.0.2.1") METADATA("1") CIDR("192.0.2.2"),
	  "f:4:1: the metadata line at the end is missing, so the file is not complete" },
	{ "an empty JSON list", "ndjson", "",
	  "f:1:1: the metadata line at the end is missing, so the file is not complete" },
	{ "fewer records than the metadata say", NULL,
	  CIDR("192.0.2.1") "{\"type\":\"metadata\",\"records\":2}\n",
	  "f:2:1: '{\"type\":\"metadata\",\"records\":2}': "
	  "the metadata line counts 2 records, but 1 come before it; the file is not complete" },
	{ "more records than the metadata say", NULL,
	  CIDR("192.0.2.1") CIDR("192.0.2.2") "{\"type\":\"metadata\",\"records\":1}\n",
	  "f:3:1: '{\"type\":\"metadata\",\"records\":1}': "
	  "the metadata line counts 1 records, but 2 come before it; the file is not complete" },
	{ "metadata without records", NULL, "{\"type\":\"metadata\"}\n",
	  NDJSON_WHOLE("1",
		       "{\"type\":\"metadata\"}") "the metadata line lacks the number of records" },
	{ "metadata with records that are no number", NULL,
	  "{\"type\":\"metadata\",\"records\":\"1\"}\n",
	  NDJSON_WHOLE(
		  "1",
		  "{\"type\":\"metadata\",\"records\":\"1\"}") "the metadata line lacks the number of records" },
	{ "metadata with less than no records", NULL, "{\"type\":\"metadata\",\"records\":-1}\n",
	  NDJSON_WHOLE(
		  "1",
		  "{\"type\":\"metadata\",\"records\":-1}") "the metadata line lacks the number of records" },
	{ "a line of JSON that is truncated", NULL, "{\"cidr\":\"192.0.2.1",
	  NDJSON_WHOLE("1", "{\"cidr\":\"192.0.2.1") "not a JSON object on one line" },
	{ "text after a JSON object", NULL, "{\"cidr\":\"192.0.2.1\"} x\n",
	  NDJSON_WHOLE("1", "{\"cidr\":\"192.0.2.1\"} x") "not a JSON object on one line" },
	{ "a JSON list on one line", "ndjson", "[{\"cidr\":\"192.0.2.1\"}]\n",
	  NDJSON_WHOLE("1", "[{\"cidr\":\"192.0.2.1\"}]") "not a JSON object on one line" },
	{ "two prefixes in one object", NULL, "{\"cidr\":\"192.0.2.1\",\"cidr\":\"192.0.2.2\"}\n",
	  NDJSON_WHOLE(
		  "1",
		  "{\"cidr\":\"192.0.2.1\",\"cidr\":\"192.0.2.2\"}") "not a JSON object on one line" },
	{ "JSON of something else", NULL, "{\"asn\":64496}\n",
	  NDJSON_WHOLE("1", "{\"asn\":64496}") "neither a \"cidr\" nor metadata" },
	{ "a prefix that is no text", NULL, "{\"cidr\":7}\n",
	  NDJSON_WHOLE("1", "{\"cidr\":7}") "neither a \"cidr\" nor metadata" },
	{ "a bad prefix is named by its column", NULL, "{\"cidr\":\"192.0.2.300\"}\n",
	  NDJSON_WHOLE("10", "192.0.2.300") "not an address, prefix or range" },
	{ "a bad prefix with escapes is named by its line", NULL, "{\"cidr\":\"\\u001b[2J\"}\n",
	  NDJSON_WHOLE("1", "\\x1b[2J") "not an address, prefix or range" },
	{ "rules among JSON", NULL, CIDR("192.0.2.1") "192.0.2.2\n",
	  "f:2:1: '192.0.2.2': not a JSON object on one line" },
	{ "JSON among rules", NULL, "192.0.2.2\n{\"cidr\":\"192.0.2.1\"}\n",
	  "f:2:1: '{\"cidr\":\"192.0.2.1\"}': not an address, prefix or range" },

	{ "a block that ends elsewhere", NULL,
	  HEADING "192.0.2.0\t192.0.2.255\t24\n192.0.3.0\t192.0.3.255\t25\n",
	  "f:3:11: '192.0.3.255': 192.0.3.0/25 ends elsewhere" },
	{ "a block whose length was truncated", NULL, "192.0.2.0\t192.0.2.255\t2",
	  "f:1:11: '192.0.2.255': 192.0.2.0/2 ends elsewhere" },
	{ "a block whose end is of the other family", NULL, "192.0.2.0\t::\t24\n",
	  "f:1:11: '::': 192.0.2.0/24 ends elsewhere" },
	{ "a block with a bad end", NULL, "192.0.2.0\t192.0.2.255\t24\n192.0.3.0\tx\t24\n",
	  "f:2:11: 'x': 192.0.3.0/24 ends elsewhere" },
	{ "a block without length", NULL, HEADING "192.0.2.0\t192.0.2.255\n",
	  "f:2:1: '192.0.2.0': a line is START, END and LENGTH, with tabs between them" },
	{ "a block with an empty length", NULL, HEADING "192.0.2.0\t192.0.2.255\t\tx\n",
	  "f:2:1: '192.0.2.0': a line is START, END and LENGTH, with tabs between them" },
	{ "a block with a bad start", NULL, HEADING "192.0.2.x\t192.0.2.255\t24\n",
	  "f:2:1: '192.0.2.x/24': not an address, prefix or range" },
	{ "a block with a bad length", NULL, HEADING "192.0.2.0\t192.0.2.255\t33\n",
	  "f:2:1: '192.0.2.0/33': "
	  "the prefix length must be 0 to 32 for IPv4, 0 to 128 for IPv6" },
	{ "a block with a long start", NULL,
	  HEADING
	  "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
	  "1111111111111111111111111111\t192.0.2.255\t24\n",
	  "f:2:1: "
	  "'11111111111111111111111111111111111111111111111111111111111111111111111111111111...': "
	  "not an address, prefix or range" },
	{ "a rule among blocks", NULL, HEADING "192.0.2.0/24\n",
	  "f:2:1: '192.0.2.0/24': a line is START, END and LENGTH, with tabs between them" },

	{ "a P2P line without range", NULL, "a:192.0.2.1-192.0.2.2\nb:192.0.2.3\n",
	  "f:2:1: 'b:192.0.2.3': a line is LABEL:START-END" },
	{ "a P2P line without label", NULL, "a:192.0.2.1-192.0.2.2\n192.0.2.3-192.0.2.4\n",
	  "f:2:1: '192.0.2.3-192.0.2.4': a line is LABEL:START-END" },
	{ "a P2P range that was truncated", NULL, "a:192.0.2.1-192.0.2.2\nbb:192.0.2.3-192.0.\n",
	  "f:2:4: '192.0.2.3-192.0.': not an address, prefix or range" },
	{ "a P2P range backwards", NULL, "a:192.0.2.2-192.0.2.1\n",
	  "f:1:3: '192.0.2.2-192.0.2.1': the range ends before it starts" },
	{ "a P2P range with text after it", NULL,
	  "a:192.0.2.1-192.0.2.2\nb:192.0.2.1-192.0.2.2 x\n",
	  "f:2:3: '192.0.2.1-192.0.2.2 x': not an address, prefix or range" },

	{ "an ipset of addresses and ports", NULL, "create bad hash:ip,port family inet\n",
	  "f:1:12: 'hash:ip,port': "
	  "only ipsets of source addresses are supported: hash:ip, hash:net, bitmap:ip" },
	{ "an ipset of ipsets", NULL, "create bad list:set size 8\n",
	  "f:1:12: 'list:set': "
	  "only ipsets of source addresses are supported: hash:ip, hash:net, bitmap:ip" },
	{ "an ipset without a type", NULL, "create bad\n",
	  "f:1:11: '': only ipsets of source addresses are supported: hash:ip, hash:net, bitmap:ip" },
	{ "an ipset with a mask", NULL, "create bad hash:ip netmask 24\n",
	  "f:1:20: 'netmask': ipsets with a mask are not supported; use a hash:net" },
	{ "an ipset of no family", NULL, "create bad hash:ip family unix\n",
	  "f:1:27: 'unix': not a family; use inet or inet6" },
	{ "an ipset made twice", NULL, HASH_NET HASH_NET, "f:2:8: 'bad': created a second time" },
	{ "an entry of the wrong family", NULL, HASH_NET "add bad 2001:db8::1\n",
	  "f:2:9: '2001:db8::1': not of the family of its ipset, IPv4" },
	{ "an entry with a port", NULL, "add bad 192.0.2.1,tcp:80\n",
	  "f:1:9: '192.0.2.1,tcp:80': not an address, prefix or range" },
	{ "an entry without an address", NULL, "add bad\n",
	  "f:1:8: '': not an address, prefix or range" },
	{ "an entry with an option that is not known", NULL, "add bad 192.0.2.1 drop\n",
	  "f:1:19: 'drop': unexpected; a line is add SET ADDR [timeout SECONDS] [nomatch]" },
	{ "an entry with a timeout without seconds", NULL, "add bad 192.0.2.1 timeout\n",
	  "f:1:26: '': not a number of seconds from 0 to 315360000" },
	{ "an entry with a timeout that is no number", NULL, "add bad 192.0.2.1 timeout 1h\n",
	  "f:1:27: '1h': not a number of seconds from 0 to 315360000" },
	{ "an entry whose option was truncated", NULL, "add bad 192.0.2.1 packets\n",
	  "f:1:19: 'packets': its value is missing" },
	{ "an ipset with a name that sets can't have", NULL, "add b@d 192.0.2.1\n",
	  "f:1:5: 'b@d': a set's name is 1 to 31 of A-Z a-z 0-9 . _ -, "
	  "the first a letter or a digit" },
	{ "an ipset with a name that is too long", NULL,
	  "add abcdefghijklmnopqrstuvwxyz012345 192.0.2.1\n",
	  "f:1:5: 'abcdefghijklmnopqrstuvwxyz012345': the name of an ipset has 1 to 31 bytes" },
	{ "an ipset of nets and interfaces", NULL, "create bad -exist hash:net,iface\n",
	  "f:1:19: 'hash:net,iface': "
	  "only ipsets of source addresses are supported: hash:ip, hash:net, bitmap:ip" },
	{ "an ipset with an option that is not known", NULL, "create bad hash:net wildcard\n",
	  "f:1:21: 'wildcard': "
	  "unexpected; a line is create SET TYPE [family FAMILY] [timeout SECONDS]" },
	{ "an ipset made twice, and differently", NULL,
	  HASH_NET "create bad -exist hash:net family inet6\n",
	  "f:2:8: 'bad': created a second time, and differently" },
	{ "an ipset that is flushed late", NULL, "flush bad\nadd bad 192.0.2.1\nflush bad\n",
	  "f:3:7: 'bad': flushed after its first entry; move the flush before it, or leave it out" },
	{ "a flush of all ipsets", NULL, HASH_NET "flush\n",
	  "f:2:1: 'flush': the name of its set is missing" },
	{ "a flush of two ipsets", NULL, "flush a b\n",
	  "f:1:9: 'b': unexpected; a line is flush SET" },
	{ "a swap", NULL, HASH_NET "swap bad good\n", "f:2:1: 'swap': " OTHER_LINES },
	{ "a destroy", NULL, "destroy bad\n" HASH_NET, "f:1:1: 'destroy': " OTHER_LINES },
	{ "a del", NULL, HASH_NET "-exist del bad 192.0.2.1\n", "f:2:8: 'del': " OTHER_LINES },
	{ "a rename", NULL, HASH_NET "rename bad good\n", "f:2:1: 'rename': " OTHER_LINES },
	{ "a word that ipset does not know", NULL, HASH_NET "ad bad 192.0.2.1\n",
	  "f:2:1: 'ad': " OTHER_LINES },
	{ "an option for a name", "ipset", "add --pass 192.0.2.1\n",
	  "f:1:5: '--pass': an option, where the name of an ipset belongs" },
	{ "add and a rule with its verdict", NULL, "add pass 192.0.2.10\n",
	  "f:1:1: 'add': not valid in a file of rules; write 'pass 192.0.2.10'" },
	{ "add and a rule with its verdict further down", NULL,
	  "add bad 192.0.2.1\n add drop 10.0.0.0/8\n",
	  "f:2:2: 'add': not valid in a file of rules; write 'drop 10.0.0.0/8'" },
	{ "add and a rule", NULL, "add 192.0.2.10\n",
	  "f:1:1: 'add': not valid in a file of rules; write '192.0.2.10'" },
	{ "add and a set", NULL, "add set x\n",
	  "f:1:1: 'add': not valid in a file of rules; write 'set x'" },

	{ "a range of an ipfilter.dat backwards", NULL,
	  "192.000.002.001 - 192.000.002.000 , 000 , X\n",
	  "f:1:1: '192.000.002.001 - 192.000.002.000': the range ends before it starts" },
	{ "a range of an ipfilter.dat of both families", NULL, "192.0.2.1 - ::1 , 000 , X\n",
	  "f:1:1: '192.0.2.1 - ::1': "
	  "the range starts in one address family and ends in the other" },
	{ "an ipfilter.dat without level", NULL, DAT "192.0.2.1 - 192.0.2.2\n",
	  "f:2:1: '192.0.2.1 - 192.0.2.2': a line is START - END , LEVEL , DESCRIPTION" },
	{ "an ipfilter.dat with a level above 255", NULL, DAT " 192.0.2.1 - 192.0.2.2 , 256 ,\n",
	  "f:2:26: '256': not a level from 0 to 255" },
	{ "an ipfilter.dat with a negative level", NULL, DAT "192.0.2.1 - 192.0.2.2 , -1 , X\n",
	  "f:2:25: '-1 ': not a level from 0 to 255" },
	{ "an ipfilter.dat with a level of four digits", NULL, DAT "192.0.2.1 - 192.0.2.2,0000,X\n",
	  "f:2:23: '0000': not a level from 0 to 255" },
	{ "an ipfilter.dat with text after the level", NULL,
	  DAT "192.0.2.1 - 192.0.2.2 , 0 x , X\n", "f:2:25: '0': not a level from 0 to 255" },
	{ "an ipfilter.dat that was truncated within a level", NULL,
	  DAT "192.0.2.1 - 192.0.2.2 , 12",
	  "f:2:25: '12': the file ends here, so the level may have lost digits" },
	{ "an ipfilter.dat that was truncated before a level", NULL, DAT "192.0.2.1 - 192.0.2.2 , ",
	  "f:2:25: '': not a level from 0 to 255" },
	{ "an ipfilter.dat that was truncated within a range", NULL, DAT "192.000.002.000 - 192.0",
	  "f:2:1: '192.000.002.000 - 192.0': a line is START - END , LEVEL , DESCRIPTION" },
	{ "four digits in an octet", NULL, DAT "0192.0.2.1 - 192.0.2.2 , 000 , X\n",
	  "f:2:1: '0192.0.2.1 - 192.0.2.2 , 000 , X': "
	  "a line is START - END , LEVEL , DESCRIPTION" },
	{ "a rule in an ipfilter.dat", NULL, DAT "192.0.2.0/24\n",
	  "f:2:1: '192.0.2.0/24': a line is START - END , LEVEL , DESCRIPTION" },

	{ "DShield sources that were truncated", NULL,
	  "192.000.002.001\t1741\t29\t2025-10-01\t2025-10-0",
	  "f:1:1: '192.000.002.001\\x091741\\x0929\\x092025-10-01\\x092025-10-0': " IPSASCII_LINE },
	{ "DShield sources with more after them", NULL,
	  "192.000.002.001\t1\t2\t2025-10-01\t2025-10-06\t\n",
	  "f:1:1: '192.000.002.001\\x091\\x092\\x092025-10-01\\x092025-10-06\\x09': " IPSASCII_LINE },
	{ "a rule among DShield sources", "ipsascii", "192.0.2.1\n",
	  "f:1:1: '192.0.2.1': " IPSASCII_LINE },

	{ "leading zeros in a list", NULL, "192.000.002.001\n",
	  "f:1:1: '192.000.002.001': " ZEROS },
	{ "leading zeros in a P2P list", NULL,
	  "a:192.0.2.1-192.0.2.2\nb:192.000.002.001-192.000.002.002\n",
	  "f:2:3: '192.000.002.001-192.000.002.002': " ZEROS },
	{ "leading zeros in an ipset", NULL, "add bad 010.0.0.1\n", "f:1:9: '010.0.0.1': " ZEROS },

	{ "a format that was forced", "p2p", "192.0.2.1\n",
	  "f:1:1: '192.0.2.1': a line is LABEL:START-END" },
	{ "rules that were forced", "rules", "add bad 192.0.2.1\n",
	  "f:1:1: 'add': not an address, prefix or range" },
	{ "what no format begins with", NULL, "hello world\n",
	  "f:1:1: 'hello': not an address, prefix or range" },
};

static void check_bad(void **state)
{
	const struct bad_case *c = *state;
	struct input input = {
		.verdict = VERDICT_DROP,
		.format = c->format ? format_find(c->format) : NULL,
	};
	FILE *file = open_text(c->text, strlen(c->text));
	struct error err = { 0 };

	char message[sizeof(err.text)];

	assert_true(!c->format || input.format);
	assert_int_equal(reader_read(&input, file, "f", &err), -EINVAL);
	assert_true(error_is(&err, ERROR_USAGE));
	snprintf(message, sizeof(message), "%s%s%s%s", c->message,
		 c->format ? "" : " (the file is read as ",
		 c->format ? "" : format_name(input.read_as),
		 c->format ? "" : "; --format changes that)");
	assert_string_equal(err.text, message);
	fclose(file);
	input_done(&input);
}

static void read_feed(struct input *input, const char *text)
{
	FILE *file = open_text(text, strlen(text));
	struct error err = { 0 };

	if (reader_read(input, file, "f", &err))
		fail_msg("%s", err.text);
	fclose(file);
}

static void an_option_names_the_set_of_an_ipset(void **state)
{
	struct input input = { .verdict = VERDICT_DROP, .set = "mine" };

	(void)state;
	read_feed(&input, "create b@d hash:ip\nadd b@d 192.0.2.1\nadd other 192.0.2.2\n");
	assert_int_equal(input.set_count, 1);
	assert_int_equal(input.rules[0].set, 0);
	assert_int_equal(input.rules[1].set, 0);
	input_done(&input);
}

static void an_ipset_named_default_names_that_set(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };

	(void)state;
	read_feed(&input, "create default hash:ip\n");
	assert_true(input.sets[0].named);
	assert_int_equal(input.set_count, 1);
	input_done(&input);
}

static void a_flush_marks_its_set(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };

	(void)state;
	read_feed(&input, "create a hash:ip\nflush b\nadd a 192.0.2.1\nadd b 192.0.2.2\n");
	assert_int_equal(input.set_count, 3);
	assert_false(input.sets[0].flushed || input.sets[1].flushed);
	assert_true(input.sets[2].flushed && input.sets[2].filled);
	input_done(&input);
}

/* Without --set, the second flush would remove the rules of the first file. */
static void two_files_may_flush_the_set_of_an_option(void **state)
{
	struct input input = { .verdict = VERDICT_DROP, .set = "mine" };
	struct input named = { .verdict = VERDICT_DROP };
	static const char text[] = "flush a\nadd a 192.0.2.1\n";
	FILE *file = open_text(text, sizeof(text) - 1);
	struct error err = { 0 };

	(void)state;
	read_feed(&input, text);
	read_feed(&input, "flush a\nadd a 192.0.2.2\nflush b\nadd b 192.0.2.3\n");
	assert_true(input.sets[0].flushed);
	assert_int_equal(input.count, 3);
	read_feed(&named, text);
	assert_int_equal(reader_read(&named, file, "f", &err), -EINVAL);
	assert_true(error_is(&err, ERROR_USAGE));
	assert_memory_equal(err.text, "f:1:7: 'a': flushed after", 25);
	fclose(file);
	input_done(&input);
	input_done(&named);
}

static void rules_that_are_to_go_empty_no_set(void **state)
{
	struct input input = { .verdict = VERDICT_DROP, .deletes = true };
	static const char text[] = "create a hash:ip\nflush a\nadd a 192.0.2.1\n";
	FILE *file = open_text(text, sizeof(text) - 1);
	struct error err = { 0 };

	(void)state;
	assert_int_equal(reader_read(&input, file, "f", &err), -EINVAL);
	assert_true(error_is(&err, ERROR_USAGE));
	assert_memory_equal(err.text, "f:2:1: 'flush': del deletes only what is listed", 47);
	fclose(file);
	input_done(&input);
}

static void an_exception_is_the_opposite_of_what_will_be_known(void **state)
{
	struct input input = { .verdict = VERDICT_BY_POLICY, .expires = 7 };

	(void)state;
	read_feed(&input,
		  "add a 192.0.2.0/24\nadd a 192.0.2.1 nomatch\nadd a 192.0.2.2 timeout 0\n");
	assert_int_equal(input.rules[0].verdict, VERDICT_BY_POLICY);
	assert_int_equal(input.rules[0].expires, 7);
	assert_int_equal(input.rules[1].verdict, VERDICT_AS_POLICY);
	assert_int_equal(input.rules[2].expires, IPF_NEVER);
	input_done(&input);
}

static void each_file_has_its_format(void **state)
{
	struct input input = { .verdict = VERDICT_DROP };

	(void)state;
	read_feed(&input, "add a 192.0.2.1\n");
	assert_ptr_equal(input.read_as, &format_ipset);
	read_feed(&input, "x:192.0.2.2-192.0.2.2\n");
	assert_ptr_equal(input.read_as, &format_p2p);
	assert_int_equal(input.rules[0].set, 1);
	assert_int_equal(input.rules[1].set, 0);
	input_done(&input);
}

/* A list truncated anywhere is refused, or at least gives no other rules. */
static void a_list_with_metadata_is_never_taken_in_part(void **state)
{
	static const char whole[] = CIDR("192.0.2.0/24") CIDR("198.51.100.0/24") METADATA("2");

	(void)state;
	for (size_t length = 1; length < sizeof(whole) - 2; length++) {
		struct input input = { .verdict = VERDICT_DROP };
		FILE *file = open_text(whole, length);
		struct error err = { 0 };

		assert_int_equal(reader_read(&input, file, "f", &err), -EINVAL);
		assert_true(error_is(&err, ERROR_USAGE));
		fclose(file);
		input_done(&input);
	}
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_good, good_cases);
	SUITE_TABLE(&suite, check_bad, bad_cases);
	suite_add(&suite, "every format has a name", every_format_has_a_name, NULL);
	suite_add(&suite, "an option names the set of an ipset",
		  an_option_names_the_set_of_an_ipset, NULL);
	suite_add(&suite, "an ipset named default names that set",
		  an_ipset_named_default_names_that_set, NULL);
	suite_add(&suite, "a flush marks its set", a_flush_marks_its_set, NULL);
	suite_add(&suite, "two files may flush the set of an option",
		  two_files_may_flush_the_set_of_an_option, NULL);
	suite_add(&suite, "rules that are to go empty no set", rules_that_are_to_go_empty_no_set,
		  NULL);
	suite_add(&suite, "an exception is the opposite of what will be known",
		  an_exception_is_the_opposite_of_what_will_be_known, NULL);
	suite_add(&suite, "each file has its format", each_file_has_its_format, NULL);
	suite_add(&suite, "a list with metadata is never taken in part",
		  a_list_with_metadata_is_never_taken_in_part, NULL);
	return suite_run(&suite, "feed");
}
