// SPDX-License-Identifier: GPL-2.0
/*
 * What are libxdp's dispatchers like, the installed library's and those of other versions?
 */
#include <dataplane/dispatcher.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>
#include <xdp/prog_dispatcher.h>

#include <util/auto.h>

/* How the map begins in versions 2 and 3. In version 3, whether it is bound to a device follows. */
struct layout {
	__u8 magic;
	__u8 version;
	__u8 program_count;
	__u8 frags;
	__u32 chain_call_actions[DISPATCHER_MAX];
	__u32 priorities[DISPATCHER_MAX];
	__u32 program_flags[DISPATCHER_MAX];
};

/* How it is laid out in version 1. */
struct layout_1 {
	__u8 program_count;
	__u32 chain_call_actions[DISPATCHER_MAX];
	__u32 priorities[DISPATCHER_MAX];
};

#define LAYOUT_IS_THAT_OF_THE_HEADER(ours, theirs)                             \
	_Static_assert(offsetof(struct layout, ours) ==                        \
			       offsetof(struct xdp_dispatcher_config, theirs), \
		       "libxdp's header moved " #theirs)

LAYOUT_IS_THAT_OF_THE_HEADER(version, dispatcher_version);
LAYOUT_IS_THAT_OF_THE_HEADER(program_count, num_progs_enabled);
LAYOUT_IS_THAT_OF_THE_HEADER(chain_call_actions, chain_call_actions);
LAYOUT_IS_THAT_OF_THE_HEADER(priorities, run_prios);
LAYOUT_IS_THAT_OF_THE_HEADER(program_flags, program_flags);
_Static_assert(DISPATCHER_MAX == MAX_DISPATCHER_ACTIONS,
	       "libxdp's dispatcher has room for more or fewer components");

/* -- What a dispatcher was built for ----------------------------------------------------------- */

/* The value of the map, with room for a whole struct layout. NULL: it cannot be read. */
static __u8 *read_value(__u32 map_id)
{
	auto_fd int fd = bpf_map_get_fd_by_id(map_id);
	struct bpf_map_info info = {};
	__u8 *bytes;
	__u32 size = sizeof(info);
	const __u32 only = 0;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) || info.key_size != sizeof(only))
		return NULL;
	size = sizeof(struct layout);
	bytes = calloc(1, info.value_size > size ? info.value_size : size);
	if (bytes && bpf_map_lookup_elem(fd, &only, bytes)) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

static void read_layout_1(const __u8 *bytes, struct dispatcher_config *out)
{
	struct layout_1 layout;

	memcpy(&layout, bytes, sizeof(layout));
	out->version = 1;
	out->count = layout.program_count;
	memcpy(out->chain_call_actions, layout.chain_call_actions, sizeof(out->chain_call_actions));
	memcpy(out->priorities, layout.priorities, sizeof(out->priorities));
}

static void read_layout(const __u8 *bytes, struct dispatcher_config *out)
{
	struct layout layout;

	memcpy(&layout, bytes, sizeof(layout));
	out->version = layout.version;
	out->count = layout.program_count;
	memcpy(out->chain_call_actions, layout.chain_call_actions, sizeof(out->chain_call_actions));
	memcpy(out->priorities, layout.priorities, sizeof(out->priorities));
	memcpy(out->program_flags, layout.program_flags, sizeof(out->program_flags));
}

void dispatcher_read_config(__u32 map_id, struct dispatcher_config *out)
{
	auto_free __u8 *bytes = read_value(map_id);

	memset(out, 0, sizeof(*out));
	if (bytes && bytes[0] == XDP_DISPATCHER_MAGIC)
		read_layout(bytes, out);
	else if (bytes)
		read_layout_1(bytes, out);
}

/* -- What the libxdp here makes ---------------------------------------------------------------- */

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

/* libxdp has no call that returns its version, but it finds its dispatcher for any caller, and the
 * BTF of that object has the version. Returns 0 if libxdp finds no dispatcher and therefore cannot
 * load one. */
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

/* -- Its functions ----------------------------------------------------------------------------- */

/* A component replaces one function of the dispatcher: prog0 for position 1, and so on. libxdp lets
 * the only component of a chain replace the whole dispatcher. */
int dispatcher_function(const struct btf *btf, unsigned int count, unsigned int position)
{
	char name[sizeof(DISPATCHER_NAME)] = DISPATCHER_NAME;

	if (count != 1)
		snprintf(name, sizeof(name), "prog%u", position - 1);
	return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
}

unsigned int dispatcher_position(const struct btf *btf, __u32 function_id)
{
	const struct btf_type *type = btf ? btf__type_by_id(btf, function_id) : NULL;
	const char *name = type ? btf__name_by_offset(btf, type->name_off) : NULL;
	unsigned int index;

	if (name && sscanf(name, "prog%u", &index) == 1 && index < DISPATCHER_MAX)
		return index + 1;
	return 1;
}
