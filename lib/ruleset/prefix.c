// SPDX-License-Identifier: GPL-2.0
/*
 * What is a prefix, what does it cover, and which texts mean which prefixes?
 *
 * Keys are left-aligned numbers of 128 bits in both families, so one arithmetic serves both: an
 * IPv4 prefix is seen as ending with 96 bits of ones.
 */
#include <ruleset/prefix.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <util/array.h>
#include <util/number.h>

/* Bits before the IPv4 address in ::ffff:a.b.c.d. */
#define MAPPED_BITS 96

void prefix_list_done(struct prefix_list *list)
{
	free(list->items);
	*list = (struct prefix_list){ 0 };
}

int prefix_list_add(struct prefix_list *list, const struct prefix *prefix)
{
	if (array_reserve(&list->items, &list->capacity, list->count + 1, sizeof(*list->items)))
		return -ENOMEM;
	list->items[list->count++] = *prefix;
	return 0;
}

static int compare_prefixes(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

void prefix_list_reduce(struct prefix_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_prefixes);
	/* A cover comes first, and all that is inside it follows. */
	for (size_t i = 0; i < list->count; i++)
		if (!kept || !prefix_contains(&list->items[kept - 1], &list->items[i]))
			list->items[kept++] = list->items[i];
	list->count = kept;
}

size_t prefix_list_find(const struct prefix_list *list, const struct prefix *prefix)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&list->items[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool prefix_list_covers(const struct prefix_list *list, const struct prefix *prefix)
{
	size_t at = prefix_list_find(list, prefix);

	return (at < list->count && prefix_contains(&list->items[at], prefix)) ||
	       (at && prefix_contains(&list->items[at - 1], prefix));
}

/* All bits but the first `bits`. Shifting by the whole width is undefined, hence the cases. */
static struct ipf_key host_mask(unsigned int bits)
{
	return (struct ipf_key){
		.high = bits < 64 ? UINT64_MAX >> bits : 0,
		.low = bits <= 64 ? UINT64_MAX :
		       bits < 128 ? UINT64_MAX >> (bits - 64) :
				    0,
	};
}

struct prefix prefix_of_address(const struct address *address, unsigned int bits)
{
	struct ipf_key mask = host_mask(bits);

	return (struct prefix){ .key = { address->key.high & ~mask.high,
					 address->key.low & ~mask.low },
				.family = (__u8)address->family,
				.bits = (__u8)bits };
}

/* How many bits from the first on are the same. */
static unsigned int same_bits(const struct ipf_key *a, const struct ipf_key *b)
{
	__u64 high = a->high ^ b->high, low = a->low ^ b->low;

	if (high)
		return (unsigned int)__builtin_clzll(high);
	return low ? 64 + (unsigned int)__builtin_clzll(low) : 128;
}

struct prefix prefix_common(const struct prefix *a, const struct prefix *b)
{
	const struct address address = { a->family, a->key };
	unsigned int bits = same_bits(&a->key, &b->key);

	if (bits > a->bits)
		bits = a->bits;
	if (bits > b->bits)
		bits = b->bits;
	return prefix_of_address(&address, bits);
}

struct ipf_key prefix_last(const struct prefix *prefix)
{
	struct ipf_key mask = host_mask(prefix->bits);

	return (struct ipf_key){ prefix->key.high | mask.high, prefix->key.low | mask.low };
}

void prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_SIZE])
{
	struct address address = { prefix->family, prefix->key };
	size_t length;

	address_format(&address, text);
	if (prefix->bits == address_family_bits(prefix->family))
		return;
	length = strlen(text);
	snprintf(text + length, PREFIX_TEXT_SIZE - length, "/%u", prefix->bits);
}

