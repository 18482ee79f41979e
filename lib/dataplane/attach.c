// SPDX-License-Identifier: GPL-2.0
/*
 * How does the program come onto an interface, and go again?
 *
 * Two objects of the same program are in play. The first is loaded as a plain XDP program: it proves
 * that the kernel accepts it, owns the maps, and is what is attached when we run single. The second
 * goes to libxdp, which loads it as a component. Both share the first one's maps, so the rules are
 * complete before the first packet sees any of them.
 *
 * Whether the kernel lets a program extend another, which is what the dispatcher is built on, is found out
 * before: then libxdp must not do without.
 */
#include <dataplane/attach.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include <dataplane/bpffs.h>
#include <dataplane/filter.h>
#include <dataplane/framing.h>
#include <dataplane/kernel.h>
#include <dataplane/libbpf_log.h>
#include <dataplane/repair.h>
#include <dataplane/program.h>
#include <dataplane/refusal.h>
#include <dataplane/renumber.h>
#include <dataplane/table.h>
#include <util/auto.h>
#include <util/descriptors.h>
#include <util/error.h>
#include <util/log.h>

/* Others that load at the same moment make libxdp lose the race, not us the interface. */
#define MAX_TRIES 30
#define RETRY_NS 20000000

struct attachment {
	struct netdev dev;
	struct attach_options options;
	struct ipf_config config;
	struct bpf_object *object; /* loaded as plain XDP; its maps are the filter's */
	struct chain before;
	char single_reason[256]; /* why there is no dispatcher; empty: there is one */
};

static const enum xdp_attach_mode libxdp_modes[] = {
	[ATTACH_MODE_UNSPECIFIED] = XDP_MODE_UNSPEC,
	[ATTACH_MODE_NATIVE] = XDP_MODE_NATIVE,
	[ATTACH_MODE_SKB] = XDP_MODE_SKB,
	[ATTACH_MODE_HW] = XDP_MODE_HW,
};

/* A signal between attach and the look at its result would leave the user with a wrong exit code. */
static void block_signals(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, before);
}

static void pause_before_retry(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = RETRY_NS }, NULL);
}

static struct bpf_program *main_program(struct bpf_object *object)
{
	return bpf_object__find_program_by_name(object, IPF_PROGRAM_NAME);
}

/* -- What is in the way ------------------------------------------------------------------------ */

static int check_dispatcher(const struct netdev *dev, const struct chain *chain,
			    const struct attach_options *options, struct error *err)
{
	char advice[CHAIN_ADVICE_SIZE];
	int ret;

	if (chain->untold)
		return error_set(
			err, -EOPNOTSUPP,
			"%s: libxdp's dispatcher (program %u) has the interface, and this kernel does "
			"not tell what it runs (Linux 5.13 does), so the filter cannot join it; "
			"'xdp-loader unload %s --all' takes it off",
			dev->name, chain->main_id, dev->name);
	ret = chain_check_version(dev, chain, err);
	if (ret)
		return ret;
	if (chain_is_broken(chain) && !options->repair)
		return error_set(err, -EBUSY, "%s: %s; %s", dev->name,
				 filter_state_text(chain->state), chain_advice(dev, chain, advice));
	ret = options->repair ? 0 : repair_check_pins(dev, chain, err);
	if (ret)
		return ret;
	if (chain->expected == CHAIN_MAX && !chain_is_broken(chain))
		return error_set(err, -E2BIG,
				 "%s: the chain is full: %u programs, and no dispatcher takes more; "
				 "'xdp-loader status %s' lists them",
				 dev->name, chain->count, dev->name);
	if (options->mode != ATTACH_MODE_UNSPECIFIED && options->mode != chain->mode)
		return error_set(err, -EBUSY,
				 "%s: its chain runs in %s mode, not %s; use --mode %s", dev->name,
				 attach_mode_name(chain->mode), attach_mode_name(options->mode),
				 attach_mode_name(chain->mode));
	return 0;
}

static int check_place(const struct netdev *dev, const struct chain *chain,
		       const struct attach_options *options, struct error *err)
{
	char advice[CHAIN_ADVICE_SIZE];

	if (chain->program_id)
		return error_set(
			err, -EEXIST,
			"%s: loaded already (program %u); change its rules with add, del or replace, or "
			"take it off with 'xdp-ipfilter unload %s' first",
			dev->name, chain->program_id, dev->name);
	if (!chain->main_id)
		return 0;
	if (chain->dispatcher)
		return check_dispatcher(dev, chain, options, err);
	return error_set(err, -EBUSY, "%s: %s", dev->name, chain_advice(dev, chain, advice));
}

/* -- Prepare ----------------------------------------------------------------------------------- */

