/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do the XDP program and the tool agree on?
 *
 * The names of the maps, the layout of the table image and of the counters. Both sides compile this
 * file, so each layout is written once. Whoever changes one raises IPF_ABI_VERSION: the tool
 * refuses to touch a program of another version.
 *
 * The table image is a header and a body that the tool compiles from a rule set. Packets read two
 * parts of it for each family: an index of buckets, and points. <ipfilter/lookup.h> walks them, and
 * docs/engine.md draws them. The other parts let the tool read the rules and sets back.
 *
 * In the kernel the first IPF_HEAD_SIZE bytes of the body are in a section of the program, which is
 * read without a map lookup. The rest is in chunks of one fixed size: each is an array map of one
 * element, in a slot of an array of maps (inner maps of a fixed size keep the lookups inlined).
 * Section and slots have two halves. One is live, the next image is built in the other, and one
 * 64-bit store into the root makes it live.
 */
#ifndef IPFILTER_ABI_H
#define IPFILTER_ABI_H

#include <linux/types.h>

#define IPF_ABI_VERSION 6
/* The oldest version of a loaded filter that `repair` makes one of this version. What it reads of
 * one has had the same layout since: the configuration, the root up to its lookers, the tables.
 * Whoever changes that raises this too. */
#define IPF_ABI_OLDEST 5
#define IPF_MAGIC 0x69706631u /* "ipf1" */

#define IPF_PROGRAM_NAME "xdp_ipfilter"
#define IPF_SECTION "xdp.frags" /* takes multi-buffer frames */
#define IPF_PRIORITY 5 /* Before xdp-filter (10) and xdpdump (50): a dropped source costs least. */

/* Names as the kernel keeps them: 15 bytes at most. */
#define IPF_MAP_ROOT ".data.ipf" /* a section: read without a lookup */
#define IPF_MAP_HEAD ".bss.ipf"  /* likewise */
#define IPF_MAP_SLOTS ".bss.ipf_slots"
#define IPF_MAP_CHUNKS "ipf_chunks"
#define IPF_MAP_BARRIER "ipf_barrier"
#define IPF_MAP_TOTALS "ipf_totals"
#define IPF_MAP_FIRST_COUNTERS "ipf_first_count"
#define IPF_MAP_RULE_COUNTERS "ipf_rule_counts"
#define IPF_MAP_EVENTS "ipf_events"
#define IPF_CONFIG_SECTION ".rodata.ipf"

/* What happens to a packet. IPF_NO_VERDICT: no rule covers its source, and the policy decides.
 * IPF_ASK_BASE: the table says nothing of the source. Of a delta, the base is then asked; of a
 * base, it means the same as IPF_NO_VERDICT. */
enum ipf_verdict { IPF_PASS = 0, IPF_DROP = 1, IPF_NO_VERDICT = 2, IPF_ASK_BASE = 3 };

/* What a lookup answers. */
struct ipf_match {
	__u32 verdict; /* enum ipf_verdict */
	__u32 owner;   /* what the table names as deciding: the rule, or the slot of its counter.
			* IPF_NO_RULE without a verdict, and in a table without owners */
};

/* When each rule has counters of its own. A cold counter costs a packet up to three cache misses,
 * as much as looking up one source among a million rules. So AUTO means up to IPF_COUNTED_RULES
 * rules. */
enum ipf_counting { IPF_COUNT_AUTO = 0, IPF_COUNT_ALWAYS = 1, IPF_COUNT_NEVER = 2 };
#define IPF_COUNTED_RULES 65536u

/* How the frames of an interface begin. */
enum ipf_link {
	IPF_LINK_ETHERNET = 0,
	IPF_LINK_IP = 1, /* with the IP header: tun, WireGuard, tunnels, ppp */
	IPF_LINKS,
};

