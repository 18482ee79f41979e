// SPDX-License-Identifier: GPL-2.0
/*
 * Opens BPF objects; see object.h.
 */
#include "object.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "fail.h"

struct bpf_object *object_open(const char *name)
{
	char self[PATH_MAX] = "", path[PATH_MAX + 64];
	struct bpf_object *object;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		fail("no path of this program: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/%s", dirname(self), name);
	object = bpf_object__open_file(path, NULL);
	if (!object)
		fail("%s: %s", path, strerror(errno));
	return object;
}

struct bpf_program *object_choose(struct bpf_object *object, const char *name)
{
	struct bpf_program *program, *chosen = NULL;

	bpf_object__for_each_program(program, object)
	{
		bool wanted = !strcmp(bpf_program__name(program), name);

		bpf_program__set_autoload(program, wanted);
		if (wanted)
			chosen = program;
	}
	if (!chosen)
		fail("%s: no such program in the object", name);
	return chosen;
}

void object_constant(struct bpf_object *object, const void *value, size_t size)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		size_t room;
		void *bytes;

		if (!strstr(bpf_map__name(map), ".rodata"))
			continue;
		bytes = (void *)bpf_map__initial_value(map, &room);
		if (!bytes || size > room)
			break;
		memcpy(bytes, value, size);
		return;
	}
	fail("the object has no constant of %zu bytes", size);
}

int object_map(struct bpf_object *object, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	must(fd < 0 ? fd : 0, name);
	return fd;
}
