/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are rules written, so that they can be read back?
 */
#ifndef FEED_WRITER_H
#define FEED_WRITER_H

#include <ruleset/ruleset.h>
#include <stdio.h>

/* Writes rules as reader_read() reads them: verdict, prefix, timeout left; a `set` line before the
 * rules of each set, none when `default` is the only one; `default` first, the others by name. What
 * has ended, and sets without rules, are left out. Flushes. Returns 0, -ENOMEM, or the negative errno of
 * the write that failed. */
int writer_write(const struct ruleset *set, __u32 now, FILE *out);

#endif
