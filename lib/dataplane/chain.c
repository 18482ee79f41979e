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
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/prog_dispatcher.h>

#include <dataplane/dispatcher.h>
#include <dataplane/capability.h>
#include <dataplane/filter.h>
#include <dataplane/kernel.h>
#include <dataplane/rtnl.h>
#include <util/auto.h>
#include <util/error.h>

_Static_assert(CHAIN_MAX == DISPATCHER_PLACES, "a chain has as many places as the dispatcher");

#define DISPATCHER_NAME "xdp_dispatcher"

/* Others rebuild the chain while we read it; each rebuild gives it a new main program. */
#define MAX_READS 64

/* Together the time for which pins can be those of a loader at work. */
#define MAX_LOOKS 150
#define LOOK_NS 20000000

static int kernel_failure(const struct netdev *dev, const char *what, int ret, struct error *err)
{
	if (ret == -EPERM)
		return error_prefix(err, capability_refused(err), "%s: %s", dev->name, what);
	if (ret == -ENODATA)
		return error_set(err, ret,
				 "%s: %s: this kernel does not tell them; Linux 5.13 does",
				 dev->name, what);
	return error_set(err, ret, "%s: %s: %s", dev->name, what, kernel_strerror(ret));
}

/* Which program the interface runs, in which mode. Native and hardware can stand beside each
 * other; the one nearest to the wire is the one that counts. An interface that has gone runs none.
 * (libbpf asks for all interfaces to tell of one, and a look at each would take a square of them.) */
static int read_main(const struct netdev *dev, struct chain *chain, struct error *err)
{
	struct rtnl_link link = {};
	int ret = rtnl_get(dev->ifindex, &link);

	if (ret && ret != -ENODEV)
		return kernel_failure(dev, "cannot ask for its XDP program", ret, err);
	if (link.xdp.hw) {
		chain->main_id = link.xdp.hw;
		chain->mode = ATTACH_MODE_HW;
	} else if (link.xdp.native) {
		chain->main_id = link.xdp.native;
		chain->mode = ATTACH_MODE_NATIVE;
	} else if (link.xdp.skb) {
		chain->main_id = link.xdp.skb;
		chain->mode = ATTACH_MODE_SKB;
	} else {
		chain->main_id = link.xdp.program;
		chain->mode = link.xdp.attached == XDP_ATTACHED_HW  ? ATTACH_MODE_HW :
			      link.xdp.attached == XDP_ATTACHED_DRV ? ATTACH_MODE_NATIVE :
			      link.xdp.attached == XDP_ATTACHED_SKB ? ATTACH_MODE_SKB :
								      ATTACH_MODE_UNSPECIFIED;
	}
	return 0;
}

/* The dispatcher keeps what it was built for in its one map. Format version 1 has one byte, the number of
 * programs, in front and no flags behind; what is common to the later ones is all that is read here. */
static void read_dispatcher_config(__u32 map_id, struct chain *chain,
				   struct dispatcher_config *config)
{
	auto_fd int fd = bpf_map_get_fd_by_id(map_id);
	struct bpf_map_info info = {};
	auto_free __u8 *bytes = NULL;
	__u32 size = sizeof(info);
	__u32 only = 0;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) || info.key_size != sizeof(only))
		return;
	bytes = calloc(1, info.value_size > sizeof(*config) ? info.value_size : sizeof(*config));
	if (!bytes || bpf_map_lookup_elem(fd, &only, bytes))
		return;
	if (bytes[0] == XDP_DISPATCHER_MAGIC) {
		memcpy(config, bytes, sizeof(*config));
		chain->dispatcher_version = config->version;
		chain->expected = config->program_count;
	} else {
		memcpy(config->chain_call_actions, bytes + sizeof(__u32),
		       sizeof(config->chain_call_actions) + sizeof(config->priorities));
		chain->dispatcher_version = 1;
		chain->expected = bytes[0];
	}
}

/* A component replaces one function of the dispatcher: "prog0" to "prog9"; where there is only one
 * component, the dispatcher itself. */
static unsigned int slot_of_function(const struct btf *btf, __u32 function_id)
{
	const struct btf_type *type = btf ? btf__type_by_id(btf, function_id) : NULL;
	const char *name = type ? btf__name_by_offset(btf, type->name_off) : NULL;
	unsigned int slot;

	if (name && sscanf(name, "prog%u", &slot) == 1 && slot < CHAIN_MAX)
		return slot;
	return 0;
}

