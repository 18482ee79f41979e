// SPDX-License-Identifier: GPL-2.0
/*
 * How is the filter taken off an interface?
 */
#include <dataplane/detach.h>

#include <errno.h>
#include <stdbool.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include <dataplane/attempt.h>
#include <dataplane/chain.h>
#include <dataplane/libbpf_log.h>
#include <dataplane/refusal.h>
#include <dataplane/renumber.h>
#include <dataplane/repair.h>
#include <util/auto.h>
#include <util/error.h>

/* Takes the interface's program off, if it is still the one that the chain was read from. */
static int detach_main(const struct netdev *dev, const struct chain *chain)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options);
	auto_fd int fd = bpf_prog_get_fd_by_id(chain->main_id);

	if (fd < 0)
		return -errno;
	options.old_prog_fd = fd;
	return bpf_xdp_detach((int)dev->ifindex, attach_mode_flags(chain->mode), &options);
}

static int detach_chained(const struct netdev *dev, const struct chain *chain, __u32 program_id)
{
	struct xdp_program *program = xdp_program__from_id(program_id);
	int ret = (int)libxdp_get_error(program);

	if (ret)
		return ret;
	ret = xdp_program__detach(program, (int)dev->ifindex, attach_mode_libxdp(chain->mode), 0);
	xdp_program__close(program);
	return ret;
}

static int detach_once(const struct netdev *dev, const struct chain *chain, __u32 program_id)
{
	if (chain->state == FILTER_STATE_CHAINED)
		return detach_chained(dev, chain, program_id);
	/* It broke after it was repaired, and others still run in it. */
	if (chain->count)
		return -EBUSY;
	return detach_main(dev, chain);
}

/* Brings the chain into a state from which programs can be taken out, and reads it. If the
 * dispatcher has lost all its components, it can go even if the repair fails: no program is
 * lost. */
static int make_ready(const struct netdev *dev, struct chain *chain, bool *repaired,
		      struct error *err)
{
	int ret = chain_read(dev, chain, err);

	*repaired = false;
	if (!ret && chain->state != FILTER_STATE_NOT_LOADED && !chain_can_end(chain))
		ret = chain_check_version(dev, chain, err);
	if (ret || chain->state == FILTER_STATE_NOT_LOADED)
		return ret;
	renumber_pins(dev, chain);
	if (!repair_is_needed(dev, chain))
		return repair_check_pins(dev, chain, err);
	*repaired = true;
	ret = repair_chain(dev, chain->count ? err : NULL);
	if (ret && chain->count)
		return ret;
	return chain_read(dev, chain, err);
}

/* Which program is detached next: `only`, or any of those that were there at first? 0: none is
 * left. */
static __u32 next_to_detach(const struct chain *first, const struct chain *now, const __u32 *only)
{
	if (only)
		return chain_has(now, *only) ? *only : 0;
	if (chain_has(first, now->program_id))
		return now->program_id;
	for (unsigned int i = 0; i < now->count; i++) {
		__u32 id = now->components[i].program_id;

		if (now->components[i].ours && chain_has(first, id))
			return id;
	}
	return 0;
}

static int detach_each(const struct netdev *dev, const __u32 *only, struct attempt *attempt,
		       struct error *err)
{
	struct chain first, now;
	__u32 next = 0, last = 0;
	bool touched;
	int ret = make_ready(dev, &first, &touched, err);

	if (ret)
		return ret;
	now = first;
	for (;;) {
		int read;

		next = next_to_detach(&first, &now, only);
		/* Whatever the library returned: if the program is gone, this command removed
		 * it. */
		if (!next && now.state != FILTER_STATE_NOT_FILTERING)
			return touched ?
				       0 :
				       error_set_absent(err, -ENOENT, "%s: not loaded", dev->name);
		if (touched && next == last && !attempt_again(attempt))
			break;
		last = next;
		libbpf_log_clear();
		touched = true;
		ret = detach_once(dev, &now, next);
		if (refusal_is_from_above(ret))
			break;
		read = chain_read(dev, &now, err);
		if (read)
			return read;
	}
	if (!ret)
		return error_set(err, -EIO, "%s: cannot detach program %u: it stays in the chain",
				 dev->name, next);
	return refusal_of_detach(dev, next, ret, err);
}

/* `only`: NULL means all of ours. */
static int detach(const struct netdev *dev, const __u32 *only, struct error *err)
{
	struct attempt attempt;
	int ret;

	attempt_begin(&attempt);
	ret = detach_each(dev, only, &attempt, err);
	attempt_end(&attempt);
	return ret;
}

int detach_program(const struct netdev *dev, __u32 program_id, struct error *err)
{
	return detach(dev, &program_id, err);
}

int detach_filters(const struct netdev *dev, struct error *err)
{
	return detach(dev, NULL, err);
}
