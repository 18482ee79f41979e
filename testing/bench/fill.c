// SPDX-License-Identifier: GPL-2.0
/*
 * How do thousands of addresses get into xdp-filter in reasonable time?
 *
 *     fill ID FAMILY KIND COUNT
 *
 * ID is xdp-filter's program, to which its tool has added one rule. The addresses of the workload
 * are added as copies of that rule, because the tool takes milliseconds for each.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <util/number.h>

#include "fail.h"
#include "workload.h"

/* The descriptor of the program's map of this name. */
static int map_of(__u32 program_id, const char *name)
{
	__u32 ids[64];
	struct bpf_prog_info info = { .nr_map_ids = 64, .map_ids = (__u64)(unsigned long)ids };
	__u32 size = sizeof(info);
	int program = bpf_prog_get_fd_by_id(program_id);

	must(program < 0 || bpf_obj_get_info_by_fd(program, &info, &size) ? -errno : 0,
	     "the program");
	close(program);
	for (__u32 i = 0; i < info.nr_map_ids; i++) {
		struct bpf_map_info map_info = { 0 };
		__u32 map_size = sizeof(map_info);
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &map_info, &map_size) &&
		    !strcmp(map_info.name, name))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	fail("program %u has no map %s", program_id, name);
}

static void copy_rule(int map, const struct workload *workload)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 *value = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*value));
	__u8 address[16];

	if (!value)
		fail("no memory");
	must(bpf_map_get_next_key(map, NULL, address) ? -errno : 0, "the first rule");
	must(bpf_map_lookup_elem(map, address, value) ? -errno : 0, "the first rule");
	for (size_t i = 0; i < workload->count; i++) {
		address_bytes(workload->family, workload->rules[i].first, address);
		must(bpf_map_update_elem(map, address, value, BPF_ANY) ? -errno : 0,
		     "adding a rule");
	}
	free(value);
}

int main(int argc, char **argv)
{
	struct workload workload;
	uint64_t id, count;
	enum family family;
	enum kind kind;
	int map;

	if (argc != 5 || number_parse(argv[1], 1, UINT_MAX, &id) ||
	    !family_parse(argv[2], &family) || !kind_parse(argv[3], &kind) ||
	    number_parse(argv[4], 1, INT_MAX, &count))
		fail("usage: fill ID ipv4|ipv6 random|mixed COUNT");
	must(workload_make(&workload, family, kind, count), "making the rules");
	map = map_of((__u32)id, family == FAMILY_IPV4 ? "filter_ipv4" : "filter_ipv6");
	copy_rule(map, &workload);
	close(map);
	workload_done(&workload);
	return EXIT_SUCCESS;
}
