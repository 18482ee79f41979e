/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does sync say of itself, and to whom?
 *
 * To `status` by its state file (state.h), to systemd by one line; each only when it has changed.
 */
#ifndef SYNC_TELLING_H
#define SYNC_TELLING_H

#include <util/error.h>

struct feeds;
struct keep;

/* Zeroed: nothing was said yet. Release with telling_done(), which takes the file away. */
struct telling {
	char *state;          /* what the file has */
	struct error trouble; /* with the file, as it was told */
	char status[128];     /* what systemd was told */
};
void telling_done(struct telling *telling);

/* Never fails: what cannot be told is warned of. */
void telling_tell(struct telling *telling, const struct keep *keep, const struct feeds *feeds);

#endif
