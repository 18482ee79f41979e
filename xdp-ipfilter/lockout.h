/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Would these rules lock the operator out?
 *
 * What is nearly always a mistake is refused unless --force is given; what may be wanted is warned
 * of.
 */
#ifndef LOCKOUT_H
#define LOCKOUT_H

#include <dataplane/netdev.h>
#include <ruleset/ruleset.h>
#include <stddef.h>

struct error;

/* Refuses a drop rule that covers a whole family. 0 or -EPERM. */
int lockout_check_rules(const struct rule *rules, size_t count, struct error *err);

/* Refuses that less than half stays of a set that has many rules. 0 or -EPERM. */
int lockout_check_shrink(const char *set, size_t before, size_t after, struct error *err);

/* Warns when the rules, about to go live on the interface, drop the peer of this SSH session, or,
 * under policy deny, pass nobody. */
void lockout_warn(const struct netdev *dev, const struct ruleset *rules, enum ipf_verdict policy,
		  __u32 now);

#endif
