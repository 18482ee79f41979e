// SPDX-License-Identifier: GPL-2.0
/*
 * Which texts are addresses, and how are addresses written?
 */
#include <ruleset/address.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "support.h"

struct address_case {
	const char *name;
	const char *text;
	const char *canonical; /* NULL: refused */
};

static const struct address_case address_cases[] = {
	{ "an IPv4 address", "192.0.2.1", "192.0.2.1" },
	{ "the first IPv4 address", "0.0.0.0", "0.0.0.0" },
	{ "the last IPv4 address", "255.255.255.255", "255.255.255.255" },
	{ "octets of every width", "1.22.133.0", "1.22.133.0" },
	{ "an octet of 256", "192.0.2.256", NULL },
	{ "an octet of 300", "10.0.0.300", NULL },
	{ "an octet with four digits", "192.0.2.1000", NULL },
	{ "an octet that wraps 32 bits", "192.0.2.4294967297", NULL },
	{ "a leading zero, which some read as octal", "010.0.0.1", NULL },
	{ "a leading zero in the last octet", "10.0.0.01", NULL },
	{ "two zeros for one", "10.00.0.1", NULL },
	{ "three octets", "192.0.2", NULL },
	{ "five octets", "192.0.2.1.5", NULL },
	{ "an empty octet", "192..2.1", NULL },
	{ "a dot after it", "192.0.2.1.", NULL },
	{ "a dot in front", ".192.0.2.1", NULL },
	{ "one number, which inet_aton takes", "3221225985", NULL },
	{ "hexadecimal octets", "0xc0.0.2.1", NULL },
	{ "a plus sign", "+1.0.0.1", NULL },
	{ "a minus sign", "1.0.0.-1", NULL },
	{ "a blank in front", " 192.0.2.1", NULL },
	{ "a blank after it", "192.0.2.1 ", NULL },
	{ "a line end after it", "192.0.2.1\n", NULL },
	{ "text after it", "192.0.2.1x", NULL },
	{ "nothing", "", NULL },
	{ "a word", "localhost", NULL },

	{ "an IPv6 address", "2001:db8::1", "2001:db8::1" },
	{ "the first IPv6 address", "::", "::" },
	{ "the last IPv6 address", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "loopback", "::1", "::1" },
	{ "upper case becomes lower", "2001:DB8::ABCD", "2001:db8::abcd" },
	{ "leading zeros of a group go", "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1" },
	{ "the longest sequence of zeros is elided", "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
	{ "the first of equal sequences is elided", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "a single zero group is written", "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ ":: for a single group is accepted", "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "zeros at the end", "2001:db8:1:1:1:1:0:0", "2001:db8:1:1:1:1::" },
	{ "zeros in front", "0:0:1:1:1:1:1:1", "::1:1:1:1:1:1" },
	{ "an IPv4-compatible address has no dots", "::1.2.3.4", "::102:304" },
	{ "low numbers have no dots either", "::1234:5678", "::1234:5678" },
	{ "an embedded IPv4 tail", "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
	{ "a translated address is not a mapped one", "::ffff:0:192.0.2.1", "::ffff:0:c000:201" },
	{ "two ::", "2001::db8::1", NULL },
	{ "three colons", "2001:::1", NULL },
	{ "a colon in front", ":1:2:3:4:5:6:7:8", NULL },
	{ "a colon after it", "1:2:3:4:5:6:7:8:", NULL },
	{ "seven groups", "1:2:3:4:5:6:7", NULL },
	{ "nine groups", "1:2:3:4:5:6:7:8:9", NULL },
	{ "a group of five digits", "2001:db8::12345", NULL },
	{ "a letter beyond f", "2001:db8::g", NULL },
	{ "a zone", "fe80::1%eth0", NULL },
	{ "brackets", "[2001:db8::1]", NULL },
	{ "an IPv4 tail with a leading zero", "::ffff:10.0.0.01", NULL },
	{ "an IPv4 tail of three octets", "::ffff:10.0.1", NULL },
	{ "an IPv4 tail that isn't the tail", "::10.0.0.1:1", NULL },
	{ "an IPv4 tail that comes too late", "1:2:3:4:5:6:7:10.0.0.1", NULL },
	{ "a lone colon", ":", NULL },
	{ "an IPv4 tail after six groups", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304" },
	{ "an IPv4 tail after seven groups", "1:2:3:4:5:6:7:1.2.3.4", NULL },
	{ "an IPv4 tail after :: and five groups", "::2:3:4:5:6:1.2.3.4", "0:2:3:4:5:6:102:304" },
	{ ":: at the end for one group", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
	{ ":: in front for one group", "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
	{ ":: at the end for no group", "1:2:3:4:5:6:7:8::", NULL },
	{ ":: in front for no group", "::1:2:3:4:5:6:7:8", NULL },
	{ ":: inside for no group", "1:2:3:4::5:6:7:8", NULL },
	{ "a colon after an IPv4 tail", "::1.2.3.4:", NULL },
	{ "a blank in an IPv6 address", "2001:db8:: 1", NULL },
	{ "text longer than any address", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	  NULL },

	{ "a mapped address is IPv4", "::ffff:192.0.2.1", "192.0.2.1" },
	{ "a mapped address in hexadecimal", "::ffff:c000:201", "192.0.2.1" },
	{ "a mapped address in full", "0:0:0:0:0:FFFF:C000:0201", "192.0.2.1" },
	{ "the first mapped address", "::ffff:0:0", "0.0.0.0" },
	{ "the last mapped address", "::ffff:ffff:ffff", "255.255.255.255" },
	{ "one before the mapped ones", "::fffe:ffff:ffff", "::fffe:ffff:ffff" },
	{ "one after the mapped ones", "0:0:0:0:1::", "::1:0:0:0" },
};

static void check_address(void **state)
{
	const struct address_case *c = *state;
	const struct address untouched = { IPF_IPV6, { 7, 7 } };
	struct address address = untouched, again;
	char text[ADDRESS_TEXT_SIZE];

	if (!c->canonical) {
		assert_int_equal(address_parse(c->text, &address, NULL), -EINVAL);
		assert_memory_equal(&address, &untouched, sizeof(address));
		return;
	}
	assert_int_equal(address_parse(c->text, &address, NULL), 0);
	address_format(&address, text);
	assert_string_equal(text, c->canonical);
	assert_int_equal(address_parse(text, &again, NULL), 0);
	assert_int_equal(again.family, address.family);
	assert_int_equal(address_key_compare(&again.key, &address.key), 0);
}

static void mapped_addresses_say_so(void **state)
{
	struct address address;
	bool mapped = false;

	(void)state;
	assert_int_equal(address_parse("::ffff:1.2.3.4", &address, &mapped), 0);
	assert_true(mapped);
	assert_int_equal(address.family, IPF_IPV4);
	assert_int_equal(address.key.high, 0x0102030400000000u);
	assert_int_equal(address.key.low, 0);
	assert_int_equal(address_parse("1.2.3.4", &address, &mapped), 0);
	assert_false(mapped);
	mapped = true;
	assert_int_equal(address_parse("::1", &address, &mapped), 0);
	assert_false(mapped);
	assert_int_equal(address.key.low, 1);
}

static void keys_compare_as_numbers(void **state)
{
	static const struct ipf_key rising[] = {
		{ 0, 0 }, { 0, 1 },          { 0, UINT64_MAX }, { 1, 0 },
		{ 1, 1 }, { 1ull << 63, 0 }, { UINT64_MAX, 0 }, { UINT64_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rising); i++)
		for (size_t k = 0; k < COUNT_OF(rising); k++)
			assert_int_equal(address_key_compare(&rising[i], &rising[k]),
					 (i > k) - (i < k));
}

static void families_have_names_and_widths(void **state)
{
	(void)state;
	assert_int_equal(address_family_bits(IPF_IPV4), 32);
	assert_int_equal(address_family_bits(IPF_IPV6), 128);
	assert_string_equal(address_family_name(IPF_IPV4), "IPv4");
	assert_string_equal(address_family_name(IPF_IPV6), "IPv6");
}

/* Random addresses with many zero groups, against the C library. */
static void ipv6_text_agrees_with_the_c_library(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 200000; i++) {
		struct address address = random_address(IPF_IPV6), back;
		unsigned char bytes[16], expected[16];
		char text[ADDRESS_TEXT_SIZE], library[INET6_ADDRSTRLEN];

		for (int group = 0; group < 4; group++) {
			if (random_below(2))
				address.key.high &= ~(0xffffull << group * 16);
			if (random_below(2))
				address.key.low &= ~(0xffffull << group * 16);
		}
		for (int k = 0; k < 8; k++) {
			expected[k] = (unsigned char)(address.key.high >> (56 - 8 * k));
			expected[k + 8] = (unsigned char)(address.key.low >> (56 - 8 * k));
		}
		address_format(&address, text);
		assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
		assert_memory_equal(bytes, expected, sizeof(bytes));
		assert_non_null(inet_ntop(AF_INET6, expected, library, sizeof(library)));
		/* musl shortens a single group of zeros, which RFC 5952 leaves as it is. */
		assert_true(strlen(text) <= strlen(library) + 1);

		assert_int_equal(address_parse(library, &back, NULL), 0);
		if (back.family == IPF_IPV6)
			assert_int_equal(address_key_compare(&back.key, &address.key), 0);
	}
}

static void ipv4_text_agrees_with_the_c_library(void **state)
{
	(void)state;
	random_restart();
	for (int i = 0; i < 200000; i++) {
		struct address address = random_address(IPF_IPV4), back;
		struct in_addr in = { htonl((__u32)(address.key.high >> 32)) };
		char text[ADDRESS_TEXT_SIZE], library[INET_ADDRSTRLEN];

		address_format(&address, text);
		inet_ntop(AF_INET, &in, library, sizeof(library));
		assert_string_equal(text, library);
		assert_int_equal(address_parse(text, &back, NULL), 0);
		assert_int_equal(address_key_compare(&back.key, &address.key), 0);
	}
}

/* Texts of the right letters: the C library reads the same address from each text that we
 * accept. */
static void nonsense_is_refused_as_the_c_library_does(void **state)
{
	static const char letters[] = "0123456789abcdefF::::....";

	(void)state;
	random_restart();
	for (int i = 0; i < 500000; i++) {
		size_t length = random_below(18);
		unsigned char bytes[16];
		struct address address;
		char text[20] = "";
		int family;

		for (size_t k = 0; k < length; k++)
			text[k] = letters[random_below(sizeof(letters) - 1)];
		family = strchr(text, ':') ? AF_INET6 : AF_INET;
		assert_int_equal(!address_parse(text, &address, NULL),
				 inet_pton(family, text, bytes) == 1);
	}
}

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, check_address, address_cases);
	suite_add(&suite, "mapped addresses say so", mapped_addresses_say_so, NULL);
	suite_add(&suite, "keys compare as numbers", keys_compare_as_numbers, NULL);
	suite_add(&suite, "families have names and widths", families_have_names_and_widths, NULL);
	suite_add(&suite, "IPv6 text agrees with the C library",
		  ipv6_text_agrees_with_the_c_library, NULL);
	suite_add(&suite, "IPv4 text agrees with the C library",
		  ipv4_text_agrees_with_the_c_library, NULL);
	suite_add(&suite, "nonsense is refused as the C library does",
		  nonsense_is_refused_as_the_c_library_does, NULL);
	return suite_run(&suite, "address");
}
