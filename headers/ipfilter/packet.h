/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which source address does a frame have?
 *
 * On Ethernet, up to IPF_MAX_TAGS VLAN tags and the header of a PPPoE session may come before IP.
 * On a link without headers of its own, the frame begins with IP. Only the fixed header of IP is
 * read, so fragments, options, extension headers and all protocols above IP are treated alike.
 * Nothing is written.
 */
#ifndef IPFILTER_PACKET_H
#define IPFILTER_PACKET_H

#include <linux/if_ether.h>
#include <linux/types.h>

#include <ipfilter/abi.h>

#ifndef IPF_INLINE
#define IPF_INLINE static inline __attribute__((always_inline))
#endif

#define IPF_MAX_TAGS 4
#define IPF_ETHERNET_SIZE 14
#define IPF_TAG_SIZE 4
#define IPF_PPPOE_SIZE 6 /* the PPP protocol follows, in one byte or two */
#define IPF_IPV4_SIZE 20
#define IPF_IPV6_SIZE 40
#define IPF_ETH_P_9100 0x9100 /* QinQ before 802.1ad; <linux/if_ether.h> calls it ETH_P_QINQ1 */
#define IPF_PPP_IPV4 0x21
#define IPF_PPP_IPV6 0x57

enum ipf_frame {
	IPF_FRAME_SOURCE,    /* a readable source */
	IPF_FRAME_OTHER,     /* not IP: ARP, LLDP, LLC, ... */
	IPF_FRAME_MALFORMED, /* IP, tags or PPPoE, but truncated or wrong: no readable source */
	IPF_FRAME_PPPOE,     /* only from ipf_ethernet_source(): a PPPoE session, not read yet */
};

struct ipf_source {
	enum ipf_family family;
	struct ipf_key key;
	__u8 discovery; /* IPv6 neighbour discovery (RFC 4861: ICMPv6 133 to 137) */
};

/* Read numbers in network byte order, at any address. clang would read them byte by byte for the
 * BPF target, so there it is told otherwise: packets may be read at any address, and a copy on the
 * stack is aligned for it (IPF_HEADERS_PAD). */
#if defined(__bpf__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ipf_read16(bytes) __builtin_bswap16(*(const __u16 *)(bytes))
#define ipf_read32(bytes) __builtin_bswap32(*(const __u32 *)(bytes))
#elif defined(__bpf__)
#define ipf_read16(bytes) (*(const __u16 *)(bytes))
#define ipf_read32(bytes) (*(const __u32 *)(bytes))
#else
IPF_INLINE __u16 ipf_read16(const __u8 *bytes)
{
	return (__u16)((bytes[0] << 8) | bytes[1]);
}

IPF_INLINE __u32 ipf_read32(const __u8 *bytes)
{
	return ((__u32)ipf_read16(bytes) << 16) | ipf_read16(bytes + 2);
}
#endif

/* So many bytes before an Ethernet header align the words after it, also after tags and PPPoE. */
#define IPF_HEADERS_PAD 2

/* Where an IP header begins: at an even byte, or at an odd one, from which a copy on the stack can
 * only be read byte by byte. */
enum ipf_parity { IPF_EVEN, IPF_ODD };

IPF_INLINE __u32 ipf_read_word(const __u8 *bytes, enum ipf_parity parity)
{
	if (parity == IPF_EVEN)
		return ipf_read32(bytes);
	return (__u32)bytes[0] << 24 | (__u32)bytes[1] << 16 | (__u32)bytes[2] << 8 | bytes[3];
}

IPF_INLINE __u64 ipf_read_words(const __u8 *bytes, enum ipf_parity parity)
{
	return ((__u64)ipf_read_word(bytes, parity) << 32) | ipf_read_word(bytes + 4, parity);
}

IPF_INLINE int ipf_is_tag(__u32 ethertype)
{
	return ethertype == ETH_P_8021Q || ethertype == ETH_P_8021AD || ethertype == IPF_ETH_P_9100;
}

/* RFC 791: version 4, a header of at least five 32-bit words. */
IPF_INLINE enum ipf_frame ipf_read_ipv4(const __u8 *ip, const __u8 *end, enum ipf_parity parity,
					struct ipf_source *source)
{
	if (ip + IPF_IPV4_SIZE > end || ip[0] >> 4 != 4 || (ip[0] & 0xf) < 5)
		return IPF_FRAME_MALFORMED;
	source->family = IPF_IPV4;
	source->key.high = (__u64)ipf_read_word(ip + 12, parity) << 32;
	source->key.low = 0;
	source->discovery = 0;
	return IPF_FRAME_SOURCE;
}

