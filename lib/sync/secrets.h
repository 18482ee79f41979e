/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a source need that nobody else may see?
 *
 * It is read from files each time that a source program starts, so that a renewed certificate or a
 * new password is used, and sync itself keeps none of it.
 */
#ifndef SYNC_SECRETS_H
#define SYNC_SECRETS_H

struct config_source;
struct error;
struct job;

/* Reads what the source's keys ca, cert, key, user-file and key-file name into the job, whose other
 * members stay. A name without a / is looked up in $CREDENTIALS_DIRECTORY, where systemd puts
 * credentials. Warns of a file that others may read. Returns 0, or a negative errno and sets *err,
 * which names the file and says nothing of what is in it. */
int secrets_read(const struct config_source *source, struct job *job, struct error *err);

#endif
