// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory does a program in the kernel hold?
 *
 *     account ID
 *
 * Prints one line of JSON: {"verified_insns": the work of the verifier, or null if the kernel does
 * not report it (before 5.16), "maps": their number, "map_bytes": their memory, "delta": whether
 * packets ask a delta of our table first}. Maps inside the program's maps of maps count too, each
 * once.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <ipfilter/abi.h>
#include <util/number.h>

#include "fail.h"

enum { MOST_MAPS = 1 << 20 };

static struct account {
	__u32 ids[MOST_MAPS];
	size_t count;
	unsigned long long bytes;
	bool has_delta;
} account;

/* A number that the kernel reports about an open descriptor, or -1. */
static long long fdinfo(int fd, const char *field)
{
	char path[64], line[256], *value;
	size_t length = strlen(field);
	long long number = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	must(file ? 0 : -errno, path);
	while (number < 0 && fgets(line, sizeof(line), file)) {
		if (strncmp(line, field, length) || line[length] != ':')
			continue;
		value = line + length + 1;
		number = strtoll(value, NULL, 10);
	}
	fclose(file);
	return number;
}

static bool is_known(__u32 id)
{
	for (size_t i = account.count; i; i--)
		if (account.ids[i - 1] == id)
			return true;
	return false;
}

static void count_map(__u32 id);

static void count_inner_maps(int fd, const struct bpf_map_info *info)
{
	__u8 key[64], next[64];
	const __u8 *last = NULL;
	__u32 id;

	if (info->key_size > sizeof(key))
		fail("map %u: a key of %u bytes", info->id, info->key_size);
	while (!bpf_map_get_next_key(fd, last, next)) {
		memcpy(key, next, info->key_size);
		last = key;
		if (!bpf_map_lookup_elem(fd, key, &id))
			count_map(id);
	}
}

static void look_at_root(int fd)
{
	struct ipf_root root;
	const __u32 only = 0;

	must(bpf_map_lookup_elem(fd, &only, &root) ? -errno : 0, "the root");
	account.has_delta = root.generation & IPF_GENERATION_HAS_DELTA;
}

static void count_map(__u32 id)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);
	long long bytes;
	int fd;

	if (is_known(id))
		return;
	if (account.count == MOST_MAPS)
		fail("more than %d maps", MOST_MAPS);
	account.ids[account.count++] = id;
	fd = bpf_map_get_fd_by_id(id);
	must(fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) ? -errno : 0, "a map");
	bytes = fdinfo(fd, "memlock");
	account.bytes += bytes > 0 ? (unsigned long long)bytes : 0;
	if (!strcmp(info.name, IPF_MAP_ROOT) && info.value_size == sizeof(struct ipf_root))
		look_at_root(fd);
	if (info.type == BPF_MAP_TYPE_ARRAY_OF_MAPS || info.type == BPF_MAP_TYPE_HASH_OF_MAPS)
		count_inner_maps(fd, &info);
	close(fd);
}

int main(int argc, char **argv)
{
	__u32 ids[64];
	struct bpf_prog_info info = { .nr_map_ids = 64, .map_ids = (__u64)(unsigned long)ids };
	__u32 size = sizeof(info);
	uint64_t id = 0;
	long long insns;
	int program;

	if (argc != 2 || number_parse(argv[1], 1, UINT_MAX, &id))
		fail("usage: account ID");
	program = bpf_prog_get_fd_by_id((__u32)id);
	must(program < 0 || bpf_obj_get_info_by_fd(program, &info, &size) ? -errno : 0,
	     "the program");
	for (__u32 i = 0; i < info.nr_map_ids; i++)
		count_map(ids[i]);
	insns = fdinfo(program, "verified_insns");
	printf("{\"verified_insns\": ");
	if (insns < 0)
		printf("null");
	else
		printf("%lld", insns);
	printf(", \"maps\": %zu, \"map_bytes\": %llu, \"delta\": %s}\n", account.count,
	       account.bytes, account.has_delta ? "true" : "false");
	close(program);
	return EXIT_SUCCESS;
}
