// SPDX-License-Identifier: GPL-2.0
/*
 * The program's headers, compiled for the host; see oracle.h.
 */
#include "oracle.h"

#include <stdbool.h>

#include <ipfilter/packet.h>

struct ipf_table {
	const struct program *program;
	__u32 first_chunk;
	__u32 now;
};

/* In the kernel a record is looked for within one chunk, at its offset rounded down to its size. */
static const void *ipf_table_at(const struct ipf_table *table, __u64 offset, __u32 size)
{
	__u32 slot = table->first_chunk + (__u32)(offset / IPF_CHUNK_SIZE % IPF_HALF_CHUNKS);
	const struct program_chunk *chunk;

	if (slot / IPF_HALF_CHUNKS >= PROGRAM_HALVES || slot % IPF_HALF_CHUNKS >= PROGRAM_CHUNKS)
		return NULL;
	chunk = &table->program->chunks[slot / IPF_HALF_CHUNKS][slot % IPF_HALF_CHUNKS];
	if (!chunk->in_slot)
		return NULL;
	return (const __u8 *)chunk->bytes + (offset & (IPF_CHUNK_SIZE - size));
}

static __u32 ipf_table_now(const struct ipf_table *table)
{
	return table->now;
}

#include <ipfilter/lookup.h>

struct decision headers_decide(const struct program *program, __u32 now, const __u8 *frame,
			       size_t size)
{
	struct ipf_table table = {
		.program = program,
		.first_chunk = (program->root->generation & 1) * IPF_HALF_CHUNKS,
		.now = now,
	};
	struct decision decision = { program->options.policy, IPF_MALFORMED, IPF_NO_COUNTER };
	const struct ipf_rule *rule = NULL;
	struct ipf_source source;

	switch (ipf_packet_source(frame, frame + size, &source)) {
	case IPF_FRAME_MALFORMED:
		return decision;
	case IPF_FRAME_OTHER:
		return (struct decision){ IPF_PASS, IPF_OTHER, IPF_NO_COUNTER };
	default:
		break;
	}
	rule = ipf_lookup(&table, source.family, &source.key);
	if (rule) {
		decision.verdict = rule->verdict == IPF_DROP ? IPF_DROP : IPF_PASS;
		decision.counter = rule->counter;
	} else if (source.discovery) {
		decision.verdict = IPF_PASS;
	}
	decision.total = decision.verdict == IPF_DROP ? IPF_DROPPED : IPF_PASSED;
	return decision;
}
