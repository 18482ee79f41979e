/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do the programs of peers.bpf.c share with the code that fills their maps?
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <linux/types.h>

enum peer_verdict { PEER_PASS, PEER_DROP }; /* the maps' values, as __u32 */

/* Keys of the tries in the kernel's layout: the address in network byte order. */
struct peer_prefix4 {
	__u32 bits;
	__u8 address[4];
};

struct peer_prefix6 {
	__u32 bits;
	__u8 address[16];
};

#endif
