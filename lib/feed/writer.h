/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are rules written, so that they can be read back?
 */
#ifndef FEED_WRITER_H
#define FEED_WRITER_H

#include <ruleset/ruleset.h>
#include <stdio.h>

/* Writes rules as reader_read() reads them: verdict, prefix, time left; a `set` line before the
 * rules of each set, none when `default` is the only one. `default` comes first, the others in the
 * order of their numbers, which is by name once the rules are tidied (ruleset_tidy()). Rules that
 * have ended, and sets without rules, are left out. Flushes. Returns 0, -ENOMEM, or the negative
 * errno of the write that failed. */
int writer_write(const struct ruleset *rules, __u32 now, FILE *out);

#endif
