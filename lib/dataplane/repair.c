// SPDX-License-Identifier: GPL-2.0
/*
 * How does a chain become whole that lost components?
 *
 * Whatever kills this in the middle leaves a chain that the next call goes on with: each step is
 * done only where its result is not there yet.
 */
#include <dataplane/repair.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>
#include <xdp/prog_dispatcher.h>

#include <dataplane/bpffs.h>
#include <dataplane/filter.h>
#include <dataplane/kernel.h>
#include <dataplane/libbpf_log.h>
#include <dataplane/pins.h>
#include <dataplane/refusal.h>
#include <dataplane/stub.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>

#define DISPATCHER_FUNCTION "xdp_dispatcher"

/* A broken dispatcher, opened. */
struct patient {
	const struct netdev *dev;
	const struct chain *chain;
	struct btf *btf;
	int program;
};

/* -- Pins -------------------------------------------------------------------------------------- */

static int open_pinned_program(const struct patient *patient, unsigned int slot)
{
	return pins_open_program(patient->dev->ifindex, patient->chain->main_id, slot);
}

static void pin_path(const struct patient *patient, unsigned int slot, const char *what,
		     char path[PINS_PATH_SIZE])
{
	pins_path(patient->dev->ifindex, patient->chain->main_id, slot, what, path);
}

static int pin_fd(const struct patient *patient, unsigned int slot, const char *what, int fd)
{
	char path[PINS_PATH_SIZE];

	pin_path(patient, slot, what, path);
	if (!bpf_obj_pin(fd, path) || errno == EEXIST)
		return 0;
	return -errno;
}

static int pin_component(const struct patient *patient, unsigned int slot, int link, int program)
{
	char path[PINS_PATH_SIZE];
	int ret;

	pins_folder(&(struct pinned_chain){ .ifindex = patient->dev->ifindex,
					    .main_id = patient->chain->main_id },
		    path);
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	ret = pin_fd(patient, slot, "link", link);
	return ret ? ret : pin_fd(patient, slot, "prog", program);
}

static int pin_linked(const struct patient *patient, const struct chain_component *component)
{
	auto_fd int link = bpf_link_get_fd_by_id(component->link_id);
	auto_fd int program = bpf_prog_get_fd_by_id(component->program_id);

	if (link < 0 || program < 0)
		return -ENOENT;
	return pin_component(patient, component->position - 1, link, program);
}

/* -- Components -------------------------------------------------------------------------------- */

static const struct chain_component *at_slot(const struct chain_component *components,
					     unsigned int count, unsigned int slot)
{
	for (unsigned int i = 0; i < count; i++) {
		if (components[i].position == slot + 1)
			return &components[i];
	}
	return NULL;
}

