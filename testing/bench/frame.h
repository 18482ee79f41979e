/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does the frame look like that is measured with?
 *
 * The smallest on Ethernet, with UDP in IPv4 or IPv6. The BPF programs write sources into it, so
 * both sides read the offsets here.
 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <linux/types.h>

#define FRAME_SIZE 64
#define FRAME_IP 14
#define FRAME_IPV4_CHECKSUM (FRAME_IP + 10)
#define FRAME_IPV4_SOURCE (FRAME_IP + 12)
#define FRAME_IPV6_SOURCE (FRAME_IP + 8)

/* Sources lie in an array map, each in 16 bytes; this many, a power of two. */
#define SOURCES (1u << 20)

/* Which source is next: variables of a BPF program that this side writes between runs. */
struct source_state {
	__u32 position;
	__u32 mask; /* how many sources are in turn (a power of two) less one */
};

#endif
