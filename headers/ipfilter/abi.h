/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do the XDP program and the tool agree on?
 *
 * Names of maps, the layout of the table image and of the counters. Both sides compile this file,
 * so a layout stands here once. Change any of it and raise IPF_ABI_VERSION: the tool refuses to
 * touch a program of another version.
 *
 * The table image is one run of bytes that the tool compiles from a rule set:
 *
 *     +--------+-----------+-----------+-------+--------+------+
 *     | header | IPv4      | IPv4      | IPv6  | IPv6   | rules| set names
 *     |        | index     | points    | index | points |      |
 *     +--------+-----------+-----------+-------+--------+------+
 *
 * A family's address space is cut into spans, each owned by the longest prefix over it (or by
 * none). A point is where a span starts; the points are sorted, and the index over the upper 16
 * bits of the address tells which few of them to search. The owner is a rule; the rules hold
 * verdict, end of life and counter. The idea of ranges behind a direct index is that of DXR (Zec,
 * Rizzo, Mikuc: "DXR: Towards a Billion Routing Lookups per Second in Software", 2012).
 *
 * In the kernel the image lies in chunks of one fixed size, each an array map of one element, in
 * the slots of an array of maps (fixed-size inner maps keep the lookups inlined). The slots are
 * two halves: one is live, the next image is built in the other, and one 64-bit store into the
 * root map makes it live.
 */
#ifndef IPFILTER_ABI_H
#define IPFILTER_ABI_H

#include <linux/types.h>

#define IPF_ABI_VERSION 1
#define IPF_MAGIC 0x69706631u /* "ipf1" */

#define IPF_PROGRAM_NAME "xdp_ipfilter"
#define IPF_PRIORITY 5 /* Before xdp-filter (10) and xdpdump (50): a dropped source costs least. */

/* Names as the kernel keeps them: 15 bytes at most. */
#define IPF_MAP_ROOT "ipf_root"
#define IPF_MAP_CHUNKS "ipf_chunks"
#define IPF_MAP_TOTALS "ipf_totals"
#define IPF_MAP_RULE_COUNTERS "ipf_rule_counts"
#define IPF_CONFIG_SECTION ".rodata.ipf"

enum ipf_verdict { IPF_PASS = 0, IPF_DROP = 1 };

enum ipf_family { IPF_IPV4 = 0, IPF_IPV6 = 1, IPF_FAMILIES = 2 };

/* An address as a number, host byte order, its first bit at the top of `high`: prefixes of both
 * families are compared and cut alike. An IPv4 address fills the upper 32 bits of `high`. */
struct ipf_key {
	__u64 high;
	__u64 low;
};

/* Each frame is counted once, in one of these. */
enum ipf_total { IPF_DROPPED, IPF_PASSED, IPF_OTHER, IPF_MALFORMED, IPF_TOTALS };

struct ipf_counter {
	__u64 packets;
	__u64 bytes; /* whole frames, from the Ethernet header on */
};
_Static_assert(sizeof(struct ipf_counter) == 16, "both sides read this layout");

/* Where a program was loaded: the interface, so surely that another one is not taken for it. */
struct ipf_place {
	__u64 netns_cookie; /* of the network namespace; never given twice. 0: not known */
	__u32 ifindex;
	__u8 hardware_address[6];
	__u8 reserved[6];
};
_Static_assert(sizeof(struct ipf_place) == 24, "both sides read this layout");

/* Fixed at load, in a read-only map of its own: the verifier prunes by it, and the tool knows a
 * program as ours by it. */
struct ipf_config {
	__u32 magic;
	__u32 abi_version;
	__u32 policy;             /* enum ipf_verdict for a source without a rule */
	__u32 priority;           /* run priority asked for at load */
	__u8 trace;               /* log each verdict */
	__u8 frame_length_helper; /* the kernel has bpf_xdp_get_buff_len (5.18) */
	__u8 reserved[6];
	struct ipf_place place;
};
_Static_assert(sizeof(struct ipf_config) == 48, "both sides read this layout");

struct ipf_root {
	__u64 generation; /* of the live table; its lowest bit is the half of the chunk slots it lies in */
};

/* The table image. Offsets are bytes from its start; every record's size is a power of two and
 * its offset a multiple of that, so no record lies across two chunks. */
#define IPF_CHUNK_SIZE (1u << 22) /* the largest value of an array map on 5.15 */
#define IPF_HALF_CHUNKS 8192u     /* 32 GiB of image */
#define IPF_INDEX_BITS 16
#define IPF_INDEX_SLOTS ((1u << IPF_INDEX_BITS) + 1)
#define IPF_NO_RULE 0xffffffffu
#define IPF_NO_COUNTER 0xffffffffu
#define IPF_SET_NAME_SIZE 32
#define IPF_MAX_SETS 65535u

/* Time stamps of rules count CLOCK_BOOTTIME in ticks of 2^27 ns (134 ms): 18 years in 32 bits. */
#define IPF_TICK_SHIFT 27
#define IPF_NEVER 0

struct ipf_family_table {
	__u64 index;  /* offset of IPF_INDEX_SLOTS __u32: the point in force at the start of each
		       * block of 2^112 keys, then the last point of all */
	__u64 points; /* offset of the points, sorted, the first at address zero */
	__u32 point_count; /* 0: the family has no rules, and index and points are absent */
	__u32 rule_count;
};

struct ipf_header {
	__u32 magic;
	__u32 abi_version;
	__u64 size; /* bytes of the whole image */
	__u64 rules;
	__u64 sets;
	__u32 rule_count; /* IPv4 first, each family sorted by prefix */
	__u32 set_count;
	struct ipf_family_table family[IPF_FAMILIES];
	__u8 reserved[40];
};
_Static_assert(sizeof(struct ipf_header) == 128, "both sides read this layout");

struct ipf_point4 {
	__u32 start; /* address, host byte order */
	__u32 rule;  /* the span's owner, or IPF_NO_RULE */
};
_Static_assert(sizeof(struct ipf_point4) == 8, "both sides read this layout");

struct ipf_point6 {
	struct ipf_key start;
	__u32 rule;
	__u8 reserved[12];
};
_Static_assert(sizeof(struct ipf_point6) == 32, "both sides read this layout");

struct ipf_rule {
	struct ipf_key key; /* host bits clear */
	__u32 expires;      /* tick at which the rule ends, or IPF_NEVER */
	__u32 next;         /* who decides once this rule has ended, or IPF_NO_RULE */
	__u32 counter;      /* slot, or IPF_NO_COUNTER */
	__u16 set;
	__u8 bits; /* length of the prefix within its family */
	__u8 verdict;
};
_Static_assert(sizeof(struct ipf_rule) == 32, "both sides read this layout");

/* The longest chain of `next`: every length of an IPv6 prefix, once with each verdict. */
#define IPF_MAX_CHAIN (2 * 129)

struct ipf_set {
	char name[IPF_SET_NAME_SIZE]; /* ends with a NUL */
};

/* Counters of rules lie in blocks, per-CPU arrays in the slots of an array of maps. */
#define IPF_COUNTER_BLOCK 16384u
#define IPF_COUNTER_BLOCKS 16384u

#endif
