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

/* A list that grows. Zeroed is empty; the owner calls prefix_list_done(). */
struct prefix_list {
	struct prefix *items;
	size_t count;
	size_t capacity;
};
void prefix_list_done(struct prefix_list *list);
/* Appends a prefix. Returns 0, or -ENOMEM with the list unchanged. */
int prefix_list_add(struct prefix_list *list, const struct prefix *prefix);
/* Sorts the list and drops what is inside another of its prefixes: what is left is disjoint. */
void prefix_list_reduce(struct prefix_list *list);
/* The position of the first that does not come before the prefix, in a sorted list. */
size_t prefix_list_find(const struct prefix_list *list, const struct prefix *prefix);
/* Is the prefix inside one of a list that prefix_list_reduce() left? */
bool prefix_list_covers(const struct prefix_list *list, const struct prefix *prefix);

/* The fewest bits of a prefix in a list that is not empty. */
static inline __u8 prefix_list_shortest(const struct prefix_list *list)
{
	__u8 shortest = list->items[0].bits;

	for (size_t i = 1; i < list->count; i++)
		if (list->items[i].bits < shortest)
			shortest = list->items[i].bits;
	return shortest;
}

/* -1, 0, 1 by family, then address, then length (shorter first): a prefix comes before those that
 * it covers. */
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

/* Does the first cover every address of the second? A prefix covers itself. */
static inline bool prefix_contains(const struct prefix *outer, const struct prefix *inner)
{
	unsigned int bits = outer->bits;
	__u64 high = outer->key.high ^ inner->key.high, low = outer->key.low ^ inner->key.low;

	if (outer->family != inner->family || bits > inner->bits)
		return false;
	if (bits > 64)
		return !high && !(low >> (128 - bits));
	return !bits || !(high >> (64 - bits));
}

/* The longest prefix that contains both, which are of one family. */
struct prefix prefix_common(const struct prefix *a, const struct prefix *b);
/* The prefix of this length over the address. */
struct prefix prefix_of_address(const struct address *address, unsigned int bits);
/* The last address that it covers; for IPv4, with the low 96 bits all one. */
struct ipf_key prefix_last(const struct prefix *prefix);

/* Canonical text: lower case, shortest form, without /32 or /128. */
void prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_SIZE]);

/* Why a text is not a rule. */
enum prefix_problem {
	PREFIX_OK, /* 0: it is one */
	PREFIX_NOT_A_RULE,
	PREFIX_BAD_LENGTH,
	PREFIX_BAD_NETMASK,
	PREFIX_RANGE_BACKWARDS,
	PREFIX_RANGE_MIXED_FAMILIES,
	PREFIX_MAPPED_TOO_SHORT,  /* ::ffff:0:0/95 and shorter cover more than IPv4 */
	PREFIX_RANGE_OVER_MAPPED, /* one of an IPv6 range's prefixes is ::ffff:0:0/96 */
	PREFIX_LEADING_ZEROS,     /* without them it would be a rule */
	PREFIX_NO_MEMORY,
};
/* For a message: "not an address, prefix or range", "the range ends before it starts", ... */
const char *prefix_problem_text(enum prefix_problem problem);

/* Reads a RULE, as the manual describes it: ADDRESS, ADDRESS/LENGTH, an IPv4 ADDRESS/NETMASK, or
 * START-END. Appends the prefixes that it means to the list: one, or for a range the fewest that
 * cover it, ascending. *host_bits (may be NULL) is set to whether host bits were set and cleared.
 * On a problem, the list keeps the prefixes that it had, and must still be released. */
enum prefix_problem prefix_parse(const char *text, struct prefix_list *out, bool *host_bits);

/* The same for a range from one address to another. */
enum prefix_problem prefix_range(const struct address *first, const struct address *last,
				 struct prefix_list *out);

#endif
