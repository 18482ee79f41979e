// SPDX-License-Identifier: GPL-2.0
/*
 * Why would the filter run single, without libxdp's dispatcher?
 */
#include <dataplane/single.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dataplane/bpffs.h>
#include <dataplane/kernel.h>
#include <util/error.h>
#include <util/log.h>

/* What keeps libxdp from its dispatcher, whatever the kernel supports? NULL: nothing. */
static const char *known_reason(enum attach_mode mode)
{
	const char *skip = getenv("LIBXDP_SKIP_DISPATCHER");

	if (mode == ATTACH_MODE_HW)
		return "a program in the hardware has no dispatcher";
	if (skip && !strcmp(skip, "1"))
		return "LIBXDP_SKIP_DISPATCHER=1 is set";
	return NULL;
}

/* Does the kernel lack what a dispatcher needs? */
static int find_kernel_reason(const struct netdev *dev, char reason[SINGLE_REASON_SIZE],
			      struct error *err)
{
	int ret;

	log_verbose("%s: testing whether the kernel supports a dispatcher", dev->name);
	ret = kernel_probe_extension();
	if (kernel_refusal_passes(ret))
		return error_set(err, ret,
				 "%s: cannot find out whether the kernel supports a dispatcher: "
				 "%s; try again",
				 dev->name, kernel_strerror(ret));
	if (ret == -ENODATA)
		snprintf(reason, SINGLE_REASON_SIZE,
			 "the kernel does not report what a dispatcher runs (Linux 5.13 does)");
	else if (ret)
		snprintf(reason, SINGLE_REASON_SIZE,
			 "the kernel refuses programs that extend others (freplace: %s)",
			 kernel_strerror(ret));
	return 0;
}

int single_find_reason(const struct netdev *dev, enum attach_mode mode,
		       char reason[SINGLE_REASON_SIZE], struct error *err)
{
	const char *known = known_reason(mode);
	int ret = known ? 0 : bpffs_ensure(err);

	reason[0] = '\0';
	if (ret)
		return ret;
	if (!known && !bpffs_writable())
		known = "the BPF file system at " BPFFS_PATH " is read-only";
	if (!known)
		return find_kernel_reason(dev, reason, err);
	snprintf(reason, SINGLE_REASON_SIZE, "%s", known);
	return 0;
}