/* Errors that say nothing of what the kernel can do: the next try may find it able. */
static bool is_passing(int ret)
{
	return ret == -ENOMEM || ret == -EAGAIN || ret == -EINTR || ret == -EMFILE ||
	       ret == -ENFILE;
}

/* Why there will be no dispatcher, in words for the user; empty when there will be one. */
static int find_single_reason(struct attachment *attachment, struct error *err)
{
	char *reason = attachment->single_reason;
	size_t size = sizeof(attachment->single_reason);
	const char *skip = getenv("LIBXDP_SKIP_DISPATCHER");
	int ret;

	if (attachment->options.mode == ATTACH_MODE_HW) {
		snprintf(reason, size, "a program in the hardware has no dispatcher");
		return 0;
	}
	if (skip && !strcmp(skip, "1")) {
		snprintf(reason, size, "LIBXDP_SKIP_DISPATCHER=1 is set");
		return 0;
	}
	ret = bpffs_ensure(err);
	if (ret)
		return ret;
	if (!bpffs_writable()) {
		snprintf(reason, size, "the BPF file system at /sys/fs/bpf is read-only");
		return 0;
	}
	log_verbose("%s: trying whether the kernel has what a dispatcher needs",
		    attachment->dev.name);
	ret = program_probe_extension();
	if (is_passing(ret))
		return error_set(err, ret,
				 "%s: cannot find out whether the kernel has what a dispatcher "
				 "needs: %s; try again",
				 attachment->dev.name, kernel_strerror(ret));
	if (ret == -ENODATA)
		snprintf(reason, size,
			 "the kernel does not tell what a dispatcher runs (Linux 5.13 does)");
	else if (ret)
		snprintf(reason, size,
			 "the kernel refuses programs that extend others (freplace: %s)",
			 kernel_strerror(ret));
	return 0;
}

/* Older kernels log nothing at all of a line with an address in it. */
static int check_trace(const struct attach_options *options, struct error *err)
{
	if (options->trace && kernel_is_before(5, 13))
		return error_set(err, -EOPNOTSUPP,
				 "--trace: this kernel cannot log addresses; Linux 5.13 can");
	return 0;
}

static int load_object(struct attachment *attachment, struct error *err)
{
	struct bpf_map *map;
	int ret = program_open(&attachment->config, NULL, &attachment->object, err);

	if (ret)
		return ret;
	if (attachment->options.mode == ATTACH_MODE_HW) {
		bpf_program__set_ifindex(main_program(attachment->object), attachment->dev.ifindex);
		bpf_object__for_each_map(map, attachment->object)
			bpf_map__set_ifindex(map, attachment->dev.ifindex);
	}
	libbpf_log_clear();
	ret = bpf_object__load(attachment->object);
	if (!ret && filter_is_ours(bpf_program__fd(main_program(attachment->object))) <= 0)
		return error_set(
			err, -EIO,
			"the kernel did not keep the program's name or configuration, by which "
			"it is found again");
	if (!ret)
		return 0;
	if (attachment->options.mode == ATTACH_MODE_HW)
		return error_set(err, ret,
				 "%s: the device takes no such program into its hardware (%s); use "
				 "--mode native or --mode skb",
				 attachment->dev.name, kernel_strerror(ret));
	if (ret == -EPERM && !kernel_limits_memory())
		return program_not_permitted(err);
	return error_set(err, ret, "the kernel does not take the program: %s; -v shows its log",
			 kernel_strerror(ret));
}

/* An existing chain has a mode; asking for "any" beside it would mean another one. */
static enum attach_mode mode_in_effect(const struct attachment *attachment)
{
	return attachment->before.main_id ? attachment->before.mode : attachment->options.mode;
}

int attach_prepare(const struct netdev *dev, const struct attach_options *options,
		   struct ruleset *rules, struct attachment **out, struct error *err)
{
	struct attachment *attachment;
	enum ipf_link link;
	int ret = framing_of(dev, &link, err);

	if (ret)
		return ret;
	attachment = calloc(1, sizeof(*attachment));
	if (!attachment)
		return error_set(err, -ENOMEM, "out of memory");
	attachment->dev = *dev;
	attachment->options = *options;
	attachment->config = (struct ipf_config){
		.magic = IPF_MAGIC,
		.abi_version = IPF_ABI_VERSION,
		.policy = options->policy,
		.priority = options->priority,
		.trace = options->trace,
		.counting = options->counting,
		.link = (__u8)link,
	};

	netdev_location(dev, &attachment->config.location);