/* RFC 8200: version 6, a fixed header of 40 bytes. */
IPF_INLINE enum ipf_frame ipf_read_ipv6(const __u8 *ip, const __u8 *end, enum ipf_parity parity,
					struct ipf_source *source)
{
	if (ip + IPF_IPV6_SIZE > end || ip[0] >> 4 != 6)
		return IPF_FRAME_MALFORMED;
	source->family = IPF_IPV6;
	source->key.high = ipf_read_words(ip + 8, parity);
	source->key.low = ipf_read_words(ip + 16, parity);
	source->discovery = ip[6] == 58 && ip + IPF_IPV6_SIZE + 1 <= end && ip[40] >= 133 &&
			    ip[40] <= 137;
	return IPF_FRAME_SOURCE;
}

/* A PPPoE session (RFC 2516), after its ethertype. Version, type, code and length are ignored: the
 * kernel's own PPPoE accepts any, so a frame with wrong ones must not get past a rule. Like the
 * kernel, this accepts a protocol of one byte whether it was negotiated or not (RFC 1661: the last
 * byte is odd, and no other is). */
IPF_INLINE enum ipf_frame ipf_read_pppoe(const __u8 *header, const __u8 *end,
					 struct ipf_source *source)
{
	const __u8 *protocol = header + IPF_PPPOE_SIZE;
	__u16 number;

	if (protocol + 1 > end)
		return IPF_FRAME_MALFORMED;
	if (protocol[0] == IPF_PPP_IPV4)
		return ipf_read_ipv4(protocol + 1, end, IPF_ODD, source);
	if (protocol[0] == IPF_PPP_IPV6)
		return ipf_read_ipv6(protocol + 1, end, IPF_ODD, source);
	if (protocol[0] & 1)
		return IPF_FRAME_OTHER;
	if (protocol + 2 > end)
		return IPF_FRAME_MALFORMED;
	number = ipf_read16(protocol);
	if (number == IPF_PPP_IPV4)
		return ipf_read_ipv4(protocol + 2, end, IPF_EVEN, source);
	if (number == IPF_PPP_IPV6)
		return ipf_read_ipv6(protocol + 2, end, IPF_EVEN, source);
	return IPF_FRAME_OTHER;
}

/* A frame with an Ethernet header, as nearly all have. IPF_FRAME_PPPOE: *session is where the
 * header of the PPPoE session begins, for ipf_read_pppoe(). */
IPF_INLINE enum ipf_frame ipf_ethernet_source(const __u8 *next, const __u8 *end,
					      struct ipf_source *source, const __u8 **session)
{
	__u32 ethertype;

	if (next + IPF_ETHERNET_SIZE > end)
		return IPF_FRAME_MALFORMED;
	ethertype = ipf_read16(next + 12);
	next += IPF_ETHERNET_SIZE;

	for (int tag = 0; tag < IPF_MAX_TAGS; tag++) {
		/* Nearly all frames are IP: spare them the comparisons with each tag. */
		if (ethertype == ETH_P_IP || ethertype == ETH_P_IPV6 || !ipf_is_tag(ethertype))
			break;
		if (next + IPF_TAG_SIZE > end)
			return IPF_FRAME_MALFORMED;
		ethertype = ipf_read16(next + 2);
		next += IPF_TAG_SIZE;
	}

	if (ethertype == ETH_P_IP)
		return ipf_read_ipv4(next, end, IPF_EVEN, source);
	if (ethertype == ETH_P_IPV6)
		return ipf_read_ipv6(next, end, IPF_EVEN, source);
	/* Otherwise the compiler moves the comparison below before those above. */
	asm volatile("" : "+r"(ethertype));
	*session = next;
	if (ethertype == ETH_P_PPP_SES)
		return IPF_FRAME_PPPOE;
	return ipf_is_tag(ethertype) ? IPF_FRAME_MALFORMED : IPF_FRAME_OTHER;
}

/* A frame that begins with IP: its first four bits tell the version. No ethertype says that a frame
 * of another version is something else than IP, so it is malformed and gets the policy. */
IPF_INLINE enum ipf_frame ipf_ip_source(const __u8 *ip, const __u8 *end, struct ipf_source *source)
{
	if (ip + 1 > end)
		return IPF_FRAME_MALFORMED;
	if (ip[0] >> 4 == 6)
		return ipf_read_ipv6(ip, end, IPF_EVEN, source);
	return ipf_read_ipv4(ip, end, IPF_EVEN, source);
}

/* Reads the frame in [data, end). Writes *source only when it returns IPF_FRAME_SOURCE. Never
 * returns IPF_FRAME_PPPOE. */
IPF_INLINE enum ipf_frame ipf_packet_source(enum ipf_link link, const void *data, const void *end,
					    struct ipf_source *source)
{
	const __u8 *session = data;
	enum ipf_frame frame;

	if (link == IPF_LINK_IP)
		return ipf_ip_source(data, end, source);
	frame = ipf_ethernet_source(data, end, source, &session);
	return frame == IPF_FRAME_PPPOE ? ipf_read_pppoe(session, end, source) : frame;
}

#endif
