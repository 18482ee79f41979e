/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which frames does a source filter meet, and what is each one?
 *
 * A frame is written as what it differs in from a plain one: Ethernet, no tags, a sound IPv4 or
 * IPv6 header from CORPUS_IPV4 or CORPUS_IPV6, UDP. What it *is* is written beside it, by hand.
 * Frames of links without Ethernet are `bare`.
 */
#ifndef TEST_CORPUS_H
#define TEST_CORPUS_H

#include <ipfilter/abi.h>
#include <stdbool.h>
#include <stddef.h>

#include "oracle.h"

#define CORPUS_IPV4 "192.0.2.1"
#define CORPUS_IPV6 "2001:db8:1:2:3:4:5:6"

enum { FRAME_ROOM = 72 * 1024, FRAME_MIN = 14 };

struct frame {
	__u32 size;
	__u8 bytes[FRAME_ROOM];
};

enum body { BODY_IPV4, BODY_IPV6, BODY_ARP };

struct byte_set {
	__u16 at; /* from the first byte of the body */
	__u8 value;
	__u8 used;
};

struct packet {
	const char *name;
	__u16 tags[5]; /* their TPIDs, outermost first */
	__u16 tci;     /* of all of them; 0: VLANs 1, 2, ... */
	enum body body;
	__u16 ethertype; /* 0: the body's own */
	bool bare;
	__u8 session[8]; /* PPPoE header and protocol, before the body */
	__u8 session_size;
	struct byte_set set[8];
	__u32 size; /* of the whole frame, padded after the body; 0: without padding */
	__u32 kept; /* bytes kept of the body, plus one; 0: all */
	/* How to read it: */
	enum reading reading;
	bool discovery;
};

extern const struct packet corpus[];
extern const size_t corpus_count;
/* The bare ones. */
extern const struct packet bare_corpus[];
extern const size_t bare_corpus_count;

void packet_build(const struct packet *packet, struct frame *frame);

/* A plain frame from this source. */
void frame_from(enum ipf_family family, const struct ipf_key *source, struct frame *frame);

#endif