const char *prefix_problem_text(enum prefix_problem problem)
{
	switch (problem) {
	case PREFIX_OK:
		return "no problem";
	case PREFIX_NOT_A_RULE:
		return "not an address, prefix or range";
	case PREFIX_BAD_LENGTH:
		return "the prefix length must be 0 to 32 for IPv4, 0 to 128 for IPv6";
	case PREFIX_BAD_NETMASK:
		return "not a netmask (ones, then zeros, as in 255.255.255.0)";
	case PREFIX_RANGE_BACKWARDS:
		return "the range ends before it starts";
	case PREFIX_RANGE_MIXED_FAMILIES:
		return "the range starts in one address family and ends in the other";
	case PREFIX_MAPPED_TOO_SHORT:
		return "an IPv4-mapped prefix needs a length of 96 to 128";
	case PREFIX_RANGE_OVER_MAPPED:
		return "the range contains ::ffff:0:0/96, which means IPv4; leave that out";
	case PREFIX_LEADING_ZEROS:
		return "leading zeros, which some tools read as octal; write the numbers without them";
	case PREFIX_NO_MEMORY:
		return "out of memory";
	}
	return "unknown problem";
}

static enum prefix_problem append(struct prefix_list *list, const struct prefix *prefix)
{
	return prefix_list_add(list, prefix) ? PREFIX_NO_MEMORY : PREFIX_OK;
}

/* Sets *bits to the number of ones that a netmask begins with; only zeros may follow. */
static enum prefix_problem parse_netmask(const char *text, uint64_t *bits)
{
	struct address mask;
	__u32 zeros;

	if (address_parse(text, &mask, NULL))
		return PREFIX_BAD_NETMASK;
	zeros = ~(__u32)(mask.key.high >> 32);
	if (zeros & (zeros + 1))
		return PREFIX_BAD_NETMASK;
	*bits = zeros ? (uint64_t)__builtin_clz(zeros) : 32;
	return PREFIX_OK;
}

static enum prefix_problem parse_length(const char *text, const struct address *address,
					bool mapped, uint64_t *bits)
{
	unsigned int most = mapped ? 128 : address_family_bits(address->family);

	if (number_parse(text, 0, most, bits)) {
		if (address->family == IPF_IPV4 && !mapped && strchr(text, '.') &&
		    !strchr(text, ':'))
			return parse_netmask(text, bits);
		return PREFIX_BAD_LENGTH;
	}
	if (mapped) {
		if (*bits < MAPPED_BITS)
			return PREFIX_MAPPED_TOO_SHORT;
		*bits -= MAPPED_BITS;
	}
	return PREFIX_OK;
}

static enum prefix_problem parse_prefix(const struct address *address, bool mapped,
					const char *length, struct prefix_list *out,
					bool *host_bits)
{
	enum prefix_problem problem;
	struct prefix prefix;
	struct ipf_key mask;
	uint64_t bits;

	if (strchr(length, '-')) /* A range of prefixes, which is not read. */
		return PREFIX_NOT_A_RULE;
	problem = parse_length(length, address, mapped, &bits);
	if (problem)
		return problem;

	mask = host_mask((unsigned int)bits);
	prefix = (struct prefix){
		.key = { address->key.high & ~mask.high, address->key.low & ~mask.low },
		.family = (__u8)address->family,
		.bits = (__u8)bits,
	};
	problem = append(out, &prefix);
	if (!problem && host_bits)
		*host_bits = address_key_compare(&prefix.key, &address->key) != 0;
	return problem;
}

static struct ipf_key key_after(const struct ipf_key *key)
{
	return (struct ipf_key){ key->high + (key->low == UINT64_MAX), key->low + 1 };
}

/* The largest prefix that begins at `start` and does not reach beyond `end`. */
static struct prefix largest_prefix(enum ipf_family family, const struct ipf_key *start,
				    const struct ipf_key *end)
{
	struct prefix best = { *start, (__u8)family, (__u8)address_family_bits(family) };

	while (best.bits) {
		struct prefix wider = { *start, (__u8)family, (__u8)(best.bits - 1) };
		struct ipf_key mask = host_mask(wider.bits);
		struct ipf_key last = prefix_last(&wider);

		if ((start->high & mask.high) || (start->low & mask.low) ||
		    address_key_compare(&last, end) > 0)
			break;
		best = wider;
	}
	return best;
}

