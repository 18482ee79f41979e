// SPDX-License-Identifier: GPL-2.0
/*
 * How is a loaded filter reached: its configuration and its maps?
 */
#include <dataplane/filter.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <dataplane/kernel.h>
#include <dataplane/map.h>
#include <dataplane/program_info.h>
#include <util/auto.h>
#include <util/error.h>

/* Our program has eleven maps; that of another build may have a few more. */
#define MAX_MAPS 16

/* Keys and values must have the sizes of abi.h, or later reads and writes would overrun. */
static bool fits(const struct bpf_map_info *map, __u32 value_size)
{
	return map->key_size == sizeof(__u32) && map->value_size == value_size;
}

static int find_config(const struct bpf_prog_info *info, const __u32 *map_ids)
{
	for (__u32 i = 0; i < info->nr_map_ids; i++) {
		struct bpf_map_info map;
		auto_fd int fd = map_open(map_ids[i], &map);

		if (fd < 0)
			return fd;
		if (!strcmp(map.name, IPF_CONFIG_SECTION))
			return fits(&map, sizeof(struct ipf_config)) ? auto_take_fd(&fd) : -EPROTO;
	}
	return -ENOENT;
}

static int read_config(const struct bpf_prog_info *info, const __u32 *map_ids,
		       struct ipf_config *config)
{
	auto_fd int fd = find_config(info, map_ids);
	__u32 only = 0;

	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, &only, config))
		return -errno;
	return config->magic == IPF_MAGIC ? 0 : -ENOENT;
}

int filter_is_ours(int program_fd)
{
	struct bpf_prog_info info;
	struct ipf_config config;
	__u32 map_ids[MAX_MAPS];
	int ret = program_info(program_fd, map_ids, MAX_MAPS, &info);

	if (ret || strcmp(info.name, IPF_PROGRAM_NAME) != 0)
		return ret;
	ret = read_config(&info, map_ids, &config);
	/* A configuration of another size belongs to another version of xdp-ipfilter. */
	if (!ret || ret == -EPROTO)
		return 1;
	return ret == -ENOENT ? 0 : ret;
}

bool filter_exists(__u32 program_id)
{
	auto_fd int program = bpf_prog_get_fd_by_id(program_id);

	return program >= 0;
}

bool filter_was_loaded_at(int program_fd, const struct ipf_location *location)
{
	struct bpf_prog_info info;
	struct ipf_config config;
	__u32 map_ids[MAX_MAPS];

	return location->netns_cookie && !program_info(program_fd, map_ids, MAX_MAPS, &info) &&
	       !strcmp(info.name, IPF_PROGRAM_NAME) && !read_config(&info, map_ids, &config) &&
	       !memcmp(&config.location, location, sizeof(*location));
}

static const struct {
	const char *name;
	__u32 value_size;
	__u32 oldest_size; /* in the oldest version that is read; 0: not read of an older one */
} maps[FILTER_MAPS] = {
	[FILTER_ROOT] = { IPF_MAP_ROOT, sizeof(struct ipf_root),
			  offsetof(struct ipf_root, looker) },
	[FILTER_HEAD] = { IPF_MAP_HEAD, 2 * IPF_HEAD_SIZE, 2 * IPF_HEAD_SIZE },
	[FILTER_SLOTS] = { IPF_MAP_SLOTS, sizeof(struct ipf_slots), sizeof(struct ipf_slots) },
	[FILTER_CHUNKS] = { IPF_MAP_CHUNKS, sizeof(__u32), sizeof(__u32) },
	[FILTER_FIRST] = { IPF_MAP_FIRST_COUNTERS, sizeof(struct ipf_counter), 0 },
	[FILTER_BLOCKS] = { IPF_MAP_RULE_COUNTERS, sizeof(__u32), 0 },
	[FILTER_BARRIER] = { IPF_MAP_BARRIER, sizeof(__u32), 0 },
	[FILTER_TOTALS] = { IPF_MAP_TOTALS, sizeof(struct ipf_total_counter), 0 },
	[FILTER_EVENTS] = { IPF_MAP_EVENTS, sizeof(__u32), 0 },
};
/* The root of an older version is shorter, and is mapped at the length of this one's. */
_Static_assert(sizeof(struct ipf_root) <= 4096, "any map that can be mapped has whole pages");

static bool is_older(const struct filter *filter)
{
	return filter->config.abi_version != IPF_ABI_VERSION;
}

