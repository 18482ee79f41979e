// SPDX-License-Identifier: GPL-2.0
/*
 * Does every variant of the XDP program load, what does the verifier spend on it, and is the object
 * what the tool and libxdp expect?
 *
 *     test_verifier [OBJECT]
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <dataplane/frame_flags.h>
#include <dataplane/kernel.h>

#include "corpus.h"
#include "program.h"
#include "rules.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define VERIFIED_AT_MOST 50000

static char why[256];

/* The variant also works, for a dropped frame, a passed one, and one of each other kind. */
static bool works(struct program *program)
{
	static const struct rule_line lines[] = { DROP(CORPUS_IPV4), PASS(CORPUS_IPV6) };
	static const struct packet packets[] = {
		{ .body = BODY_IPV4 },
		{ .body = BODY_IPV6, .tags = { 0x8100 } },
		{ .body = BODY_ARP },
		{ .body = BODY_IPV4, .kept = 20 },
	};
	static struct frame frame;
	struct table table;
	bool ok;

	table_from_lines(&table, lines, COUNT(lines));
	ok = !program_add_blocks_for(program, COUNT(lines)) &&
	     !program_fill(program, 1, &table.image);
	snprintf(why, sizeof(why), "the table cannot be filled");
	program_switch(program, 1);
	for (size_t i = 0; i < COUNT(packets) && ok; i++) {
		struct decision wants[] = {
			{ IPF_DROP, IPF_DROPPED, table_counter(&table, CORPUS_IPV4, IPF_DROP) },
			{ IPF_PASS, IPF_PASSED, table_counter(&table, CORPUS_IPV6, IPF_PASS) },
			{ IPF_PASS, IPF_OTHER, IPF_NO_COUNTER },
			{ program->options.policy, IPF_MALFORMED, IPF_NO_COUNTER },
		};
		struct program_input input = { .frame = frame.bytes };
		struct packet packet = packets[i];

		/* Without an ethertype, ARP is only a wrong version. */
		packet.bare = program->options.link == IPF_LINK_IP;
		if (packet.bare)
			wants[2] = wants[3];
		packet_build(&packet, &frame);
		input.size = frame.size;
		ok = program_expect(program, &input, &wants[i], why, sizeof(why));
	}
	table_done(&table);
	return ok;
}

static void test_variant(const char *path, const struct program_options *options)
{
	static const char *const lengths[] = {
		[PROGRAM_LENGTH_BEST] = "flags",
		[PROGRAM_LENGTH_HELPER] = "helper",
		[PROGRAM_LENGTH_BUFFER] = "buffer",
	};
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);
	struct program program;
	char name[96];
	int ret;

	snprintf(name, sizeof(name), "%s, policy %s, %s trace, frame length by %s",
		 options->link == IPF_LINK_IP ? "IP" : "Ethernet",
		 options->policy == IPF_DROP ? "deny" : "allow", options->trace ? "with" : "no",
		 lengths[options->length]);
	if (options->length == PROGRAM_LENGTH_HELPER && !kernel_has_multi_buffer()) {
		tap_skip("this kernel has no such helper (5.18)", "%s: loads", name);
		return;
	}
	if (options->length == PROGRAM_LENGTH_BEST && !frame_flags_readable()) {
		tap_skip("this kernel shows no such flags (6.2)", "%s: loads", name);
		return;
	}
	ret = program_open(&program, path, options);
	if (!tap_ok(!ret, "%s: loads", name)) {
		tap_note("  %s", strerror(-ret));
		program_close(&program);
		return;
	}
	if (bpf_obj_get_info_by_fd(program.fd, &info, &size))
		tap_bail("no information about the program");
	if (info.verified_insns)
		tap_ok(info.verified_insns <= VERIFIED_AT_MOST,
		       "%s: %u instructions verified, %d at most", name, info.verified_insns,
		       VERIFIED_AT_MOST);
	else
		tap_skip("this kernel does not report it (5.16)", "%s: instructions verified",
			 name);
	tap_note("  %u instructions, %u bytes of machine code",
		 (unsigned int)(info.xlated_prog_len / sizeof(struct bpf_insn)),
		 info.jited_prog_len);
	tap_ok(info.type == BPF_PROG_TYPE_XDP && !strcmp(info.name, IPF_PROGRAM_NAME),
	       "%s: is XDP '%s'", name, info.name);
	tap_ok(info.gpl_compatible && info.btf_id, "%s: GPL, with BTF", name);
	if (!tap_ok(works(&program), "%s: drops, passes and counts", name))
		tap_note("  %s", why);
	program_close(&program);
}

