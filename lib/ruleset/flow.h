/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From where to where does a frame go, as far as its first bytes tell?
 */
#ifndef RULESET_FLOW_H
#define RULESET_FLOW_H

#include <ipfilter/abi.h>
#include <ruleset/address.h>
#include <stdbool.h>
#include <stddef.h>

struct flow {
	bool has_addresses; /* it has a readable source; else the rest is zero */
	struct address source, destination;
	bool has_protocol;
	__u8 protocol; /* of IP, after the extension headers of IPv6 */
	bool has_ports;
	__u16 source_port, destination_port;
};

/* Reads the first bytes of a frame. The source is the one that the XDP program reads. Of a fragment
 * other than the first, there are no ports. */
void flow_read(enum ipf_link link, const __u8 *bytes, size_t size, struct flow *out);

/* "tcp", "udp", "icmp" and the like, or the number. */
#define FLOW_PROTOCOL_SIZE 16
const char *flow_protocol(__u8 protocol, char text[FLOW_PROTOCOL_SIZE]);

#endif
