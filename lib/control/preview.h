/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What would a change do to the rules of an interface?
 */
#ifndef CONTROL_PREVIEW_H
#define CONTROL_PREVIEW_H

#include <ruleset/ruleset.h>

struct error;

/* Prints to stdout "- RULE" for each rule that would be removed, "+ RULE" for each that would be
 * added (both for one that would change), and their numbers, after ifname (NULL: not shown). Both
 * rule sets are tidied. Returns what report_finish() returns. */
int preview_print(const char *ifname, const struct ruleset *before, const struct ruleset *after,
		  __u32 now, struct error *err);

#endif
