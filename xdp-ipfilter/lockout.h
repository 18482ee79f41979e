/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Would these rules lock the operator out?
 *
 * What is nearly always a mistake is refused unless --force is given; what may be wanted is warned
 * of. Refused is
 *
 * - a change after which next to nobody passes: of the addresses in use (coverage.h) less than a 256th, and
 *   more before, of which it newly drops a 256th or more. In IPv4 that is less than a /8. Whether one rule does it or many together, and
 *   whether they come from the command line, a file or both, does not matter: 0.0.0.0/0,
 *   0.0.0.0/1 with 128.0.0.0/1, 0.0.0.1-255.255.255.255, ::ffff:0:0/96. Exceptions count: what they let
 *   pass, passes. Lists that are meant stay below: those of countries cover half of IPv4, full lists of
 *   bogons 95 % of what the registries have of IPv6.
 * - a line of a file, or of standard input, that newly drops a third of the addresses in use or more: a /1
 *   of IPv4 (43 or 57 %), where a /2 is 29 %. No list has such a line, unless it was cut inside
 *   128.0.0.0/16. Somebody who types it means it.
 * - a last line that has no line end and is wider than all others of its family in its file (where it has
 *   none, than /8 or /16): it may have lost digits. A line end makes it good.
 * - of a large set, a replace that leaves less than half.
 *
 * What live rules drop already, and what the policy drops, is not newly dropped. So under policy deny
 * nothing is refused at load, and a replace only where it takes away pass rules over nearly all.
 */
#ifndef LOCKOUT_H
#define LOCKOUT_H

#include <dataplane/netdev.h>
#include <feed/input.h>
#include <ruleset/ruleset.h>
#include <stddef.h>

struct error;

/* Refuses the last line of a file that seems to be cut. 0 or -EPERM. */
int lockout_check_input(const struct input *input, struct error *err);

enum lockout_change { LOCKOUT_ADDS, LOCKOUT_REPLACES };

/* Can a change of these rules by the input drop so much that lockout_check_rules() refuses it? That costs
 * a copy of the rules and a walk over them; nearly all changes can do without. */
bool lockout_may_refuse(const struct input *input, const struct ruleset *rules,
			enum ipf_verdict policy, enum lockout_change change);

/* Refuses what the rules of the input make of the interface's: both are tidied. 0 or -EPERM. */
int lockout_check_rules(const struct netdev *dev, const struct input *input,
			const struct ruleset *before, const struct ruleset *after,
			enum ipf_verdict policy, struct error *err);

/* Refuses that less than half stays of a set that has many rules. 0 or -EPERM. */
int lockout_check_shrink(const char *set, size_t before, size_t after, struct error *err);

/* Warns when the rules, about to go live on the interface, drop the peer of this SSH session, or,
 * under policy deny, pass nobody. Rules of the input (may be NULL) are called as it calls them. */
void lockout_warn(const struct netdev *dev, const struct ruleset *rules, enum ipf_verdict policy,
		  const struct input *input, __u32 now);

#endif