static int add_member(struct chain *chain, const struct bpf_link_info *link, unsigned int slot,
		      const struct dispatcher_config *config)
{
	bool gap;
	auto_fd int program = bpf_prog_get_fd_by_id(link->prog_id);
	struct bpf_prog_info info = {};
	struct chain_component *component;
	__u32 size = sizeof(info);
	int ours;

	/* Between two system calls a component can go; any other failure must not look like that. */
	if (program < 0)
		return errno == ENOENT ? 0 : -errno;
	if (bpf_obj_get_info_by_fd(program, &info, &size))
		return -errno;
	for (unsigned int i = 0; i < chain->count; i++) {
		if (chain->components[i].program_id == info.id)
			return 0; /* linked once more while it moves to a new dispatcher */
	}
	gap = !strcmp(info.name, CHAIN_GAP_NAME);
	if ((gap ? chain->gap_count : chain->count) == CHAIN_MAX)
		return -E2BIG;
	component = gap ? &chain->gaps[chain->gap_count++] : &chain->components[chain->count++];
	component->program_id = info.id;
	component->link_id = link->id;
	component->position = slot + 1;
	component->priority = config->priorities[slot];
	component->frags = config->program_flags[slot] & BPF_F_XDP_HAS_FRAGS;
	snprintf(component->name, sizeof(component->name), "%s", info.name);
	ours = filter_is_ours(program);
	component->ours = ours > 0;
	return ours < 0 ? ours : 0;
}

static int by_position(const void *a, const void *b)
{
	const struct chain_component *left = a, *right = b;

	return (int)left->position - (int)right->position;
}

/* A link whose target the kernel does not tell: it is a component of this dispatcher or of another,
 * or none. Nothing of ours is ever linked there, for load looks first; if it is all the same,
 * nobody can say where it filters. */
static int meet_untold(struct chain *chain, const struct bpf_link_info *link)
{
	auto_fd int program = bpf_prog_get_fd_by_id(link->prog_id);
	int ours = program < 0 ? -errno : filter_is_ours(program);

	if (ours == -ENOENT)
		return 0;
	chain->untold = true;
	return ours > 0 ? -ENODATA : ours;
}

/* Looks through all links of the kernel for those into this dispatcher. */
static int read_members(struct chain *chain, const struct btf *btf,
			const struct dispatcher_config *config)
{
	__u32 id = 0;
	int ret;

	while (!bpf_link_get_next_id(id, &id)) {
		auto_fd int fd = bpf_link_get_fd_by_id(id);
		struct bpf_link_info link = {};
		__u32 size = sizeof(link);

		if (fd < 0) {
			if (errno == ENOENT)
				continue;
			return -errno;
		}
		if (bpf_obj_get_info_by_fd(fd, &link, &size))
			return -errno;
		if (link.type != BPF_LINK_TYPE_TRACING)
			continue;
		if (!link.tracing.target_obj_id) {
			ret = meet_untold(chain, &link);
			if (ret)
				return ret;
		}
		if (link.tracing.target_obj_id != chain->main_id)
			continue;
		ret = add_member(chain, &link, slot_of_function(btf, link.tracing.target_btf_id),
				 config);
		if (ret)
			return ret;
	}
	if (errno != ENOENT)
		return -errno;
	qsort(chain->components, chain->count, sizeof(chain->components[0]), by_position);
	return 0;
}

static const struct chain_component *member_at(const struct chain *chain, unsigned int slot)
{
	for (unsigned int i = 0; i < chain->count; i++) {
		if (chain->components[i].position == slot + 1)
			return &chain->components[i];
	}
	return NULL;
}

/* Which of the components are ours, and which was. */
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
	for (unsigned int slot = 0; slot < chain->expected && slot < CHAIN_MAX; slot++) {
		if (config->chain_call_actions[slot] & (1u << CHAIN_MARK_ACTION) &&
		    !member_at(chain, slot))
			chain->lost = slot + 1;
	}
}

static int read_dispatcher(const struct bpf_prog_info *info, struct chain *chain)
{
	struct btf *btf = info->btf_id ? btf__load_from_kernel_by_id(info->btf_id) : NULL;
	struct dispatcher_config config = {};
	int ret;

	chain->dispatcher = true;
	if (info->nr_map_ids)
		read_dispatcher_config(*(__u32 *)(unsigned long)info->map_ids, chain, &config);
	ret = read_members(chain, btf, &config);
	btf__free(btf);
	if (ret)
		return ret;
	if (chain->untold || chain->dispatcher_version > DISPATCHER_NEWEST_KNOWN ||
	    chain->expected > CHAIN_MAX)
		chain->expected = chain->count;
	find_ours(chain, &config);
	if (chain->program_id)
		chain->state = FILTER_STATE_CHAINED;
	else if (chain->lost)
		chain->state = FILTER_STATE_NOT_FILTERING;
	return 0;
}

