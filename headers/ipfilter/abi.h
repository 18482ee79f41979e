/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do the XDP program and the tool agree on?
 *
 * Names of maps, the layout of the table image and of the counters. Both sides compile this file,
 * so a layout stands here once. Change any of it and raise IPF_ABI_VERSION: the tool refuses to
 * touch a program of another version.
 *
 * The table image is a header and one run of bytes that the tool compiles from a rule set. What
 * packets read of it is, for each family, an index and the points behind it; <ipfilter/lookup.h>
 * walks them, and docs/engine.md draws them. The rest is there to be read back: which rules, in which
 * sets.
 *
 * In the kernel the first IPF_HEAD_SIZE bytes lie in a section of the program, where they are read
 * without a map lookup. What doesn't fit lies in chunks of one fixed size, each an array map of one
 * element, in the slots of an array of maps (fixed-size inner maps keep the lookups inlined). Section
 * and slots are two halves: one is live, the next image is built in the other, and one 64-bit store
 * into the root makes it live.
 */
#ifndef IPFILTER_ABI_H
#define IPFILTER_ABI_H

#include <linux/types.h>

#define IPF_ABI_VERSION 4
#define IPF_MAGIC 0x69706631u /* "ipf1" */

#define IPF_PROGRAM_NAME "xdp_ipfilter"
#define IPF_SECTION "xdp.frags" /* copes with frames of several buffers */
#define IPF_PRIORITY 5 /* Before xdp-filter (10) and xdpdump (50): a dropped source costs least. */

/* Names as the kernel keeps them: 15 bytes at most. */
#define IPF_MAP_ROOT ".data.ipf" /* a section: read without a lookup */
#define IPF_MAP_HEAD ".bss.ipf"  /* likewise */
#define IPF_MAP_SLOTS ".bss.ipf_slots"
#define IPF_MAP_CHUNKS "ipf_chunks"
#define IPF_MAP_BARRIER "ipf_barrier"
#define IPF_MAP_TOTALS "ipf_totals"
#define IPF_MAP_RULE_COUNTERS "ipf_rule_counts"
#define IPF_CONFIG_SECTION ".rodata.ipf"

/* What is decided; IPF_NO_VERDICT where no rule is there, and the policy decides. */
enum ipf_verdict { IPF_PASS = 0, IPF_DROP = 1, IPF_NO_VERDICT = 2 };

/* What a lookup answers. */
struct ipf_match {
	__u32 verdict; /* enum ipf_verdict */
	__u32 owner; /* who decided, as the table says it; IPF_NO_RULE without a verdict, and where
			* nobody asks for it */
};

/* When each rule has counters of its own. A cold counter costs a packet up to three cache misses,
 * which is what one source costs out of a million: so by default up to IPF_COUNTED_RULES rules. */
enum ipf_counting { IPF_COUNT_AUTO = 0, IPF_COUNT_ALWAYS = 1, IPF_COUNT_NEVER = 2 };
#define IPF_COUNTED_RULES 65536u

/* What the frames of an interface begin with. */
enum ipf_link {
	IPF_LINK_ETHERNET = 0,
	IPF_LINK_IP = 1, /* nothing before IP: tun, WireGuard, tunnels, ppp */
	IPF_LINKS,
};

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
	__u64 bytes; /* whole frames, from the Ethernet header on, or the IP header without one */
};
_Static_assert(sizeof(struct ipf_counter) == 16, "both sides read this layout");

/* Where a program was loaded: the interface, so surely that another one is not taken for it. */
struct ipf_location {
	__u64 netns_cookie; /* of the network namespace; never given twice. 0: not known */
	__u32 ifindex;
	__u8 hardware_address[6];
	__u8 reserved[6];
};
_Static_assert(sizeof(struct ipf_location) == 24, "both sides read this layout");

/* Fixed at load, in a read-only map of its own: the verifier prunes by it, and the tool knows a
 * program as ours by it. */
struct ipf_config {
	__u32 magic;
	__u32 abi_version;
	__u32 policy;             /* enum ipf_verdict for a source without a rule */
	__u32 priority;           /* run priority asked for at load */
	__u8 trace;               /* log each verdict */
	__u8 frame_length_helper; /* the kernel has bpf_xdp_get_buff_len (5.18) */
	__u8 counting;            /* enum ipf_counting; read by the tool, not by packets */
	__u8 link;                /* enum ipf_link */
	__u8 mode;                /* enum attach_mode at load, for the tool; 0: any, or not known */
	__u8 reserved[3];
	struct ipf_location location;
};
_Static_assert(sizeof(struct ipf_config) == 48, "both sides read this layout");

/* -- The table image -- Offsets are bytes from the end of its header; every record's size is a power
 * of two and its offset a multiple of that, so no record lies across two chunks. */
