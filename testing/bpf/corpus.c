// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the frames; see corpus.h.
 */
#include "corpus.h"

#include <string.h>

/* Header lines are lists, not statements: a new frame is a new line. */
/* clang-format off */
#define AT(offset, byte)  { offset, byte, 1 }
#define SET(...)          .set = { __VA_ARGS__ }
#define TAGS(...)         .tags = { __VA_ARGS__ }
#define KEEP(bytes)       .kept = (bytes) + 1
#define V4                .body = BODY_IPV4
#define V6                .body = BODY_IPV6
#define ARP               .body = BODY_ARP
#define IS_OTHER          .reading = READ_OTHER
#define IS_MALFORMED      .reading = READ_MALFORMED
#define IS_DISCOVERY      .discovery = true
#define ND(type)          SET(AT(6, 58), AT(40, type))
#define SESSION(...)      .ethertype = 0x8864, .session = { __VA_ARGS__ }, \
			  .session_size = sizeof((__u8[]){ __VA_ARGS__ })
/* With a protocol of two bytes, and of one. */
#define PPP(protocol)     SESSION(0x11, 0, 0, 1, 0, 86, 0, protocol)
#define PPP_SHORT(protocol) SESSION(0x11, 0, 0, 1, 0, 86, protocol)

const struct packet corpus[] = {
	{ "IPv4", V4 },
	{ "IPv6", V6 },

	/* VLAN tags: the filter looks past up to four, of any kind. */
	{ "IPv4, 1 tag 8100",                  V4, TAGS(0x8100) },
	{ "IPv4, 1 tag 88a8",                  V4, TAGS(0x88a8) },
	{ "IPv4, 1 tag 9100",                  V4, TAGS(0x9100) },
	{ "IPv6, 1 tag 8100",                  V6, TAGS(0x8100) },
	{ "IPv6, 1 tag 88a8",                  V6, TAGS(0x88a8) },
	{ "IPv6, 1 tag 9100",                  V6, TAGS(0x9100) },
	{ "IPv4, priority tag (VLAN 0)",       V4, TAGS(0x8100), .tci = 0xe000 },
	{ "IPv4, VLAN 4095, DEI",              V4, TAGS(0x8100), .tci = 0x1fff },
	{ "IPv4, TCI that looks like IPv6",    V4, TAGS(0x8100), .tci = 0x86dd },
	{ "IPv6, TCI that looks like a tag",   V6, TAGS(0x8100), .tci = 0x8100 },
	{ "IPv4, QinQ 88a8 8100",              V4, TAGS(0x88a8, 0x8100) },
	{ "IPv6, QinQ 88a8 8100",              V6, TAGS(0x88a8, 0x8100) },
	{ "IPv4, QinQ 8100 8100",              V4, TAGS(0x8100, 0x8100) },
	{ "IPv4, QinQ 9100 8100",              V4, TAGS(0x9100, 0x8100) },
	{ "IPv6, QinQ 9100 9100",              V6, TAGS(0x9100, 0x9100) },
	{ "IPv4, 8100 88a8 (wrong way round)", V4, TAGS(0x8100, 0x88a8) },
	{ "IPv4, 3 tags",                      V4, TAGS(0x88a8, 0x9100, 0x8100) },
	{ "IPv6, 3 tags",                      V6, TAGS(0x8100, 0x8100, 0x8100) },
	{ "IPv4, 4 tags 8100",                 V4, TAGS(0x8100, 0x8100, 0x8100, 0x8100) },
	{ "IPv6, 4 tags 8100",                 V6, TAGS(0x8100, 0x8100, 0x8100, 0x8100) },
	{ "IPv4, 4 tags of all kinds",         V4, TAGS(0x9100, 0x88a8, 0x8100, 0x9100) },
	{ "IPv6, 4 tags of all kinds",         V6, TAGS(0x88a8, 0x9100, 0x9100, 0x8100) },
	{ "IPv4, 5 tags 8100",   V4, TAGS(0x8100, 0x8100, 0x8100, 0x8100, 0x8100), IS_MALFORMED },
	{ "IPv4, 5 tags, last 88a8", V4, TAGS(0x8100, 0x8100, 0x8100, 0x8100, 0x88a8), IS_MALFORMED },
	{ "IPv4, 5 tags, last 9100", V4, TAGS(0x8100, 0x8100, 0x8100, 0x8100, 0x9100), IS_MALFORMED },
	{ "IPv6, 5 tags 88a8",   V6, TAGS(0x88a8, 0x88a8, 0x88a8, 0x88a8, 0x88a8), IS_MALFORMED },
	{ "ARP, 5 tags",         ARP, TAGS(0x8100, 0x8100, 0x8100, 0x8100, 0x8100), IS_MALFORMED },
	{ "5 tags, the fifth truncated", V4, TAGS(0x8100, 0x8100, 0x8100, 0x8100, 0x8100), .size = 31, IS_MALFORMED },
	{ "TPID 9200 is no tag",               V4, TAGS(0x9200), IS_OTHER },
	{ "TPID 9300 is no tag",               V6, TAGS(0x9300), IS_OTHER },
	{ "tag, then TPID 9200",               V4, TAGS(0x8100, 0x9200), IS_OTHER },
	{ "tag, nothing after it",               V4, TAGS(0x8100), .size = 14, IS_MALFORMED },
	{ "tag truncated after the TCI",            V4, TAGS(0x8100), .size = 16, IS_MALFORMED },
	{ "2 tags, the second truncated",            V6, TAGS(0x88a8, 0x8100), .size = 19, IS_MALFORMED },

	/* IPv4: version and length of the header. */
	{ "IPv4, no options, ihl 5",  V4, SET(AT(0, 0x45)) },
	{ "IPv4, options, ihl 6",     V4, SET(AT(0, 0x46)) },
	{ "IPv4, options, ihl 7",     V4, SET(AT(0, 0x47)) },
	{ "IPv4, options, ihl 8",     V4, SET(AT(0, 0x48)) },
	{ "IPv4, options, ihl 9",     V4, SET(AT(0, 0x49)) },
	{ "IPv4, options, ihl 10",    V4, SET(AT(0, 0x4a)) },
	{ "IPv4, options, ihl 11",    V4, SET(AT(0, 0x4b)) },
	{ "IPv4, options, ihl 12",    V4, SET(AT(0, 0x4c)) },
	{ "IPv4, options, ihl 13",    V4, SET(AT(0, 0x4d)) },
	{ "IPv4, options, ihl 14",    V4, SET(AT(0, 0x4e)) },
	{ "IPv4, options, ihl 15",    V4, SET(AT(0, 0x4f)) },
	{ "IPv4, ihl 15, truncated after the fixed header", V4, SET(AT(0, 0x4f)), KEEP(20) },
	{ "IPv4, loose source route", V4, SET(AT(0, 0x47), AT(20, 131), AT(21, 7), AT(22, 4), AT(23, 10)) },
	{ "IPv4, ihl 0",              V4, SET(AT(0, 0x40)), IS_MALFORMED },
	{ "IPv4, ihl 1",              V4, SET(AT(0, 0x41)), IS_MALFORMED },
	{ "IPv4, ihl 2",              V4, SET(AT(0, 0x42)), IS_MALFORMED },
	{ "IPv4, ihl 3",              V4, SET(AT(0, 0x43)), IS_MALFORMED },
	{ "IPv4, ihl 4",              V4, SET(AT(0, 0x44)), IS_MALFORMED },
	{ "IPv4, ihl 4 after 4 tags", V4, TAGS(0x8100, 0x8100, 0x8100, 0x8100), SET(AT(0, 0x44)), IS_MALFORMED },
	{ "IPv4 with version 0",      V4, SET(AT(0, 0x05)), IS_MALFORMED },
	{ "IPv4 with version 3",      V4, SET(AT(0, 0x35)), IS_MALFORMED },
	{ "IPv4 with version 5",      V4, SET(AT(0, 0x55)), IS_MALFORMED },
	{ "IPv4 with version 6",      V4, SET(AT(0, 0x65)), IS_MALFORMED },
	{ "IPv4 with version 15",     V4, SET(AT(0, 0xf5)), IS_MALFORMED },
	{ "IPv6 after IPv4's type",  V6, .ethertype = 0x0800, IS_MALFORMED },
	{ "IPv4 truncated to 19 bytes",     V4, KEEP(19), IS_MALFORMED },
	{ "IPv4 of exactly 20 bytes", V4, KEEP(20) },
	{ "IPv4 type and no more",    V4, KEEP(0), IS_MALFORMED },

	/* IPv4: fields that do not matter. */
	{ "IPv4, first fragment",          V4, SET(AT(6, 0x20), AT(7, 0)) },
	{ "IPv4, middle fragment",         V4, SET(AT(6, 0x20), AT(7, 185)) },
	{ "IPv4, last fragment",           V4, SET(AT(6, 0), AT(7, 185)) },
	{ "IPv4, fragment at the far end", V4, SET(AT(6, 0x1f), AT(7, 0xff)) },
	{ "IPv4, don't fragment",          V4, SET(AT(6, 0x40), AT(7, 0)) },
	{ "IPv4, evil bit",                V4, SET(AT(6, 0x80), AT(7, 0)) },
	{ "IPv4, total length 0",          V4, SET(AT(2, 0), AT(3, 0)) },
	{ "IPv4, total length too large",  V4, SET(AT(2, 0xff), AT(3, 0xff)) },
	{ "IPv4, wrong checksum",          V4, SET(AT(10, 0xde), AT(11, 0xad)) },
	{ "IPv4, TTL 0",                   V4, SET(AT(8, 0)) },
	{ "IPv4, protocol 0",              V4, SET(AT(9, 0)) },
	{ "IPv4, ICMP",                    V4, SET(AT(9, 1)) },
	{ "IPv4, IGMP",                    V4, SET(AT(9, 2)) },
	{ "IPv4, IP in IP",                V4, SET(AT(9, 4), AT(20, 0x45)) },
	{ "IPv4, TCP",                     V4, SET(AT(9, 6)) },
	{ "IPv4, IPv6 in IPv4",            V4, SET(AT(9, 41), AT(20, 0x60)) },
	{ "IPv4, GRE",                     V4, SET(AT(9, 47)) },
	{ "IPv4, ESP",                     V4, SET(AT(9, 50)) },
	{ "IPv4, AH",                      V4, SET(AT(9, 51)) },
	{ "IPv4, ICMPv6 135 is no neighbour discovery", V4, SET(AT(6, 58), AT(9, 58), AT(20, 135), AT(40, 135)) },
	{ "IPv4, SCTP",                    V4, SET(AT(9, 132)) },
	{ "IPv4, protocol 255",            V4, SET(AT(9, 255)) },
	{ "IPv4, DSCP and ECN",            V4, SET(AT(1, 0xbb)) },

	/* IPv6: version and length of the header. */
	{ "IPv6, traffic class and flow",  V6, SET(AT(0, 0x6f), AT(1, 0xff), AT(2, 0xff), AT(3, 0xff)) },
	{ "IPv6 with version 0",           V6, SET(AT(0, 0x00)), IS_MALFORMED },
	{ "IPv6 with version 4",           V6, SET(AT(0, 0x45)), IS_MALFORMED },
	{ "IPv6 with version 5",           V6, SET(AT(0, 0x5f)), IS_MALFORMED },
	{ "IPv6 with version 7",           V6, SET(AT(0, 0x70)), IS_MALFORMED },
	{ "IPv6 with version 15",          V6, SET(AT(0, 0xf0)), IS_MALFORMED },
	{ "IPv4 after IPv6's type",       V4, .ethertype = 0x86dd, IS_MALFORMED },
	{ "IPv6 truncated to 39 bytes",          V6, KEEP(39), IS_MALFORMED },
	{ "IPv6 truncated to 20 bytes",          V6, KEEP(20), IS_MALFORMED },
	{ "IPv6 of exactly 40 bytes",      V6, KEEP(40) },
	{ "IPv6 type and no more",         V6, KEEP(0), IS_MALFORMED },
	{ "IPv6, payload length 0",        V6, SET(AT(4, 0), AT(5, 0)) },
	{ "IPv6, payload length too large", V6, SET(AT(4, 0xff), AT(5, 0xff)) },

	/* IPv6: extension headers and protocols. */
	{ "IPv6, hop-by-hop",              V6, SET(AT(6, 0), AT(40, 17), AT(41, 0)) },
	{ "IPv6, routing header",          V6, SET(AT(6, 43), AT(40, 17), AT(41, 2)) },
	{ "IPv6, first fragment",          V6, SET(AT(6, 44), AT(40, 17), AT(42, 0), AT(43, 1)) },
	{ "IPv6, later fragment",          V6, SET(AT(6, 44), AT(40, 17), AT(42, 5), AT(43, 0xb8)) },
	{ "IPv6, destination options",     V6, SET(AT(6, 60), AT(40, 17)) },
	{ "IPv6, AH",                      V6, SET(AT(6, 51)) },
	{ "IPv6, ESP",                     V6, SET(AT(6, 50)) },
	{ "IPv6, no next header",          V6, SET(AT(6, 59)) },
	{ "IPv6, extension header truncated",    V6, SET(AT(6, 0)), KEEP(41) },
	{ "IPv6, TCP",                     V6, SET(AT(6, 6)) },
	{ "IPv6, IPv4 in IPv6",            V6, SET(AT(6, 4), AT(40, 0x45)) },
	{ "IPv6, UDP that looks like neighbour discovery", V6, SET(AT(6, 17), AT(40, 135)) },

	/* Neighbour discovery: ICMPv6 133 to 137, right after the fixed header. */
	{ "IPv6, echo request",            V6, ND(128) },
	{ "IPv6, MLD 131",                 V6, ND(131) },
	{ "IPv6, ICMPv6 132 is not ND",    V6, ND(132) },
	{ "IPv6, ND 133 router solicitation",     V6, ND(133), IS_DISCOVERY },
	{ "IPv6, ND 134 router advertisement",    V6, ND(134), IS_DISCOVERY },
	{ "IPv6, ND 135 neighbour solicitation",  V6, ND(135), IS_DISCOVERY },
	{ "IPv6, ND 136 neighbour advertisement", V6, ND(136), IS_DISCOVERY },
	{ "IPv6, ND 137 redirect",         V6, ND(137), IS_DISCOVERY },
	{ "IPv6, ICMPv6 138 is not ND",    V6, ND(138) },
	{ "IPv6, ICMPv6 143 (MLDv2) is not ND", V6, ND(143) },
	{ "IPv6, ND 135 after 1 tag",     V6, TAGS(0x8100), ND(135), IS_DISCOVERY },
	{ "IPv6, ND 136 after 4 tags",    V6, TAGS(0x88a8, 0x8100, 0x8100, 0x9100), ND(136), IS_DISCOVERY },
	{ "IPv6, ND 135 after 5 tags",    V6, TAGS(0x8100, 0x8100, 0x8100, 0x8100, 0x8100), ND(135), IS_MALFORMED },
	{ "IPv6, ND with a wrong version", V6, SET(AT(0, 0x70), AT(6, 58), AT(40, 135)), IS_MALFORMED },
	{ "IPv6, ND of the type byte only", V6, ND(135), KEEP(41), IS_DISCOVERY },
	{ "IPv6, ICMPv6 without its type", V6, ND(135), KEEP(40) },
	{ "IPv6, ND 135 of 9014 bytes",    V6, ND(135), .size = 9014, IS_DISCOVERY },
	{ "IPv6, ND 135 after hop-by-hop", V6, SET(AT(6, 0), AT(40, 58), AT(41, 0), AT(48, 135)) },
	{ "IPv6, ND 135 after destination options", V6, SET(AT(6, 60), AT(40, 58), AT(41, 0), AT(48, 135)) },
	{ "IPv6, ND 135 in a fragment",    V6, SET(AT(6, 44), AT(40, 58), AT(41, 0), AT(48, 135)) },
	{ "IPv6, option bytes that look like ND", V6, SET(AT(6, 0), AT(40, 135)) },

	/* Not IP, although several have a valid IP header. */
	{ "ARP",                       ARP, IS_OTHER },
	{ "ARP after 1 tag",          ARP, TAGS(0x8100), IS_OTHER },
	{ "ARP after 4 tags",         ARP, TAGS(0x8100, 0x88a8, 0x9100, 0x8100), IS_OTHER },
	{ "ARP type and no more",      ARP, KEEP(0), IS_OTHER },
	{ "RARP",                      ARP, .ethertype = 0x8035, IS_OTHER },
	{ "802.3, length 1",           V4, .ethertype = 1, IS_OTHER },
	{ "802.3, length 38, LLC (STP)", V4, .ethertype = 38, SET(AT(0, 0x42), AT(1, 0x42), AT(2, 3)), IS_OTHER },
	{ "802.3, length 1500",        V4, .ethertype = 1500, IS_OTHER },
	{ "802.3, SNAP around IPv4",   V4, .ethertype = 46, SET(AT(0, 0xaa), AT(1, 0xaa), AT(2, 3), AT(6, 8), AT(7, 0)), IS_OTHER },
	{ "802.3 after a tag",        V4, TAGS(0x8100), .ethertype = 46, IS_OTHER },
	{ "type 0x05dd, between length and type", V4, .ethertype = 0x05dd, IS_OTHER },
	{ "type 0x07ff, one before IPv4", V4, .ethertype = 0x07ff, IS_OTHER },
	{ "type 0x0801, one after IPv4",  V4, .ethertype = 0x0801, IS_OTHER },
	{ "type 0x86dc, one before IPv6", V6, .ethertype = 0x86dc, IS_OTHER },
	{ "type 0x86de, one after IPv6",  V6, .ethertype = 0x86de, IS_OTHER },
	{ "type 0x0008, IPv4's in the wrong order", V4, .ethertype = 0x0008, IS_OTHER },
	{ "type 0xdd86, IPv6's in the wrong order", V6, .ethertype = 0xdd86, IS_OTHER },
	{ "type 0x0081, a tag's in the wrong order", V4, .ethertype = 0x0081, IS_OTHER },
	{ "type 0xffff",               V4, .ethertype = 0xffff, IS_OTHER },
	{ "LLDP",                      V4, .ethertype = 0x88cc, IS_OTHER },
	{ "LLDP after a tag",         V4, TAGS(0x8100), .ethertype = 0x88cc, IS_OTHER },
	{ "MPLS unicast around IPv4",  V4, .ethertype = 0x8847, IS_OTHER },
	{ "MPLS multicast",            V6, .ethertype = 0x8848, IS_OTHER },
	{ "MPLS after QinQ",          V4, TAGS(0x88a8, 0x8100), .ethertype = 0x8847, IS_OTHER },
	{ "PPPoE discovery",           V4, .ethertype = 0x8863, IS_OTHER },
	{ "PPPoE, LCP around IPv4",    V4, SESSION(0x11, 0, 0, 1, 0, 86, 0xc0, 0x21), IS_OTHER },
	{ "PPPoE, IPCP around IPv4",   V4, SESSION(0x11, 0, 0, 1, 0, 86, 0x80, 0x21), IS_OTHER },
	{ "PPPoE, MPLS around IPv4",   V4, SESSION(0x11, 0, 0, 1, 0, 86, 0x02, 0x81), IS_OTHER },
	{ "PPPoE, protocol 0x5700",    V6, SESSION(0x11, 0, 0, 1, 0, 86, 0x57 - 1, 0), IS_OTHER },
	{ "PPPoE, protocol 0x0020",    V4, PPP(0x20), IS_OTHER },
	{ "PPPoE, protocol 0x0023",    V4, PPP(0x23), IS_OTHER },
	{ "PPPoE, compressed TCP (0x2d)", V4, PPP(0x2d), IS_OTHER },
	{ "PPPoE, multilink (0x3d)",   V4, PPP_SHORT(0x3d), IS_OTHER },
	{ "PPPoE, address and control in front", V4, SESSION(0x11, 0, 0, 1, 0, 86, 0xff, 0x03), IS_OTHER },
	{ "EAPOL",                     V4, .ethertype = 0x888e, IS_OTHER },
	{ "MACsec",                    V4, .ethertype = 0x88e5, IS_OTHER },
	{ "802.1ah service tag",       V4, .ethertype = 0x88e7, IS_OTHER },
	{ "PTP",                       V4, .ethertype = 0x88f7, IS_OTHER },
	{ "slow protocols (LACP)",     V4, .ethertype = 0x8809, IS_OTHER },
	{ "flow control",              V4, .ethertype = 0x8808, IS_OTHER },
	{ "IPX",                       V4, .ethertype = 0x8137, IS_OTHER },

	/* PPPoE sessions. Version, type, code and length can have any value: the kernel accepts
	 * them. */
	{ "PPPoE, IPv4",               V4, PPP(0x21) },
	{ "PPPoE, IPv6",               V6, PPP(0x57) },
	{ "PPPoE, IPv4, short protocol", V4, PPP_SHORT(0x21) },
	{ "PPPoE, IPv6, short protocol", V6, PPP_SHORT(0x57) },
	{ "PPPoE after 1 tag, IPv4",  V4, TAGS(0x8100), PPP(0x21) },
	{ "PPPoE after 1 tag, IPv6",  V6, TAGS(0x8100), PPP(0x57) },
	{ "PPPoE after 1 tag, IPv6, short protocol", V6, TAGS(0x88a8), PPP_SHORT(0x57) },
	{ "PPPoE after 4 tags, IPv4, short protocol", V4, TAGS(0x8100, 0x88a8, 0x9100, 0x8100), PPP_SHORT(0x21) },
	{ "PPPoE after 4 tags, IPv6", V6, TAGS(0x8100, 0x88a8, 0x9100, 0x8100), PPP(0x57) },
	{ "PPPoE after 5 tags",       V4, TAGS(0x8100, 0x8100, 0x8100, 0x8100, 0x8100), PPP(0x21), IS_MALFORMED },
	{ "PPPoE, ND 135",             V6, PPP(0x57), ND(135), IS_DISCOVERY },
	{ "PPPoE after 4 tags, ND 135", V6, TAGS(0x8100, 0x88a8, 0x9100, 0x8100), PPP(0x57), ND(135), IS_DISCOVERY },
	{ "PPPoE, ND 135, short protocol", V6, PPP_SHORT(0x57), ND(135), IS_DISCOVERY },
	{ "PPPoE, version 2",          V4, SESSION(0x21, 0, 0, 1, 0, 86, 0, 0x21) },
	{ "PPPoE, type 0",             V4, SESSION(0x10, 0, 0, 1, 0, 86, 0, 0x21) },
	{ "PPPoE, code 9 in a session", V6, SESSION(0x11, 9, 0, 1, 0, 86, 0, 0x57) },
	{ "PPPoE, length 0",           V4, SESSION(0x11, 0, 0, 1, 0, 0, 0, 0x21) },
	{ "PPPoE, length 65535",       V6, SESSION(0x11, 0, 0, 1, 255, 255, 0, 0x57) },
	{ "PPPoE, session 65535",      V4, SESSION(0x11, 0, 255, 255, 0, 86, 0, 0x21) },
	{ "PPPoE, IPv6 after IPv4's protocol", V6, PPP(0x21), IS_MALFORMED },
	{ "PPPoE, IPv4 after IPv6's protocol", V4, PPP(0x57), IS_MALFORMED },
	{ "PPPoE, IPv4 with ihl 4",    V4, PPP(0x21), SET(AT(0, 0x44)), IS_MALFORMED },
	{ "PPPoE, IPv4 truncated to 19 bytes", V4, PPP(0x21), KEEP(19), IS_MALFORMED },
	{ "PPPoE, IPv6 truncated to 39 bytes", V6, PPP_SHORT(0x57), KEEP(39), IS_MALFORMED },
	{ "PPPoE, protocol and no more", V4, PPP(0x21), KEEP(0), IS_MALFORMED },
	{ "PPPoE, protocol truncated",       V4, SESSION(0x11, 0, 0, 1, 0, 86, 0), KEEP(0), IS_MALFORMED },
	{ "PPPoE, short protocol and no more", V4, PPP_SHORT(0x3d), KEEP(0), IS_OTHER },
	{ "PPPoE, no protocol",        V4, SESSION(0x11, 0, 0, 1, 0, 0), KEEP(0), IS_MALFORMED },
	{ "PPPoE, header truncated",         V4, SESSION(0x11, 0, 0), KEEP(0), IS_MALFORMED },
	{ "PPPoE type and no more",    V4, .ethertype = 0x8864, KEEP(0), IS_MALFORMED },
	{ "PPPoE, IPv4 of 9014 bytes", V4, PPP(0x21), .size = 9014 },
	{ "PPPoE, IPv6 of 65536 bytes, 1 tag, short protocol", V6, TAGS(0x8100), PPP_SHORT(0x57), .size = 65536 },

	/* Sizes: all bytes are counted, including those of further buffers. */
	{ "IPv4 of 60 bytes",            V4, .size = 60 },
	{ "IPv4 of 1514 bytes",          V4, .size = 1514 },
	{ "IPv6 of 1514 bytes",          V6, .size = 1514 },
	{ "IPv4 of 3000 bytes",          V4, .size = 3000 },
	{ "IPv4 of 4096 bytes",          V4, .size = 4096 },
	{ "IPv4 of 4097 bytes",          V4, .size = 4097 },
	{ "IPv4 of 9014 bytes",          V4, .size = 9014 },
	{ "IPv6 of 9018 bytes, 1 tag",   V6, TAGS(0x8100), .size = 9018 },
	{ "IPv4 of 65535 bytes",         V4, .size = 65535 },
	{ "IPv4 of 65536 bytes",         V4, .size = 65536 },
	{ "IPv6 of 65536 bytes",         V6, .size = 65536 },
	{ "IPv4 of 65565 bytes, 4 tags", V4, TAGS(0x8100, 0x8100, 0x8100, 0x8100), .size = 65565 },
	{ "IPv6 of 65589 bytes",         V6, .size = 65589 },
	{ "ARP of 65536 bytes",          ARP, .size = 65536, IS_OTHER },
	{ "IPv4, ihl 0, of 65536 bytes", V4, SET(AT(0, 0x40)), .size = 65536, IS_MALFORMED },
	{ "5 tags, of 65536 bytes",      V6, TAGS(0x8100, 0x8100, 0x8100, 0x8100, 0x8100), .size = 65536, IS_MALFORMED },
};

