// SPDX-License-Identifier: GPL-2.0
/*
 * Which source does a frame have?
 *
 * Frames are put on the heap with their exact length, so that a sanitizer sees each byte read
 * beyond.
 */
#include <ipfilter/packet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/address.h>

#include "support.h"

#define MAX_FRAME 256

/* A frame: tags (ethertypes, up to six, ended by 0), the ethertype after them and what follows. An
 * ethertype of 0: the frame is of a link without Ethernet. */
struct packet_case {
	const char *name;
	__u16 tags[7];
	__u16 ethertype;
	const char *payload; /* hexadecimal; blanks are skipped */
	enum ipf_frame frame;
	const char *source; /* canonical text; NULL without a readable one */
	__u8 discovery;
};

/* Fixed headers from 192.0.2.7 and 2001:db8::7. */
#define IPV4(version_ihl, protocol) \
	version_ihl " 00 0054 1234 4000 40 " protocol " 0000 c0000207 c6336401"
#define IPV6(version, next)                                                 \
	version "0000000 0018 " next " ff 20010db8000000000000000000000007" \
		" ff0200000000000000000000000000 01"

static const struct packet_case packet_cases[] = {
	{ "IPv4", { 0 }, 0x0800, IPV4("45", "11"), IPF_FRAME_SOURCE, "192.0.2.7", 0 },
	{ "IPv4 with payload",
	  { 0 },
	  0x0800,
	  IPV4("45", "11") "0102030405",
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "IPv4 with options",
	  { 0 },
	  0x0800,
	  IPV4("46", "01") "94040000 08",
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "IPv4 with options that are truncated",
	  { 0 },
	  0x0800,
	  IPV4("4f", "01"),
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "IPv4, a first fragment",
	  { 0 },
	  0x0800,
	  "45 00 0054 1234 2000 40 11 0000 c0000207 c6336401 00350035",
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "IPv4, a later fragment",
	  { 0 },
	  0x0800,
	  "45 00 0054 1234 00b9 40 11 0000 c0000207 c6336401 ffff",
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "IPv4 with any protocol",
	  { 0 },
	  0x0800,
	  IPV4("45", "ff"),
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "IPv4 with a total length of zero",
	  { 0 },
	  0x0800,
	  "45 00 0000 1234 4000 40 11 0000 c0000207 c6336401",
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "IPv4 with protocol 58 is no discovery",
	  { 0 },
	  0x0800,
	  IPV4("45", "3a") "8700",
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "IPv4 with ihl 0", { 0 }, 0x0800, IPV4("40", "11"), IPF_FRAME_MALFORMED, NULL, 0 },
	{ "IPv4 with ihl 4", { 0 }, 0x0800, IPV4("44", "11"), IPF_FRAME_MALFORMED, NULL, 0 },
	{ "IPv4 with version 0", { 0 }, 0x0800, IPV4("05", "11"), IPF_FRAME_MALFORMED, NULL, 0 },
	{ "IPv4 with version 6", { 0 }, 0x0800, IPV4("65", "11"), IPF_FRAME_MALFORMED, NULL, 0 },
	{ "IPv6 after the ethertype of IPv4",
	  { 0 },
	  0x0800,
	  IPV6("6", "11"),
	  IPF_FRAME_MALFORMED,
	  NULL,
	  0 },
	{ "IPv4 without a byte", { 0 }, 0x0800, "", IPF_FRAME_MALFORMED, NULL, 0 },

	{ "IPv6", { 0 }, 0x86dd, IPV6("6", "06"), IPF_FRAME_SOURCE, "2001:db8::7", 0 },
	{ "IPv6 without a next header",
	  { 0 },
	  0x86dd,
	  IPV6("6", "3b"),
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "IPv6 with extension headers",
	  { 0 },
	  0x86dd,
	  IPV6("6", "00") "3a00050200000100 8300",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "IPv6, a fragment",
	  { 0 },
	  0x86dd,
	  IPV6("6", "2c") "1100000100000001 00350035",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "IPv6 with traffic class and flow label",
	  { 0 },
	  0x86dd,
	  "6fffffff 0018 06 ff 20010db8000000000000000000000007 ff020000000000000000000000000001",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "IPv6 from nowhere",
	  { 0 },
	  0x86dd,
	  "60000000 0018 3b ff 00000000000000000000000000000000 ff020000000000000000000000000001",
	  IPF_FRAME_SOURCE,
	  "::",
	  0 },
	{ "IPv6 from the last address",
	  { 0 },
	  0x86dd,
	  "60000000 0018 3b ff ffffffffffffffffffffffffffffffff ff020000000000000000000000000001",
	  IPF_FRAME_SOURCE,
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  0 },
	{ "IPv6 with version 4", { 0 }, 0x86dd, IPV6("4", "06"), IPF_FRAME_MALFORMED, NULL, 0 },
	{ "IPv6 with version 7", { 0 }, 0x86dd, IPV6("7", "06"), IPF_FRAME_MALFORMED, NULL, 0 },
	{ "IPv4 after the ethertype of IPv6",
	  { 0 },
	  0x86dd,
	  IPV4("45", "11") IPV4("45", "11") IPV4("45", "11"),
	  IPF_FRAME_MALFORMED,
	  NULL,
	  0 },
	{ "IPv6 without a byte", { 0 }, 0x86dd, "", IPF_FRAME_MALFORMED, NULL, 0 },

	{ "router solicitation",
	  { 0 },
	  0x86dd,
	  IPV6("6", "3a") "8500",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  1 },
	{ "router advertisement",
	  { 0 },
	  0x86dd,
	  IPV6("6", "3a") "8600",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  1 },
	{ "neighbour solicitation",
	  { 0 },
	  0x86dd,
	  IPV6("6", "3a") "8700",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  1 },
	{ "neighbour advertisement",
	  { 0 },
	  0x86dd,
	  IPV6("6", "3a") "8800",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  1 },
	{ "redirect", { 0 }, 0x86dd, IPV6("6", "3a") "89", IPF_FRAME_SOURCE, "2001:db8::7", 1 },
	{ "the type before discovery",
	  { 0 },
	  0x86dd,
	  IPV6("6", "3a") "8400",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "the type after discovery",
	  { 0 },
	  0x86dd,
	  IPV6("6", "3a") "8a00",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "an echo request",
	  { 0 },
	  0x86dd,
	  IPV6("6", "3a") "8000",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "ICMPv6 truncated before its type",
	  { 0 },
	  0x86dd,
	  IPV6("6", "3a"),
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "a discovery type in UDP",
	  { 0 },
	  0x86dd,
	  IPV6("6", "11") "8700",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "discovery after an extension header",
	  { 0 },
	  0x86dd,
	  IPV6("6", "00") "3a00050200000100 8700",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "discovery after a tag",
	  { 0x8100 },
	  0x86dd,
	  IPV6("6", "3a") "8700",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  1 },

	{ "one tag", { 0x8100 }, 0x0800, IPV4("45", "11"), IPF_FRAME_SOURCE, "192.0.2.7", 0 },
	{ "one tag of 802.1ad",
	  { 0x88a8 },
	  0x0800,
	  IPV4("45", "11"),
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "one tag of the old QinQ",
	  { 0x9100 },
	  0x0800,
	  IPV4("45", "11"),
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "QinQ", { 0x88a8, 0x8100 }, 0x0800, IPV4("45", "11"), IPF_FRAME_SOURCE, "192.0.2.7", 0 },
	{ "QinQ with IPv6",
	  { 0x9100, 0x8100 },
	  0x86dd,
	  IPV6("6", "06"),
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "three tags",
	  { 0x8100, 0x8100, 0x8100 },
	  0x0800,
	  IPV4("45", "11"),
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "four tags",
	  { 0x88a8, 0x88a8, 0x8100, 0x8100 },
	  0x0800,
	  IPV4("45", "11"),
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "five tags",
	  { 0x88a8, 0x88a8, 0x8100, 0x8100, 0x8100 },
	  0x0800,
	  IPV4("45", "11"),
	  IPF_FRAME_MALFORMED,
	  NULL,
	  0 },
	{ "five tags in front of IPv6",
	  { 0x8100, 0x8100, 0x8100, 0x8100, 0x8100 },
	  0x86dd,
	  IPV6("6", "06"),
	  IPF_FRAME_MALFORMED,
	  NULL,
	  0 },
	{ "five tags in front of ARP",
	  { 0x8100, 0x8100, 0x8100, 0x8100, 0x8100 },
	  0x0806,
	  "",
	  IPF_FRAME_MALFORMED,
	  NULL,
	  0 },
	{ "six tags",
	  { 0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100 },
	  0x0800,
	  IPV4("45", "11"),
	  IPF_FRAME_MALFORMED,
	  NULL,
	  0 },
	{ "a tag in front of ARP", { 0x8100 }, 0x0806, "0001", IPF_FRAME_OTHER, NULL, 0 },
	{ "four tags in front of ARP",
	  { 0x8100, 0x8100, 0x8100, 0x8100 },
	  0x0806,
	  "",
	  IPF_FRAME_OTHER,
	  NULL,
	  0 },
	{ "a tag that isn't looked through",
	  { 0x9200 },
	  0x0800,
	  IPV4("45", "11"),
	  IPF_FRAME_OTHER,
	  NULL,
	  0 },
	{ "a bad ihl after a tag",
	  { 0x8100 },
	  0x0800,
	  IPV4("44", "11"),
	  IPF_FRAME_MALFORMED,
	  NULL,
	  0 },

	{ "ARP",
	  { 0 },
	  0x0806,
	  "0001 0800 06 04 0001 020000000001 c0000207 000000000000 c6336401",
	  IPF_FRAME_OTHER,
	  NULL,
	  0 },
	{ "LLDP", { 0 }, 0x88cc, "0207 04", IPF_FRAME_OTHER, NULL, 0 },
	{ "LLC with a length for ethertype", { 0 }, 0x0026, "424203", IPF_FRAME_OTHER, NULL, 0 },
	{ "MPLS is not looked through",
	  { 0 },
	  0x8847,
	  "00001140" IPV4("45", "11"),
	  IPF_FRAME_OTHER,
	  NULL,
	  0 },
	{ "PPPoE, IPv4",
	  { 0 },
	  0x8864,
	  "1100 0001 0056 0021" IPV4("45", "11"),
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "PPPoE, IPv6",
	  { 0 },
	  0x8864,
	  "1100 0001 0056 0057" IPV6("6", "06"),
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "PPPoE, IPv4, protocol in one byte",
	  { 0 },
	  0x8864,
	  "1100 0001 0056 21" IPV4("45", "11"),
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "PPPoE, IPv6, protocol in one byte",
	  { 0 },
	  0x8864,
	  "1100 0001 0056 57" IPV6("6", "06"),
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "PPPoE, discovery of neighbours",
	  { 0 },
	  0x8864,
	  "1100 0001 0056 0057" IPV6("6", "3a") "8700",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  1 },
	{ "PPPoE, discovery of neighbours, protocol in one byte",
	  { 0x8100 },
	  0x8864,
	  "1100 0001 0056 57" IPV6("6", "3a") "8700",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  1 },
	{ "PPPoE after a tag",
	  { 0x8100 },
	  0x8864,
	  "1100 0001 0056 0021" IPV4("45", "11"),
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "PPPoE after four tags",
	  { 0x88a8, 0x88a8, 0x8100, 0x8100 },
	  0x8864,
	  "1100 0001 0056 0057" IPV6("6", "06"),
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  0 },
	{ "PPPoE after five tags",
	  { 0x88a8, 0x88a8, 0x8100, 0x8100, 0x8100 },
	  0x8864,
	  "1100 0001 0056 0057" IPV6("6", "06"),
	  IPF_FRAME_MALFORMED,
	  NULL,
	  0 },
	{ "PPPoE of another version, type and code",
	  { 0 },
	  0x8864,
	  "2509 0001 0056 0021" IPV4("45", "11"),
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "PPPoE with a length of zero",
	  { 0 },
	  0x8864,
	  "1100 0001 0000 0021" IPV4("45", "11"),
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "PPPoE, IPv4 with ihl 4",
	  { 0 },
	  0x8864,
	  "1100 0001 0056 0021" IPV4("44", "11"),
	  IPF_FRAME_MALFORMED,
	  NULL,
	  0 },
	{ "PPPoE, IPv6 as IPv4",
	  { 0 },
	  0x8864,
	  "1100 0001 0056 0021" IPV6("6", "06"),
	  IPF_FRAME_MALFORMED,
	  NULL,
	  0 },
	{ "PPPoE, LCP", { 0 }, 0x8864, "1100 0001 0056 c021 01010004", IPF_FRAME_OTHER, NULL, 0 },
	{ "PPPoE, IPV6CP", { 0 }, 0x8864, "1100 0001 0056 8057 01010004", IPF_FRAME_OTHER, NULL, 0 },
	{ "PPPoE, a protocol whose second byte is IPv4's",
	  { 0 },
	  0x8864,
	  "1100 0001 0056 0221" IPV4("45", "11"),
	  IPF_FRAME_OTHER,
	  NULL,
	  0 },
	{ "PPPoE, multilink in one byte",
	  { 0 },
	  0x8864,
	  "1100 0001 0056 3d",
	  IPF_FRAME_OTHER,
	  NULL,
	  0 },
	{ "PPPoE discovery", { 0 }, 0x8863, "1109 0000 0004 0101 0000", IPF_FRAME_OTHER, NULL, 0 },
	{ "an unknown ethertype without payload", { 0 }, 0xffff, "", IPF_FRAME_OTHER, NULL, 0 },
	{ "bare IPv4", { 0 }, 0, IPV4("45", "11"), IPF_FRAME_SOURCE, "192.0.2.7", 0 },
	{ "bare IPv4 with options",
	  { 0 },
	  0,
	  IPV4("46", "01") "94040000 08",
	  IPF_FRAME_SOURCE,
	  "192.0.2.7",
	  0 },
	{ "bare IPv4 with ihl 4", { 0 }, 0, IPV4("44", "11"), IPF_FRAME_MALFORMED, NULL, 0 },
	{ "bare IPv6", { 0 }, 0, IPV6("6", "06"), IPF_FRAME_SOURCE, "2001:db8::7", 0 },
	{ "bare IPv6, neighbour solicitation",
	  { 0 },
	  0,
	  IPV6("6", "3a") "8700",
	  IPF_FRAME_SOURCE,
	  "2001:db8::7",
	  1 },
	{ "bare, version 0", { 0 }, 0, IPV4("05", "11"), IPF_FRAME_MALFORMED, NULL, 0 },
	{ "bare, version 5", { 0 }, 0, IPV4("55", "11"), IPF_FRAME_MALFORMED, NULL, 0 },
	{ "bare, version 7", { 0 }, 0, IPV6("7", "06"), IPF_FRAME_MALFORMED, NULL, 0 },
	{ "bare, an Ethernet frame",
	  { 0 },
	  0,
	  "020000000001 020000000002 0800" IPV4("45", "11"),
	  IPF_FRAME_MALFORMED,
	  NULL,
	  0 },
	{ "bare, nothing", { 0 }, 0, "", IPF_FRAME_MALFORMED, NULL, 0 },
};

