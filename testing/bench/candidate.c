// SPDX-License-Identifier: GPL-2.0
/*
 * Programs to compare; see candidate.h.
 */
#include "candidate.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <ipfilter/abi.h>
#include <util/number.h>

#include "fail.h"
#include "object.h"
#include "peers.h"

static void load(struct candidate *candidate, const char *program)
{
	struct bpf_program *chosen = object_choose(candidate->object, program);

	must(bpf_object__load(candidate->object), program);
	candidate->fd = bpf_program__fd(chosen);
}

static void open_floor(struct candidate *candidate, const char *program, const __u8 constant[16])
{
	candidate->object = object_open("floor.bpf.o");
	object_constant(candidate->object, constant, 16);
	load(candidate, program);
}

static void make_room(struct bpf_object *object, const char *map, size_t rules)
{
	must(bpf_map__set_max_entries(bpf_object__find_map_by_name(object, map), (__u32)rules),
	     map);
}

static void open_hash(struct candidate *candidate, const struct workload *workload)
{
	int map;

	candidate->object = object_open("peers.bpf.o");
	make_room(candidate->object, "peer_hash", workload->count);
	load(candidate, "hash_ipv4");
	map = object_map(candidate->object, "peer_hash");
	for (size_t i = 0; i < workload->count; i++) {
		const struct bench_rule *rule = &workload->rules[i];
		__u32 verdict = rule->pass ? PEER_PASS : PEER_DROP;
		__u8 source[16];

		if (workload->family != FAMILY_IPV4 || rule->bits != 32)
			fail("hash: only for IPv4 addresses");
		address_bytes(workload->family, rule->first, source);
		must(bpf_map_update_elem(map, source, &verdict, BPF_ANY) ? -errno : 0, "peer_hash");
	}
}

static void open_lpm(struct candidate *candidate, const struct workload *workload)
{
	bool ipv4 = workload->family == FAMILY_IPV4;
	const char *name = ipv4 ? "peer_lpm4" : "peer_lpm6";
	int map;

	candidate->object = object_open("peers.bpf.o");
	make_room(candidate->object, name, workload->count);
	load(candidate, ipv4 ? "lpm_ipv4" : "lpm_ipv6");
	map = object_map(candidate->object, name);
	for (size_t i = 0; i < workload->count; i++) {
		const struct bench_rule *rule = &workload->rules[i];
		__u32 verdict = rule->pass ? PEER_PASS : PEER_DROP;
		/* An IPv4 key is the beginning of an IPv6 key. */
		struct peer_prefix6 prefix = { .bits = rule->bits };

		address_bytes(workload->family, rule->first, prefix.address);
		must(bpf_map_update_elem(map, &prefix, &verdict, BPF_ANY) ? -errno : 0, name);
	}
}

static void open_by_id(struct candidate *candidate, const char *text)
{
	uint64_t id;

	if (number_parse(text, 1, UINT_MAX, &id))
		fail("'%s': not the id of a program", text);
	candidate->fd = bpf_prog_get_fd_by_id((__u32)id);
	must(candidate->fd < 0 ? -errno : 0, candidate->name);
}

static void map_if_root(struct candidate *candidate, __u32 id)
{
	int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = { .type = 0 };
	__u32 size = sizeof(info);
	void *root;

	must(fd < 0 ? -errno : 0, "a map of a program");
	must(bpf_obj_get_info_by_fd(fd, &info, &size) ? -errno : 0, "a map of a program");
	if (!strcmp(info.name, IPF_MAP_ROOT)) {
		root = mmap(NULL, sizeof(*candidate->root), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			    0);
		must(root == MAP_FAILED ? -errno : 0, IPF_MAP_ROOT);
		candidate->root = root;
	}
	close(fd);
}

static void map_root(struct candidate *candidate)
{
	__u32 ids[32];
	struct bpf_prog_info info = { .nr_map_ids = sizeof(ids) / sizeof(*ids),
				      .map_ids = (__u64)(unsigned long)ids };
	__u32 size = sizeof(info);

	must(bpf_obj_get_info_by_fd(candidate->fd, &info, &size) ? -errno : 0, candidate->name);
	for (__u32 i = 0; i < info.nr_map_ids; i++)
		map_if_root(candidate, ids[i]);
	if (!candidate->root)
		fail("%s: no " IPF_MAP_ROOT, candidate->name);
}

/* A looker that renews its lease meanwhile may begin new samples, which stay. */
void candidate_begin(struct candidate *candidate)
{
	if (!candidate->root)
		return;
	candidate->sample =
		__atomic_exchange_n(&candidate->root->modes.sample, 0, __ATOMIC_RELAXED);
	if (!candidate->sample)
		fail("%s: nobody watches it", candidate->name);
}

void candidate_end(struct candidate *candidate)
{
	__u32 none = 0;

	if (candidate->root)
		__atomic_compare_exchange_n(&candidate->root->modes.sample, &none,
					    candidate->sample, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
}

void candidate_open(struct candidate *out, const char *text, const struct workload *workload,
		    const __u8 constant[16], const struct sources *sources)
{
	size_t length = strcspn(text, "=");

	*out = (struct candidate){ 0 };
	if (length >= sizeof(out->name))
		fail("'%s': the name is too long", text);
	memcpy(out->name, text, length);
	if (text[length] == '=')
		open_by_id(out, text + length + 1);
	else if (!strcmp(text, "floor"))
		open_floor(out, "floor_filter", constant);
	else if (!strcmp(text, "drop"))
		open_floor(out, "plain_drop", constant);
	else if (!strcmp(text, "hash"))
		open_hash(out, workload);
	else if (!strcmp(text, "lpm"))
		open_lpm(out, workload);
	else
		fail("'%s': no such candidate", text);
	if (!strcmp(out->name, "ours-unwatched"))
		map_root(out);
	out->driver = driver_new(out->fd, out->name, sources);
}

void candidate_close(struct candidate *candidate)
{
	driver_free(candidate->driver);
	if (candidate->root)
		munmap(candidate->root, sizeof(*candidate->root));
	if (candidate->object)
		bpf_object__close(candidate->object);
	else
		close(candidate->fd);
}

__u32 candidate_expected(const struct candidate *candidate, enum outcome outcome,
			 const __u8 source[16], const __u8 constant[16])
{
	if (!strcmp(candidate->name, "drop"))
		return XDP_DROP;
	if (!strcmp(candidate->name, "floor"))
		return memcmp(source, constant, 16) ? XDP_PASS : XDP_DROP;
	return outcome == OUTCOME_HIT ? XDP_DROP : XDP_PASS;
}
