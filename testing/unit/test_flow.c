// SPDX-License-Identifier: GPL-2.0
/*
 * From where to where does a frame go?
 *
 * Each case is a frame in hexadecimal, on the heap with its exact length.
 */
#include <ruleset/flow.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define MACS "020000000002 020000000001 "
/* From 192.0.2.7 to 198.51.100.1; from 2001:db8::7 to 2001:db8::1. */
#define IPV4(ihl, fragment, protocol) \
	"4" ihl " 00 0054 1234 " fragment " 40 " protocol " 0000 c0000207 c6336401 "
#define IPV6(next)                                                   \
	"60000000 0018 " next " ff 20010db8000000000000000000000007" \
	" 20010db8000000000000000000000001 "
#define PORTS "1267 01bb "

struct flow_case {
	const char *name;
	enum ipf_link link;
	const char *frame;
	const char *wanted; /* "source destination protocol ports", or "" */
};

static const struct flow_case flow_cases[] = {
	{ "TCP", IPF_LINK_ETHERNET, MACS "0800" IPV4("5", "4000", "06") PORTS,
	  "192.0.2.7 198.51.100.1 tcp 4711 443" },
	{ "UDP after options", IPF_LINK_ETHERNET,
	  MACS "0800" IPV4("6", "0000", "11") "94040000" PORTS,
	  "192.0.2.7 198.51.100.1 udp 4711 443" },
	{ "options that are cut", IPF_LINK_ETHERNET, MACS "0800" IPV4("7", "0000", "11") PORTS,
	  "192.0.2.7 198.51.100.1 udp" },
	{ "ports that are cut", IPF_LINK_ETHERNET, MACS "0800" IPV4("5", "0000", "11") "126701",
	  "192.0.2.7 198.51.100.1 udp" },
	{ "the first fragment", IPF_LINK_ETHERNET, MACS "0800" IPV4("5", "2000", "11") PORTS,
	  "192.0.2.7 198.51.100.1 udp 4711 443" },
	{ "a later fragment", IPF_LINK_ETHERNET, MACS "0800" IPV4("5", "2001", "11") PORTS,
	  "192.0.2.7 198.51.100.1 udp" },
	{ "ICMP has no ports", IPF_LINK_ETHERNET, MACS "0800" IPV4("5", "0000", "01") PORTS,
	  "192.0.2.7 198.51.100.1 icmp" },
	{ "SCTP", IPF_LINK_ETHERNET, MACS "0800" IPV4("5", "0000", "84") PORTS,
	  "192.0.2.7 198.51.100.1 sctp 4711 443" },
	{ "a protocol without a name", IPF_LINK_ETHERNET, MACS "0800" IPV4("5", "0000", "fd") PORTS,
	  "192.0.2.7 198.51.100.1 253" },
	{ "two tags", IPF_LINK_ETHERNET,
	  MACS "88a8 0001 8100 0002 0800" IPV4("5", "0000", "06") PORTS,
	  "192.0.2.7 198.51.100.1 tcp 4711 443" },
	{ "PPPoE", IPF_LINK_ETHERNET, MACS "8864 1100 0001 001c 0021" IPV4("5", "0000", "06") PORTS,
	  "192.0.2.7 198.51.100.1 tcp 4711 443" },
	{ "PPPoE, protocol in one byte, after a tag", IPF_LINK_ETHERNET,
	  MACS "8100 0001 8864 1100 0001 001c 57" IPV6("11") PORTS,
	  "2001:db8::7 2001:db8::1 udp 4711 443" },
	{ "IPv6", IPF_LINK_ETHERNET, MACS "86dd" IPV6("06") PORTS,
	  "2001:db8::7 2001:db8::1 tcp 4711 443" },
	{ "hop-by-hop and destination options", IPF_LINK_ETHERNET,
	  MACS "86dd" IPV6("00") "3c00 010400000000 1100 010400000000" PORTS,
	  "2001:db8::7 2001:db8::1 udp 4711 443" },
	{ "an authentication header of 24 bytes", IPF_LINK_ETHERNET,
	  MACS "86dd" IPV6("33") "0604 0000 00000001 00000001 000000000000000000000000" PORTS,
	  "2001:db8::7 2001:db8::1 tcp 4711 443" },
	{ "the first fragment of IPv6", IPF_LINK_ETHERNET,
	  MACS "86dd" IPV6("2c") "1100 0001 00000007" PORTS,
	  "2001:db8::7 2001:db8::1 udp 4711 443" },
	{ "a later fragment of IPv6", IPF_LINK_ETHERNET,
	  MACS "86dd" IPV6("2c") "1100 0009 00000007" PORTS, "2001:db8::7 2001:db8::1 udp" },
	{ "an extension header that is cut", IPF_LINK_ETHERNET,
	  MACS "86dd" IPV6("00") "1101 01040000", "2001:db8::7 2001:db8::1" },
	{ "an extension header longer than the frame", IPF_LINK_ETHERNET,
	  MACS "86dd" IPV6("00") "1101 010400000000", "2001:db8::7 2001:db8::1 udp" },
	{ "the last byte of the fixed header", IPF_LINK_ETHERNET, MACS "86dd" IPV6("06"),
	  "2001:db8::7 2001:db8::1 tcp" },
	{ "a link without Ethernet", IPF_LINK_IP, IPV4("5", "0000", "06") PORTS,
	  "192.0.2.7 198.51.100.1 tcp 4711 443" },
	{ "not IP", IPF_LINK_ETHERNET, MACS "0806 00010800", "" },
	{ "malformed", IPF_LINK_ETHERNET, MACS "0800 45000054", "" },
	{ "five tags", IPF_LINK_ETHERNET,
	  MACS "8100 0001 8100 0001 8100 0001 8100 0001 8100 0001 0800" IPV4("5", "0000", "06"),
	  "" },
	{ "nothing", IPF_LINK_ETHERNET, "", "" },
};

static size_t read_hex(const char *text, __u8 *out)
{
	size_t size = 0;
	unsigned int byte;

	for (; *text; text += *text == ' ' ? 1 : 2)
		if (*text != ' ' && sscanf(text, "%2x", &byte) == 1)
			out[size++] = (__u8)byte;
	return size;
}

static void write_flow(const struct flow *flow, char *out, size_t size)
{
	char source[ADDRESS_TEXT_SIZE], destination[ADDRESS_TEXT_SIZE];
	char protocol[FLOW_PROTOCOL_SIZE], ports[32] = "";

	*out = '\0';
	if (!flow->has_addresses)
		return;
	address_format(&flow->source, source);
	address_format(&flow->destination, destination);
	if (flow->has_ports)
		snprintf(ports, sizeof(ports), " %u %u", flow->source_port, flow->destination_port);
	snprintf(out, size, "%s %s%s%s%s", source, destination, flow->has_protocol ? " " : "",
		 flow->has_protocol ? flow_protocol(flow->protocol, protocol) : "", ports);
}

static void check_case(void **state)
{
	const struct flow_case *one = *state;
	__u8 bytes[256], *frame;
	struct flow flow;
	char text[256];
	size_t size = read_hex(one->frame, bytes);

	frame = malloc(size ? size : 1);
	assert_non_null(frame);
	memcpy(frame, bytes, size);
	flow_read(one->link, frame, size, &flow);
	free(frame);
	write_flow(&flow, text, sizeof(text));
	assert_string_equal(text, one->wanted);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(flow_cases) / sizeof(*flow_cases)];
	const size_t count = sizeof(tests) / sizeof(*tests);

	for (size_t i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){ .name = flow_cases[i].name,
						.test_func = check_case,
						.initial_state = (void *)&flow_cases[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