static size_t put_hexadecimal(__u8 *out, const char *text)
{
	static const char alphabet[] = "0123456789abcdef";
	size_t digits = 0;

	for (; *text; text++) {
		const char *digit = strchr(alphabet, *text);

		if (*text == ' ')
			continue;
		assert_non_null(digit);
		out[digits / 2] = (__u8)(out[digits / 2] << 4 | (digit - alphabet));
		digits++;
		assert_true(digits / 2 < MAX_FRAME - 64);
	}
	assert_int_equal(digits % 2, 0);
	return digits / 2;
}

static enum ipf_link link_of(const struct packet_case *c)
{
	return c->ethertype ? IPF_LINK_ETHERNET : IPF_LINK_IP;
}

static size_t put16(__u8 *out, __u16 number)
{
	out[0] = (__u8)(number >> 8);
	out[1] = (__u8)number;
	return 2;
}

static size_t build(const struct packet_case *c, __u8 frame[MAX_FRAME])
{
	size_t length = 12;

	memset(frame, 0, MAX_FRAME);
	if (link_of(c) == IPF_LINK_IP)
		return put_hexadecimal(frame, c->payload);
	memcpy(frame, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
	for (size_t i = 0; c->tags[i]; i++) {
		length += put16(frame + length, c->tags[i]);
		length +=
			put16(frame + length, (__u16)(0x2000 | (i + 100))); /* priority and VLAN */
	}
	length += put16(frame + length, c->ethertype);
	return length + put_hexadecimal(frame + length, c->payload);
}

/* Parses the first `length` bytes, in memory that ends with them. */
static enum ipf_frame parse(enum ipf_link link, const __u8 *frame, size_t length,
			    struct ipf_source *source)
{
	__u8 *exact = malloc(length ? length : 1);
	enum ipf_frame result;

	assert_non_null(exact);
	memcpy(exact, frame, length);
	result = ipf_packet_source(link, exact, exact + length, source);
	free(exact);
	return result;
}

static const struct ipf_source untouched = { IPF_IPV6, { 77, 78 }, 79 };

static void assert_untouched(const struct ipf_source *source)
{
	assert_int_equal(source->family, untouched.family);
	assert_int_equal(source->key.high, untouched.key.high);
	assert_int_equal(source->key.low, untouched.key.low);
	assert_int_equal(source->discovery, untouched.discovery);
}

static void check_packet(void **state)
{
	const struct packet_case *c = *state;
	struct ipf_source source = untouched;
	char text[ADDRESS_TEXT_SIZE];
	__u8 frame[MAX_FRAME];
	size_t length = build(c, frame);

	assert_int_equal(parse(link_of(c), frame, length, &source), c->frame);
	if (!c->source) {
		assert_untouched(&source);
		return;
	}
	address_format(&(struct address){ source.family, source.key }, text);
	assert_string_equal(text, c->source);
	assert_int_equal(source.discovery, c->discovery);
}

/* Another parser, written from what the manual says, byte by byte. */
static enum ipf_frame reference_ip(int version, const __u8 *ip, size_t length,
				   struct ipf_source *source)
{
	if (version == 4) {
		if (length < 20 || ip[0] / 16 != 4 || ip[0] % 16 < 5)
			return IPF_FRAME_MALFORMED;
		*source = (struct ipf_source){ .family = IPF_IPV4 };
		for (int i = 0; i < 4; i++)
			source->key.high |= (__u64)ip[12 + i] << (56 - 8 * i);
		return IPF_FRAME_SOURCE;
	}
	if (length < 40 || ip[0] / 16 != 6)
		return IPF_FRAME_MALFORMED;
	*source = (struct ipf_source){ .family = IPF_IPV6 };
	for (int i = 0; i < 8; i++) {
		source->key.high |= (__u64)ip[8 + i] << (56 - 8 * i);
		source->key.low |= (__u64)ip[16 + i] << (56 - 8 * i);
	}
	if (ip[6] == 58 && length > 40 && ip[40] >= 133 && ip[40] <= 137)
		source->discovery = 1;
	return IPF_FRAME_SOURCE;
}

static enum ipf_frame reference_session(const __u8 *frame, size_t at, size_t length,
					struct ipf_source *source)
{
	unsigned int protocol;

	at += 6;
	if (length <= at)
		return IPF_FRAME_MALFORMED;
	protocol = frame[at++];
	if (protocol % 2 == 0) {
		if (length <= at)
			return IPF_FRAME_MALFORMED;
		protocol = protocol * 256 + frame[at++];
	}
	if (protocol != 0x21 && protocol != 0x57)
		return IPF_FRAME_OTHER;
	return reference_ip(protocol == 0x21 ? 4 : 6, frame + at, length - at, source);
}

static enum ipf_frame reference(enum ipf_link link, const __u8 *frame, size_t length,
				struct ipf_source *source)
{
	size_t at = 12;
	unsigned int type;
	int tags = 0;

	if (link == IPF_LINK_IP)
		return reference_ip(length && frame[0] / 16 == 6 ? 6 : 4, frame, length, source);
	for (;;) {
		if (length < at + 2)
			return IPF_FRAME_MALFORMED;
		type = frame[at] * 256u + frame[at + 1];
		at += 2;
		if (type != 0x8100 && type != 0x88a8 && type != 0x9100)
			break;
		if (++tags == 5)
			return IPF_FRAME_MALFORMED;
		at += 2;
	}
	if (type == 0x8864)
		return reference_session(frame, at, length, source);
	if (type != 0x0800 && type != 0x86dd)
		return IPF_FRAME_OTHER;
	return reference_ip(type == 0x0800 ? 4 : 6, frame + at, length - at, source);
}

static void assert_as_reference(enum ipf_link link, const __u8 *frame, size_t length)
{
	struct ipf_source source = untouched, expected = untouched;

	assert_int_equal(parse(link, frame, length, &source),
			 reference(link, frame, length, &expected));
	assert_int_equal(source.family, expected.family);
	assert_int_equal(source.key.high, expected.key.high);
	assert_int_equal(source.key.low, expected.key.low);
	assert_int_equal(source.discovery, expected.discovery);
}

/* Each frame of the table, truncated after each of its bytes. */
static void check_truncations(void **state)
{
	const struct packet_case *c = *state;
	__u8 frame[MAX_FRAME];
	size_t length = build(c, frame);

	for (size_t kept = 0; kept <= length; kept++)
		assert_as_reference(link_of(c), frame, kept);
}

static void mutated_frames_agree_with_the_reference(void **state)
{
	static const __u16 types[] = { 0x0800, 0x86dd, 0x8100, 0x88a8,
				       0x9100, 0x0806, 0x8864, 0x0021 };

	(void)state;
	random_restart();
	for (int i = 0; i < 500000; i++) {
		const struct packet_case *c = &packet_cases[random_below(COUNT_OF(packet_cases))];
		__u8 frame[MAX_FRAME];
		size_t length = build(c, frame);

		for (uint64_t k = length ? random_below(4) : 0; k > 0; k--) {
			size_t first = link_of(c) == IPF_LINK_IP ? 0 : 12;
			size_t at = first + random_below(length - first);

			if (random_below(2) && at < 34)
				put16(frame + at / 2 * 2, types[random_below(COUNT_OF(types))]);
			else
				frame[at] = (__u8)random_number();
		}
		if (random_below(4) == 0)
			length = random_below(length + 1);
		assert_as_reference(link_of(c), frame, length);
	}
}

int main(void)
{
	static char names[COUNT_OF(packet_cases)][96];
	static struct suite suite;

	SUITE_TABLE(&suite, check_packet, packet_cases);
	for (size_t i = 0; i < COUNT_OF(packet_cases); i++) {
		snprintf(names[i], sizeof(names[i]), "%s, truncated after each byte",
			 packet_cases[i].name);
		suite_add(&suite, names[i], check_truncations, &packet_cases[i]);
	}
	suite_add(&suite, "mutated frames agree with the reference",
		  mutated_frames_agree_with_the_reference, NULL);
	return suite_run(&suite, "packet");
}
