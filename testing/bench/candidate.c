// SPDX-License-Identifier: GPL-2.0
/*
 * Programs to compare; see candidate.h.
 */
#include "candidate.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

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