/* How the program learns the length of a frame. */
enum ipf_frame_length {
	IPF_LENGTH_BUFFER = 0, /* it is that of the only buffer: before 5.18 */
	IPF_LENGTH_HELPER = 1, /* from bpf_xdp_get_buff_len(), a call for each frame */
	IPF_LENGTH_FLAGS =
		2, /* the kernel's flags tell which frames need the helper: from 6.2 on */
};

/* With IPF_LENGTH_FLAGS, the program reads the flags of the kernel's struct xdp_buff. A kernel
 * refuses a call of a function that it lacks, even if it is never reached, so the object has none.
 * It has `r0 = IPF_CAST_CALL; r0 = *(u32 *)(r0 + 0)`, which is never reached. The tool puts a call
 * of bpf_cast_to_kern_ctx() and a load of the member `flags` there. */
#define IPF_CAST_CALL 0x69706b63 /* "ipkc" */
#define IPF_FLAG_FRAGMENTS 1u    /* XDP_FLAGS_HAS_FRAGS */

enum ipf_family { IPF_IPV4 = 0, IPF_IPV6 = 1, IPF_FAMILIES = 2 };

/* An address as a number in host byte order, its first bit at the top of `high`, so that prefixes
 * of both families are handled alike. An IPv4 address fills the upper 32 bits of `high`. */
struct ipf_key {
	__u64 high;
	__u64 low;
};

/* Each frame counts once, in one of these. */
enum ipf_total { IPF_DROPPED, IPF_PASSED, IPF_OTHER, IPF_MALFORMED, IPF_TOTALS };

struct ipf_counter {
	__u64 packets;
	__u64 bytes; /* of whole frames: from the Ethernet header, or from IP on a link without */
};
_Static_assert(sizeof(struct ipf_counter) == 16, "both sides read this layout");

/* One CPU's part of a total. */
struct ipf_total_counter {
	struct ipf_counter counter;
	/* The next event is the frame with this number, if frames are sampled. Numbers are packets
	 * plus the epoch times 2^IPF_EPOCH_SHIFT, so every frame of a newer epoch is past it. */
	__u64 next;
};
_Static_assert(sizeof(struct ipf_total_counter) == 24, "both sides read this layout");

/* Where a program was loaded: enough to tell the interface from every other one. */
struct ipf_location {
	__u64 netns_cookie; /* of the network namespace; never given twice. 0: unknown */
	__u32 ifindex;
	__u8 hardware_address[6];
	__u8 reserved[6];
};
_Static_assert(sizeof(struct ipf_location) == 24, "both sides read this layout");

/* Fixed at load, in a read-only map of its own. The verifier prunes by it, and the tool recognises
 * its own programs by it. */
struct ipf_config {
	__u32 magic;
	__u32 abi_version;
	__u32 policy;      /* enum ipf_verdict, for a source without a rule */
	__u32 priority;    /* the run priority that was asked for at load */
	__u8 trace;        /* log each verdict */
	__u8 frame_length; /* enum ipf_frame_length */
	__u8 counting;     /* enum ipf_counting; read by the tool, not by packets */
	__u8 link;         /* enum ipf_link */
	__u8 mode;         /* enum attach_mode at load, for the tool; 0: any, or unknown */
	__u8 reserved[3];
	struct ipf_location location;
};
_Static_assert(sizeof(struct ipf_config) == 48, "both sides read this layout");

/* -- The table image --
 * Offsets are bytes from the end of the header, in a delta plus IPF_DELTA_OFFSET. The size of every
 * record is a power of two and its offset a multiple of that size, so no record crosses the border
 * of a chunk. */
#define IPF_CHUNK_SHIFT 20
#define IPF_CHUNK_SIZE (1u << IPF_CHUNK_SHIFT)
#define IPF_HALF_CHUNKS 8192u /* 8 GiB of image */
/* A delta is no larger than a chunk. Its offsets begin here, so that it is in the last slot of its
 * half, and packets reach it as they reach other chunks. */
