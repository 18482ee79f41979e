/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is this a MaxMind DB file?
 */
#ifndef FEED_MMDB_FILE_H
#define FEED_MMDB_FILE_H

#include <stdbool.h>

/* By its bytes. Only a regular file can be told; its position stays. */
bool mmdb_file_is(int fd);

#endif
