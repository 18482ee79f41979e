// SPDX-License-Identifier: GPL-2.0
/*
 * What is a table image, is it sound, and which verdict does it give an address?
 */
#include <table/image.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <ruleset/address.h>
#include <ruleset/ruleset.h>
#include <table/layout.h>
#include <util/auto.h>
#include <util/error.h>

/* --- Memory ----------------------------------------------------------------------------------- */

/* The header ends at this offset, so that the body is page-aligned, whatever the size of pages. */
#define LEAD (64u * 1024)

int image_reserve(struct image *image, size_t size)
{
	size_t wanted = size > sizeof(struct ipf_header) ? size - sizeof(struct ipf_header) : 1;
	size_t body = (wanted + IPF_CHUNK_SIZE - 1) / IPF_CHUNK_SIZE * IPF_CHUNK_SIZE;
	__u8 *start =
		mmap(NULL, LEAD + body, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		return -ENOMEM;
	*image = (struct image){ start + LEAD - sizeof(struct ipf_header), size, body, 0 };
	return 0;
}

void image_done(struct image *image)
{
	if (image->data)
		munmap((__u8 *)image_at(image, image->origin) - LEAD, LEAD + image->body);
	*image = (struct image){ 0 };
}

const __u32 *image_counters(const struct image *image, size_t *count)
{
	const struct ipf_layout *layout;

	*count = 0;
	if (!image->data)
		return NULL;
	layout = &image_header(image)->layout;
	if (!layout->counters)
		return NULL;
	*count = (size_t)layout->space[IPF_IPV4].rule_count + layout->space[IPF_IPV6].rule_count;
	return image_at(image, layout->counters);
}

/* --- The sum ---------------------------------------------------------------------------------- */

#define SUM_LANES 4

/* The sum reveals foreign writes and flipped bits, not forgery: root can write the sum as well. The
 * multiplication spreads each bit upwards, the rotation brings it down again. Four lanes take no
 * longer than one, because multiplications overlap. Whole stripes are read: the bytes after the
 * image are zero. */
static __u64 sum_bytes(const void *bytes, size_t size)
{
	const __u64 *numbers = bytes;
	__u64 lanes[SUM_LANES] = { 1, 2, 3, 4 };
	__u64 sum = size;

	for (size_t i = 0; i * sizeof(*numbers) < size; i += SUM_LANES)
		for (size_t lane = 0; lane < SUM_LANES; lane++) {
			__u64 mixed = (lanes[lane] ^ numbers[i + lane]) * 0x9e3779b97f4a7c15ull;

			lanes[lane] = mixed << 29 | mixed >> 35;
		}
	for (size_t lane = 0; lane < SUM_LANES; lane++)
		sum = (sum ^ lanes[lane]) * 0xd6e8feb86659fd93ull;
	return sum ^ sum >> 32;
}

__u64 image_sum(const struct image *image)
{
	struct ipf_header header = *image_header(image);
	__u64 sum;

	header.sum = 0;
	sum = sum_bytes(&header, sizeof(header));
	return sum * 31 + sum_bytes(image_at(image, image->origin), image->size - sizeof(header));
}

__u64 image_header_sum(const struct ipf_header *header)
{
	struct ipf_header copy = *header;

	copy.sum = copy.header_sum = 0;
	return sum_bytes(&copy, sizeof(copy));
}

/* --- Is it sound? ----------------------------------------------------------------------------- */

int image_damaged(struct error *err, const char *fault)
{
	return error_set(err, -EBADMSG, "the rule table is damaged: %s", fault);
}

int image_check_header(const struct image *image, struct error *err)
{
	const struct ipf_header *header = image_header(image);
	struct ipf_header expected;
	__u64 rules = 0;

	if (image->size < sizeof(*header))
		return image_damaged(err, "it is shorter than its header");
	if (header->magic != IPF_MAGIC)
		return image_damaged(err, "it doesn't begin like one");
	if (header->abi_version < IPF_ABI_OLDEST || header->abi_version > IPF_ABI_VERSION)
		return image_damaged(err, "it has another version");
	if (header->size != image->size)
		return image_damaged(err, "it has another size than it says");
	if (!header->set_count || header->set_count > IPF_MAX_SETS)
		return image_damaged(err, "the number of sets is out of range");
	for (int family = 0; family < IPF_FAMILIES; family++) {
		const struct ipf_space *space = &header->layout.space[family];

		rules += space->rule_count;
		if (!space->rule_count != !space->point_count)
			return image_damaged(err,
					     "a family has rules without points or the reverse");
		if (space->bucket_shift > 31 || space->point_shift > 3)
			return image_damaged(err, "its buckets or points are too large");
	}
	if (!layout_indexes_fit(&header->layout))
		return image_damaged(err, "its indexes are too large");
	if (!rules || rules > IPF_MAX_RULES ||
	    header->low_count > header->layout.space[IPF_IPV6].rule_count)
		return image_damaged(err, "the number of rules is out of range");

	expected = *header;
	memset(expected.reserved, 0, sizeof(expected.reserved));
	layout_write(&expected, image->origin, header->layout.timers, header->layout.counters);
	if (memcmp(header, &expected, sizeof(expected)) != 0)
		return image_damaged(err, "its parts are not where they should be");
	if (header->header_sum != image_header_sum(header))
		return image_damaged(err, "its header is not the one that was written");
	return 0;
}

static int compare_names(const void *left, const void *right)
{
	const struct ipf_set *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

int image_check_sets(const struct image *image, struct error *err)
{
	const struct ipf_header *header = image_header(image);
	const struct ipf_set *sets = image_at(image, header->sets);
	auto_free const struct ipf_set **sorted = calloc(header->set_count, sizeof(*sorted));

	if (!sorted)
		return error_no_memory(err);
	for (__u32 i = 0; i < header->set_count; i++) {
		struct ipf_set clean = { 0 };

		if (!memchr(sets[i].name, '\0', sizeof(sets[i].name)) ||
		    !ruleset_name_valid(sets[i].name))
			return image_damaged(err, "a set has no proper name");
		memcpy(clean.name, sets[i].name, strlen(sets[i].name));
		if (memcmp(&clean, &sets[i], sizeof(clean)) != 0)
			return image_damaged(err, "something follows a set's name");
		sorted[i] = &sets[i];
	}
	qsort(sorted, header->set_count, sizeof(*sorted), compare_names);
	for (__u32 i = 1; i < header->set_count; i++)
		if (!strcmp(sorted[i - 1]->name, sorted[i]->name))
			return image_damaged(err, "two sets have one name");
	return 0;
}

int image_check(const struct image *image, struct error *err)
{
	int ret;

	if (!image->data)
		return image->size ? image_damaged(err, "it has a size, but no bytes") : 0;
	ret = image_check_header(image, err);
	if (!ret && image_header(image)->sum != image_sum(image))
		ret = image_damaged(err, "its bytes are not those that were written");
	if (!ret)
		ret = image_check_sets(image, err);
	return ret;
}

/* --- Lookup ----------------------------------------------------------------------------------- */

/* What <ipfilter/lookup.h> needs: a table in memory, at a tick that the caller names. */
struct lookup {
	const struct image *image;
	__u32 now;
};
typedef const struct lookup *ipf_table;

static const struct ipf_layout *ipf_table_layout(ipf_table table)
{
	return &image_header(table->image)->layout;
}

/* The body of a small image is shorter than a head: its first chunk takes the place of the rest. */
static const __u8 *ipf_table_head(ipf_table table, __u64 offset)
{
	offset &= IPF_HEAD_SIZE - IPF_CHUNK_SIZE;
	return image_at(table->image, offset < table->image->body ? offset : table->image->origin);
}

static const __u8 *ipf_table_chunk(ipf_table table, __u64 offset)
{
	if (offset < table->image->origin || offset - table->image->origin >= table->image->body)
		return NULL;
	return image_at(table->image, offset / IPF_CHUNK_SIZE * IPF_CHUNK_SIZE);
}

static __u32 ipf_table_now(ipf_table table)
{
	return table->now;
}

#include <ipfilter/lookup.h>

struct ipf_match image_lookup(const struct image *image, const struct address *address, __u32 now)
{
	struct ipf_match match = ipf_no_match();

	if (image->data)
		match = ipf_lookup(&(struct lookup){ image, now }, address->family, &address->key);
	if (match.verdict == IPF_ASK_BASE && !image->origin)
		match.verdict = IPF_NO_VERDICT;
	return match;
}