#define IPF_DELTA_OFFSET ((__u64)(IPF_HALF_CHUNKS - 1) << IPF_CHUNK_SHIFT)
/* The head holds the indexes of both families, and with 100,000 rules all that packets read. Every
 * filter has two heads, however few its rules, so a larger one would be felt on machines with many
 * interfaces. Kernels before 6.0 allow 4 MiB for the value of a map (KMALLOC_MAX_SIZE). */
#define IPF_HEAD_CHUNKS 2u /* the slots of these chunks stay empty */
#define IPF_HEAD_SIZE (IPF_HEAD_CHUNKS << IPF_CHUNK_SHIFT)
#define IPF_NO_RULE 0xffffffffu
#define IPF_NO_COUNTER 0xffffffffu
#define IPF_SET_NAME_SIZE 32
#define IPF_MAX_SETS 65535u
#define IPF_MAX_RULES 0x0ffffffeu /* a reference has 28 bits */

/* Rules expire by CLOCK_BOOTTIME in ticks of 2^27 ns (134 ms): 32 bits last 18 years. */
#define IPF_TICK_SHIFT 27
#define IPF_NEVER 0

/* An address is read in words of 32 bits: IPv4 has one, IPv6 four. The index divides the first
 * words that rules cover, from the lowest to the highest, into buckets of 2^bucket_shift words. A
 * bucket has 32 slices of equal size, one for each bit of its bitmap. */
#define IPF_SLICES_SHIFT 5
#define IPF_SLICES (1 << IPF_SLICES_SHIFT)
#define IPF_INDEX_HEAD_BITS 18 /* 262,144 buckets fill the head: up to two million rules */
#define IPF_INDEX_MAX_BITS 22  /* of larger tables, beyond the head too */
#define IPF_WORDS 4

/*      base                                           bitmap
 *      31   30                                   0    31                                        0
 *     +----+--------------------------------------+  +------------------------------------------+
 *     |  C | position of the bucket's first point |  | bit n: slice n has a point of its own    |
 *     +----+--------------------------------------+  +------------------------------------------+
 *
 * The points of the slices follow each other in order. C: the bucket is covered, and one more point
 * before them holds for all slices without a bit. Without C, no rule touches these slices. */
struct ipf_bucket {
	__u32 base;
	__u32 bitmap;
};
_Static_assert(sizeof(struct ipf_bucket) == 8, "both sides read this layout");
#define IPF_COVERED_SHIFT 31

/* What a point says of its slice or, in a run, of the words from its start to the next point's. The
 * verdict is (state - 1) & 3. */
enum ipf_state {
	IPF_STATE_NONE, /* nothing: IPF_ASK_BASE */
	IPF_STATE_PASS,
	IPF_STATE_DROP,
	IPF_STATE_CLEAR, /* in a delta: no rule, whatever the base says */
	IPF_STATE_RUN,   /* one point cannot say it all: a run of points does, or an index */
	/* The same as the ones above for only one prefix, and nothing around it. */
	IPF_STATE_LONE_PASS,
	IPF_STATE_LONE_DROP,
	IPF_STATE_LONE_CLEAR,
	/* IPv6 only: */
	IPF_STATE_RULE,   /* one rule alone is below the word `start`: compare its suffix */
	IPF_STATE_DEEPER, /* below the word `start` the next word decides, in a run or index */
	IPF_STATE_INDEX,  /* of no point: an index begins here */
	/* As RULE, with a short suffix that the point itself holds. */
	IPF_STATE_SHORT_PASS = 13,
	IPF_STATE_SHORT_DROP = 14,
};

_Static_assert(IPF_STATE_LONE_CLEAR - IPF_STATE_LONE_PASS == IPF_STATE_CLEAR - IPF_STATE_PASS,
	       "their verdicts are computed alike");

