/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a chain become whole that lost components?
 *
 * Whatever kills this in the middle leaves a chain that the next call goes on with: each step is
 * done only where its result is not there yet.
 */
#include <dataplane/mend.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>
#include <xdp/prog_dispatcher.h>

#include <dataplane/bpffs.h>
#include <dataplane/filter.h>
#include <dataplane/kernel.h>
#include <dataplane/libbpf_log.h>
#include <dataplane/stub.h>
#include <util/cleanup.h>
#include <util/error.h>
#include <util/log.h>

#define DISPATCHER_FUNCTION "xdp_dispatcher"

#define PIN_PATH_SIZE 96

/* A broken dispatcher, opened. */
struct patient {
	const struct netdev *dev;
	const struct chain *chain;
	struct btf *btf;
	int program;
};

/* -- Pins -------------------------------------------------------------------------------------- */

static void pin_folder(const struct netdev *dev, const struct chain *chain, char *path)
{
	snprintf(path, PIN_PATH_SIZE, CHAIN_PINS_PATH "/dispatch-%u-%u", dev->ifindex,
		 chain->main_id);
}

static void pin_path(const struct netdev *dev, const struct chain *chain, unsigned int slot,
		     const char *what, char *path)
{
	snprintf(path, PIN_PATH_SIZE, CHAIN_PINS_PATH "/dispatch-%u-%u/prog%u-%s", dev->ifindex,
		 chain->main_id, slot, what);
}

static int open_pinned_program(const struct netdev *dev, const struct chain *chain,
			       unsigned int slot)
{
	char path[PIN_PATH_SIZE];
	int fd;

	pin_path(dev, chain, slot, "prog", path);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

/* As libxdp does while it works on pins: by flock(2) on their folder. */
static int lock_pins(struct error *err)
{
	auto_fd int fd = -1;
	int ret;

	if (mkdir(CHAIN_PINS_PATH, 0700) && errno != EEXIST)
		goto fail;
	fd = open(CHAIN_PINS_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && !flock(fd, LOCK_EX))
		return fd_take(&fd);
fail:
	ret = -errno;
	return error_set(err, ret, "cannot lock " CHAIN_PINS_PATH ": %s", kernel_strerror(ret));
}

static int pin_fd(const struct patient *patient, unsigned int slot, const char *what, int fd)
{
	char path[PIN_PATH_SIZE];

	pin_path(patient->dev, patient->chain, slot, what, path);
	if (!bpf_obj_pin(fd, path) || errno == EEXIST)
		return 0;
	return -errno;
}

static int pin_component(const struct patient *patient, unsigned int slot, int link, int program)
{
	char folder[PIN_PATH_SIZE];
	int ret;

	pin_folder(patient->dev, patient->chain, folder);
	if (mkdir(folder, 0700) && errno != EEXIST)
		return -errno;
	ret = pin_fd(patient, slot, "link", link);
	return ret ? ret : pin_fd(patient, slot, "prog", program);
}

static int pin_linked(const struct patient *patient, const struct chain_member *member)
{
	auto_fd int link = bpf_link_get_fd_by_id(member->link_id);
	auto_fd int program = bpf_prog_get_fd_by_id(member->program_id);

	if (link < 0 || program < 0)
		return -ENOENT;
	return pin_component(patient, member->position - 1, link, program);
}

/* -- Components -------------------------------------------------------------------------------- */

static const struct chain_member *at_slot(const struct chain_member *members, unsigned int count,
					  unsigned int slot)
{
	for (unsigned int i = 0; i < count; i++) {
		if (members[i].position == slot + 1)
			return &members[i];
	}
	return NULL;
}

static const struct chain_member *linked_at(const struct chain *chain, unsigned int slot)
{
	const struct chain_member *member = at_slot(chain->members, chain->count, slot);

	return member ? member : at_slot(chain->gaps, chain->gap_count, slot);
}

/* The dispatcher's function that a component at this place replaces; libxdp gives the only one of a
 * chain the whole dispatcher. */
static int slot_function(const struct patient *patient, unsigned int slot)
{
	char name[16];

	if (patient->chain->expected == 1)
		return btf__find_by_name_kind(patient->btf, DISPATCHER_FUNCTION, BTF_KIND_FUNC);
	snprintf(name, sizeof(name), "prog%u", slot);
	return btf__find_by_name_kind(patient->btf, name, BTF_KIND_FUNC);
}

static int link_component(const struct patient *patient, int function, int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .target_btf_id = (__u32)function);
	int link = bpf_link_create(program, patient->program, 0, &options);

	return link < 0 ? -errno : link;
}