static int take_map(const struct bpf_map_info *map, int *fd, struct filter *filter)
{
	for (size_t i = 0; i < FILTER_MAPS; i++) {
		if (strcmp(map->name, maps[i].name) != 0)
			continue;
		if (!is_older(filter) && !fits(map, maps[i].value_size))
			return -EPROTO;
		if (is_older(filter) && !maps[i].oldest_size)
			continue;
		if (is_older(filter) && map->value_size < maps[i].oldest_size)
			return -EPROTO;
		filter->maps[i] = auto_take_fd(fd);
	}
	return 0;
}

static bool has_maps(const struct filter *filter)
{
	for (size_t i = 0; i < FILTER_MAPS; i++)
		if (filter->maps[i] < 0 && (!is_older(filter) || maps[i].oldest_size))
			return false;
	return true;
}

static int open_maps(const struct bpf_prog_info *info, const __u32 *map_ids, struct filter *filter)
{
	int ret = 0;

	for (__u32 i = 0; i < info->nr_map_ids && !ret; i++) {
		struct bpf_map_info map;
		auto_fd int fd = map_open(map_ids[i], &map);

		ret = fd < 0 ? fd : take_map(&map, &fd, filter);
	}
	return ret || has_maps(filter) ? ret : -ENOENT;
}

struct filter filter_of_object(const struct bpf_object *object, const struct ipf_config *config)
{
	struct filter filter = { .config = *config };

	for (size_t i = 0; i < FILTER_MAPS; i++)
		filter.maps[i] = bpf_object__find_map_fd_by_name(object, maps[i].name);
	return filter;
}

struct ipf_root *filter_map_root(const struct filter *filter, int protection)
{
	void *root = mmap(NULL, sizeof(struct ipf_root), protection, MAP_SHARED,
			  filter->maps[FILTER_ROOT], 0);

	return root == MAP_FAILED ? NULL : root;
}

static int refuse_version(__u32 program_id, __u32 version, struct error *err)
{
	if (version >= IPF_ABI_OLDEST && version < IPF_ABI_VERSION)
		return error_set(err, -EPROTO,
				 "program %u was loaded by an older version of xdp-ipfilter; "
				 "'xdp-ipfilter repair' makes it one of this version, with its rules",
				 program_id);
	return error_set(err, -EPROTO,
			 "program %u was loaded by another version of xdp-ipfilter; unload it, "
			 "then load it with this one",
			 program_id);
}

/* `oldest` is the first of the versions that are opened, `newest` the last. */
static int open_version(__u32 program_id, __u32 oldest, __u32 newest, struct filter *out,
			struct error *err)
{
	auto_fd int program = bpf_prog_get_fd_by_id(program_id);
	struct filter filter = FILTER_CLOSED;
	struct bpf_prog_info info;
	__u32 map_ids[MAX_MAPS];
	int ret;

	if (program < 0) {
		ret = -errno;
		return error_set(err, ret, "program %u cannot be opened: %s", program_id,
				 kernel_strerror(ret));
	}
	ret = program_info(program, map_ids, MAX_MAPS, &info);
	if (ret)
		return error_set(err, ret, "program %u cannot be read: %s", program_id,
				 kernel_strerror(ret));
	filter.program_id = program_id;
	ret = read_config(&info, map_ids, &filter.config);
	if (ret == -EPROTO ||
	    (!ret && (filter.config.abi_version < oldest || filter.config.abi_version > newest)))
		return refuse_version(program_id, ret ? 0 : filter.config.abi_version, err);
	if (!ret)
		ret = open_maps(&info, map_ids, &filter);
	if (!ret)
		ret = enforcement_read(&filter, &filter.enforcement);
	if (ret) {
		filter_close(&filter);
		return error_set(err, ret, "program %u is not a complete xdp-ipfilter: %s",
				 program_id, kernel_strerror(ret));
	}
	*out = filter;
	return 0;
}

int filter_open(__u32 program_id, struct filter *out, struct error *err)
{
	return open_version(program_id, IPF_ABI_VERSION, IPF_ABI_VERSION, out, err);
}

int filter_open_older(__u32 program_id, struct filter *out, struct error *err)
{
	return open_version(program_id, IPF_ABI_OLDEST, IPF_ABI_VERSION - 1, out, err);
}

void filter_close(struct filter *filter)
{
	for (size_t i = 0; i < FILTER_MAPS; i++) {
		auto_release_fd(&filter->maps[i]);
		filter->maps[i] = -1;
	}
}