/* Where we do not run: does a pin still hold us? What a chain lost was pinned in it; what is pinned in
 * another chain of this interface can be older, with old rules. */
static void find_held(const struct netdev *dev, struct chain *chain)
{
	if (chain->program_id)
		return;
	if (chain_is_broken(chain))
		pins_find_lost(dev, chain->main_id, &chain->held);
	if (chain->held.program_id)
		chain->state = FILTER_STATE_NOT_FILTERING;
	else if (chain->state == FILTER_STATE_NOT_LOADED)
		pins_find_turned_off(dev, chain->main_id, &chain->held);
}

/* -EAGAIN where the chain changed meanwhile. */
static int read_once(const struct netdev *dev, struct chain *chain, struct error *err)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	auto_fd int program = -1;
	__u32 map_id = 0;
	struct chain after = {};
	int ret;

	memset(chain, 0, sizeof(*chain));
	ret = read_main(dev, chain, err);
	if (ret || !chain->main_id)
		return ret;

	program = bpf_prog_get_fd_by_id(chain->main_id);
	if (program < 0)
		return errno == ENOENT ?
			       -EAGAIN :
			       kernel_failure(dev, "cannot open its XDP program", -errno, err);
	info.nr_map_ids = 1;
	info.map_ids = (__u64)(unsigned long)&map_id;
	if (bpf_obj_get_info_by_fd(program, &info, &size))
		return kernel_failure(dev, "cannot read its XDP program", -errno, err);
	memcpy(chain->main_name, info.name, sizeof(chain->main_name));

	ret = filter_is_ours(program);
	if (ret < 0)
		return kernel_failure(dev, "cannot read the maps of its XDP program", ret, err);
	if (ret) {
		chain->state = FILTER_STATE_SINGLE;
		chain->program_id = info.id;
		chain->our_count = 1;
	} else if (!strcmp(chain->main_name, DISPATCHER_NAME)) {
		ret = read_dispatcher(&info, chain);
		if (ret == -EAGAIN) /* a link that has a number already, but is still being made */
			return ret;
		if (ret)
			return kernel_failure(dev, "cannot read the links of its dispatcher", ret,
					      err);
	}

	ret = read_main(dev, &after, err);
	if (ret)
		return ret;
	return after.main_id == chain->main_id ? 0 : -EAGAIN;
}

int chain_check_version(const struct netdev *dev, const struct chain *chain, struct error *err)
{
	unsigned int made = chain->dispatcher ? dispatcher_version_made() : 0;

	if (!chain->dispatcher || chain->dispatcher_version == made)
		return 0;
	if (chain->dispatcher_version > made)
		return error_set(
			err, -EPROTO,
			"%s: its dispatcher has format version %u, and the libxdp here makes "
			"version %u; use the libxdp that made it, or take all of the chain "
			"off and load it anew",
			dev->name, chain->dispatcher_version, made);
	return error_set(
		err, -EPROTO,
		"%s: its dispatcher has format version %u, and the libxdp here makes version "
		"%u; 'xdp-loader unload %s -a' takes all of the chain off, then load it anew",
		dev->name, chain->dispatcher_version, made, dev->name);
}

bool chain_can_end(const struct chain *chain)
{
	return chain->state == FILTER_STATE_CHAINED && chain->expected == 1 &&
	       chain->dispatcher_version < dispatcher_version_made();
}

static int read_chain(const struct netdev *dev, struct chain *chain, struct error *err)
{
	struct error failure = { 0 };
	int ret = -EAGAIN;

	for (int i = 0; i < MAX_READS && ret == -EAGAIN; i++)
		ret = read_once(dev, chain, &failure);
	if (ret == -EAGAIN)
		return error_set(err, -EBUSY, "%s: its XDP chain changes all the time; try again",
				 dev->name);
	/* What a look said that was repeated is not the user's. */
	if (ret)
		return error_set(err, ret, "%s", failure.text);
	find_held(dev, chain);
	return 0;
}

int chain_read(const struct netdev *dev, struct chain *out, struct error *err)
{
	struct chain chain;
	int ret = read_chain(dev, &chain, err);

	for (int i = 0; i < MAX_LOOKS && !ret && chain.held.fresh; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
		ret = read_chain(dev, &chain, err);
	}
	if (!ret)
		*out = chain;
	return ret;
}

bool chain_is_broken(const struct chain *chain)
{
	return chain->dispatcher && chain->count < chain->expected;
}

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
