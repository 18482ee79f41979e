// SPDX-License-Identifier: GPL-2.0
/*
 * Provides sources for BPF programs; see sources.h.
 */
#include "sources.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/libbpf.h>

#include "fail.h"

enum { SOURCES_SIZE = SOURCES * 16 };

struct sources {
	enum family family;
	int fd;
	__u8 (*bytes)[16];
};

static void *map_memory(int fd, size_t size, const char *what)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	must(memory == MAP_FAILED ? -errno : 0, what);
	return memory;
}

struct sources *sources_new(enum family family)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	struct sources *sources = calloc(1, sizeof(*sources));

	if (!sources)
		fail("no memory");
	sources->family = family;
	sources->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bench_sources", sizeof(__u32), 16,
				     SOURCES, &options);
	must(sources->fd < 0 ? -errno : 0, "a map for the sources");
	sources->bytes = map_memory(sources->fd, SOURCES_SIZE, "mapping the sources");
	return sources;
}

void sources_free(struct sources *sources)
{
	munmap(sources->bytes, SOURCES_SIZE);
	close(sources->fd);
	free(sources);
}

enum family sources_family(const struct sources *sources)
{
	return sources->family;
}

__u8 (*sources_bytes(const struct sources *sources))[16]
{
	return sources->bytes;
}

void sources_give(const struct sources *sources, struct bpf_object *object)
{
	must(bpf_map__reuse_fd(bpf_object__find_map_by_name(object, "bench_sources"), sources->fd),
	     "sources of a program");
}

/* The variables of a program are in an array map. */
volatile struct source_state *sources_map_state(const struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		if (strstr(bpf_map__name(map), ".bss"))
			return map_memory(bpf_map__fd(map), sizeof(struct source_state),
					  "mapping a program's variables");
	}
	fail("the program has no variables");
}

void sources_unmap_state(volatile struct source_state *state)
{
	munmap((void *)state, sizeof(*state));
}

void sources_frame(const struct sources *sources, __u8 frame[FRAME_SIZE])
{
	bool ipv4 = sources->family == FAMILY_IPV4;
	__be16 ethertype = bpf_htons(ipv4 ? ETH_P_IP : ETH_P_IPV6);
	__u8 *ip = frame + FRAME_IP;
	__u8 udp = FRAME_IP + (ipv4 ? 20 : 40);

	memset(frame, 0, FRAME_SIZE);
	frame[0] = frame[6] = 2; /* locally administered */
	memcpy(frame + 12, &ethertype, sizeof(ethertype));
	if (ipv4) {
		ip[0] = 0x45;
		ip[3] = FRAME_SIZE - FRAME_IP;
		ip[8] = 64;
		ip[9] = IPPROTO_UDP;
		memcpy(frame + FRAME_IPV4_SOURCE, sources->bytes[0], 4);
		memcpy(ip + 16, (__u8[]){ 192, 0, 2, 1 }, 4);
	} else {
		ip[0] = 0x60;
		ip[5] = (__u8)(FRAME_SIZE - udp);
		ip[6] = IPPROTO_UDP;
		ip[7] = 64;
		memcpy(frame + FRAME_IPV6_SOURCE, sources->bytes[0], 16);
	}
	frame[udp + 5] = (__u8)(FRAME_SIZE - udp); /* its length: xdp-filter needs one */
}