/* A run is a head, whose start is the number of points, then the points, sorted by start. The first
 * point holds from the first word of the run, whatever its start. A run, or the points of a bucket,
 * is in one chunk together with the suffixes that it refers to.
 *
 * An IPv4 run has no more points than a slice has words or twice the rules: with 2^n rules a slice
 * has 2^(27 - n) words. A long run of IPv6 would cost a cold line for each halving, so one of more
 * than a line is an index of its own instead. */
#define IPF_RUN_MAX_SHIFT 15
#define IPF_RUN_MAX ((1u << IPF_RUN_MAX_SHIFT) - 1)
#define IPF_RUN6_MAX_SHIFT 3
#define IPF_RUN6_MAX ((1u << IPF_RUN6_MAX_SHIFT) - 1)

/* A point of IPv4:
 *
 *      31                                   5  4   3     0
 *     +--------------------------------------+---+-------+
 *     | start, counted from the bucket's     | 1 | state |     or, of IPF_STATE_RUN, the position
 *     | first word                           |   |       |     of the run in the upper 28 bits
 *     +--------------------------------------+---+-------+
 *
 * Bit 4 is set if the state is for one word only (LONE). Of a prefix of 2^n words it is bit 4 + n,
 * above which the start goes on: the lowest bit of the upper 28 that is set tells the size. Runs
 * have LONE only for single words.
 *
 * The host 10.0.0.5 drops, in a bucket from 10.0.0.0: 5 << 5 | 1 << 4 | IPF_STATE_LONE_DROP = 0xb6.
 * The net 10.0.0.8/30 drops: 8 << 5 | 1 << (4 + 2) | IPF_STATE_LONE_DROP = 0x146.
 *
 * With counters or timers an owner follows each point, so that packets need not search for it: the
 * rule if any rule has a timer, else the slot of the rule's counter. */
typedef __u32 ipf_point4;
#define IPF_STATE_BITS 4
#define IPF_START_SHIFT (IPF_STATE_BITS + 1)

struct ipf_owned_point4 {
	ipf_point4 point;
	__u32 owner;
};
_Static_assert(sizeof(struct ipf_owned_point4) == 8, "both sides read this layout");

/* A point of IPv6:
 *
 *      start                                    reference
 *      31                                  0    31    28 27                              0
 *     +-------------------------------------+  +--------+---------------------------------+
 *     | in a bucket: counted from its first |  | state  | the owner (PASS, DROP), or the  |
 *     | word; else the word itself          |  |        | position of the run, the suffix |
 *     +-------------------------------------+  +--------+---------------------------------+
 *     | of LONE: twice that, and below it the bit of its size, as in IPv4                 |
 *     +-------------------------------------+  +--------+---------+-----------------------+
 *     | of SHORT: the next word of the      |  | state  | bits of | the lowest bits of    |
 *     | prefix                              |  |        | it - 1  | the start             |
 *     +-------------------------------------+  +--------+---------+-----------------------+
 *                                               31    28 27     23 22                    0
 *
 * The only rule below 2001:db8:: is 2001:db8:7::/48, in a bucket from 2001:da0::. Without owners:
 * start 0x00070000, reference IPF_STATE_SHORT_DROP << 28 | (16 - 1) << 23 | 0x18 = 0xe7800018.
 * With owners its suffix is at some position, say 1: start 0x18, reference IPF_STATE_RULE << 28 | 1
 * = 0x80000001. */
struct ipf_point6 {
	__u32 start;
	__u32 reference;
};
_Static_assert(sizeof(struct ipf_point6) == 8, "both sides read this layout");
#define IPF_REFERENCE_BITS 28
#define IPF_SHORT_START_BITS 23

/* An index among the points of IPv6 replaces a run that would be long. It begins with two points:
 *
 *      start                                    reference
 *     +-------------------------------------+  +--------+---------------------------------+
 *     | the first word that it covers       |  | INDEX  | position of its first bucket    |
 *     +-------------------------------------+  +--------+---------------------------------+
 *     | max_distance, from there to the     |  | bucket_shift                             |
 *     | last word                           |  |                                          |
 *     +-------------------------------------+  +------------------------------------------+
 *
 * They follow the points of the bucket or run that refers to them, like suffixes. The buckets
 * (struct ipf_bucket) may cross borders of chunks. */

