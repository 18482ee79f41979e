// SPDX-License-Identifier: GPL-2.0
/*
 * What runs on an interface, are we in it, and were we?
 */
#include <dataplane/chain.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/if_link.h>

#include <dataplane/capability.h>
#include <dataplane/dispatcher.h>
#include <dataplane/filter.h>
#include <dataplane/kernel.h>
#include <dataplane/program_info.h>
#include <dataplane/rtnl.h>
#include <util/auto.h>
#include <util/error.h>

_Static_assert(CHAIN_MAX == DISPATCHER_MAX, "a chain has as many positions as the dispatcher");

/* Others may rebuild the chain while we read it; each rebuild gives it a new main program. A slow
 * machine needs some time for the step between two of them. */
#define MAX_READS 64
#define READ_PAUSE_NS 2000000

/* Together, the time in which pins may still belong to a running loader. */
#define MAX_LOOKS 150
#define LOOK_NS 20000000

static int kernel_failure(const struct netdev *dev, const char *what, int ret, struct error *err)
{
	if (ret == -EPERM)
		return error_prefix(err, capability_refused(err), "%s: %s", dev->name, what);
	if (ret == -ENODATA)
		return error_set(err, ret,
				 "%s: %s: this kernel does not report them; Linux 5.13 does",
				 dev->name, what);
	return error_set(err, ret, "%s: %s: %s", dev->name, what, kernel_strerror(ret));
}

/* -- The main program -------------------------------------------------------------------------- */

static enum attach_mode mode_of(unsigned char attached)
{
	switch (attached) {
	case XDP_ATTACHED_HW:
		return ATTACH_MODE_HW;
	case XDP_ATTACHED_DRV:
		return ATTACH_MODE_NATIVE;
	case XDP_ATTACHED_SKB:
		return ATTACH_MODE_SKB;
	default:
		return ATTACH_MODE_UNSPECIFIED;
	}
}

/* An interface can have one program in each mode; the one nearest to the wire counts. */
static void choose_main(const struct rtnl_xdp *xdp, struct chain *chain)
{
	if (xdp->hw) {
		chain->main_id = xdp->hw;
		chain->mode = ATTACH_MODE_HW;
	} else if (xdp->native) {
		chain->main_id = xdp->native;
		chain->mode = ATTACH_MODE_NATIVE;
	} else if (xdp->skb) {
		chain->main_id = xdp->skb;
		chain->mode = ATTACH_MODE_SKB;
	} else {
		chain->main_id = xdp->program;
		chain->mode = mode_of(xdp->attached);
	}
}

/* An interface that has gone runs no program. (libbpf would list all interfaces to answer for one:
 * for all of them, that takes the square of their number.) */
static int read_main(const struct netdev *dev, struct chain *chain, struct error *err)
{
	int ret = rtnl_get(dev->ifindex, &chain->link);

	if (ret && ret != -ENODEV)
		return kernel_failure(dev, "cannot ask for its XDP program", ret, err);
	choose_main(&chain->link.xdp, chain);
	return 0;
}

/* -- The components ---------------------------------------------------------------------------- */

static bool has_component(const struct chain *chain, __u32 program_id)
{
	for (unsigned int i = 0; i < chain->count; i++) {
		if (chain->components[i].program_id == program_id)
			return true;
	}
	return false;
}

/* Makes room for one more. NULL: the chain is full. */
static struct chain_component *new_component(struct chain *chain, const char *name)
{
	if (!strcmp(name, CHAIN_GAP_NAME))
		return chain->gap_count < CHAIN_MAX ? &chain->gaps[chain->gap_count++] : NULL;
	return chain->count < CHAIN_MAX ? &chain->components[chain->count++] : NULL;
}

static int add_component(struct chain *chain, const struct bpf_link_info *link,
			 unsigned int position, const struct dispatcher_config *config)
{
	auto_fd int program = bpf_prog_get_fd_by_id(link->prog_id);
	struct chain_component *component;
	struct bpf_prog_info info;
	int ours, ret;

	/* A component can go between two system calls; any other failure must not look like
	 * that. */
	if (program < 0)
		return errno == ENOENT ? 0 : -errno;
	ret = program_info(program, NULL, 0, &info);
	if (ret)
		return ret;
	if (has_component(chain, info.id))
		return 0; /* linked a second time while it moves to a new dispatcher */
	component = new_component(chain, info.name);
	if (!component)
		return -E2BIG;
	ours = filter_is_ours(program);
	*component = (struct chain_component){
		.program_id = info.id,
		.link_id = link->id,
		.position = position,
		.priority = config->priorities[position - 1],
		.frags = config->program_flags[position - 1] & BPF_F_XDP_HAS_FRAGS,
		.ours = ours > 0,
	};
	snprintf(component->name, sizeof(component->name), "%s", info.name);
	return ours < 0 ? ours : 0;
}

/* The kernel does not report the target of this link: it may be a component of this dispatcher, of
 * another one, or none. Our filter should not be linked there, because load checks first. If it is
 * anyway, it is unknown where it filters. */
