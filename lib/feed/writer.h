/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are rules written, so that they can be read back?
 */
#ifndef FEED_WRITER_H
#define FEED_WRITER_H

#include <ruleset/ruleset.h>
#include <stdint.h>
#include <stdio.h>

/* Writes rules as reader_read() reads them: verdict (unless it is VERDICT_BY_POLICY), prefix, time
 * left; a `set` line before the rules of each set, none when `default` is the only one. `default`
 * comes first, the others in the order of their numbers, which is by name once the rules are tidied
 * (ruleset_tidy()). Rules that have ended, and sets without rules, are left out. If `unix_now_ns`
 * is the time of day at tick `now`, ends are written as times of day, not as what is left of them;
 * 0: it is not. Flushes. Returns 0, -ENOMEM, or the negative errno of the write that failed. */
int writer_write(const struct ruleset *rules, __u32 now, uint64_t unix_now_ns, FILE *out);

#endif
