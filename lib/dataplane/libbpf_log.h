/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where do the words of libbpf and libxdp go?
 *
 * To the log with -v, else nowhere; the last warning is kept, for a message that has none better, and
 * so is what the kernel said by its extended acknowledgement, which libbpf hands on as a warning.
 */
#ifndef DATAPLANE_LIBBPF_LOG_H
#define DATAPLANE_LIBBPF_LOG_H

/* Forgets what is kept. */
void libbpf_log_clear(void);

/* The last warning since then, one line, "" for none. Valid until the next call into a library. */
const char *libbpf_log_last(void);

/* The kernel's own words since then, "" for none. Valid likewise. */
const char *libbpf_log_kernel(void);

#endif
