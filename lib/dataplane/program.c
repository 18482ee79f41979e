// SPDX-License-Identifier: GPL-2.0
/*
 * How does the embedded object become a program?
 */
#include <dataplane/program.h>

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <dataplane/capability.h>
#include <dataplane/frame_flags.h>
#include <dataplane/kernel.h>
#include <dataplane/libbpf_log.h>
#include <util/auto.h>
#include <util/error.h>

extern const char xdp_ipfilter_object[], xdp_ipfilter_object_end[];

/* The section's name makes libbpf ask the kernel for multi-buffer frames, which fails if the kernel
 * has none. Our own handler for that section asks for nothing. */
static void open_without_multi_buffer(void)
{
	static int handler;

	if (!handler)
		handler =
			libbpf_register_prog_handler(IPF_SECTION, BPF_PROG_TYPE_XDP, BPF_XDP, NULL);
}

static int reuse_maps(struct bpf_object *object, struct bpf_object *maps)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		struct bpf_map *twin = bpf_object__find_map_by_name(maps, bpf_map__name(map));
		int ret;

		/* Read-only data is frozen with its content, and small: each object has its own. */
		if (bpf_map__map_flags(map) & BPF_F_RDONLY_PROG)
			continue;
		ret = twin ? bpf_map__reuse_fd(map, bpf_map__fd(twin)) : -ENOENT;
		if (ret)
			return ret;
	}
	return 0;
}

/* Done here, because libbpf would write all of its zeros once more. */
static int make_head(struct bpf_object *object)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	struct bpf_map *map = bpf_object__find_map_by_name(object, IPF_MAP_HEAD);
	auto_fd int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, IPF_MAP_HEAD, sizeof(__u32),
					2 * IPF_HEAD_SIZE, 1, &options);

	if (fd < 0)
		return -errno;
	return map ? bpf_map__reuse_fd(map, fd) : -ENOENT;
}

/* Lets the program learn the length of frames in the best way that the kernel has. */
static int choose_frame_length(struct bpf_object *object, struct ipf_config *config)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, IPF_PROGRAM_NAME);

	config->frame_length = kernel_has_multi_buffer() ? IPF_LENGTH_HELPER : IPF_LENGTH_BUFFER;
	if (config->frame_length == IPF_LENGTH_BUFFER || !frame_flags_readable())
		return 0;
	config->frame_length = IPF_LENGTH_FLAGS;
	return program ? frame_flags_enable(program) : -ENOENT;
}

/* Where rules are never counted, there is nothing to count them in. */
static int limit_counters(struct bpf_object *object, const struct ipf_config *config)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, IPF_MAP_FIRST_COUNTERS);

	if (!map)
		return -ENOENT;
	return config->counting == IPF_COUNT_NEVER ? bpf_map__set_max_entries(map, 1) : 0;
}

static int configure(struct bpf_object *object, const struct ipf_config *config)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, IPF_CONFIG_SECTION);
	struct ipf_config effective = *config;
	int ret = choose_frame_length(object, &effective);

	if (!ret)
		ret = limit_counters(object, config);
	if (ret)
		return ret;
	return map ? bpf_map__set_initial_value(map, &effective, sizeof(effective)) : -ENOENT;
}

int program_not_permitted(struct error *err)
{
	return error_prefix(err, capability_refused(err),
			    "the kernel does not let us load the program");
}

int program_open(const struct ipf_config *config, struct bpf_object *maps, struct bpf_object **out,
		 struct error *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = IPF_PROGRAM_NAME);
	struct bpf_object *object;
	int ret;

	libbpf_log_clear();
	if (!kernel_has_multi_buffer())
		open_without_multi_buffer();
	object = bpf_object__open_mem(xdp_ipfilter_object,
				      (size_t)(xdp_ipfilter_object_end - xdp_ipfilter_object),
				      &options);
	if (!object) {
		ret = -errno;
		return error_set(err, ret, "cannot open the embedded BPF object: %s (%s)",
				 kernel_strerror(ret), libbpf_log_last());
	}
	ret = configure(object, config);
	if (!ret)
		ret = maps ? reuse_maps(object, maps) : make_head(object);
	if (ret) {
		bpf_object__close(object);
		if (capability_explains(ret))
			return program_not_permitted(err);
		return error_set(err, ret, "cannot set up the embedded BPF object: %s",
				 kernel_strerror(ret));
	}
	*out = object;
	return 0;
}