/* The suffix of a prefix: what follows its first word. It comes after the points of the bucket or
 * run that refers to it, and is one to three points long:
 *
 *      word                                     bits
 *      31                                  0    31   30   29                             0
 *     +-------------------------------------+  +----+----+--------------------------------+
 *     | the second word                     |  |  O |  V | length of the whole prefix     |
 *     +-------------------------------------+  +----+----+--------------------------------+
 *     | with O: the owner                   |  | 0                                        |
 *     +-------------------------------------+  +------------------------------------------+
 *     | of a prefix longer than 64 bits: the lower half of its key, a __u64               |
 *     +-----------------------------------------------------------------------------------+
 *
 * O: an owner follows. V: the verdict. 2001:db8:7::/48 drops, with the owner 9: word 0x00070000,
 * bits 1 << 31 | IPF_DROP << 30 | 48 = 0xc0000030, then 9 and 0. */
struct ipf_suffix6 {
	__u32 word;
	__u32 bits;
};
_Static_assert(sizeof(struct ipf_suffix6) == sizeof(struct ipf_point6), "it is among points");
#define IPF_SUFFIX_VERDICT_SHIFT 30
#define IPF_SUFFIX_OWNED_SHIFT 31

/* The set of a record that is no rule but marks a region, with IPF_NO_VERDICT. A region is a prefix
 * inside which the delta knows all rules, and the base is not asked. Only deltas have them; they
 * come before the rules of the same prefix. */
#define IPF_REGION_SET 0xffffu

struct ipf_rule4 {
	__u32 address; /* host byte order, host bits clear */
	__u16 set;
	__u8 bits; /* length of the prefix */
	__u8 verdict;
};
_Static_assert(sizeof(struct ipf_rule4) == 8, "both sides read this layout");

struct ipf_rule6 {
	__u64 high; /* the upper half of the key */
	__u32 low;  /* position of the lower half, if the prefix is longer than 64 bits; else 0 */
	__u16 set;
	__u8 bits;
	__u8 verdict;
};
_Static_assert(sizeof(struct ipf_rule6) == 16, "both sides read this layout");

struct ipf_timer {
	__u32 expires; /* tick at which the rule ends, or IPF_NEVER */
	__u32 next;    /* the rule that decides once this one has ended, with its verdict in the
			* highest bit; or IPF_NO_RULE */
};
#define IPF_NEXT_VERDICT_SHIFT 31
_Static_assert(sizeof(struct ipf_timer) == 8, "both sides read this layout");

/* The longest chain of `next`: every length of an IPv6 prefix, with each of the two verdicts. */
#define IPF_MAX_CHAIN (2 * 129)

struct ipf_set {
	char name[IPF_SET_NAME_SIZE]; /* ends with a NUL */
};

/* How the addresses of a family are looked up. */
struct ipf_space {
	__u32 rule_count;   /* 0: no rules, and nothing else here is set */
	__u32 first_rule;   /* rules are numbered through: IPv4, then IPv6 */
	__u32 first;        /* the lowest word that the index covers */
	__u32 max_distance; /* from `first` to the highest one */
	__u32 bucket_shift; /* a bucket has 2^bucket_shift words */
	__u32 point_shift;  /* a point has 2^point_shift bytes */
	__u64 index;        /* offset of the buckets, struct ipf_bucket */
	__u64 points;       /* ipf_point4 or struct ipf_owned_point4; struct ipf_point6 */
	__u64 rules;        /* struct ipf_rule4 or ipf_rule6, sorted by prefix */
	__u32 point_count;
	__u32 reserved;
};
_Static_assert(sizeof(struct ipf_space) == 56, "both sides read this layout");

