// SPDX-License-Identifier: GPL-2.0
/*
 * How is a chain that lost components repaired?
 *
 * If the repair is killed halfway, the next call continues: each step is done only if its result is
 * not there yet.
 */
#include <dataplane/repair.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>
#include <xdp/prog_dispatcher.h>

#include <dataplane/bpffs.h>
#include <dataplane/dispatcher.h>
#include <dataplane/filter.h>
#include <dataplane/kernel.h>
#include <dataplane/libbpf_log.h>
#include <dataplane/pins.h>
#include <dataplane/program_info.h>
#include <dataplane/refusal.h>
#include <dataplane/stub.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>

/* A broken dispatcher, opened. */
struct patient {
	const struct netdev *dev;
	const struct chain *chain;
	struct pin_name_chain pins;
	struct btf *btf;
	int program;
};

static struct pin_name_chain pins_of(const struct netdev *dev, __u32 main_id)
{
	return (struct pin_name_chain){ .ifindex = dev->ifindex, .main_id = main_id };
}

/* -- One position ------------------------------------------------------------------------------ */

static const struct chain_component *find_at(const struct chain_component *components,
					     unsigned int count, unsigned int position)
{
	for (unsigned int i = 0; i < count; i++) {
		if (components[i].position == position)
			return &components[i];
	}
	return NULL;
}

static const struct chain_component *linked_at(const struct chain *chain, unsigned int position)
{
	const struct chain_component *component =
		find_at(chain->components, chain->count, position);

	return component ? component : find_at(chain->gaps, chain->gap_count, position);
}

static int pin_linked(const struct patient *patient, const struct chain_component *component)
{
	auto_fd int link = bpf_link_get_fd_by_id(component->link_id);
	auto_fd int program = bpf_prog_get_fd_by_id(component->program_id);

	if (link < 0 || program < 0)
		return -ENOENT;
	return pins_add(&patient->pins, component->position, link, program);
}

static int link_component(const struct patient *patient, int function, int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .target_btf_id = (__u32)function);
	int link = bpf_link_create(program, patient->program, 0, &options);

	return link < 0 ? -errno : link;
}

/* A component that does what an empty position does: it continues with the next. */
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

static int put_gap(const struct patient *patient, unsigned int position, int function)
{
	auto_fd int program = load_gap(patient, function);
	auto_fd int link = -1;

	if (program < 0)
		return program;
	link = link_component(patient, function, program);
	if (link < 0)
		return link;
	pins_remove_program(&patient->pins, position);
	return pins_add(&patient->pins, position, link, program);
}

/* Gives up a program only if it is not pinned, or if the kernel does not take it back there: its
 * pin may be the last reference to its rules. */
static int fill_position(const struct patient *patient, unsigned int position)
{
	const struct chain_component *component = linked_at(patient->chain, position);
	auto_fd int program = -1;
	auto_fd int link = -1;
	int function;

	if (component)
		return pin_linked(patient, component);
	function = dispatcher_function(patient->btf, patient->chain->expected, position);
	if (function < 0)
		return function;
	program = pins_open_program(&patient->pins, position);
	if (program == -ENOENT)
		return put_gap(patient, position, function);
	if (program < 0)
		return program;
	link = link_component(patient, function, program);
	if (link < 0)
		return kernel_refusal_passes(link) ? link : put_gap(patient, position, function);
	log_verbose("%s: put the program back at position %u of its chain", patient->dev->name,
		    position);
	return pins_add(&patient->pins, position, link, program);
}

/* -- What libxdp sees -------------------------------------------------------------------------- */

static bool is_pinned(const struct netdev *dev, const struct chain *chain)
{
	const struct pin_name_chain pins = pins_of(dev, chain->main_id);

	for (unsigned int position = 1; position <= chain->expected; position++)
		if (!pins_has(&pins, position, PIN_NAME_PROGRAM) ||
		    !pins_has(&pins, position, PIN_NAME_LINK))
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
			 " of this mount namespace; run the command in that of process 1, with "
			 "'nsenter -t 1 -m'",
			 dev->name);
}

int repair_check_pins(const struct netdev *dev, const struct chain *chain, struct error *err)
{
	struct chain now;
	int ret;

	if (!chain->dispatcher || bpffs_lasts() || is_pinned(dev, chain))
		return 0;
	/* If others have rebuilt the chain since it was read, they have removed the old pins. */
	ret = chain_read(dev, &now, err);
	if (ret || now.main_id != chain->main_id)
		return ret;
	return refuse_other_namespace(dev, err);
}

/* -- The chain --------------------------------------------------------------------------------- */

static int open_patient(struct patient *patient)
{
	struct bpf_prog_info info;
	int ret;

	patient->program = bpf_prog_get_fd_by_id(patient->chain->main_id);
	if (patient->program < 0)
		return -errno;
	ret = program_info(patient->program, NULL, 0, &info);
	if (ret)
		return ret;
	patient->btf = btf__load_from_kernel_by_id(info.btf_id);
	return patient->btf ? 0 : -errno;
}

static int fill_gaps(const struct netdev *dev, const struct chain *chain, struct error *err)
{
	struct patient patient = {
		.dev = dev,
		.chain = chain,
		.pins = pins_of(dev, chain->main_id),
		.program = -1,
	};
	int ret = open_patient(&patient);

	for (unsigned int position = 1; position <= chain->expected && !ret; position++)
		ret = fill_position(&patient, position);
	btf__free(patient.btf);
	auto_release_fd(&patient.program);
	return ret ? error_set(err, ret, "%s: cannot fill the gaps of its chain: %s", dev->name,
			       kernel_strerror(ret)) :
		     0;
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

static int fill_chain(const struct netdev *dev, struct error *err)
{
	auto_fd int lock = pins_lock(err);
	struct chain chain;
	int ret;

	if (lock < 0)
		return lock;
	ret = chain_read(dev, &chain, err);
	if (ret || !repair_is_needed(dev, &chain))
		return ret;
	ret = chain_check_version(dev, &chain, err);
	return ret ? ret : fill_gaps(dev, &chain, err);
}

int repair_chain(const struct netdev *dev, struct error *err)
{
	struct chain chain = {};
	int ret = bpffs_ensure(err);

	if (!ret && !bpffs_lasts())
		ret = refuse_other_namespace(dev, err);
	if (!ret)
		ret = fill_chain(dev, err);
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

/* Even under another id: then it has been loaded again. */
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
	const struct pin_name_chain pins = pins_of(dev, main_id);

	for (unsigned int position = 1; position <= CHAIN_MAX; position++) {
		auto_fd int program = pins_open_program(&pins, position);
		struct bpf_prog_info info;

		if (program < 0 || program_info(program, NULL, 0, &info) ||
		    filter_is_ours(program) || runs_in(now, info.name))
			continue;
		log_warning("%s: program '%s' (id %u), which was in its chain, is gone; load "
			    "it again",
			    dev->name, info.name, info.id);
	}
}