/* A component that does what the dispatcher does without one: it goes on to the next. */
static int load_gap(const struct patient *patient, int function)
{
	const struct stub gap = {
		.name = CHAIN_GAP_NAME,
		.type = BPF_PROG_TYPE_EXT,
		.verdict = XDP_DISPATCHER_RETVAL,
		.target = patient->program,
		.target_function = function,
	};

	return stub_load(&gap, NULL);
}

static int put_back(const struct patient *patient, unsigned int slot, int function)
{
	auto_fd int program = open_pinned_program(patient->dev, patient->chain, slot);
	auto_fd int link = -1;

	if (program < 0)
		return program;
	link = link_component(patient, function, program);
	return link < 0 ? link : pin_component(patient, slot, link, program);
}

static int put_gap(const struct patient *patient, unsigned int slot, int function)
{
	auto_fd int program = load_gap(patient, function);
	auto_fd int link = -1;
	char path[PIN_PATH_SIZE];

	if (program < 0)
		return program;
	link = link_component(patient, function, program);
	if (link < 0)
		return link;
	pin_path(patient->dev, patient->chain, slot, "prog", path);
	unlink(path);
	return pin_component(patient, slot, link, program);
}

static int fill_slot(const struct patient *patient, unsigned int slot)
{
	const struct chain_member *member = linked_at(patient->chain, slot);
	int function;

	if (member)
		return pin_linked(patient, member);
	function = slot_function(patient, slot);
	if (function < 0)
		return function;
	if (!put_back(patient, slot, function)) {
		log_verbose("%s: put the program at position %u of its chain back",
			    patient->dev->name, slot + 1);
		return 0;
	}
	return put_gap(patient, slot, function);
}

/* -- What libxdp sees -------------------------------------------------------------------------- */

static bool is_pinned(const struct netdev *dev, const struct chain *chain)
{
	char path[PIN_PATH_SIZE];

	for (unsigned int slot = 0; slot < chain->expected; slot++) {
		pin_path(dev, chain, slot, "prog", path);
		if (access(path, F_OK))
			return false;
		pin_path(dev, chain, slot, "link", path);
		if (access(path, F_OK))
			return false;
	}
	return true;
}

bool mend_is_needed(const struct netdev *dev, const struct chain *chain)
{
	return chain_is_broken(chain) ||
	       (chain->dispatcher && !is_pinned(dev, chain) && bpffs_lasts());
}

static int refuse_other_namespace(const struct netdev *dev, struct error *err)
{
	return error_set(err, -EXDEV,
			 "%s: the pins of its chain are not in the " BPFFS_PATH
			 " of this mount namespace; run the command in that of process 1, by "
			 "'nsenter -t 1 -m'",
			 dev->name);
}

int mend_check_pins(const struct netdev *dev, const struct chain *chain, struct error *err)
{
	struct chain now;
	int ret;

	if (!chain->dispatcher || is_pinned(dev, chain))
		return 0;
	/* Whoever has rebuilt the chain since it was read has removed the pins of that one. */
	ret = chain_read(dev, &now, err);
	if (ret || now.main_id != chain->main_id)
		return ret;
	if (!bpffs_lasts())
		return refuse_other_namespace(dev, err);
	return error_set(err, -ESTALE,
			 "%s: pins of its chain below %s are missing; 'xdp-ipfilter repair %s' makes "
			 "them again",
			 dev->name, CHAIN_PINS_PATH, dev->name);
}

/* -- The chain --------------------------------------------------------------------------------- */

