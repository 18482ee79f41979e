// SPDX-License-Identifier: GPL-2.0
/*
 * Programs to compare; see candidate.h.
 */
#include "candidate.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <util/text.h>

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
		/* A key of IPv4 is the beginning of one of IPv6. */
		struct peer_prefix6 prefix = { .bits = rule->bits };

		address_bytes(workload->family, rule->first, prefix.address);
		must(bpf_map_update_elem(map, &prefix, &verdict, BPF_ANY) ? -errno : 0, name);
	}
}

/* Descriptor of the program's map of this name. */
static int map_of(int program_fd, const char *name)
{
	__u32 ids[64];
	struct bpf_prog_info info = { .nr_map_ids = 64, .map_ids = (__u64)(unsigned long)ids };
	__u32 size = sizeof(info);

	must(bpf_obj_get_info_by_fd(program_fd, &info, &size) ? -errno : 0, "maps of a program");
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
	fail("the program has no map %s", name);
}

static void fill_xdp_filter(const struct candidate *candidate, const struct workload *workload)
{
	const char *name = workload->family == FAMILY_IPV4 ? "filter_ipv4" : "filter_ipv6";
	int map = map_of(candidate->fd, name);
	int cpus = libbpf_num_possible_cpus();
	__u64 *value = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*value));
	__u8 source[16];

	if (!value)
		fail("no memory");
	must(bpf_map_get_next_key(map, NULL, source) ? -errno : 0, "the rule added by xdp-filter");
	must(bpf_map_lookup_elem(map, source, value) ? -errno : 0, "the rule added by xdp-filter");
	for (size_t i = 0; i < workload->count; i++) {
		address_bytes(workload->family, workload->rules[i].first, source);
		must(bpf_map_update_elem(map, source, value, BPF_ANY) ? -errno : 0, name);
	}
	free(value);
	close(map);
}

static void open_by_id(struct candidate *candidate, const char *text,
		       const struct workload *workload)
{
	const char *comma = strchr(text, ',');
	char number[16] = "";
	uint64_t id;

	strncat(number, text, comma ? (size_t)(comma - text) : strlen(text));
	if (number_parse(number, 1, UINT_MAX, &id))
		fail("'%s': not the id of a program", text);
	candidate->fd = bpf_prog_get_fd_by_id((__u32)id);
	must(candidate->fd < 0 ? -errno : 0, candidate->name);
	if (comma)
		fill_xdp_filter(candidate, workload);
}

void candidate_open(struct candidate *out, const char *text, const struct workload *workload,
		    const __u8 constant[16], struct sources *sources)
{
	size_t length = strcspn(text, "=");

	*out = (struct candidate){ 0 };
	if (length >= sizeof(out->name))
		fail("'%s': the name is too long", text);
	memcpy(out->name, text, length);
	if (text[length] == '=')
		open_by_id(out, text + length + 1, workload);
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
	out->driver = driver_new(out->fd, out->name, sources);
}

void candidate_close(struct candidate *candidate)
{
	driver_free(candidate->driver);
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