static int meet_untold(struct chain *chain, const struct bpf_link_info *link)
{
	auto_fd int program = bpf_prog_get_fd_by_id(link->prog_id);
	int ours = program < 0 ? -errno : filter_is_ours(program);

	if (ours == -ENOENT)
		return 0;
	chain->untold = true;
	return ours > 0 ? -ENODATA : ours;
}

static int look_at_link(struct chain *chain, __u32 link_id, const struct btf *btf,
			const struct dispatcher_config *config)
{
	auto_fd int fd = bpf_link_get_fd_by_id(link_id);
	struct bpf_link_info link = {};
	__u32 size = sizeof(link);
	int ret = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (bpf_obj_get_info_by_fd(fd, &link, &size))
		return -errno;
	if (link.type != BPF_LINK_TYPE_TRACING)
		return 0;
	if (!link.tracing.target_obj_id)
		ret = meet_untold(chain, &link);
	if (ret || link.tracing.target_obj_id != chain->main_id)
		return ret;
	return add_component(chain, &link, dispatcher_position(btf, link.tracing.target_btf_id),
			     config);
}

static int by_position(const void *a, const void *b)
{
	const struct chain_component *left = a, *right = b;

	return (int)left->position - (int)right->position;
}

/* Looks through all links of the kernel for those into this dispatcher. */
static int read_components(struct chain *chain, const struct btf *btf,
			   const struct dispatcher_config *config)
{
	__u32 id = 0;

	while (!bpf_link_get_next_id(id, &id)) {
		int ret = look_at_link(chain, id, btf, config);

		if (ret)
			return ret;
	}
	if (errno != ENOENT)
		return -errno;
	qsort(chain->components, chain->count, sizeof(chain->components[0]), by_position);
	return 0;
}

/* -- Our filter -------------------------------------------------------------------------------- */

static bool is_taken(const struct chain *chain, unsigned int position)
{
	for (unsigned int i = 0; i < chain->count; i++) {
		if (chain->components[i].position == position)
			return true;
	}
	return false;
}

/* Which of the components are ours, and which one was? */
static void find_ours(struct chain *chain, const struct dispatcher_config *config)
{
	for (unsigned int i = chain->count; i--;) {
		const struct chain_component *component = &chain->components[i];

		if (!component->ours)
			continue;
		chain->our_count++;
		chain->program_id = component->program_id;
		chain->position = component->position;
		chain->priority = component->priority;
	}
	for (unsigned int i = 0; i < chain->expected; i++) {
		if (config->chain_call_actions[i] & (1u << CHAIN_MARK_ACTION) &&
		    !is_taken(chain, i + 1))
			chain->lost = i + 1;
	}
}

/* Does a pin hold our filter where it does not run? Components that a chain lost were pinned in it.
 * Those that are pinned in another chain of this interface can be older, with old rules. */
static void find_held(const struct netdev *dev, struct chain *chain)
{
	if (chain->program_id)
		return;
	if (chain_is_broken(chain))
		held_filter_find_lost(dev, chain->main_id, &chain->held);
	if (chain->held.program_id)
		chain->state = FILTER_STATE_NOT_FILTERING;
	else if (chain->state == FILTER_STATE_NOT_LOADED)
		held_filter_find_turned_off(dev, chain->main_id, &chain->held);
}

/* -- Reading ----------------------------------------------------------------------------------- */

static int read_dispatcher(const struct bpf_prog_info *info, __u32 map_id, struct chain *chain)
{
	struct btf *btf = info->btf_id ? btf__load_from_kernel_by_id(info->btf_id) : NULL;
	struct dispatcher_config config = {};
	int ret;

	chain->dispatcher = true;
	if (info->nr_map_ids)
		dispatcher_read_config(map_id, &config);
	chain->dispatcher_version = config.version;
	ret = read_components(chain, btf, &config);
	btf__free(btf);
	if (ret)
		return ret;
	chain->expected = chain->untold || config.version > DISPATCHER_NEWEST_KNOWN ||
					  config.count > CHAIN_MAX ?
				  chain->count :
				  config.count;
	find_ours(chain, &config);
	if (chain->program_id)
		chain->state = FILTER_STATE_CHAINED;
	else if (chain->lost)
		chain->state = FILTER_STATE_NOT_FILTERING;
	return 0;
}

/* -EAGAIN: it has gone, or one of its links has an id already but is still being made. */
static int read_program(const struct netdev *dev, struct chain *chain, struct error *err)
{
	auto_fd int program = bpf_prog_get_fd_by_id(chain->main_id);
	struct bpf_prog_info info;
	__u32 map_id = 0;
	int ret;

	if (program < 0 && errno == ENOENT)
		return -EAGAIN;
	if (program < 0)
		return kernel_failure(dev, "cannot open its XDP program", -errno, err);
	ret = program_info(program, &map_id, 1, &info);
	if (ret)
		return kernel_failure(dev, "cannot read its XDP program", ret, err);
	memcpy(chain->main_name, info.name, sizeof(chain->main_name));
	ret = filter_is_ours(program);
	if (ret < 0)
		return kernel_failure(dev, "cannot read the maps of its XDP program", ret, err);
	if (ret) {
		chain->state = FILTER_STATE_SINGLE;
		chain->program_id = info.id;
		chain->our_count = 1;
		return 0;
	}
	if (strcmp(chain->main_name, DISPATCHER_NAME) != 0)
		return 0;
	ret = read_dispatcher(&info, map_id, chain);
	return !ret || ret == -EAGAIN ?
		       ret :
		       kernel_failure(dev, "cannot read the links of its dispatcher", ret, err);
}