static const struct chain_component *linked_at(const struct chain *chain, unsigned int slot)
{
	const struct chain_component *component = at_slot(chain->components, chain->count, slot);

	return component ? component : at_slot(chain->gaps, chain->gap_count, slot);
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

static int put_gap(const struct patient *patient, unsigned int slot, int function)
{
	auto_fd int program = load_gap(patient, function);
	auto_fd int link = -1;
	char path[PINS_PATH_SIZE];

	if (program < 0)
		return program;
	link = link_component(patient, function, program);
	if (link < 0)
		return link;
	pin_path(patient, slot, "prog", path);
	unlink(path);
	return pin_component(patient, slot, link, program);
}

/* Only a program that is not pinned, or that the kernel does not take back there, is given up: its pin may be the
 * last that holds its rules. */
static int fill_slot(const struct patient *patient, unsigned int slot)
{
	const struct chain_component *component = linked_at(patient->chain, slot);
	auto_fd int program = -1;
	auto_fd int link = -1;
	int function;

	if (component)
		return pin_linked(patient, component);
	function = slot_function(patient, slot);
	if (function < 0)
		return function;
	program = open_pinned_program(patient, slot);
	if (program == -ENOENT)
		return put_gap(patient, slot, function);
	if (program < 0)
		return program;
	link = link_component(patient, function, program);
	if (link < 0)
		return kernel_refusal_passes(link) ? link : put_gap(patient, slot, function);
	log_verbose("%s: put the program at position %u of its chain back", patient->dev->name,
		    slot + 1);
	return pin_component(patient, slot, link, program);
}

/* -- What libxdp sees -------------------------------------------------------------------------- */

static bool is_pinned(const struct netdev *dev, const struct chain *chain)
{
	for (unsigned int slot = 0; slot < chain->expected; slot++)
		if (!pins_has(dev->ifindex, chain->main_id, slot, "prog") ||
		    !pins_has(dev->ifindex, chain->main_id, slot, "link"))
			return false;
	return true;
}

bool repair_is_needed(const struct netdev *dev, const struct chain *chain)
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

int repair_check_pins(const struct netdev *dev, const struct chain *chain, struct error *err)
{
	struct chain now;
	int ret;

	if (!chain->dispatcher || bpffs_lasts() || is_pinned(dev, chain))
		return 0;
	/* Whoever has rebuilt the chain since it was read has removed the pins of that one. */
	ret = chain_read(dev, &now, err);
	if (ret || now.main_id != chain->main_id)
		return ret;
	return refuse_other_namespace(dev, err);
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
	auto_release_fd(&patient.program);
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
						attach_mode_libxdp(chain->mode), 0);
	while (opened)
		xdp_program__close(programs[--opened]);
	if (ret)
		error_set(err, ret, "%s: cannot close the gaps of its chain: %s%s%s", dev->name,
			  kernel_strerror(ret), *libbpf_log_last() ? ": " : "", libbpf_log_last());
	return ret;
}

static int fill_chain(const struct netdev *dev, struct chain *chain, struct error *err)
{
	auto_fd int lock = pins_lock(err);
	int ret;

	if (lock < 0)
		return lock;
	ret = chain_read(dev, chain, err);
	if (ret || !repair_is_needed(dev, chain))
		return ret;
	ret = chain_check_version(dev, chain, err);
	return ret ? ret : fill_slots(dev, chain, err);
}

int repair_chain(const struct netdev *dev, struct error *err)
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

/* -- A chain that was turned off --------------------------------------------------------------- */

int repair_turn_on(const struct netdev *dev, enum attach_mode mode, struct chain *chain,
		   struct error *err)
{
	__u32 id = chain->held.dispatcher_id;
	auto_fd int dispatcher = bpf_prog_get_fd_by_id(id);
	int ret = dispatcher < 0 ? -errno : 0;

	if (!ret)
		ret = bpf_xdp_attach((int)dev->ifindex, dispatcher,
				     attach_mode_flags(mode) | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	if (ret)
		return refusal_of_attach(dev, chain, mode, ret, err);
	log_verbose("%s: attached its dispatcher %u again", dev->name, id);
	ret = chain_read(dev, chain, err);
	return ret || !repair_is_needed(dev, chain) ? ret : repair_chain(dev, err);
}

/* Under another number, too: somebody has loaded it again then. */
static bool runs_in(const struct chain *chain, const char *name)
{
	for (unsigned int i = 0; i < chain->count; i++) {
		if (!strcmp(chain->components[i].name, name))
			return true;
	}
	return false;
}

void repair_name_missing(const struct netdev *dev, __u32 main_id, const struct chain *now)
{
	for (unsigned int slot = 0; slot < CHAIN_MAX; slot++) {
		auto_fd int program = pins_open_program(dev->ifindex, main_id, slot);
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (program < 0 || bpf_obj_get_info_by_fd(program, &info, &size) ||
		    filter_is_ours(program) || runs_in(now, info.name))
			continue;
		log_warning("%s: program '%s' (id %u), which was in its chain, is not there now; load "
			    "it again",
			    dev->name, info.name, info.id);
	}
}