	ret = descriptors_check(ATTACH_DESCRIPTORS, err);
	if (!ret)
		ret = check_trace(options, err);
	if (!ret)
		ret = chain_read(dev, &attachment->before, err);
	if (!ret)
		ret = check_place(dev, &attachment->before, options, err);
	attachment->config.mode = (__u8)mode_in_effect(attachment);
	if (!ret)
		ret = load_object(attachment, err);
	if (!ret)
		ret = find_single_reason(attachment, err);
	if (!ret && attachment->single_reason[0] && options->require_dispatcher)
		ret = error_set(
			err, -EOPNOTSUPP,
			"%s: no dispatcher: %s; without --require-dispatcher it can run alone",
			dev->name, attachment->single_reason);
	if (!ret && attachment->single_reason[0] && attachment->before.main_id)
		ret = error_set(err, -EBUSY, "%s: cannot join the chain that is there: %s",
				dev->name, attachment->single_reason);
	if (!ret) {
		struct filter filter = filter_of_object(attachment->object, &attachment->config);

		ret = table_fill(&filter, rules, err);
	}
	if (ret) {
		attachment_free(attachment);
		return ret;
	}
	*out = attachment;
	return 0;
}

void attachment_free(struct attachment *attachment)
{
	if (!attachment)
		return;
	bpf_object__close(attachment->object);
	free(attachment);
}

/* -- Attach ------------------------------------------------------------------------------------ */

static int attach_chained(const struct attachment *attachment)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .prog_name = IPF_PROGRAM_NAME);
	struct bpf_object *object;
	struct xdp_program *program;
	int ret = program_open(&attachment->config, attachment->object, &object, NULL);

	if (ret)
		return ret;
	options.obj = object;
	program = xdp_program__create(&options);
	ret = (int)libxdp_get_error(program);
	if (ret) {
		bpf_object__close(object);
		return ret;
	}
	ret = xdp_program__set_run_prio(program, attachment->options.priority);
	if (!ret)
		ret = xdp_program__set_chain_call_enabled(program, XDP_PASS, true);
	if (!ret)
		ret = xdp_program__set_chain_call_enabled(program, CHAIN_MARK_ACTION, true);
	if (!ret && program_kernel_has_frags())
		ret = xdp_program__set_xdp_frags_support(program, true);
	if (!ret)
		ret = xdp_program__attach(program, (int)attachment->dev.ifindex,
					  libxdp_modes[mode_in_effect(attachment)], 0);
	xdp_program__close(program);
	bpf_object__close(object); /* libxdp leaves an object that it was given to the giver */
	return ret;
}

static int attach_single(const struct attachment *attachment)
{
	__u32 flags = attach_mode_flags(attachment->options.mode) | XDP_FLAGS_UPDATE_IF_NOEXIST;

	return bpf_xdp_attach((int)attachment->dev.ifindex,
			      bpf_program__fd(main_program(attachment->object)), flags, NULL);
}

static int detach_now(const struct netdev *dev, __u32 program_id, struct error *err);

/* What libxdp does without a word where it could not build its dispatcher, whatever the reason was. It
 * remembers that, so another try in this process would end alike. */
static int refuse_single(const struct attachment *attachment, struct error *err)
{
	return error_set(err, -EOPNOTSUPP,
			 "%s: libxdp did not use its dispatcher, although the kernel can run it (%s); "
			 "try again, or load the filter single with LIBXDP_SKIP_DISPATCHER=1",
			 attachment->dev.name,
			 *libbpf_log_last() ? libbpf_log_last() : "it does not say why");
}

/* The kernel's word, not the library's: is our program there now, and how? */
static int check_result(const struct attachment *attachment, struct error *err)
{
	const struct netdev *dev = &attachment->dev;
	struct chain chain;
	int ret = chain_read(dev, &chain, err);

	if (ret)
		return ret;
	if (chain.state != FILTER_STATE_CHAINED && chain.state != FILTER_STATE_SINGLE)
		return error_set(
			err, -EIO,
			"%s: attached, but it is not in the chain now; somebody took it off again",
			dev->name);
	if (chain.state == FILTER_STATE_CHAINED)
		return 0;
	if (!attachment->single_reason[0])
		return refuse_single(attachment, err);
	log_warning(
		"%s: loaded single, without the libxdp dispatcher: %s; it filters, but no other XDP "
		"program can join it on this interface",
		dev->name, attachment->single_reason);
	return 0;
}

/* What cannot be told to be right is taken off again: a failure leaves nothing. */
static int confirm(const struct attachment *attachment, struct error *err)
{
	int ret = check_result(attachment, err);

	if (ret)
		detach_now(&attachment->dev, 0, NULL);
	return ret;
}