/* `listed`: what the kernel just said of the interface; NULL: it is asked. -EAGAIN: the chain
 * changed meanwhile. */
static int read_once(const struct netdev *dev, const struct rtnl_link *listed, struct chain *chain,
		     struct error *err)
{
	struct chain after = {};
	int ret = 0;

	*chain = (struct chain){};
	if (listed) {
		chain->link = *listed;
		choose_main(&listed->xdp, chain);
	} else {
		ret = read_main(dev, chain, err);
	}
	if (ret || !chain->main_id)
		return ret;
	ret = read_program(dev, chain, err);
	if (!ret)
		ret = read_main(dev, &after, err);
	if (ret)
		return ret;
	chain->link = after.link;
	return after.main_id == chain->main_id ? 0 : -EAGAIN;
}

static int read_consistently(const struct netdev *dev, const struct rtnl_link *listed,
			     struct chain *chain, struct error *err)
{
	struct error failure = { 0 };
	int ret = -EAGAIN;

	for (int i = 0; i < MAX_READS && ret == -EAGAIN; i++) {
		if (i)
			nanosleep(&(struct timespec){ .tv_nsec = READ_PAUSE_NS }, NULL);
		ret = read_once(dev, i ? NULL : listed, chain, &failure);
	}
	if (ret == -EAGAIN)
		return error_set(err, -EBUSY, "%s: its XDP chain keeps changing; try again",
				 dev->name);
	/* Only the message of the last look counts. */
	if (ret)
		return error_set(err, ret, "%s", failure.text);
	find_held(dev, chain);
	return 0;
}

static int read_settled(const struct netdev *dev, const struct rtnl_link *listed, struct chain *out,
			struct error *err)
{
	struct chain chain;
	int ret = read_consistently(dev, listed, &chain, err);

	for (int i = 0; i < MAX_LOOKS && !ret && chain.held.fresh; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
		ret = read_consistently(dev, NULL, &chain, err);
	}
	if (!ret)
		*out = chain;
	return ret;
}

int chain_read(const struct netdev *dev, struct chain *out, struct error *err)
{
	return read_settled(dev, NULL, out, err);
}

int chain_read_listed(const struct rtnl_link *link, struct chain *out, struct error *err)
{
	const struct netdev dev = netdev_of_link(link);

	return read_settled(&dev, link, out, err);
}

/* -- What was read before ---------------------------------------------------------------------- */

static bool leads_into(__u32 link_id, __u32 main_id)
{
	auto_fd int fd = bpf_link_get_fd_by_id(link_id);
	struct bpf_link_info link = {};
	__u32 size = sizeof(link);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &link, &size) &&
	       link.type == BPF_LINK_TYPE_TRACING && link.tracing.target_obj_id == main_id;
}

bool chain_goes_on(const struct rtnl_link *link, const struct chain *seen)
{
	struct chain now = {};

	choose_main(&link->xdp, &now);
	if (!seen->our_count || now.main_id != seen->main_id || now.mode != seen->mode)
		return false;
	for (unsigned int i = 0; i < seen->count; i++)
		if (seen->components[i].ours &&
		    !leads_into(seen->components[i].link_id, seen->main_id))
			return false;
	return true;
}

/* -- What was read ----------------------------------------------------------------------------- */

bool chain_has(const struct chain *chain, __u32 program_id)
{
	if (chain->state == FILTER_STATE_SINGLE)
		return chain->program_id == program_id;
	for (unsigned int i = 0; i < chain->count; i++) {
		if (chain->components[i].ours && chain->components[i].program_id == program_id)
			return true;
	}
	return false;
}

bool chain_is_broken(const struct chain *chain)
{
	return chain->dispatcher && chain->count < chain->expected;
}

int chain_check_version(const struct netdev *dev, const struct chain *chain, struct error *err)
{
	const unsigned int theirs = chain->dispatcher_version;
	unsigned int made;

	if (!chain->dispatcher)
		return 0;
	made = dispatcher_version_made();
	if (theirs == made)
		return 0;
	if (theirs > made)
		return error_set(
			err, -EPROTO,
			"%s: its dispatcher has format version %u, and the libxdp here makes "
			"version %u; use the libxdp that made it, or take the whole chain off "
			"and load it again",
			dev->name, theirs, made);
	return error_set(
		err, -EPROTO,
		"%s: its dispatcher has format version %u, and the libxdp here makes version "
		"%u; 'xdp-loader unload %s -a' takes the whole chain off, then load it again",
		dev->name, theirs, made, dev->name);
}

bool chain_can_end(const struct chain *chain)
{
	return chain->state == FILTER_STATE_CHAINED && chain->expected == 1 &&
	       chain->dispatcher_version < dispatcher_version_made();
}
