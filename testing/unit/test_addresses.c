// SPDX-License-Identifier: GPL-2.0
/*
 * Which addresses does a list of visitors name?
 */
#include <feed/addresses.h>

#include <errno.h>
#include <string.h>

#include <util/error.h>

#include "support.h"

struct list_case {
	const char *name;
	const char *text;
	const char *addresses; /* each followed by a blank; NULL: refused */
	const char *message;
};

static const struct list_case list_cases[] = {
	{ "nothing", "", "", NULL },
	{ "addresses", "192.0.2.1\n2001:db8::1\n", "192.0.2.1 2001:db8::1 ", NULL },
	{ "a last line without its end", "192.0.2.1", "192.0.2.1 ", NULL },
	{ "CR LF and a BOM",
	  "\xef\xbb\xbf"
	  "192.0.2.1\r\n",
	  "192.0.2.1 ", NULL },
	{ "blank lines and comments", "\n# one\n ; two\n \t\n192.0.2.1 # three\n", "192.0.2.1 ",
	  NULL },
	{ "the log of a web server", "192.0.2.1 - - [30/Nov/2026] \"GET / HTTP/1.1\" 200\n",
	  "192.0.2.1 ", NULL },
	{ "a word after a tab", "\t192.0.2.1\t7\n", "192.0.2.1 ", NULL },
	{ "an IPv4-mapped address", "::ffff:192.0.2.1\n", "192.0.2.1 ", NULL },
	{ "the same address twice", "192.0.2.1\n192.0.2.1\n", "192.0.2.1 192.0.2.1 ", NULL },
	{ "a prefix", "192.0.2.1\n 10.0.0.0/8\n", NULL,
	  "a.log:2:2: '10.0.0.0/8': not an IPv4 or IPv6 address" },
	{ "a name", "localhost\n", NULL, "a.log:1:1: 'localhost': not an IPv4 or IPv6 address" },
	{ "leading zeros", "192.000.002.001\n", NULL,
	  "a.log:1:1: '192.000.002.001': leading zeros, which some tools read as octal; "
	  "write the numbers without them" },
	{ "an address with a comma", "192.0.2.1, 10.0.0.1\n", NULL,
	  "a.log:1:1: '192.0.2.1,': not an IPv4 or IPv6 address" },
};

static void check_list(void **state)
{
	const struct list_case *c = *state;
	FILE *file = open_text(c->text, strlen(c->text));
	struct addresses addresses = { 0 };
	struct error err = { .text = "" };
	char out[256] = "", text[ADDRESS_TEXT_SIZE];
	int ret = addresses_read(&addresses, file, "a.log", &err);

	fclose(file);
	for (size_t i = 0; i < addresses.count; i++) {
		address_format(&addresses.items[i], text);
		strcat(strcat(out, text), " ");
	}
	addresses_done(&addresses);
	assert_string_equal(err.text, c->message ? c->message : "");
	assert_int_equal(ret, c->message ? -EINVAL : 0);
	if (c->addresses)
		assert_string_equal(out, c->addresses);
}

static void check_argument(void **state)
{
	struct addresses addresses = { 0 };
	struct error err = { .text = "" };

	(void)state;
	assert_int_equal(addresses_argument(&addresses, "2001:db8::1", &err), 0);
	assert_int_equal(addresses_argument(&addresses, "192.0.2.1 x", &err), -EINVAL);
	assert_string_equal(err.text, "'192.0.2.1 x': not an IPv4 or IPv6 address");
	assert_int_equal(addresses.count, 1);
	addresses_done(&addresses);
}

int main(void)
{
	struct suite suite = { .count = 0 };

	SUITE_TABLE(&suite, check_list, list_cases);
	suite_add(&suite, "an argument is one address", check_argument, NULL);
	return suite_run(&suite, "addresses");
}
