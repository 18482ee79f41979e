// SPDX-License-Identifier: GPL-2.0
/*
 * What is an address, and how is it written?
 *
 * Text is written here, not by inet_ntop(3): C libraries disagree on ::1.2.3.4 and on short runs of
 * zeros, and canonical text must be the same everywhere.
 */
#include <ruleset/address.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define GROUPS 8 /* of 16 bits in an IPv6 address */

unsigned int family_bits(enum ipf_family family)
{
	return family == IPF_IPV4 ? 32 : 128;
}

const char *family_name(enum ipf_family family)
{
	return family == IPF_IPV4 ? "IPv4" : "IPv6";
}

int key_compare(const struct ipf_key *a, const struct ipf_key *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return (a->low > b->low) - (a->low < b->low);
}

/* Four decimal octets: some C libraries take 010 for 8, so leading zeros are refused here. */
static int parse_quad(const char *text, __u32 *out)
{
	__u32 quad = 0;

	for (int octet = 0; octet < 4; octet++) {
		unsigned int number = 0;
		int digits = 0;

		if (octet && *text++ != '.')
			return -EINVAL;
		for (; *text >= '0' && *text <= '9' && digits < 4; digits++)
			number = number * 10 + (unsigned int)(*text++ - '0');
		if (!digits || number > 255 || (digits > 1 && text[-digits] == '0'))
			return -EINVAL;
		quad = quad << 8 | number;
	}
	if (*text)
		return -EINVAL;
	*out = quad;
	return 0;
}

static __u64 read_big_endian(const unsigned char *bytes)
{
	__u64 number = 0;

	for (int i = 0; i < 8; i++)
		number = number << 8 | bytes[i];
	return number;
}

static int parse_ipv6(const char *text, struct ipf_key *out)
{
	const char *tail = strrchr(text, ':');
	unsigned char bytes[16];
	__u32 quad;

	if (tail && strchr(tail, '.') && parse_quad(tail + 1, &quad))
		return -EINVAL;
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return -EINVAL;
	out->high = read_big_endian(bytes);
	out->low = read_big_endian(bytes + 8);
	return 0;
}

int address_parse(const char *text, struct address *out, bool *mapped)
{
	struct ipf_key key;
	bool is_mapped;
	__u32 quad;

	if (!strchr(text, ':')) {
		if (parse_quad(text, &quad))
			return -EINVAL;
		is_mapped = false;
	} else {
		if (parse_ipv6(text, &key))
			return -EINVAL;
		is_mapped = !key.high && key.low >> 32 == 0xffff;
		quad = (__u32)key.low;
		if (!is_mapped) {
			*out = (struct address){ IPF_IPV6, key };
			if (mapped)
				*mapped = false;
			return 0;
		}
	}
	*out = (struct address){ IPF_IPV4, { (__u64)quad << 32, 0 } };
	if (mapped)
		*mapped = is_mapped;
	return 0;
}

static char *put_decimal(char *text, unsigned int number)
{
	if (number >= 100)
		*text++ = (char)('0' + number / 100);
	if (number >= 10)
		*text++ = (char)('0' + number / 10 % 10);
	*text++ = (char)('0' + number % 10);
	return text;
}

static void format_ipv4(__u32 quad, char *text)
{
	for (int shift = 24; shift >= 0; shift -= 8) {
		text = put_decimal(text, quad >> shift & 0xff);
		*text++ = shift ? '.' : '\0';
	}
}

static unsigned int group_of(const struct ipf_key *key, int index)
{
	__u64 half = index < GROUPS / 2 ? key->high : key->low;

	return half >> (48 - index % (GROUPS / 2) * 16) & 0xffff;
}

/* The run that "::" stands for: the longest of two and more zero groups, the first among equals
 * (RFC 5952, 4.2). Returns its length, 0 for none. */
static int longest_zero_run(const struct ipf_key *key, int *first)
{
	int best = 1, run = 0;

	for (int i = 0; i < GROUPS; i++) {
		run = group_of(key, i) ? 0 : run + 1;
		if (run > best) {
			best = run;
			*first = i + 1 - run;
		}
	}
	return best > 1 ? best : 0;
}

static char *put_hex(char *text, unsigned int group)
{
	int shift = 12;

	while (shift && !(group >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*text++ = "0123456789abcdef"[group >> shift & 0xf];
	return text;
}

static void format_ipv6(const struct ipf_key *key, char *text)
{
	int zeros_at = GROUPS;
	int zeros = longest_zero_run(key, &zeros_at);

	for (int i = 0; i < GROUPS;) {
		if (i == zeros_at) {
			*text++ = ':';
			*text++ = ':';
			i += zeros;
			continue;
		}
		if (i && i != zeros_at + zeros)
			*text++ = ':';
		text = put_hex(text, group_of(key, i));
		i++;
	}
	*text = '\0';
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	if (address->family == IPF_IPV4)
		format_ipv4((__u32)(address->key.high >> 32), text);
	else
		format_ipv6(&address->key, text);
}
