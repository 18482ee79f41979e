/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frame bytes -> source address.
 *
 * Only Ethernet, up to IPF_MAX_TAGS VLAN tags and the fixed IP header are read, so fragments,
 * options, extension headers and every protocol above IP are treated alike. Nothing is written.
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
#define IPF_IPV4_SIZE 20
#define IPF_IPV6_SIZE 40
#define IPF_ETH_P_9100 0x9100 /* QinQ before 802.1ad; <linux/if_ether.h> calls it ETH_P_QINQ1 */

enum ipf_frame {
	IPF_FRAME_SOURCE,    /* a readable source */
	IPF_FRAME_OTHER,     /* not IP: ARP, LLDP, LLC, ... */
	IPF_FRAME_MALFORMED, /* IP or tags, but cut short or wrong: no readable source */
};

struct ipf_source {
	enum ipf_family family;
	struct ipf_key key;
	__u8 discovery; /* IPv6 neighbour discovery (RFC 4861: ICMPv6 133 to 137) */
};

/* Numbers in the order of the wire, wherever they lie. clang's BPF target would read them byte by byte,
 * so it is told otherwise: packets may be read anywhere, and who makes a copy on the stack puts it so
 * that words lie well (IPF_HEADERS_PAD). */
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

/* Behind an Ethernet header and so many bytes, words of 32 bits are aligned, with tags or without. */
#define IPF_HEADERS_PAD 2

IPF_INLINE __u64 ipf_read64(const __u8 *bytes)
{
	return ((__u64)ipf_read32(bytes) << 32) | ipf_read32(bytes + 4);
}

IPF_INLINE int ipf_is_tag(__u16 ethertype)
{
	return ethertype == ETH_P_8021Q || ethertype == ETH_P_8021AD || ethertype == IPF_ETH_P_9100;
}

/* RFC 791: version 4, a header of at least five words. */
IPF_INLINE enum ipf_frame ipf_read_ipv4(const __u8 *ip, const __u8 *end, struct ipf_source *source)
{
	if (ip + IPF_IPV4_SIZE > end || ip[0] >> 4 != 4 || (ip[0] & 0xf) < 5)
		return IPF_FRAME_MALFORMED;
	source->family = IPF_IPV4;
	source->key.high = (__u64)ipf_read32(ip + 12) << 32;
	source->key.low = 0;
	source->discovery = 0;
	return IPF_FRAME_SOURCE;
}

/* RFC 8200: version 6, a fixed header of 40 bytes. */
IPF_INLINE enum ipf_frame ipf_read_ipv6(const __u8 *ip, const __u8 *end, struct ipf_source *source)
{
	if (ip + IPF_IPV6_SIZE > end || ip[0] >> 4 != 6)
		return IPF_FRAME_MALFORMED;
	source->family = IPF_IPV6;
	source->key.high = ipf_read64(ip + 8);
	source->key.low = ipf_read64(ip + 16);
	source->discovery = ip[6] == 58 && ip + IPF_IPV6_SIZE + 1 <= end && ip[40] >= 133 &&
			    ip[40] <= 137;
	return IPF_FRAME_SOURCE;
}

/* Reads the frame in [data, end). *source is written only with IPF_FRAME_SOURCE. */
IPF_INLINE enum ipf_frame ipf_packet_source(const void *data, const void *end,
					    struct ipf_source *source)
{
	const __u8 *next = data;
	__u16 ethertype;

	if (next + IPF_ETHERNET_SIZE > (const __u8 *)end)
		return IPF_FRAME_MALFORMED;
	ethertype = ipf_read16(next + 12);
	next += IPF_ETHERNET_SIZE;

	for (int tag = 0; tag < IPF_MAX_TAGS; tag++) {
		/* What nearly all frames are needn't be compared with each tag. */
		if (ethertype == ETH_P_IP || ethertype == ETH_P_IPV6 || !ipf_is_tag(ethertype))
			break;
		if (next + IPF_TAG_SIZE > (const __u8 *)end)
			return IPF_FRAME_MALFORMED;
		ethertype = ipf_read16(next + 2);
		next += IPF_TAG_SIZE;
	}

	if (ethertype == ETH_P_IP)
		return ipf_read_ipv4(next, end, source);
	if (ethertype == ETH_P_IPV6)
		return ipf_read_ipv6(next, end, source);
	return ipf_is_tag(ethertype) ? IPF_FRAME_MALFORMED : IPF_FRAME_OTHER;
}

#endif
