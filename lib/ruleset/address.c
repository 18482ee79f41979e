// SPDX-License-Identifier: GPL-2.0
/*
 * What is an address, and how is it written?
 *
 * Text is read and written here, not by inet_pton(3) and inet_ntop(3): C libraries disagree on
 * leading zeros, on ::1.2.3.4 and on short sequences of zeros, but a text must mean the same
 * everywhere; and lists have millions of lines. The unit tests compare it with the C library.
 */
#include <ruleset/address.h>

#include <errno.h>
#include <stddef.h>

#define GROUPS 8 /* of 16 bits in an IPv6 address */

unsigned int address_family_bits(enum ipf_family family)
{
	return family == IPF_IPV4 ? 32 : 128;
}

const char *address_family_name(enum ipf_family family)
{
	return family == IPF_IPV4 ? "IPv4" : "IPv6";
}

/* What happens to leading zeros: some C libraries read 010 as 8. */
enum zeros { ZEROS_REFUSED, ZEROS_SKIPPED };

/* Four decimal octets of one to three digits. Returns what follows, or NULL. */
static const char *scan_quad(const char *text, enum zeros zeros, __u32 *out)
{
	__u32 quad = 0;

	for (int octet = 0; octet < 4; octet++) {
		const char *first;
		unsigned int number = 0;

		if (octet && *text++ != '.')
			return NULL;
		for (first = text; *text >= '0' && *text <= '9' && text - first < 4; text++)
			number = number * 10 + (unsigned int)(*text - '0');
		if (text == first || number > 255 || text - first > 3 ||
		    (zeros == ZEROS_REFUSED && text - first > 1 && *first == '0'))
			return NULL;
		quad = quad << 8 | number;
	}
	*out = quad;
	return text;
}

/* The digit's value plus one; 0: not a digit. Digits and letters come at random, so a table is
 * faster than comparisons. */
static const unsigned char hex_digits[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* -1: not a digit. */
static int hex_digit(char c)
{
	return hex_digits[(unsigned char)c] - 1;
}

/* Up to four hexadecimal digits. The caller looks at what follows. */
static const char *scan_group(const char *text, __u16 *out)
{
	unsigned int number = 0;
	int digit;

	for (int i = 0; i < 4 && (digit = hex_digit(*text)) >= 0; i++, text++)
		number = number << 4 | (unsigned int)digit;
	*out = (__u16)number;
	return text;
}

/* Groups with colons between them; the last two may be a dotted quad. *elided becomes the number of
 * groups before "::", or -1 without one. Returns what follows, or NULL. */
static const char *scan_groups(const char *text, __u16 groups[GROUPS], int *count, int *elided)
{
	*count = 0;
	*elided = -1;
	if (text[0] == ':') {
		if (text[1] != ':')
			return NULL;
		*elided = 0;
		text += 2;
	}
	while (*count < GROUPS && hex_digit(*text) >= 0) {
		const char *start = text;
		__u32 quad;

		text = scan_group(text, &groups[*count]);
		if (*text == '.') {
			text = *count < GROUPS - 1 ? scan_quad(start, ZEROS_REFUSED, &quad) : NULL;
			if (!text)
				return NULL;
			groups[(*count)++] = (__u16)(quad >> 16);
			groups[(*count)++] = (__u16)quad;
			return text;
		}
		++*count;
		if (text[0] != ':')
			return text;
		if (text[1] == ':') {
			if (*elided >= 0)
				return NULL;
			*elided = *count;
			text++;
		} else if (hex_digit(text[1]) < 0) {
			return NULL;
		}
		text++;
	}
	return text;
}

static const char *scan_ipv6(const char *text, struct ipf_key *out)
{
	__u16 groups[GROUPS];
	int count, elided;

	text = scan_groups(text, groups, &count, &elided);
	if (!text || (elided < 0 ? count != GROUPS : count == GROUPS))
		return NULL;
	*out = (struct ipf_key){ 0, 0 };
	for (int i = 0; i < count; i++) {
		/* The groups after "::" are the last ones. */
		int at = elided >= 0 && i >= elided ? i + GROUPS - count : i;
		__u64 *half = at < GROUPS / 2 ? &out->high : &out->low;

		*half |= (__u64)groups[i] << (48 - at % (GROUPS / 2) * 16);
	}
	return text;
}

const char *address_scan(const char *text, struct address *out, bool *mapped)
{
	bool is_mapped = false;
	struct ipf_key key;
	const char *end;
	__u32 quad;

	end = scan_quad(text, ZEROS_REFUSED, &quad);
	if (!end) {
		end = scan_ipv6(text, &key);
		if (!end)
			return NULL;
		is_mapped = !key.high && key.low >> 32 == 0xffff;
		quad = (__u32)key.low;
		if (!is_mapped) {
			*out = (struct address){ IPF_IPV6, key };
			if (mapped)
				*mapped = false;
			return end;
		}
	}
	*out = (struct address){ IPF_IPV4, { (__u64)quad << 32, 0 } };
	if (mapped)
		*mapped = is_mapped;
	return end;
}

const char *address_scan_padded(const char *text, struct address *out)
{
	const char *end;
	__u32 quad;

	end = scan_quad(text, ZEROS_SKIPPED, &quad);
	if (!end)
		return address_scan(text, out, NULL);
	*out = (struct address){ IPF_IPV4, { (__u64)quad << 32, 0 } };
	return end;
}

int address_parse(const char *text, struct address *out, bool *mapped)
{
	struct address address;
	bool is_mapped;
	const char *end = address_scan(text, &address, &is_mapped);

	if (!end || *end)
		return -EINVAL;
	*out = address;
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

/* The groups that are written as "::": the longest sequence of two or more zero groups, the first
 * among equals (RFC 5952, 4.2). Returns its length, 0: there is none. */
static int longest_zeros(const struct ipf_key *key, int *first)
{
	int best = 1, length = 0;

	for (int i = 0; i < GROUPS; i++) {
		length = group_of(key, i) ? 0 : length + 1;
		if (length > best) {
			best = length;
			*first = i + 1 - length;
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
	int zeros = longest_zeros(key, &zeros_at);

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
