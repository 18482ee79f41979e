// SPDX-License-Identifier: GPL-2.0
/*
 * How is the filter attached to an interface?
 *
 * There are two objects of the same program. The first is loaded as a plain XDP program: it proves
 * that the kernel accepts the program, it owns the maps, and it is the program that runs when we
 * run single. The second goes to libxdp, which loads it as a component. Both share the maps of the
 * first, so the rules are complete before the first packet meets any of them.
 *
 * Before that, we test whether the kernel lets one program extend another, which the dispatcher
 * needs. If it does, libxdp must not go on without the dispatcher.
 */
#include <dataplane/attach.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include <dataplane/attempt.h>
#include <dataplane/capability.h>
#include <dataplane/detach.h>
#include <dataplane/enforcement.h>
#include <dataplane/filter.h>
#include <dataplane/framing.h>
#include <dataplane/kernel.h>
#include <dataplane/libbpf_log.h>
#include <dataplane/obstacle.h>
#include <dataplane/program.h>
#include <dataplane/refusal.h>
#include <dataplane/repair.h>
#include <dataplane/single.h>
#include <dataplane/table.h>
#include <util/auto.h>
#include <util/descriptors.h>
#include <util/error.h>
#include <util/log.h>

struct attachment {
	struct netdev dev;
	struct attach_options options;
	struct ipf_config config;
	struct bpf_object *object; /* loaded as plain XDP; its maps are the filter's */
	struct chain before;
	char single_reason[SINGLE_REASON_SIZE]; /* empty: there is a dispatcher */
};

static struct bpf_program *main_program(const struct attachment *attachment)
{
	return bpf_object__find_program_by_name(attachment->object, IPF_PROGRAM_NAME);
}

/* In an existing chain, "any mode" could mean a mode other than the chain's. */
static enum attach_mode mode_in_effect(const struct attachment *attachment)
{
	return attachment->before.main_id ? attachment->before.mode : attachment->options.mode;
}

/* -- Prepare ----------------------------------------------------------------------------------- */

/* Older kernels drop the whole line from their log if an address is in it. */
static int check_trace(const struct attach_options *options, struct error *err)
{
	if (options->trace && kernel_is_before(5, 13))
		return error_set(err, -EOPNOTSUPP,
				 "--trace: this kernel cannot log addresses; Linux 5.13 can");
	return 0;
}

static int check_interface(struct attachment *attachment, struct error *err)
{
	int ret = descriptors_check(ATTACH_DESCRIPTORS, err);

	if (!ret)
		ret = check_trace(&attachment->options, err);
	if (!ret)
		ret = chain_read(&attachment->dev, &attachment->before, err);
	return ret ? ret :
		     obstacle_check(&attachment->dev, &attachment->before, &attachment->options,
				    err);
}

/* Without a dispatcher, may the filter run single? */
static int check_single(struct attachment *attachment, struct error *err)
{
	const char *name = attachment->dev.name;
	int ret;

	if (attachment->before.state == FILTER_STATE_SINGLE) {
		snprintf(attachment->single_reason, sizeof(attachment->single_reason),
			 "so did the filter that it replaces");
		return 0;
	}
	ret = single_find_reason(&attachment->dev, attachment->options.mode,
				 attachment->single_reason, err);
	if (ret || !attachment->single_reason[0])
		return ret;
	if (attachment->options.require_dispatcher)
		return error_set(
			err, -EOPNOTSUPP,
			"%s: no dispatcher: %s; without --require-dispatcher it can run alone",
			name, attachment->single_reason);
	if (attachment->before.main_id)
		return error_set(err, -EBUSY, "%s: cannot join the chain that is there: %s", name,
				 attachment->single_reason);
	return 0;
}

