/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which process is the last to be killed where memory runs out?
 *
 * To say so takes CAP_SYS_RESOURCE, or a process, or its parent, that has said so once while it had
 * that. So a program that gives up its capabilities says it before, and takes it back after that.
 */
#ifndef UTIL_OOM_H
#define UTIL_OOM_H

/* What the process had before; empty: nothing was changed. */
struct oom_score {
	char text[16];
};

/* Makes this process the last one, if that is permitted. */
void oom_be_last(struct oom_score *before);

/* Takes that back. Called without CAP_SYS_RESOURCE, oom_be_last() still works later. */
void oom_restore(const struct oom_score *before);

#endif