#define IPF_CHUNK_SHIFT 20
#define IPF_CHUNK_SIZE (1u << IPF_CHUNK_SHIFT)
#define IPF_HALF_CHUNKS 8192u /* 8 GiB of image */
/* Room for the indexes of both families, and of 100,000 rules for all that packets read. Each filter has
 * it twice, with ten rules too, so more would be felt where there are many interfaces; and 4 MiB are the
 * most that kernels before 6.0 give a map's value (KMALLOC_MAX_SIZE). */
#define IPF_HEAD_CHUNKS 2u /* their slots stay empty */
#define IPF_HEAD_SIZE (IPF_HEAD_CHUNKS << IPF_CHUNK_SHIFT)
#define IPF_NO_RULE 0xffffffffu
#define IPF_NO_COUNTER 0xffffffffu
#define IPF_SET_NAME_SIZE 32
#define IPF_MAX_SETS 65535u
#define IPF_MAX_RULES 0x1ffffffeu /* a reference has 29 bits */

/* Time stamps of rules count CLOCK_BOOTTIME in ticks of 2^27 ns (134 ms): 18 years in 32 bits. */
#define IPF_TICK_SHIFT 27
#define IPF_NEVER 0

/* An address is read in words of 32 bits: IPv4 is one, IPv6 four. The index cuts the words between
 * the lowest and the highest that rules cover into groups of 2^shift, and a group into 32 parts. */
#define IPF_PARTS_SHIFT 5
#define IPF_PARTS (1 << IPF_PARTS_SHIFT)
#define IPF_INDEX_MAX_BITS 18 /* 262,144 groups, the whole head */
#define IPF_WORDS 4

struct ipf_group {
	__u32 base; /* position of the group's points, one for each bit of `parts`; with the highest bit
		      * set, in front of them one for all other parts */
	__u32 parts; /* bit n: part n has a point of its own; 0: it has not, and without the one for all
		      * others there is no rule */
};
_Static_assert(sizeof(struct ipf_group) == 8, "both sides read this layout");
#define IPF_COVERED_SHIFT 31

/* What a point says of its part, or in a run, of the words from its start to the next point's. */
enum ipf_state {
	IPF_STATE_NONE, /* no rule */
	IPF_STATE_PASS,
	IPF_STATE_DROP,
	IPF_STATE_HOST_PASS, /* IPv4: the rule covers just the word `start`, none the others */
	IPF_STATE_HOST_DROP,
	IPF_STATE_RULE,   /* IPv6: the only rule below the word `start`; compare what follows */
	IPF_STATE_DEEPER, /* IPv6: of the word `start` the next word decides, in a run of its own */
	IPF_STATE_RUN,    /* there is more to say than one point can: a run of points does */
};

/* A run is a head, whose start is the number of points, and the points, by start. The first one holds
 * from the run's first word on, whatever its start. Neither a run nor the points of a group lie
 * across two chunks, with the rests that they refer to: longer runs are split by points of
 * IPF_STATE_RUN. */
#define IPF_RUN_MAX_SHIFT 15
#define IPF_RUN_MAX ((1u << IPF_RUN_MAX_SHIFT) - 1)
_Static_assert((1 + IPF_RUN_MAX * 4ul) * 8 <= IPF_CHUNK_SIZE, "a point and its rest take 32 bytes");

/* Of IPv4: start << 3 | state, start << 3 of a run being its position. With counters or timers an
 * owner follows: the rule; or, where there are no timers, the slot of its counter, so that packets
 * need not look for it. */
typedef __u32 ipf_point4;
#define IPF_STATE_BITS 3

struct ipf_owned_point4 {
	ipf_point4 point;
	__u32 owner;
};
_Static_assert(sizeof(struct ipf_owned_point4) == 8, "both sides read this layout");

struct ipf_point6 {
	__u32 start;     /* in a group from its first word on, deeper the word itself */
	__u32 reference; /* state << 29 | the owner, or the position of the run, or of the rest */
};
_Static_assert(sizeof(struct ipf_point6) == 8, "both sides read this layout");
#define IPF_REFERENCE_BITS 29

/* Of IPF_STATE_RULE: the rest of the prefix behind its first word. It lies among the points, close to
 * the one that refers to it, and is as long as it needs to be. Behind it follows the owner, where
 * there are owners, as a struct ipf_point6 that starts with it; then, of a prefix longer than 64
 * bits, the lower half of its key. */
struct ipf_rest6 {
	__u32 word; /* the second one */
	__u32 bits; /* of the whole prefix, behind its verdict and, in the highest bit, whether there is
		     * an owner */
};
_Static_assert(sizeof(struct ipf_rest6) == sizeof(struct ipf_point6), "it lies among points");
#define IPF_REST_VERDICT_SHIFT 30
#define IPF_REST_OWNED_SHIFT 31

