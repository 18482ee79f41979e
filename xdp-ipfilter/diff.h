/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is different between two rule sets?
 */
#ifndef DIFF_H
#define DIFF_H

#include <ruleset/ruleset.h>

struct error;

/* Prints to stdout "- RULE" for each rule that goes, "+ RULE" for each that comes (both for one
 * that changes), and their numbers. ifname (NULL: not shown) goes before. Returns what report_finish()
 * says. */
int diff_print(const char *ifname, const struct ruleset *before, const struct ruleset *after,
	       __u32 now, struct error *err);

#endif
