/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where do the words of libbpf and libxdp go?
 *
 * To the log with -v, else nowhere; the last warning is kept, for a message that has none better.
 */
#ifndef DATAPLANE_LIBBPF_LOG_H
#define DATAPLANE_LIBBPF_LOG_H

/* Forgets the warning that is kept. */
void libbpf_log_clear(void);

/* The last warning since then, one line, "" for none. Valid until the next call into a library. */
const char *libbpf_log_last(void);

#endif
