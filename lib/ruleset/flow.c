// SPDX-License-Identifier: GPL-2.0
/*
 * From where to where does a frame go, as far as its first bytes tell?
 *
 * packet.h reads the source, as for the XDP program. What follows is only for people, so headers
 * that are cut or wrong end the reading without a complaint.
 */
#include <ruleset/flow.h>

#include <stdio.h>

#include <ipfilter/packet.h>

#define IPV6_HOP_BY_HOP 0
#define IPV6_ROUTING 43
#define IPV6_FRAGMENT 44
#define IPV6_AUTHENTICATION 51
#define IPV6_DESTINATION 60

/* Bytes that are left to read. */
struct rest {
	const __u8 *next;
	size_t size;
};

static bool skip(struct rest *rest, size_t size)
{
	if (rest->size < size)
		return false;
	rest->next += size;
	rest->size -= size;
	return true;
}

/* -- Where IP begins --------------------------------------------------------------------------- */

/* packet.h has accepted all of this before. */
static bool skip_pppoe(struct rest *rest)
{
	if (!skip(rest, IPF_PPPOE_SIZE) || !rest->size)
		return false;
	/* The protocol has one byte, which is odd, or two. */
	return skip(rest, rest->next[0] & 1 ? 1 : 2);
}

static bool skip_ethernet(struct rest *rest)
{
	__u16 ethertype;

	if (!skip(rest, IPF_ETHERNET_SIZE))
		return false;
	ethertype = ipf_read16(rest->next - 2);
	while (ipf_is_tag(ethertype)) {
		if (!skip(rest, IPF_TAG_SIZE))
			return false;
		ethertype = ipf_read16(rest->next - 2);
	}
	return ethertype == ETH_P_PPP_SES ? skip_pppoe(rest) : true;
}

/* -- Above IP ---------------------------------------------------------------------------------- */

static bool has_ports(__u8 protocol)
{
	return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 ||
	       protocol == 136;
}

static void read_ports(const struct rest *rest, struct flow *flow)
{
	if (!has_ports(flow->protocol) || rest->size < 4)
		return;
	flow->has_ports = true;
	flow->source_port = ipf_read16(rest->next);
	flow->destination_port = ipf_read16(rest->next + 2);
}

static void set_protocol(struct flow *flow, __u8 protocol)
{
	flow->has_protocol = true;
	flow->protocol = protocol;
}

static void read_ipv4(struct rest rest, struct flow *flow)
{
	const __u8 *ip = rest.next;

	flow->destination.family = IPF_IPV4;
	flow->destination.key.high = (__u64)ipf_read32(ip + 16) << 32;
	set_protocol(flow, ip[9]);
	if (!(ipf_read16(ip + 6) & 0x1fff) && skip(&rest, (size_t)(ip[0] & 0xf) * 4))
		read_ports(&rest, flow);
}

static bool is_extension(__u8 header)
{
	return header == IPV6_HOP_BY_HOP || header == IPV6_ROUTING || header == IPV6_FRAGMENT ||
	       header == IPV6_AUTHENTICATION || header == IPV6_DESTINATION;
}

static size_t extension_size(__u8 header, __u8 length)
{
	if (header == IPV6_FRAGMENT)
		return 8;
	if (header == IPV6_AUTHENTICATION)
		return ((size_t)length + 2) * 4;
	return ((size_t)length + 1) * 8;
}

/* Follows the extension headers. False: the protocol, or what it carries, is not there. */
static bool skip_extensions(struct rest *rest, __u8 *header)
{
	while (is_extension(*header)) {
		const __u8 *extension = rest->next;
		const __u8 this = *header;

		if (rest->size < 8)
			return false;
		*header = extension[0];
		if (this == IPV6_FRAGMENT && ipf_read16(extension + 2) & 0xfff8)
			return false;
		if (!skip(rest, extension_size(this, extension[1])))
			return false;
	}
	return true;
}

static void read_ipv6(struct rest rest, struct flow *flow)
{
	const __u8 *ip = rest.next;
	__u8 header = ip[6];
	bool whole;

	flow->destination.family = IPF_IPV6;
	flow->destination.key.high = ipf_read_words(ip + 24, IPF_EVEN);
	flow->destination.key.low = ipf_read_words(ip + 32, IPF_EVEN);
	skip(&rest, IPF_IPV6_SIZE);
	whole = skip_extensions(&rest, &header);
	if (!is_extension(header))
		set_protocol(flow, header);
	if (whole)
		read_ports(&rest, flow);
}

void flow_read(enum ipf_link link, const __u8 *bytes, size_t size, struct flow *out)
{
	struct rest rest = { bytes, size };
	struct flow flow = { 0 };
	struct ipf_source source;

	*out = flow;
	if (ipf_packet_source(link, bytes, bytes + size, &source) != IPF_FRAME_SOURCE)
		return;
	if (link == IPF_LINK_ETHERNET && !skip_ethernet(&rest))
		return;
	flow.has_addresses = true;
	flow.source = (struct address){ source.family, source.key };
	if (source.family == IPF_IPV4)
		read_ipv4(rest, &flow);
	else
		read_ipv6(rest, &flow);
	*out = flow;
}

const char *flow_protocol(__u8 protocol, char text[FLOW_PROTOCOL_SIZE])
{
	static const char *const names[256] = {
		[1] = "icmp",   [2] = "igmp",      [4] = "ipip",  [6] = "tcp",   [17] = "udp",
		[33] = "dccp",  [41] = "ipv6",     [47] = "gre",  [50] = "esp",  [51] = "ah",
		[58] = "icmp6", [59] = "none",     [89] = "ospf", [103] = "pim", [112] = "vrrp",
		[132] = "sctp", [136] = "udplite",
	};

	if (names[protocol])
		return names[protocol];
	snprintf(text, FLOW_PROTOCOL_SIZE, "%u", protocol);
	return text;
}
