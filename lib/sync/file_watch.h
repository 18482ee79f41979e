/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When has a file that a set follows changed?
 *
 * Its directory is watched, because a file that is renamed over is another one. Whatever happens
 * there, what stat(2) says of the file decides: a swap of a Kubernetes ConfigMap shows only the
 * symbolic link that it goes through. What cannot be watched is found by looking now and then.
 */
#ifndef SYNC_FILE_WATCH_H
#define SYNC_FILE_WATCH_H

#include <stdbool.h>
#include <sys/stat.h>

struct error;

struct file_watch {
	const char *path; /* the caller's */
	int inotify;      /* readable when something happened; -1: it cannot be watched */
	int directory;    /* the watch of it; -1: there is none */
	struct stat seen; /* of the file that was read last */
	bool has_seen;
	bool was_settled; /* the file had not just changed when it was read */
};

/* Begins to watch. Release with file_watch_done(). */
void file_watch_init(struct file_watch *watch, const char *path);
void file_watch_done(struct file_watch *watch);

/* Takes note of what happened, without waiting, and watches the directory again if it is another
 * one now. Returns whether the file may be another one than the one that was read last. */
bool file_watch_drain(struct file_watch *watch);

/* Opens the file. Returns a descriptor, which the caller closes, and *changed: it may not be the
 * one that was read last. Or a negative errno and sets *err, which names the file. */
int file_watch_open_file(const struct file_watch *watch, bool *changed, struct error *err);

/* This file was read. One that had just changed may change once more without another time stamp, so
 * it is read again. */
void file_watch_was_read(struct file_watch *watch, const struct stat *status);

/* Is the file another one than this? */
bool file_watch_is_other(const struct file_watch *watch, const struct stat *status);

#endif