/* On links without Ethernet, nothing shows what a frame is if it is neither IPv4 nor IPv6. */
#define B4 V4, .bare = true
#define B6 V6, .bare = true
const struct packet bare_corpus[] = {
	{ "bare IPv4",                  B4 },
	{ "bare IPv6",                  B6 },
	{ "bare IPv4, options, ihl 15", B4, SET(AT(0, 0x4f)) },
	{ "bare IPv4, ihl 4",           B4, SET(AT(0, 0x44)), IS_MALFORMED },
	{ "bare IPv4, ihl 0",           B4, SET(AT(0, 0x40)), IS_MALFORMED },
	{ "bare IPv4, destination and payload like a tag and ARP", B4, SET(AT(16, 0x81), AT(17, 0), AT(20, 8), AT(21, 6)) },
	{ "bare IPv4, a fragment",      B4, SET(AT(6, 0x20), AT(7, 185)) },
	{ "bare IPv4 of exactly 20 bytes", B4, KEEP(20) },
	{ "bare IPv4 truncated to 19 bytes",  B4, KEEP(19), IS_MALFORMED },
	{ "bare IPv4 truncated to 14 bytes",  B4, KEEP(14), IS_MALFORMED },
	{ "bare IPv6 of exactly 40 bytes", B6, KEEP(40) },
	{ "bare IPv6 truncated to 39 bytes",  B6, KEEP(39), IS_MALFORMED },
	{ "bare IPv6 truncated to 20 bytes",  B6, KEEP(20), IS_MALFORMED },
	{ "bare IPv6, traffic class and flow", B6, SET(AT(0, 0x6f), AT(1, 0xff)) },
	{ "bare IPv6, ND 135",          B6, ND(135), IS_DISCOVERY },
	{ "bare IPv6, ND of the type byte only", B6, ND(137), KEEP(41), IS_DISCOVERY },
	{ "bare IPv6, ICMPv6 132 is not ND", B6, ND(132) },
	{ "bare, version 0",            B4, SET(AT(0, 0x05)), IS_MALFORMED },
	{ "bare, version 3",            B4, SET(AT(0, 0x35)), IS_MALFORMED },
	{ "bare, version 5",            B4, SET(AT(0, 0x55)), IS_MALFORMED },
	{ "bare, version 7",            B6, SET(AT(0, 0x70)), IS_MALFORMED },
	{ "bare, version 15",           B6, SET(AT(0, 0xff)), IS_MALFORMED },
	{ "bare ARP",                   ARP, .bare = true, IS_MALFORMED },
	{ "bare IPv4 of 1500 bytes",    B4, .size = 1500 },
	{ "bare IPv4 of 4097 bytes",    B4, .size = 4097 },
	{ "bare IPv6 of 65536 bytes",   B6, .size = 65536 },
};
/* clang-format on */

