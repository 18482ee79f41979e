/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are the rules of a table image read back?
 */
#ifndef TABLE_DECOMPILE_H
#define TABLE_DECOMPILE_H

struct error;
struct image;
struct prefix_list;
struct ruleset;

/* Rebuilds the rule set that an image was compiled from. The image must have passed image_check();
 * its rules are checked one by one all the same. Returns 0, -EBADMSG with the fault named, or
 * -ENOMEM. On success *out owns memory: release it with ruleset_done(); on failure it is empty. */
int decompile_rules(const struct image *image, struct ruleset *out, struct error *err);

/* The same of a delta, which has data: its rules, and its regions, sorted. Release *regions with
 * prefix_list_done(). */
int decompile_delta(const struct image *image, struct ruleset *rules, struct prefix_list *regions,
		    struct error *err);

#endif