struct ipf_layout {
	struct ipf_space space[IPF_FAMILIES];
	__u64 timers;   /* struct ipf_timer, one for each rule; 0: no rule has a timer */
	__u64 counters; /* __u32, the slot of each rule's counter; 0: rules are not counted */
	__u64 lows;     /* __u64, lower halves of IPv6 keys */
};
_Static_assert(sizeof(struct ipf_layout) == 136, "both sides read this layout");

struct ipf_header {
	struct ipf_layout layout;
	__u32 magic;
	__u32 abi_version;
	__u64 size;       /* bytes of the whole image, with this header */
	__u64 sum;        /* of all its bytes, this field taken as 0 */
	__u64 header_sum; /* of the header's bytes, both sums taken as 0 */
	__u64 sets;       /* struct ipf_set */
	__u32 set_count;
	__u32 low_count;
	__u32 counter_end;            /* the counter slots in use are below it */
	__u32 replaced[IPF_FAMILIES]; /* by a delta: the base's rules in its regions */
	__u8 shortest[IPF_FAMILIES];  /* no rule has a shorter prefix, so covers need no search */
	__u8 reserved[58];
};
_Static_assert(sizeof(struct ipf_header) == 256, "both sides read this layout");

/* The tables of a filter, by number: a base in each half, then a delta in each half. */
#define IPF_TABLE_DELTA 2u
#define IPF_TABLES 4u

/* -- Modes --
 * What is rarely on. A packet that has its verdict reads both modes by one load; as long as they
 * are zero, that and one branch is all that they cost. The program itself ends sampling, so each
 * mode is a word of its own, which one store changes. */
union ipf_modes {
	struct {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		__u32 observe; /* not 0: what is to be dropped is counted so, and passes */
		__u32 sample;  /* not 0: frames are sampled. The epoch */
#else
		__u32 sample;
		__u32 observe;
#endif
	};
	__u64 all; /* if not observing: the epoch, times 2^IPF_EPOCH_SHIFT */
};
_Static_assert(sizeof(union ipf_modes) == 8, "both sides read this layout");

/* -- Events --
 * A looker (`watch`, say) has every Nth frame of some totals written into a ring, headers included.
 * All lookers read the same rings, of which each CPU has its own. So the program writes an event
 * once, however many look, and a looker that stops reading harms no other.
 *
 * The rings are one map, in a slot of an array of maps, and exist only while somebody looks. */
#define IPF_HEADERS_COPIED 96 /* Ethernet, tags, PPPoE, IPv6 and the ports, or IPv4 with options */
/* The epoch counts up, and comes to 1 after its highest number. The distance between two events is
 * up to twice N, far less than an epoch. */
#define IPF_EPOCH_SHIFT 32
#define IPF_SAMPLE_MAX (1u << 23)
#define IPF_RING_SHIFT 10
#define IPF_RING_EVENTS (1u << IPF_RING_SHIFT)

struct ipf_event {
	__u64 sequence;   /* counts from 1; 0 while it is written */
	__u64 time_ns;    /* by CLOCK_BOOTTIME */
	__u32 generation; /* of the tables that decided */
	__u32 sample;     /* one of so many frames is an event */
	__u32 bytes;      /* of the whole frame */
	__u8 verdict;     /* enum ipf_verdict: what the rules say, also if they are not enforced */
	__u8 total;       /* enum ipf_total */
	__u8 copied;      /* how many bytes of `headers` are the frame's */
	__u8 observed;    /* not 0: it passed, whatever the verdict */
	__u8 headers[IPF_HEADERS_COPIED];
};
_Static_assert(sizeof(struct ipf_event) == 128, "both sides read this layout");