const size_t corpus_count = sizeof(corpus) / sizeof(corpus[0]);
const size_t bare_corpus_count = sizeof(bare_corpus) / sizeof(bare_corpus[0]);

static const __u8 macs[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };

static const __u8 ipv4[20] = {
	0x45, 0, 0, 46, 0x12, 0x34, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 9,
};
static const __u8 ipv6[40] = {
	0x60, 0,    0,    0,    0, 26, 17, 64,                         /* fixed part */
	0x20, 0x01, 0x0d, 0xb8, 0, 1,  0,  2,  0, 3, 0, 4, 0, 5, 0, 6, /* from */
	0x20, 0x01, 0x0d, 0xb8, 0, 9,  0,  9,  0, 9, 0, 9, 0, 9, 0, 9, /* to */
};
static const __u8 arp[28] = {
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2,
};

static const struct {
	const __u8 *bytes;
	__u32 size;
	__u32 payload;
	__u16 ethertype;
} bodies[] = {
	[BODY_IPV4] = { ipv4, sizeof(ipv4), 40 + 26, 0x0800 }, /* room for all options */
	[BODY_IPV6] = { ipv6, sizeof(ipv6), 26, 0x86dd },
	[BODY_ARP] = { arp, sizeof(arp), 18, 0x0806 },
};

