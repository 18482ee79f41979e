// SPDX-License-Identifier: GPL-2.0
/*
 * Does any frame make the reader of flows read out of bounds, or see another source than packets
 * do?
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ipfilter/packet.h>
#include <ruleset/flow.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_frame(enum ipf_link link, const uint8_t *data, size_t size)
{
	/* The heap block has the exact length, so the sanitizer reports a read of one byte too
	 * many. */
	uint8_t *frame = malloc(size ? size : 1);
	struct ipf_source source;
	struct flow flow;

	assert(frame);
	memcpy(frame, data, size);
	flow_read(link, frame, size, &flow);
	assert(flow.has_addresses ==
	       (ipf_packet_source(link, frame, frame + size, &source) == IPF_FRAME_SOURCE));
	if (flow.has_addresses) {
		assert(flow.source.family == source.family &&
		       !address_key_compare(&flow.source.key, &source.key));
		assert(flow.destination.family == source.family);
	}
	assert(flow.has_protocol || !flow.has_ports);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (enum ipf_link link = IPF_LINK_ETHERNET; link < IPF_LINKS; link++)
		read_frame(link, data, size);
	return 0;
}
