/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Would these rules lock the operator out?
 *
 * A change that is nearly always a mistake is refused, unless --force is given. One that may be
 * intended gets a warning. These changes are refused:
 *
 * - A change after which hardly any source passes: less than a 256th of the addresses in use
 *   (coverage.h; in IPv4 that is less than a /8), where more passed before, and the change newly
 *   drops a 256th or more. One rule may do it or many together, from the command line, a file or
 *   both: 0.0.0.0/0, 0.0.0.0/1 with 128.0.0.0/1, 0.0.0.1-255.255.255.255, ::ffff:0:0/96. Exceptions
 *   count: addresses that they let pass count as passing. Lists that people use stay below the
 *   limit: country lists cover half of IPv4, full bogon lists 95 % of the IPv6 space that the
 *   registries have.
 * - A line of a file, or of standard input, that newly drops a third of the addresses in use or
 *   more: a /1 of IPv4 drops 43 or 57 %, a /2 29 %. No list has such a line, unless it was
 *   truncated inside 128.0.0.0/16. An operator who types it on the command line means it.
 * - A last line that has no line end and is wider than all others of its family in its file (if
 *   there are none, wider than /8 or /16): it may have lost digits. A line end makes it acceptable.
 * - A replace that leaves less than half of a large set.
 *
 * Addresses that live rules or the policy already drop are not newly dropped. Under policy deny,
 * load therefore refuses nothing, and replace refuses only a change that removes pass rules over
 * nearly all addresses.
 */
#ifndef CONTROL_LOCKOUT_H
#define CONTROL_LOCKOUT_H

#include <dataplane/edit.h>
#include <dataplane/netdev.h>
#include <feed/input.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

/* Refuses a last line that seems to be truncated. Returns 0, or -EPERM and sets *err. */
int lockout_check_input(const struct input *input, struct error *err);

enum lockout_change { LOCKOUT_ADDS, LOCKOUT_REPLACES };

/* Might lockout_check_rules() refuse what the input does to these rules? Ask this first: that check
 * needs a copy of the rules and a walk over them, and nearly all changes need neither. */
bool lockout_may_refuse(const struct input *input, const struct ruleset *rules,
			enum ipf_verdict policy, enum lockout_change change);

/* The same of a table that is edited. Returns 0 with *may, or a negative errno and sets *err. */
int lockout_may_refuse_edit(const struct input *input, const struct edit *edit,
			    enum ipf_verdict policy, enum lockout_change change, bool *may,
			    struct error *err);

/* Refuses a change that drops nearly all sources, or whose input has a line that drops too much.
 * `before` and `after` are the interface's rules, tidied. Returns 0, or -EPERM and sets *err. */
int lockout_check_rules(const struct netdev *dev, const struct input *input,
			const struct ruleset *before, const struct ruleset *after,
			enum ipf_verdict policy, struct error *err);

/* Refuses a change that leaves less than half of a set of many rules. Returns 0, or -EPERM and sets
 * *err. */
int lockout_check_shrink(const char *set, size_t before, size_t after, struct error *err);

/* Warns if the rules that are about to go live on the interface drop the peer of this SSH session
 * or, under policy deny, pass no source. Names a rule of the input (may be NULL) as the input
 * does. */
void lockout_warn(const struct netdev *dev, const struct ruleset *rules, enum ipf_verdict policy,
		  const struct input *input, __u32 now);

/* The same of a table that is edited. Returns 0, or a negative errno and sets *err. */
int lockout_warn_edit(const struct netdev *dev, const struct edit *edit, enum ipf_verdict policy,
		      const struct input *input, struct error *err);

#endif
