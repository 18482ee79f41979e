// SPDX-License-Identifier: GPL-2.0
/*
 * Runs programs on sources; see driver.h.
 */
#include "driver.h"

#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "clock.h"
#include "fail.h"
#include "frame.h"
#include "object.h"
#include "sources.h"

struct driver {
	const char *name;
	int program_fd;
	const struct sources *sources;
	struct bpf_object *object;
	int drive_fd;
	volatile struct source_state *state;
};

/* What the kernel compares before it lets one program call another. It does not report these. */
static const struct shape {
	__u32 flags;
	enum bpf_attach_type attach_type;
} shapes[] = {
	{ BPF_F_XDP_HAS_FRAGS, BPF_XDP },
	{ 0, BPF_XDP },
	{ BPF_F_XDP_HAS_FRAGS, 0 },
	{ 0, 0 },
};

static bool load_in_shape(struct driver *driver, const struct shape *shape)
{
	__u8 ipv6 = sources_family(driver->sources) == FAMILY_IPV6;
	struct bpf_program *program;
	__u32 only = 0;
	int ret;

	driver->object = object_open("driver.bpf.o");
	program = object_choose(driver->object, "drive");
	object_constant(driver->object, &ipv6, sizeof(ipv6));
	must(bpf_program__set_flags(program, shape->flags), "flags of the driver");
	must(bpf_program__set_expected_attach_type(program, shape->attach_type),
	     "attach type of the driver");
	sources_give(driver->sources, driver->object);
	must(bpf_object__load(driver->object), "loading the driver");
	driver->drive_fd = bpf_program__fd(program);
	if (!bpf_map_update_elem(object_map(driver->object, "driver_target"), &only,
				 &driver->program_fd, BPF_ANY))
		return true;
	ret = -errno;
	bpf_object__close(driver->object);
	driver->object = NULL;
	if (ret != -EINVAL)
		must(ret, driver->name);
	return false;
}

struct driver *driver_new(int program_fd, const char *name, const struct sources *sources)
{
	struct driver *driver = calloc(1, sizeof(*driver));

	if (!driver)
		fail("no memory");
	*driver = (struct driver){ .name = name, .program_fd = program_fd, .sources = sources };
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (load_in_shape(driver, &shapes[i])) {
			driver->state = sources_map_state(driver->object);
			return driver;
		}
	}
	fail("%s: no driver can call this program", name);
}

void driver_free(struct driver *driver)
{
	sources_unmap_state(driver->state);
	bpf_object__close(driver->object);
	free(driver);
}

static double run(struct driver *driver, int fd, __u32 frames, __u32 *action)
{
	__u8 frame[FRAME_SIZE];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)frames);
	double from;

	sources_frame(driver->sources, frame);
	from = cpu_ns();
	must(bpf_prog_test_run_opts(fd, &options), driver->name);
	*action = options.retval;
	return (cpu_ns() - from) / (double)frames;
}

double driver_run_one(struct driver *driver, __u32 frames, __u32 *action)
{
	return run(driver, driver->program_fd, frames, action);
}

double driver_run_many(struct driver *driver, __u32 active, __u32 frames, __u32 *action)
{
	driver->state->position = 0;
	driver->state->mask = active - 1;
	return run(driver, driver->drive_fd, frames, action);
}

__u32 driver_action(struct driver *driver, __u32 at)
{
	__u32 action;

	driver->state->position = at;
	driver->state->mask = SOURCES - 1;
	run(driver, driver->drive_fd, 1, &action);
	return action;
}