struct ipf_rule4 {
	__u32 address; /* host byte order, host bits clear */
	__u16 set;
	__u8 bits; /* length of the prefix */
	__u8 verdict;
};
_Static_assert(sizeof(struct ipf_rule4) == 8, "both sides read this layout");

struct ipf_rule6 {
	__u64 high; /* the upper half of the key */
	__u32 low;  /* position of the lower half, where the prefix is longer than 64 bits */
	__u16 set;
	__u8 bits;
	__u8 verdict;
};
_Static_assert(sizeof(struct ipf_rule6) == 16, "both sides read this layout");

struct ipf_timer {
	__u32 expires; /* tick at which the rule ends, or IPF_NEVER */
	__u32 next;    /* the rule that decides once this one has ended, behind its verdict in the
			* highest bit; or IPF_NO_RULE */
};
#define IPF_NEXT_VERDICT_SHIFT 31
_Static_assert(sizeof(struct ipf_timer) == 8, "both sides read this layout");

/* The longest chain of `next`: every length of an IPv6 prefix, once with each verdict. */
#define IPF_MAX_CHAIN (2 * 129)

struct ipf_set {
	char name[IPF_SET_NAME_SIZE]; /* ends with a NUL */
};

/* How the addresses of a family are looked up. */
struct ipf_space {
	__u32 rule_count;  /* 0: no rules, and nothing else here is set */
	__u32 first_rule;  /* rules are numbered through: IPv4, then IPv6 */
	__u32 first;       /* the lowest word of the index */
	__u32 span;        /* of its words, less one */
	__u32 shift;       /* 2^shift words are a group */
	__u32 point_shift; /* a point has 2^point_shift bytes */
	__u64 index;       /* offset of struct ipf_group, one for each group */
	__u64 points;      /* ipf_point4, or struct ipf_owned_point4; struct ipf_point6 */
	__u64 rules;       /* struct ipf_rule4 or ipf_rule6, sorted by prefix */
	__u32 point_count;
	__u32 reserved;
};
_Static_assert(sizeof(struct ipf_space) == 56, "both sides read this layout");

struct ipf_layout {
	struct ipf_space space[IPF_FAMILIES];
	__u64 timers;   /* struct ipf_timer, one for each rule; 0: no rule has a time */
	__u64 counters; /* __u32, slot of each rule's counter; 0: rules are not counted */
	__u64 lows;     /* __u64: lower halves of IPv6 keys */
};
_Static_assert(sizeof(struct ipf_layout) == 136, "both sides read this layout");

struct ipf_header {
	struct ipf_layout layout;
	__u32 magic;
	__u32 abi_version;
	__u64 size; /* bytes of the whole image, with this header */
	__u64 sum;  /* of all its bytes, this field taken as 0 */
	__u64 sets;
	__u32 set_count;
	__u32 low_count;
	__u8 reserved[80];
};
_Static_assert(sizeof(struct ipf_header) == 256, "both sides read this layout");

/* What a packet reads first: one load tells the live half and which of the two headers is its. */
struct ipf_root {
	__u64 generation; /* below, of the live table: its lowest bit is the half it lies in. Above,
			   * the claim: the map's id by which the command is known that works on the
			   * next one, or 0. One word, so that both change by one compare-and-swap */
	__u64 settled;    /* generation whose predecessor no packet uses; not the live one where the
			   * command that made that live was killed before it could wait */
	__u8 reserved[48];
	struct ipf_header header[2]; /* of each half's table; all zero: no rules */
};
_Static_assert(sizeof(struct ipf_root) == 576, "both sides read this layout");

#define IPF_CLAIM_SHIFT 32
#define IPF_GENERATION_MASK ((1ull << IPF_CLAIM_SHIFT) - 1)

/* Counters of rules lie in blocks, per-CPU arrays in the slots of an array of maps. */
#define IPF_COUNTER_BLOCK 16384u
#define IPF_COUNTER_BLOCKS 16384u
_Static_assert((__u64)IPF_COUNTER_BLOCK *IPF_COUNTER_BLOCKS < (1ull << IPF_REFERENCE_BITS) - 1,
	       "a reference can name each counter, and none");

/* The ids of the maps in the slots, 0 for an empty one: before 6.8 the kernel waits for all CPUs even
 * when it is asked what lies in a slot. A map's id is written before the map goes into its slot, and
 * zeroed after the map has left it. So what is there has its id here, and an id whose map does not
 * exist, as a killed command can leave it, says that the slot is empty. */
struct ipf_slots {
	__u32 chunk[2 * IPF_HALF_CHUNKS];
	__u32 block[IPF_COUNTER_BLOCKS];
};
_Static_assert(sizeof(struct ipf_slots) == 128 << 10, "both sides read this layout");

#endif
