/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where in a table image does each part begin?
 *
 * What packets read comes first, because the first bytes are the fastest to read; then what only
 * reading back needs. The layout is a function of the counts and plans in the header.
 */
#ifndef TABLE_LAYOUT_H
#define TABLE_LAYOUT_H

#include <ipfilter/abi.h>
#include <stdbool.h>

/* The largest body, in bytes, of a base (`origin` 0), or of a delta. */
static inline __u64 layout_max_size(__u64 origin)
{
	return origin ? IPF_CHUNK_SIZE : IPF_DELTA_OFFSET;
}

/* How many bytes a family's index has. */
__u64 layout_index_size(const struct ipf_space *space);

/* Do the indexes of both families fit into the head, or is one of them larger than that and has 2^
 * IPF_INDEX_MAX_BITS buckets at most? In an image they do. */
bool layout_indexes_fit(const struct ipf_layout *layout);

/* Writes all offsets of the header, first_rule and the size. The header has its counts (rules,
 * points, sets, lower halves) and plans already. The first part begins at `origin`. A part of no
 * bytes gets the offset 0. */
void layout_write(struct ipf_header *header, __u64 origin, bool timed, bool counted);

#endif