static void put(struct frame *frame, const void *bytes, __u32 size)
{
	memcpy(frame->bytes + frame->size, bytes, size);
	frame->size += size;
}

static void put16(struct frame *frame, __u16 value)
{
	__u8 bytes[2] = { (__u8)(value >> 8), (__u8)value };

	put(frame, bytes, sizeof(bytes));
}

/* A pattern that differs at neighbouring pages. */
static void fill(struct frame *frame, __u32 size)
{
	while (frame->size < size) {
		frame->bytes[frame->size] = (__u8)(frame->size ^ frame->size >> 8);
		frame->size++;
	}
}

static void put_ethernet(const struct packet *packet, struct frame *frame)
{
	put(frame, macs, sizeof(macs));
	for (__u16 tag = 0; tag < 5 && packet->tags[tag]; tag++) {
		put16(frame, packet->tags[tag]);
		put16(frame, packet->tci ? packet->tci : (__u16)(tag + 1));
	}
	put16(frame, packet->ethertype ? packet->ethertype : bodies[packet->body].ethertype);
	put(frame, packet->session, packet->session_size);
}

void packet_build(const struct packet *packet, struct frame *frame)
{
	__u32 start;

	frame->size = 0;
	if (!packet->bare)
		put_ethernet(packet, frame);

	start = frame->size;
	put(frame, bodies[packet->body].bytes, bodies[packet->body].size);
	fill(frame, frame->size + bodies[packet->body].payload);
	for (size_t i = 0; i < sizeof(packet->set) / sizeof(packet->set[0]); i++)
		if (packet->set[i].used)
			frame->bytes[start + packet->set[i].at] = packet->set[i].value;

	if (packet->kept)
		frame->size = start + packet->kept - 1;
	if (packet->size) {
		fill(frame, packet->size);
		frame->size = packet->size;
	}
}

void frame_from(enum ipf_family family, const struct ipf_key *source, struct frame *frame)
{
	struct packet plain = { .body = family == IPF_IPV4 ? BODY_IPV4 : BODY_IPV6 };
	__u8 *at = frame->bytes + FRAME_MIN + (family == IPF_IPV4 ? 12 : 8);

	packet_build(&plain, frame);
	for (unsigned int i = 0; i < (family == IPF_IPV4 ? 4u : 16u); i++)
		at[i] = (__u8)((i < 8 ? source->high : source->low) >> (56 - 8 * (i % 8)));
}