static int fill_slots(const struct netdev *dev, const struct chain *chain, struct error *err)
{
	struct patient patient = { .dev = dev, .chain = chain, .program = -1 };
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	int ret = 0;

	patient.program = bpf_prog_get_fd_by_id(chain->main_id);
	if (patient.program < 0 || bpf_obj_get_info_by_fd(patient.program, &info, &size))
		ret = -errno;
	if (!ret) {
		patient.btf = btf__load_from_kernel_by_id(info.btf_id);
		ret = patient.btf ? 0 : -errno;
	}
	for (unsigned int slot = 0; slot < chain->expected && !ret; slot++)
		ret = fill_slot(&patient, slot);
	btf__free(patient.btf);
	cleanup_fd(&patient.program);
	if (ret)
		error_set(err, ret, "%s: cannot fill the gaps of its chain: %s", dev->name,
			  kernel_strerror(ret));
	return ret;
}

static int take_gaps_out(const struct netdev *dev, const struct chain *chain, struct error *err)
{
	struct xdp_program *programs[CHAIN_MAX];
	unsigned int opened;
	int ret = 0;

	libbpf_log_clear();
	for (opened = 0; opened < chain->gap_count; opened++) {
		programs[opened] = xdp_program__from_id(chain->gaps[opened].program_id);
		ret = (int)libxdp_get_error(programs[opened]);
		if (ret)
			break;
	}
	if (!ret)
		ret = xdp_program__detach_multi(programs, opened, (int)dev->ifindex,
						chain->mode == MODE_SKB ? XDP_MODE_SKB :
									  XDP_MODE_NATIVE,
						0);
	while (opened)
		xdp_program__close(programs[--opened]);
	if (ret)
		error_set(err, ret, "%s: cannot close the gaps of its chain: %s%s%s", dev->name,
			  kernel_strerror(ret), *libbpf_log_last() ? ": " : "", libbpf_log_last());
	return ret;
}

static int fill_chain(const struct netdev *dev, struct chain *chain, struct error *err)
{
	auto_fd int lock = lock_pins(err);
	int ret;

	if (lock < 0)
		return lock;
	ret = chain_read(dev, chain, err);
	if (ret || !mend_is_needed(dev, chain))
		return ret;
	ret = chain_check_version(dev, chain, err);
	return ret ? ret : fill_slots(dev, chain, err);
}

int mend(const struct netdev *dev, struct error *err)
{
	struct chain chain = {};
	int ret = bpffs_ensure(err);

	if (!ret && !bpffs_lasts())
		ret = refuse_other_namespace(dev, err);
	if (!ret)
		ret = fill_chain(dev, &chain, err);
	if (!ret)
		ret = chain_read(dev, &chain, err);
	if (!ret && chain.gap_count)
		ret = take_gaps_out(dev, &chain, err);
	return ret;
}

/* -- What can be recovered --------------------------------------------------------------------- */

static __u32 program_id(int program)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(program, &info, &size) ? 0 : info.id;
}

static __u32 find_pinned(const struct netdev *dev, const struct chain *chain)
{
	for (unsigned int slot = 0; slot < chain->expected; slot++) {
		auto_fd int program = -1;

		if (linked_at(chain, slot))
			continue;
		program = open_pinned_program(dev, chain, slot);
		if (program >= 0 && filter_is_ours(program) > 0)
			return program_id(program);
	}
	return 0;
}

/* The newest one, should there be several. */
static __u32 find_held(const struct netdev *dev)
{
	struct ipf_place place;
	__u32 found = 0, id = 0;

	netdev_place(dev, &place);
	while (!bpf_prog_get_next_id(id, &id)) {
		auto_fd int program = bpf_prog_get_fd_by_id(id);

		if (program >= 0 && filter_was_loaded_at(program, &place))
			found = id;
	}
	return found;
}

/* What a chain lost was pinned in it. Another one of this interface can be a leftover, with old rules. */
__u32 mend_find_filter(const struct netdev *dev, const struct chain *chain)
{
	if (chain->program_id)
		return 0;
	return chain_is_broken(chain) ? find_pinned(dev, chain) : find_held(dev);
}