static int refuse_object(const struct attachment *attachment, int ret, struct error *err)
{
	if (attachment->options.mode == ATTACH_MODE_HW)
		return error_set(err, ret,
				 "%s: the device cannot run this program in its hardware (%s); use "
				 "--mode native or --mode skb",
				 attachment->dev.name, kernel_strerror(ret));
	if (capability_explains(ret))
		return program_not_permitted(err);
	return error_set(err, ret, "the kernel rejects the program: %s; -v shows its log",
			 kernel_strerror(ret));
}

static int load_object(struct attachment *attachment, struct error *err)
{
	const unsigned int ifindex = attachment->dev.ifindex;
	struct bpf_map *map;
	int ret = program_open(&attachment->config, NULL, &attachment->object, err);

	if (ret)
		return ret;
	if (attachment->options.mode == ATTACH_MODE_HW) {
		bpf_program__set_ifindex(main_program(attachment), ifindex);
		bpf_object__for_each_map(map, attachment->object)
			bpf_map__set_ifindex(map, ifindex);
	}
	libbpf_log_clear();
	ret = bpf_object__load(attachment->object);
	if (ret)
		return refuse_object(attachment, ret, err);
	if (filter_is_ours(bpf_program__fd(main_program(attachment))) <= 0)
		return error_set(err, -EIO,
				 "the kernel did not keep the program's name or configuration, by "
				 "which it is found again");
	return 0;
}

static int fill_table(const struct attachment *attachment, struct ruleset *rules, struct error *err)
{
	struct filter filter = filter_of_object(attachment->object, &attachment->config);
	int ret = attachment->options.observe ? enforcement_set(&filter, ENFORCEMENT_OFF, err) : 0;

	return ret ? ret : table_fill(&filter, rules, err);
}

static int build(struct attachment *attachment, struct ruleset *rules, struct error *err)
{
	int ret = check_interface(attachment, err);

	attachment->config.mode = (__u8)mode_in_effect(attachment);
	if (!ret)
		ret = load_object(attachment, err);
	if (!ret)
		ret = check_single(attachment, err);
	return ret ? ret : fill_table(attachment, rules, err);
}

static struct ipf_config make_config(const struct netdev *dev, const struct attach_options *options,
				     enum ipf_link link)
{
	struct ipf_config config = {
		.magic = IPF_MAGIC,
		.abi_version = IPF_ABI_VERSION,
		.policy = options->policy,
		.priority = options->priority,
		.trace = options->trace,
		.counting = options->counting,
		.link = (__u8)link,
	};

	netdev_location(dev, &config.location);
	return config;
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
		return error_no_memory(err);
	attachment->dev = *dev;
	attachment->options = *options;
	attachment->config = make_config(dev, options, link);
	ret = build(attachment, rules, err);
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

static int join_chain(const struct attachment *attachment, struct xdp_program *program)
{
	int ret = xdp_program__set_run_prio(program, attachment->options.priority);

	if (!ret)
		ret = xdp_program__set_chain_call_enabled(program, XDP_PASS, true);
	if (!ret)
		ret = xdp_program__set_chain_call_enabled(program, CHAIN_MARK_ACTION, true);
	if (!ret && kernel_has_multi_buffer())
		ret = xdp_program__set_xdp_frags_support(program, true);
	return ret ? ret :
		     xdp_program__attach(program, (int)attachment->dev.ifindex,
					 attach_mode_libxdp(mode_in_effect(attachment)), 0);
}

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
	if (!ret) {
		ret = join_chain(attachment, program);
		xdp_program__close(program);
	}
	bpf_object__close(object); /* libxdp does not close an object that it was given */
	return ret;
}

static int attach_single(const struct attachment *attachment)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options);
	__u32 flags = attach_mode_flags(attachment->options.mode);
	auto_fd int old = -1;

	if (attachment->options.replaces) {
		old = bpf_prog_get_fd_by_id(attachment->options.replaces);
		if (old < 0)
			return -errno;
		options.old_prog_fd = old;
		flags |= XDP_FLAGS_REPLACE;
	} else {
		flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
	}
	return bpf_xdp_attach((int)attachment->dev.ifindex,
			      bpf_program__fd(main_program(attachment)), flags, &options);
}

