/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does the frame of the measurements look like?
 *
 * It is the smallest one on Ethernet, with UDP in IPv4 or IPv6. The BPF programs write sources into
 * it, so both sides take the offsets from here.
 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <linux/types.h>

#define FRAME_SIZE 64
#define FRAME_IP 14
#define FRAME_IPV4_CHECKSUM (FRAME_IP + 10)
#define FRAME_IPV4_SOURCE (FRAME_IP + 12)
#define FRAME_IPV6_SOURCE (FRAME_IP + 8)

/* The number of sources in the array map, a power of two. Each takes 16 bytes. */
#define SOURCES (1u << 20)

/* Which source is next? These are variables of a BPF program that this side writes between runs. */
struct source_state {
	__u32 position;
	__u32 mask; /* the number of sources in use (a power of two) minus one */
};

#endif
