// SPDX-License-Identifier: GPL-2.0
/*
 * How is a program made that only returns a verdict?
 */
#include <dataplane/stub.h>

#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* The kernel compares only the signature with that of the replaced function. */
static struct btf *make_btf(const char *name, int *function)
{
	struct btf *btf = btf__new_empty();
	int number, context, pointer, prototype;

	if (!btf)
		return NULL;
	number = btf__add_int(btf, "int", sizeof(int), BTF_INT_SIGNED);
	context = btf__add_struct(btf, "xdp_md", sizeof(struct xdp_md));
	pointer = btf__add_ptr(btf, context);
	prototype = btf__add_func_proto(btf, number);
	if (btf__add_func_param(btf, "ctx", pointer) ||
	    (*function = btf__add_func(btf, name, BTF_FUNC_GLOBAL, prototype)) < 0 ||
	    btf__load_into_kernel(btf)) {
		int error = errno;

		btf__free(btf);
		errno = error;
		return NULL;
	}
	return btf;
}

int stub_load(const struct stub *stub, int *function)
{
	const struct bpf_insn instructions[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = stub->verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_func_info function_info = {};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .func_info = &function_info, .func_info_cnt = 1,
		    .func_info_rec_size = sizeof(function_info));
	int own_function;
	struct btf *btf = make_btf(stub->name, &own_function);
	int program;

	if (!btf)
		return -errno;
	function_info.type_id = (__u32)own_function;
	options.prog_btf_fd = (__u32)btf__fd(btf);
	if (stub->type == BPF_PROG_TYPE_EXT) {
		options.attach_prog_fd = (__u32)stub->target;
		options.attach_btf_id = (__u32)stub->target_function;
	}
	program = bpf_prog_load(stub->type, stub->name, "GPL", instructions,
				sizeof(instructions) / sizeof(instructions[0]), &options);
	if (program < 0)
		program = -errno;
	btf__free(btf);
	if (function)
		*function = own_function;
	return program;
}
