/* SPDX-License-Identifier: GPL-2.0 */
/*
 * May this process do what the command needs?
 *
 * Asked by capget(2) itself: one system call is not worth libcap.
 */
#include <dataplane/capability.h>

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <util/error.h>

static bool effective(const struct __user_cap_data_struct *data, unsigned int capability)
{
	return data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

int capability_check(enum capability_need need, struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (syscall(SYS_capget, &header, data)) {
		int ret = -errno;

		return error_set(err, ret, "cannot read the capabilities: %s", strerror(-ret));
	}
	if (!effective(data, CAP_SYS_ADMIN))
		return error_set(err, -EPERM,
				 "not permitted: CAP_SYS_ADMIN is missing (BPF programs and maps by "
				 "id need it); run as root");
	if (need == CAPABILITY_ATTACH && !effective(data, CAP_NET_ADMIN))
		return error_set(err, -EPERM,
				 "not permitted: CAP_NET_ADMIN is missing (XDP programs on interfaces "
				 "need it); run as root");
	return 0;
}
