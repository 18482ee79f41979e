// SPDX-License-Identifier: GPL-2.0
/*
 * Does any frame make the packet parser read out of bounds, or give a nonsensical answer?
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ipfilter/packet.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_frame(enum ipf_link link, const uint8_t *data, size_t size)
{
	/* The heap block has the exact length, so the sanitizer reports a read of one byte too
	 * many. */
	uint8_t *frame = malloc(size ? size : 1);
	struct ipf_source source;

	assert(frame);
	memcpy(frame, data, size);
	memset(&source, 0xee, sizeof(source));
	if (ipf_packet_source(link, frame, frame + size, &source) == IPF_FRAME_SOURCE) {
		assert(source.family == IPF_IPV4 || source.family == IPF_IPV6);
		assert(source.discovery <= 1);
		if (source.family == IPF_IPV4)
			assert(!(source.key.high & 0xffffffff) && !source.key.low &&
			       !source.discovery);
	}
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (enum ipf_link link = IPF_LINK_ETHERNET; link < IPF_LINKS; link++)
		read_frame(link, data, size);
	return 0;
}
