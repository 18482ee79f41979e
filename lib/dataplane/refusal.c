// SPDX-License-Identifier: GPL-2.0
/*
 * Why did the kernel refuse to put a program onto an interface, or to take it off?
 */
#include <dataplane/refusal.h>

#include <errno.h>
#include <string.h>

#include <dataplane/kernel.h>
#include <dataplane/libbpf_log.h>
#include <util/auto.h>
#include <util/error.h>

/* One buffer holds a page minus the headroom and tail that drivers reserve. */
#define SINGLE_BUFFER_MTU 3498

bool refusal_is_from_above(int ret)
{
	/* The kernel returns -EEXIST; libxdp takes that for a race and returns -EBUSY. */
	return ret && strstr(libbpf_log_kernel(), "upper device");
}

bool refusal_is_race(int ret)
{
	return ret == -EBUSY || ret == -EAGAIN || ret == -ENOENT ||
	       (ret == -EEXIST && !refusal_is_from_above(ret));
}

/* -- Interfaces above and below ---------------------------------------------------------------- */

/* An interface whose program excludes ours. */
struct blocker {
	const char *where; /* "above it" or "below it" */
	struct netdev dev;
	struct chain chain;
};

static bool find_blocker(const struct netdev *devs, size_t count, struct blocker *blocker)
{
	for (size_t i = 0; i < count; i++) {
		if (chain_read(&devs[i], &blocker->chain, NULL) || !blocker->chain.main_id)
			continue;
		blocker->dev = devs[i];
		return true;
	}
	return false;
}

/* "br0 above it has program 'foo' (id 12), so <consequence>; <what to do> first" */
static int blame(const struct netdev *dev, const struct blocker *blocker, const char *consequence,
		 int ret, struct error *err)
{
	const struct chain *chain = &blocker->chain;
	const char *other = blocker->dev.name;

	if (chain->program_id)
		return error_set(err, ret,
				 "%s: %s %s has xdp-ipfilter (program %u), so %s; take it off first "
				 "with 'xdp-ipfilter unload %s'",
				 dev->name, other, blocker->where, chain->program_id, consequence,
				 other);
	return error_set(err, ret,
			 "%s: %s %s has program '%s' (id %u), so %s; detach that first; 'xdp-loader "
			 "status %s' shows it",
			 dev->name, other, blocker->where, chain->main_name, chain->main_id,
			 consequence, other);
}

#define ABOVE_CONSEQUENCE "the kernel refuses changes below it"

static int from_above(const struct netdev *dev, struct error *err)
{
	struct blocker blocker = { .where = "above it" };
	auto_free struct netdev *above = NULL;
	size_t count;

	if (!netdev_above(dev, &above, &count) && find_blocker(above, count, &blocker))
		return blame(dev, &blocker, ABOVE_CONSEQUENCE, -EEXIST, err);
	return error_set(err, -EEXIST,
			 "%s: an interface above it, in another network namespace, has a program, "
			 "so " ABOVE_CONSEQUENCE "; detach that first",
			 dev->name);
}

/* A bond runs its own program on its ports. Returns 0 if no port has one. */
static int from_below(const struct netdev *dev, int ret, struct error *err)
{
	struct blocker blocker = { .where = "below it" };
	auto_free struct netdev *below = NULL;
	size_t count;

	if (netdev_below(dev, &below, &count) || !find_blocker(below, count, &blocker))
		return 0;
	return blame(dev, &blocker, "the bond accepts no native program", ret, err);
}

/* -- Attach ------------------------------------------------------------------------------------ */

/* One neighbour that does not take multi-buffer frames keeps them from the whole chain. */
static const struct chain_component *neighbour_without_frags(const struct chain *chain)
{
	for (unsigned int i = 0; i < chain->count; i++) {
		if (!chain->components[i].frags)
			return &chain->components[i];
	}
	return NULL;
}

/* Returns 0 if the MTU is no obstacle. */
static int large_mtu(const struct netdev *dev, const struct chain *before, int ret,
		     struct error *err)
{
	const struct chain_component *neighbour = neighbour_without_frags(before);
	unsigned int mtu = netdev_mtu(dev);

	if (mtu <= SINGLE_BUFFER_MTU)
		return 0;
	if (neighbour)
		return error_set(
			err, ret,
			"%s: MTU %u is too large for program '%s' (id %u), which does not take "
			"multi-buffer frames; lower the MTU to 1500, or unload the program",
			dev->name, mtu, neighbour->name, neighbour->program_id);
	if (!kernel_has_multi_buffer())
		return error_set(err, ret,
				 "%s: MTU %u is too large for native XDP on this kernel; lower it to "
				 "1500, or try --mode skb",
				 dev->name, mtu);
	return 0;
}

/* The errors with which drivers refuse. Others mean that something failed before that. */
static bool is_from_driver(int ret)
{
	return ret == -EOPNOTSUPP || ret == -EINVAL || ret == -ERANGE || ret == -ENOSPC ||
	       ret == -ENOTCONN || ret == -E2BIG;
}

static int no_native(const struct netdev *dev, const struct chain *before, int ret,
		     struct error *err)
{
	const char *said = libbpf_log_kernel();
	int known = large_mtu(dev, before, ret, err);

	if (known)
		return known;
	if (*said ? strstr(said, "native mode") != NULL : ret == -EOPNOTSUPP)
		return error_set(err, ret, "%s: the driver has no native XDP; try --mode skb",
				 dev->name);
	known = ret == -EOPNOTSUPP ? from_below(dev, ret, err) : 0;
	if (known)
		return known;
	if (*said)
		return error_set(err, ret,
				 "%s: the driver refuses native XDP: \"%s\"; change that, or try "
				 "--mode skb",
				 dev->name, said);
	return 0;
}

static int anything_else(const struct netdev *dev, const char *what, int ret, struct error *err)
{
	return error_set(err, ret, "%s: cannot %s: %s%s%s", dev->name, what, kernel_strerror(ret),
			 *libbpf_log_last() ? ": " : "", libbpf_log_last());
}

int refusal_of_attach(const struct netdev *dev, const struct chain *before, enum attach_mode mode,
		      int ret, struct error *err)
{
	int known = 0;

	if (refusal_is_from_above(ret))
		return from_above(dev, err);
	if (ret == -EBUSY || ret == -EEXIST)
		return error_set(
			err, -EBUSY,
			"%s: somebody attached another program at the same moment; 'xdp-loader "
			"status %s' shows it",
			dev->name, dev->name);
	if (ret == -ENODEV)
		return error_set(err, ret, "%s: the interface is gone", dev->name);
	if (is_from_driver(ret) && (mode == ATTACH_MODE_NATIVE || mode == ATTACH_MODE_UNSPECIFIED))
		known = no_native(dev, before, ret, err);
	return known ? known : anything_else(dev, "attach", ret, err);
}

int refusal_of_detach(const struct netdev *dev, __u32 program_id, int ret, struct error *err)
{
	char what[32];

	if (refusal_is_from_above(ret))
		return from_above(dev, err);
	snprintf(what, sizeof(what), "detach program %u", program_id);
	return anything_else(dev, what, ret, err);
}
