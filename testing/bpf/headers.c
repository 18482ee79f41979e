// SPDX-License-Identifier: GPL-2.0
/*
 * The program's headers, compiled for the host; see oracle.h.
 */
#include "oracle.h"

#include <stdbool.h>

#include <ipfilter/packet.h>

struct lookup {
	const struct program *program;
	__u64 half;
	__u32 now;
};
typedef const struct lookup *ipf_table;

static const struct ipf_layout *ipf_table_layout(ipf_table table)
{
	return (const void *)&table->program->root->header[table->half].layout;
}

static const __u8 *ipf_table_head(ipf_table table, __u64 offset)
{
	return table->program->head + table->half * IPF_HEAD_SIZE +
	       (offset & (IPF_HEAD_SIZE - IPF_CHUNK_SIZE));
}

static const __u8 *ipf_table_chunk(ipf_table table, __u64 offset)
{
	__u32 position = (__u32)(offset >> IPF_CHUNK_SHIFT) & (IPF_HALF_CHUNKS - 1);
	const struct program_chunk *chunk;

	if (position >= PROGRAM_CHUNKS)
		return NULL;
	chunk = &table->program->chunks[table->half][position];
	return chunk->in_slot ? chunk->bytes : NULL;
}

static __u32 ipf_table_now(ipf_table table)
{
	return table->now;
}

#include <ipfilter/lookup.h>

struct decision headers_decide(const struct program *program, __u32 now, const __u8 *frame,
			       size_t size)
{
	struct lookup table = {
		.program = program,
		.half = program->root->generation & 1,
		.now = now,
	};
	struct decision decision = { program->options.policy, IPF_MALFORMED, IPF_NO_COUNTER };
	struct ipf_source source;
	struct ipf_match match;

	switch (ipf_packet_source(program->options.link, frame, frame + size, &source)) {
	case IPF_FRAME_MALFORMED:
		return decision;
	case IPF_FRAME_OTHER:
		return (struct decision){ IPF_PASS, IPF_OTHER, IPF_NO_COUNTER };
	default:
		break;
	}
	match = ipf_lookup(&table, source.family, &source.key);
	if (match.verdict == IPF_DROP || match.verdict == IPF_PASS) {
		decision.verdict = match.verdict;
		decision.counter = ipf_counter_slot(&table, match.owner);
	} else if (source.discovery) {
		decision.verdict = IPF_PASS;
	}
	decision.total = decision.verdict == IPF_DROP ? IPF_DROPPED : IPF_PASSED;
	return decision;
}
