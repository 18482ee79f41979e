/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is a prefix, what does it cover, and which texts mean which prefixes?
 */
#ifndef RULESET_PREFIX_H
#define RULESET_PREFIX_H

#include <ipfilter/abi.h>
#include <ruleset/address.h>
#include <stdbool.h>
#include <stddef.h>

struct prefix {
	struct ipf_key key; /* host bits clear */
	__u8 family;        /* enum ipf_family */
	__u8 bits;          /* 0 to address_family_bits() */
};

#define PREFIX_TEXT_SIZE 52

/* A growing list. Zeroed is empty; the owner calls prefix_list_done(). */
struct prefix_list {
	struct prefix *items;
	size_t count;
	size_t capacity;
};
void prefix_list_done(struct prefix_list *list);

/* The fewest bits of a prefix in a list that is not empty. */
static inline __u8 prefix_list_shortest(const struct prefix_list *list)
{
	__u8 shortest = list->items[0].bits;

	for (size_t i = 1; i < list->count; i++)
		if (list->items[i].bits < shortest)
			shortest = list->items[i].bits;
	return shortest;
}

/* Family, then address, then length (shorter first): a cover comes before what it covers. */
static inline int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int order;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	order = address_key_compare(&a->key, &b->key);
	if (order)
		return order;
	return (a->bits > b->bits) - (a->bits < b->bits);
}
bool prefix_contains(const struct prefix *outer, const struct prefix *inner);
/* The prefix of this length over the address. */
struct prefix prefix_of_address(const struct address *address, unsigned int bits);
struct ipf_key prefix_first(const struct prefix *prefix);
struct ipf_key prefix_last(const struct prefix *prefix); /* of IPv4: the low 96 bits all one */

/* Canonical text: lower case, shortest, no /32 or /128. */
void prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_SIZE]);

/* Why a text is not a rule; PREFIX_OK is 0. prefix_problem_text() is the words for a message:
 * "not an address, prefix or range", "the range ends before it starts", ... */
enum prefix_problem {
	PREFIX_OK,
	PREFIX_NOT_A_RULE,
	PREFIX_BAD_LENGTH,
	PREFIX_BAD_NETMASK,
	PREFIX_RANGE_BACKWARDS,
	PREFIX_RANGE_MIXED_FAMILIES,
	PREFIX_MAPPED_TOO_SHORT,  /* ::ffff:0:0/95 and shorter mean more than IPv4 */
	PREFIX_RANGE_OVER_MAPPED, /* an IPv6 range with ::ffff:0:0/96 as a piece of its own */
	PREFIX_LEADING_ZEROS,     /* but for which it would be a rule */
	PREFIX_NO_MEMORY,
};
const char *prefix_problem_text(enum prefix_problem problem);

/* Reads RULE of DESIGN section 4: address, address/length, IPv4 address/netmask, start-end, and
 * appends the prefixes it means to the list (one, or for a range the smallest set, ascending).
 * *host_bits (may be NULL) tells that host bits were set and cleared. On a problem the list has the
 * prefixes that it had; it is to be released all the same. */
enum prefix_problem prefix_parse(const char *text, struct prefix_list *out, bool *host_bits);

/* The same of a range whose first and last address are known. */
enum prefix_problem prefix_range(const struct address *first, const struct address *last,
				 struct prefix_list *out);

#endif
