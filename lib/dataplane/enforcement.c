// SPDX-License-Identifier: GPL-2.0
/*
 * Does a filter drop, or does it only observe what it would drop?
 */
#include <dataplane/enforcement.h>

#include <errno.h>
#include <sys/mman.h>

#include <dataplane/filter.h>
#include <dataplane/kernel.h>
#include <util/error.h>

enum enforcement enforcement_of(const struct ipf_root *root)
{
	return __atomic_load_n(&root->modes.observe, __ATOMIC_RELAXED) ? ENFORCEMENT_OFF :
									 ENFORCEMENT_ON;
}

int enforcement_read(const struct filter *filter, enum enforcement *out)
{
	struct ipf_root *root = filter_map_root(filter, PROT_READ);

	if (!root)
		return -errno;
	*out = enforcement_of(root);
	munmap(root, sizeof(*root));
	return 0;
}

void enforcement_switch(struct ipf_root *root, enum enforcement to)
{
	__atomic_store_n(&root->modes.observe, to == ENFORCEMENT_OFF, __ATOMIC_RELAXED);
}

int enforcement_set(const struct filter *filter, enum enforcement to, struct error *err)
{
	struct ipf_root *root = filter_map_root(filter, PROT_READ | PROT_WRITE);
	int ret = root ? 0 : -errno;

	if (ret)
		return error_set(err, ret, "cannot map the root of the table: %s",
				 kernel_strerror(ret));
	enforcement_switch(root, to);
	munmap(root, sizeof(*root));
	return 0;
}