static int attach_now(struct attachment *attachment, struct error *err)
{
	int ret = 0;

	for (int try = 0; try < MAX_TRIES; try++) {
		libbpf_log_clear();
		ret = attachment->single_reason[0] ? attach_single(attachment) :
						     attach_chained(attachment);
		if (!ret)
			return confirm(attachment, err);
		if (!refusal_is_race(ret))
			break;
		/* Somebody else was quicker: is there still a place for us? */
		pause_before_retry();
		if (chain_read(&attachment->dev, &attachment->before, err))
			break;
		if (check_place(&attachment->dev, &attachment->before, &attachment->options, err))
			return ret;
	}
	return refusal_of_attach(&attachment->dev, &attachment->before, attachment->options.mode,
				 ret, err);
}

/* A filter of before may be back in its place after that. */
static int mend_and_attach(struct attachment *attachment, struct error *err)
{
	int ret = repair_chain(&attachment->dev, err);

	if (!ret)
		ret = chain_read(&attachment->dev, &attachment->before, err);
	if (ret || attachment->before.program_id)
		return ret;
	return attach_now(attachment, err);
}

/* Of a chain that is to be joined pins can be missing, which libxdp needs. */
static bool is_mending_needed(const struct attachment *attachment)
{
	return attachment->options.repair ||
	       repair_is_needed(&attachment->dev, &attachment->before);
}

int attach_commit(struct attachment *attachment, struct error *err)
{
	sigset_t before;
	int ret;

	block_signals(&before);
	ret = is_mending_needed(attachment) ? mend_and_attach(attachment, err) :
					      attach_now(attachment, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}

/* -- Detach ------------------------------------------------------------------------------------ */

/* Takes the interface's program off, if it is still the one that we mean. */
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
	ret = xdp_program__detach(program, (int)dev->ifindex, libxdp_modes[chain->mode], 0);
	xdp_program__close(program);
	return ret;
}

static int detach_once(const struct netdev *dev, const struct chain *chain, __u32 program_id)
{
	if (chain->state == FILTER_STATE_CHAINED)
		return detach_chained(dev, chain, program_id);
	/* It broke since it was mended, and others still run in it. */
	if (chain->count)
		return -EBUSY;
	return detach_main(dev, chain);
}

/* libxdp has to know a broken chain again before it takes a program out of it. Of a dispatcher that
 * has lost all of them nobody misses anything, so that goes also where mending fails. */
static int mend_before_detach(const struct netdev *dev, bool *mended, struct error *err)
{
	struct chain chain;
	int ret = chain_read(dev, &chain, err);

	*mended = false;
	if (!ret && chain.state != FILTER_STATE_NOT_LOADED && !chain_can_end(&chain))
		ret = chain_check_version(dev, &chain, err);
	if (ret || chain.state == FILTER_STATE_NOT_LOADED)
		return ret;
	renumber_pins(dev, &chain);
	if (!repair_is_needed(dev, &chain))
		return repair_check_pins(dev, &chain, err);
	*mended = true;
	ret = repair_chain(dev, chain.count ? err : NULL);
	return chain.count ? ret : 0;
}

/* Which one goes next: of those that were there at first, so that one that somebody loads meanwhile
 * stays. 0: none is left. */
static __u32 next_to_detach(const struct chain *first, const struct chain *now, __u32 program_id)
{
	if (program_id)
		return chain_has(now, program_id) ? program_id : 0;
	if (chain_has(first, now->program_id))
		return now->program_id;
	for (unsigned int i = 0; i < now->count; i++) {
		__u32 id = now->members[i].program_id;

		if (now->members[i].ours && chain_has(first, id))
			return id;
	}
	return 0;
}

static int detach_now(const struct netdev *dev, __u32 program_id, struct error *err)
{
	struct chain first, chain;
	__u32 next = 0, last = 0;
	bool touched;
	int ret = mend_before_detach(dev, &touched, err);

	if (!ret)
		ret = chain_read(dev, &first, err);
	if (ret)
		return ret;
	for (int try = 0; try < MAX_TRIES;) {
		int read = chain_read(dev, &chain, err);

		if (read)
			return read;
		next = next_to_detach(&first, &chain, program_id);
		/* Gone by this very command, whatever the library says of it. */
		if (!next && chain.state != FILTER_STATE_NOT_FILTERING)
			return touched ? 0 : error_set(err, -ENOENT, "%s: not loaded", dev->name);
		if (touched && next == last) {
			try++;
			pause_before_retry();
		}
		last = next;
		libbpf_log_clear();
		touched = true;
		ret = detach_once(dev, &chain, next);
		if (refusal_is_from_above(ret))
			break;
	}
	if (!ret)
		return error_set(err, -EIO, "%s: cannot detach program %u: it stays in the chain",
				 dev->name, next);
	return refusal_of_detach(dev, next, ret, err);
}

int detach(const struct netdev *dev, __u32 program_id, struct error *err)
{
	sigset_t before;
	int ret;

	block_signals(&before);
	ret = detach_now(dev, program_id, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}
