// SPDX-License-Identifier: GPL-2.0
/*
 * Running programs on sources; see driver.h.
 */
#include "driver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "fail.h"
#include "frame.h"
#include "object.h"

enum { SOURCES_SIZE = SOURCES * 16 };

struct sources {
	enum family family;
	int fd;
	__u8 (*bytes)[16];
};

struct driver {
	const char *name;
	int program_fd;
	struct sources *sources;
	struct bpf_object *object;
	int drive_fd;
	volatile struct source_state *state;
};

struct sources *sources_new(enum family family)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	struct sources *sources = calloc(1, sizeof(*sources));

	if (!sources)
		fail("no memory");
	sources->family = family;
	sources->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "driver_sources", sizeof(__u32), 16,
				     SOURCES, &options);
	must(sources->fd < 0 ? -errno : 0, "a map for the sources");
	sources->bytes =
		mmap(NULL, SOURCES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, sources->fd, 0);
	must(sources->bytes == MAP_FAILED ? -errno : 0, "mapping the sources");
	return sources;
}

void sources_free(struct sources *sources)
{
	munmap(sources->bytes, SOURCES_SIZE);
	close(sources->fd);
	free(sources);
}

__u8 (*sources_bytes(struct sources *sources))[16]
{
	return sources->bytes;
}

/* What the kernel compares before it lets one program call another, and does not tell. */
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
	__u8 ipv6 = driver->sources->family == FAMILY_IPV6;
	struct bpf_program *program;
	__u32 only = 0;
	int ret;

	driver->object = object_open("driver.bpf.o");
	program = object_choose(driver->object, "drive");
	object_constant(driver->object, &ipv6, sizeof(ipv6));
	must(bpf_program__set_flags(program, shape->flags), "flags of the driver");
	must(bpf_program__set_expected_attach_type(program, shape->attach_type),
	     "attach type of the driver");
	must(bpf_map__reuse_fd(bpf_object__find_map_by_name(driver->object, "driver_sources"),
			       driver->sources->fd),
	     "sources of the driver");
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

/* The driver's variables: the kernel keeps them in an array map. */
static volatile struct source_state *map_state(struct bpf_object *object)
{
	struct bpf_map *map;
	void *state;

	bpf_object__for_each_map(map, object)
	{
		if (!strstr(bpf_map__name(map), ".bss"))
			continue;
		state = mmap(NULL, sizeof(struct source_state), PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(map), 0);
		must(state == MAP_FAILED ? -errno : 0, "mapping the driver's variables");
		return state;
	}
	fail("the driver has no variables");
}

struct driver *driver_new(int program_fd, const char *name, struct sources *sources)
{
	struct driver *driver = calloc(1, sizeof(*driver));

	if (!driver)
		fail("no memory");
	*driver = (struct driver){ .name = name, .program_fd = program_fd, .sources = sources };
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (load_in_shape(driver, &shapes[i])) {
			driver->state = map_state(driver->object);
			return driver;
		}
	}
	fail("%s: no driver can call this program", name);
}

void driver_free(struct driver *driver)
{
	munmap((void *)driver->state, sizeof(*driver->state));
	bpf_object__close(driver->object);
	free(driver);
}

static void build_frame(const struct driver *driver, __u8 frame[FRAME_SIZE])
{
	bool ipv4 = driver->sources->family == FAMILY_IPV4;
	__be16 ethertype = htons(ipv4 ? ETH_P_IP : ETH_P_IPV6);
	__u8 udp = FRAME_IP + (ipv4 ? 20 : 40);

	memset(frame, 0, FRAME_SIZE);
	frame[0] = frame[6] = 2; /* locally administered */
	memcpy(frame + 12, &ethertype, sizeof(ethertype));
	frame[FRAME_IP] = ipv4 ? 0x45 : 0x60;
	if (ipv4) {
		frame[FRAME_IP + 3] = FRAME_SIZE - FRAME_IP;
		frame[FRAME_IP + 9] = 17;
		memcpy(frame + FRAME_IPV4_SOURCE, driver->sources->bytes[0], 4);
	} else {
		frame[FRAME_IP + 5] = (__u8)(FRAME_SIZE - udp);
		frame[FRAME_IP + 6] = 17;
		memcpy(frame + FRAME_IPV6_SOURCE, driver->sources->bytes[0], 16);
	}
	frame[udp + 5] = (__u8)(FRAME_SIZE - udp); /* its length: xdp-filter wants one */
}

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double run(struct driver *driver, int fd, __u32 frames, __u32 *action)
{
	__u8 frame[FRAME_SIZE];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)frames);
	double from;

	build_frame(driver, frame);
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