/* libxdp silently attaches the program alone if it could not build its dispatcher, for whatever
 * reason. It remembers that, so another try in this process would end the same way. */
static int refuse_single(const struct attachment *attachment, struct error *err)
{
	return error_set(err, -EOPNOTSUPP,
			 "%s: libxdp did not use its dispatcher, although the kernel can run it (%s); "
			 "try again, or load the filter single with LIBXDP_SKIP_DISPATCHER=1",
			 attachment->dev.name,
			 *libbpf_log_last() ? libbpf_log_last() : "it does not say why");
}

/* Asks the kernel, not the library: is our program there now, and how? */
static int check_result(const struct attachment *attachment, struct chain *after, struct error *err)
{
	const struct netdev *dev = &attachment->dev;
	int ret = chain_read(dev, after, err);

	if (ret)
		return ret;
	if (!after->program_id)
		return error_set(err, -EIO,
				 "%s: attached, but it is not in the chain now; somebody took it off "
				 "again",
				 dev->name);
	if (after->state == FILTER_STATE_CHAINED)
		return 0;
	if (!attachment->single_reason[0])
		return refuse_single(attachment, err);
	if (attachment->options.replaces)
		return 0;
	log_warning(
		"%s: loaded single, without the libxdp dispatcher: %s; it filters, but no other XDP "
		"program can join it on this interface",
		dev->name, attachment->single_reason);
	return 0;
}

/* A failure leaves nothing: a filter that perhaps does not work is taken off again. Where it
 * replaces one, a failure leaves what filters. */
static int confirm(const struct attachment *attachment, struct chain *after, struct error *err)
{
	const __u32 replaces = attachment->options.replaces;
	int ret = 0;

	if (replaces && !attachment->single_reason[0])
		ret = detach_program(&attachment->dev, replaces, err);
	if (!ret)
		ret = check_result(attachment, after, err);
	if (ret && !replaces)
		detach_filters(&attachment->dev, NULL);
	return ret;
}

static int attach_now(struct attachment *attachment, struct attempt *attempt, struct chain *after,
		      struct error *err)
{
	int ret;

	for (;;) {
		libbpf_log_clear();
		ret = attachment->single_reason[0] ? attach_single(attachment) :
						     attach_chained(attachment);
		if (!ret)
			return confirm(attachment, after, err);
		if (!refusal_is_race(ret) || !attempt_again(attempt))
			break;
		/* Others came first: is there still room for us? */
		if (chain_read(&attachment->dev, &attachment->before, err))
			break;
		if (obstacle_check(&attachment->dev, &attachment->before, &attachment->options,
				   err))
			return ret;
	}
	return refusal_of_attach(&attachment->dev, &attachment->before, attachment->options.mode,
				 ret, err);
}

/* The repair can bring back the lost filter, and then nothing is left to attach. */
static int repair_and_attach(struct attachment *attachment, struct attempt *attempt,
			     struct chain *after, struct error *err)
{
	int ret = repair_chain(&attachment->dev, err);

	if (!ret)
		ret = chain_read(&attachment->dev, &attachment->before, err);
	if (ret)
		return ret;
	if (!attachment->before.program_id || attachment->options.replaces)
		return attach_now(attachment, attempt, after, err);
	*after = attachment->before;
	return 0;
}

/* A chain that we join can lack pins, which libxdp needs. */
static bool needs_repair(const struct attachment *attachment)
{
	return attachment->options.repair ||
	       repair_is_needed(&attachment->dev, &attachment->before);
}

int attach_commit(struct attachment *attachment, struct chain *after, struct error *err)
{
	struct attempt attempt;
	int ret;

	attempt_begin(&attempt);
	ret = needs_repair(attachment) ? repair_and_attach(attachment, &attempt, after, err) :
					 attach_now(attachment, &attempt, after, err);
	attempt_end(&attempt);
	return ret;
}
