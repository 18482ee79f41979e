// SPDX-License-Identifier: GPL-2.0
/*
 * What is libxdp's dispatcher like, that of the library that runs and those of others?
 *
 * libxdp has no call that tells its version, but it finds its dispatcher for everybody, and the version
 * stands in that object's BTF.
 */
#include <dataplane/dispatcher.h>

#include <stddef.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>
#include <xdp/prog_dispatcher.h>

#define LAYOUT_IS_THAT_OF_THE_HEADER(ours, theirs)                             \
	_Static_assert(offsetof(struct dispatcher_config, ours) ==             \
			       offsetof(struct xdp_dispatcher_config, theirs), \
		       "libxdp's header moved " #theirs)

LAYOUT_IS_THAT_OF_THE_HEADER(version, dispatcher_version);
LAYOUT_IS_THAT_OF_THE_HEADER(program_count, num_progs_enabled);
LAYOUT_IS_THAT_OF_THE_HEADER(chain_call_actions, chain_call_actions);
LAYOUT_IS_THAT_OF_THE_HEADER(priorities, run_prios);
LAYOUT_IS_THAT_OF_THE_HEADER(program_flags, program_flags);
_Static_assert(DISPATCHER_PLACES == MAX_DISPATCHER_ACTIONS, "libxdp's dispatcher has other places");

/* Numbers in BTF are lengths of arrays: int (*dispatcher_version)[N]. */
static unsigned int number_in_btf(const struct btf *btf, const char *name)
{
	__s32 id = btf ? btf__find_by_name_kind(btf, name, BTF_KIND_VAR) : -1;
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);

	type = type ? btf__type_by_id(btf, type->type) : NULL;
	if (!type || !btf_is_ptr(type))
		return 0;
	type = btf__type_by_id(btf, type->type);
	return type && btf_is_array(type) ? btf_array(type)->nelems : 0;
}

/* 0 where libxdp does not find its dispatcher, and so can load none. */
static unsigned int read_version(void)
{
	struct xdp_program *program = xdp_program__find_file("xdp-dispatcher.o", NULL, NULL);
	unsigned int version;

	if (libxdp_get_error(program))
		return 0;
	version =
		number_in_btf(bpf_object__btf(xdp_program__bpf_obj(program)), "dispatcher_version");
	xdp_program__close(program);
	return version;
}

unsigned int dispatcher_version_made(void)
{
	static unsigned int version;

	if (!version)
		version = read_version();
	return version ? version : XDP_DISPATCHER_VERSION;
}