/* Of one CPU. */
struct ipf_ring {
	__u64 head;      /* how many events were written; the last ones are in the ring */
	__u64 skipped;   /* how many were not, for the rate */
	__u64 window_ns; /* when the present second began */
	__u32 in_window; /* events since then */
	__u32 reserved[25];
	struct ipf_event event[IPF_RING_EVENTS]; /* sequence & (IPF_RING_EVENTS - 1) */
};
_Static_assert(sizeof(struct ipf_ring) == 128 * (IPF_RING_EVENTS + 1),
	       "both sides read this layout");

/* What a looker wants, until its lease ends. The root has what serves all of them: the smallest N,
 * the union of the totals, the highest rate, the last lease. */
#define IPF_LOOKERS 32u
struct ipf_looker {
	__u64 lease_ns; /* past: nobody looks */
	__u32 every;
	__u32 rate;
	__u32 totals;
	__u32 reserved;
};
_Static_assert(sizeof(struct ipf_looker) == 24, "both sides read this layout");

/* What a packet reads first: one load says which tables are live. A large table changes by a delta:
 * a second, small table of the same format, which answers first for its regions. */
struct ipf_root {
	__u64 generation; /* lower 32 bits: of the live tables, IPF_GENERATION_...
			   * Upper 32 bits: the claim, the id of a map by which the command is known
			   * that builds the next tables, or 0. Both are one number, so that one
			   * compare-and-swap changes them */
	__u64 settled; /* the generation whose predecessor no packet uses any more. It differs from
			   * the live one if the command that made that live was killed before it
			   * could wait */
	union ipf_modes modes;
	__u32 rate;      /* the most events in a second, of each CPU */
	__u32 events_id; /* the id of the map of rings in the slot of IPF_MAP_EVENTS; 0: none */
	__u64 lease_ns;  /* when sampling ends, by CLOCK_BOOTTIME, unless a looker renews it */
	__u32 every;     /* one of so many frames is an event */
	__u32 totals;    /* of these totals: a bit for each enum ipf_total */
	__u32 epoch;     /* the last one; changes with `every` and `totals` */
	__u8 reserved[12];
	struct ipf_header header[IPF_TABLES]; /* all zero: no rules */
	struct ipf_looker looker[IPF_LOOKERS];
};
_Static_assert(sizeof(struct ipf_root) == 1856, "both sides read this layout");

/* The lowest bits of a generation tell where the live tables are; the others count up by one. */
#define IPF_GENERATION_BASE 1u  /* the half that the base is in */
#define IPF_GENERATION_DELTA 2u /* the half that the delta is in */
#define IPF_GENERATION_HAS_DELTA 4u
#define IPF_GENERATION_STEP 8u

#define IPF_CLAIM_SHIFT 32
#define IPF_GENERATION_MASK ((1ull << IPF_CLAIM_SHIFT) - 1)

/* The counters of rules have slots. The lowest ones, which are given out first, are in one per-CPU
 * array, which packets read by one lookup. It has 64 KiB for each CPU, and a single element where
 * rules are never counted. The other slots are in blocks: per-CPU arrays in an array of maps. */
#define IPF_FIRST_COUNTERS 4096u
#define IPF_COUNTER_BLOCK 16384u
#define IPF_COUNTER_BLOCKS 8192u
_Static_assert((__u64)IPF_COUNTER_BLOCK *IPF_COUNTER_BLOCKS < (1ull << IPF_REFERENCE_BITS) - 1,
	       "a reference can name every counter, and none");

/* The ids of the maps in the slots; 0: the slot is empty. Kernels before 6.8 wait for all CPUs even
 * to tell what a slot holds, so the tool keeps it here. A map's id is written before the map enters
 * its slot, and zeroed after the map has left it. So every map in a slot has its id here, and an id
 * whose map does not exist, which a killed command can leave, means an empty slot. */
struct ipf_slots {
	__u32 chunk[2 * IPF_HALF_CHUNKS];
	__u32 block[IPF_COUNTER_BLOCKS];
};
_Static_assert(sizeof(struct ipf_slots) == 96 << 10, "both sides read this layout");

#endif
