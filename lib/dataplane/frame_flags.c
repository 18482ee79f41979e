// SPDX-License-Identifier: GPL-2.0
/*
 * How does the program read the flags that the kernel keeps of a frame (IPF_LENGTH_FLAGS)?
 */
#include <dataplane/frame_flags.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <ipfilter/abi.h>
#include <util/auto.h>

#define CAST_FUNCTION "bpf_cast_to_kern_ctx"
#define FRAME_TYPE "xdp_buff"
#define FLAGS_MEMBER "flags"

/* Where things are in the running kernel. */
static struct {
	bool looked_for, found;
	__s32 function; /* id of CAST_FUNCTION in the kernel's BTF */
	__s16 offset;   /* of the flags in the struct, in bytes */
} kernel;

/* -- What the kernel's BTF says ---------------------------------------------------------------- */

/* The offset in bits of the flags, which may be in a struct or union without a name. -1: none. */
static long find_member(const struct btf *btf, __s32 type_id, unsigned int depth)
{
	const struct btf_type *type = btf__type_by_id(btf, (__u32)type_id);

	if (!type || !btf_is_composite(type) || depth > 2)
		return -1;
	for (__u32 i = 0; i < btf_vlen(type); i++) {
		const struct btf_member *member = &btf_members(type)[i];
		const char *name = btf__name_by_offset(btf, member->name_off);
		long inner;

		if (!strcmp(name, FLAGS_MEMBER))
			return btf__resolve_size(btf, member->type) == sizeof(__u32) ?
				       (long)btf_member_bit_offset(type, i) :
				       -1;
		inner = *name ? -1 : find_member(btf, (__s32)member->type, depth + 1);
		if (inner >= 0)
			return inner + (long)btf_member_bit_offset(type, i);
	}
	return -1;
}

static bool read_btf(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	long bits = -1;

	if (!btf)
		return false;
	kernel.function = btf__find_by_name_kind(btf, CAST_FUNCTION, BTF_KIND_FUNC);
	if (kernel.function > 0)
		bits = find_member(btf, btf__find_by_name_kind(btf, FRAME_TYPE, BTF_KIND_STRUCT),
				   0);
	btf__free(btf);
	if (bits < 0 || bits % 8 || bits / 8 > INT16_MAX)
		return false;
	kernel.offset = (__s16)(bits / 8);
	return true;
}

/* -- The instructions -------------------------------------------------------------------------- */

/* r0 = flags of the frame whose context is in r1. */
static void write_instructions(struct bpf_insn *out)
{
	out[0] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL,
				    .src_reg = BPF_PSEUDO_KFUNC_CALL,
				    .imm = kernel.function };
	out[1] = (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_W,
				    .dst_reg = BPF_REG_0,
				    .src_reg = BPF_REG_0,
				    .off = kernel.offset };
}

static bool loads(void)
{
	struct bpf_insn program[4] = {
		[2] = { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
		[3] = { .code = BPF_JMP | BPF_EXIT },
	};
	int fd;

	write_instructions(program);
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "ipf_probe", "GPL", program, 4, NULL);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

bool frame_flags_readable(void)
{
	if (!kernel.looked_for)
		kernel.found = read_btf() && loads();
	kernel.looked_for = true;
	return kernel.found;
}

static bool is_place(const struct bpf_insn *at)
{
	return at->code == (BPF_ALU64 | BPF_MOV | BPF_K) && at->dst_reg == BPF_REG_0 &&
	       at->imm == IPF_CAST_CALL;
}

int frame_flags_enable(struct bpf_program *program)
{
	size_t count = bpf_program__insn_cnt(program), places = 0;
	auto_free struct bpf_insn *changed = malloc(count * sizeof(*changed));

	assert(kernel.found);
	if (!changed)
		return -ENOMEM;
	memcpy(changed, bpf_program__insns(program), count * sizeof(*changed));
	for (size_t i = 0; i + 1 < count; i++) {
		if (!is_place(&changed[i]))
			continue;
		write_instructions(&changed[i]);
		places++;
	}
	/* As many as before, so that relocations still find theirs. */
	return places ? bpf_program__set_insns(program, changed, count) : -ENOENT;
}