static void test_maps(const char *path)
{
	static const struct {
		const char *name;
		__u32 type, value_size, max_entries, flags;
	} wanted[] = {
		{ IPF_MAP_ROOT, BPF_MAP_TYPE_ARRAY, sizeof(struct ipf_root), 1, BPF_F_MMAPABLE },
		{ IPF_MAP_HEAD, BPF_MAP_TYPE_ARRAY, 2 * IPF_HEAD_SIZE, 1, BPF_F_MMAPABLE },
		{ IPF_MAP_SLOTS, BPF_MAP_TYPE_ARRAY, sizeof(struct ipf_slots), 1, BPF_F_MMAPABLE },
		{ IPF_MAP_BARRIER, BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(__u32), 1, 0 },
		{ IPF_MAP_CHUNKS, BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(__u32), 2 * IPF_HALF_CHUNKS,
		  0 },
		{ IPF_MAP_TOTALS, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct ipf_total_counter),
		  IPF_TOTALS, 0 },
		{ IPF_MAP_EVENTS, BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(__u32), 1, 0 },
		{ IPF_MAP_FIRST_COUNTERS, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct ipf_counter),
		  IPF_FIRST_COUNTERS, 0 },
		{ IPF_MAP_RULE_COUNTERS, BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(__u32),
		  IPF_COUNTER_BLOCKS, 0 },
		{ IPF_CONFIG_SECTION, BPF_MAP_TYPE_ARRAY, sizeof(struct ipf_config), 1,
		  BPF_F_MMAPABLE | BPF_F_RDONLY_PROG },
	};
	struct program program;

	if (program_open(&program, path, &(struct program_options){ 0 }))
		tap_bail("%s cannot be loaded", path);
	for (size_t i = 0; i < COUNT(wanted); i++) {
		int fd = bpf_object__find_map_fd_by_name(program.object, wanted[i].name);
		struct bpf_map_info info = { 0 };
		__u32 size = sizeof(info);
		bool ok = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size);

		tap_ok(ok && !strcmp(info.name, wanted[i].name) && info.type == wanted[i].type &&
			       info.key_size == sizeof(__u32) &&
			       info.value_size == wanted[i].value_size &&
			       info.max_entries == wanted[i].max_entries &&
			       info.map_flags == wanted[i].flags,
		       "map %s: type %u, %u entries of %u bytes, flags %#x", wanted[i].name,
		       info.type, info.max_entries, info.value_size, info.map_flags);
	}
	program_close(&program);
}

/* The number of libbpf's __uint(): the length of the array that the member points to. */
static bool member_number(const struct btf *btf, const struct btf_type *type, const char *name,
			  __u32 *number)
{
	const struct btf_member *member = btf_members(type);

	for (int i = 0; i < btf_vlen(type); i++, member++) {
		const struct btf_type *pointer = btf__type_by_id(btf, member->type);
		const struct btf_type *array;

		if (strcmp(btf__name_by_offset(btf, member->name_off), name) ||
		    !btf_is_ptr(pointer))
			continue;
		array = btf__type_by_id(btf, pointer->type);
		if (!btf_is_array(array))
			return false;
		*number = btf_array(array)->nelems;
		return true;
	}
	return false;
}

/* libxdp reads the variable _NAME in the BTF section .xdp_run_config: priority and actions. */
static const struct btf_type *run_config(const struct btf *btf)
{
	__s32 section_id = btf__find_by_name_kind(btf, ".xdp_run_config", BTF_KIND_DATASEC);
	const struct btf_type *section = section_id > 0 ? btf__type_by_id(btf, (__u32)section_id) :
							  NULL;
	const struct btf_var_secinfo *entry = section ? btf_var_secinfos(section) : NULL;

	for (int i = 0; section && i < btf_vlen(section); i++, entry++) {
		const struct btf_type *variable = btf__type_by_id(btf, entry->type);

		if (!strcmp(btf__name_by_offset(btf, variable->name_off), "_" IPF_PROGRAM_NAME))
			return btf__type_by_id(btf, variable->type);
	}
	return NULL;
}

static void test_object(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program, *only = NULL;
	const struct btf_type *config;
	unsigned int programs = 0;
	__u32 number = 0;
	struct btf *btf;

	if (!object)
		tap_bail("%s: %s", path, strerror(errno));
	bpf_object__for_each_program(program, object)
	{
		only = program;
		programs++;
	}
	tap_ok(programs == 1 && !strcmp(bpf_program__name(only), IPF_PROGRAM_NAME),
	       "the object has one program, " IPF_PROGRAM_NAME);
	tap_ok(!strcmp(bpf_program__section_name(only), IPF_SECTION),
	       "its section is " IPF_SECTION);

	btf = bpf_object__btf(object);
	config = btf ? run_config(btf) : NULL;
	tap_ok(config && btf_is_struct(config), "the object has a run configuration for libxdp");
	if (config) {
		tap_ok(member_number(btf, config, "priority", &number) && number == IPF_PRIORITY,
		       "its priority is %d", IPF_PRIORITY);
		tap_ok(member_number(btf, config, "XDP_PASS", &number) && number == 1,
		       "the chain goes on after XDP_PASS");
		tap_ok(btf_vlen(config) == 2, "and after nothing else");
	}
	bpf_object__close(object);
}

int main(int argc, char **argv)
{
	const char *unavailable = program_unavailable();
	const char *path = program_object_path(argc, argv);

	if (unavailable)
		return tap_skip_all(unavailable);
	test_object(path);
	test_maps(path);
	for (unsigned int variant = 0; variant < 3 * 8; variant++)
		test_variant(path, &(struct program_options){
					   .policy = variant & 1,
					   .trace = variant & 2,
					   .link = variant & 4 ? IPF_LINK_IP : IPF_LINK_ETHERNET,
					   .length = variant / 8,
				   });
	return tap_done();
}
