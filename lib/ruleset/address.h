/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is an address, and how is it written?
 *
 * An address is a family and a left-aligned key (<ipfilter/abi.h>). IPv4-mapped IPv6 addresses
 * (::ffff:a.b.c.d in any spelling) are IPv4 from the parser on.
 */
#ifndef RULESET_ADDRESS_H
#define RULESET_ADDRESS_H

#include <ipfilter/abi.h>
#include <stdbool.h>

struct address {
	enum ipf_family family;
	struct ipf_key key;
};

#define ADDRESS_TEXT_SIZE 46 /* INET6_ADDRSTRLEN */

/* Bits of an address: 32 or 128. */
unsigned int address_family_bits(enum ipf_family family);
const char *address_family_name(enum ipf_family family); /* "IPv4", "IPv6" */

/* -1, 0, 1 by number. Inline, because sorting a million rules is little else. */
static inline int address_key_compare(const struct ipf_key *a, const struct ipf_key *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return (a->low > b->low) - (a->low < b->low);
}

/* Reads the IPv4 dotted quad (four decimal octets, no leading zeros) or the IPv6 address (RFC 4291,
 * no zone) that the text begins with. Returns where it ends, or NULL if the text begins
 * differently. The caller refuses what must not follow (a fifth octet, a letter). An IPv4-mapped
 * address comes out as IPv4; *mapped (may be NULL) is set to whether it was one. */
const char *address_scan(const char *text, struct address *out, bool *mapped);

/* The same for lists whose numbers have leading zeros: 192.000.002.001 is 192.0.2.1. Other tools
 * read such numbers as octal, so only formats that are known to mean decimals are read this way. */
const char *address_scan_padded(const char *text, struct address *out);

/* Reads a text that is an address and nothing else. Returns 0, or -EINVAL with *out and *mapped
 * unchanged. */
int address_parse(const char *text, struct address *out, bool *mapped);

/* Canonical text: dotted quad, or RFC 5952. */
void address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

#endif
