// SPDX-License-Identifier: GPL-2.0
/*
 * Where in a table image does each part begin?
 */
#include <table/layout.h>

/* Parts begin where a cache line does, so no record of any size crosses the border of a chunk. */
#define PART_ALIGN 64

/* The next part begins after these bytes. Returns where these begin; 0 if there are none. */
static __u64 take(__u64 *end, __u64 size)
{
	__u64 offset = *end;

	*end = (offset + size + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN;
	return size ? offset : 0;
}

__u64 layout_index_size(const struct ipf_space *space)
{
	if (!space->rule_count)
		return 0;
	return (((__u64)space->max_distance >> space->bucket_shift) + 1) *
	       sizeof(struct ipf_bucket);
}

bool layout_indexes_fit(const struct ipf_layout *layout)
{
	__u64 end = 0, largest = 0;

	for (int family = 0; family < IPF_FAMILIES; family++) {
		__u64 size = layout_index_size(&layout->space[family]);

		take(&end, size);
		if (size > largest)
			largest = size;
	}
	return end <= IPF_HEAD_SIZE || (largest > IPF_HEAD_SIZE &&
					largest <= sizeof(struct ipf_bucket) << IPF_INDEX_MAX_BITS);
}

/* No sum overflows: each count has 32 bits, the size of a record at most 6. */
void layout_write(struct ipf_header *header, __u64 origin, bool timed, bool counted)
{
	struct ipf_layout *layout = &header->layout;
	struct ipf_space *space4 = &layout->space[IPF_IPV4], *space6 = &layout->space[IPF_IPV6];
	__u64 rules = (__u64)space4->rule_count + space6->rule_count;
	__u64 end = origin;

	for (int family = 0; family < IPF_FAMILIES; family++)
		layout->space[family].index = take(&end, layout_index_size(&layout->space[family]));
	for (int family = 0; family < IPF_FAMILIES; family++)
		layout->space[family].points =
			take(&end, (__u64)layout->space[family].point_count
					   << layout->space[family].point_shift);
	layout->timers = take(&end, timed ? rules * sizeof(struct ipf_timer) : 0);
	layout->counters = take(&end, counted ? rules * sizeof(__u32) : 0);
	space4->first_rule = 0;
	space6->first_rule = space4->rule_count;
	space4->rules = take(&end, space4->rule_count * sizeof(struct ipf_rule4));
	space6->rules = take(&end, space6->rule_count * sizeof(struct ipf_rule6));
	layout->lows = take(&end, header->low_count * sizeof(__u64));
	header->sets = take(&end, header->set_count * sizeof(struct ipf_set));
	header->size = sizeof(*header) + (end - origin);
}