static bool is_mapped_block(const struct prefix *prefix)
{
	return prefix->family == IPF_IPV6 && prefix->bits == MAPPED_BITS && !prefix->key.high &&
	       prefix->key.low >> 32 == 0xffff;
}

/* Splits [start, end] greedily: each prefix is the largest that fits where the one before it ends,
 * which gives the fewest. `end` has all host bits set, as prefix_last() returns it. */
static enum prefix_problem append_range(enum ipf_family family, struct ipf_key start,
					const struct ipf_key *end, struct prefix_list *out)
{
	size_t count_before = out->count;

	for (;;) {
		struct prefix next = largest_prefix(family, &start, end);
		struct ipf_key last = prefix_last(&next);
		enum prefix_problem problem = append(out, &next);

		/* Such a prefix would be written, and read back, as IPv4. */
		if (is_mapped_block(&next))
			problem = PREFIX_RANGE_OVER_MAPPED;
		if (problem) {
			out->count = count_before;
			return problem;
		}
		if (!address_key_compare(&last, end))
			return PREFIX_OK;
		start = key_after(&last);
	}
}

enum prefix_problem prefix_range(const struct address *first, const struct address *last,
				 struct prefix_list *out)
{
	struct ipf_key end;

	if (first->family != last->family)
		return PREFIX_RANGE_MIXED_FAMILIES;
	if (address_key_compare(&first->key, &last->key) > 0)
		return PREFIX_RANGE_BACKWARDS;
	end = prefix_last(&(struct prefix){ last->key, (__u8)last->family,
					    (__u8)address_family_bits(last->family) });
	return append_range(first->family, first->key, &end, out);
}

static enum prefix_problem parse_range(const struct address *first, const char *end_text,
				       struct prefix_list *out)
{
	struct address last;

	if (address_parse(end_text, &last, NULL))
		return PREFIX_NOT_A_RULE;
	return prefix_range(first, &last, out);
}

static enum prefix_problem parse(const char *text, struct prefix_list *out, bool *host_bits)
{
	struct address address;
	struct prefix prefix;
	const char *end;
	bool mapped;

	end = address_scan(text, &address, &mapped);
	if (!end)
		return PREFIX_NOT_A_RULE;
	if (*end == '/')
		return parse_prefix(&address, mapped, end + 1, out, host_bits);
	if (host_bits)
		*host_bits = false;
	if (*end == '-')
		return parse_range(&address, end + 1, out);
	if (*end)
		return PREFIX_NOT_A_RULE;
	prefix = (struct prefix){ address.key, (__u8)address.family,
				  (__u8)address_family_bits(address.family) };
	return append(out, &prefix);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Copies the text without the leading zeros of its decimal numbers. False: it has none, or does not
 * fit. */
static bool strip_zeros(const char *text, char *out, size_t size)
{
	bool at_start = true, stripped = false;
	size_t length = 0;

	for (; *text; text++) {
		if (at_start && text[0] == '0' && is_digit(text[1])) {
			stripped = true;
			continue;
		}
		if (length + 1 == size)
			return false;
		at_start = strchr(".-/", *text) != NULL;
		out[length++] = *text;
	}
	out[length] = '\0';
	return stripped;
}

/* Are leading zeros its only mistake? */
static bool has_only_zeros_wrong(const char *text)
{
	struct prefix_list list = { 0 };
	char stripped[2 * ADDRESS_TEXT_SIZE];
	bool only = strip_zeros(text, stripped, sizeof(stripped)) && !parse(stripped, &list, NULL);

	prefix_list_done(&list);
	return only;
}

enum prefix_problem prefix_parse(const char *text, struct prefix_list *out, bool *host_bits)
{
	enum prefix_problem problem = parse(text, out, host_bits);

	if (problem && problem != PREFIX_NO_MEMORY && has_only_zeros_wrong(text))
		return PREFIX_LEADING_ZEROS;
	return problem;
}
