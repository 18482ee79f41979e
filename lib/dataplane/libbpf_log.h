/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where do the messages of libbpf and libxdp go?
 *
 * To the log with -v, otherwise nowhere. The last warning is kept for an error message that has no
 * better reason to give. So is the kernel's extended acknowledgement, which libbpf passes on as a
 * warning.
 */
#ifndef DATAPLANE_LIBBPF_LOG_H
#define DATAPLANE_LIBBPF_LOG_H

/* Redirects the messages of both libraries. Call once, at start. */
void libbpf_log_init(void);

/* Forgets what was kept. */
void libbpf_log_clear(void);

/* The last warning since libbpf_log_clear(), one line; "" if there was none. Valid until the next
 * call into a library. */
const char *libbpf_log_last(void);

/* The last message of the kernel itself since then; "" if there was none. Valid for as long. */
const char *libbpf_log_kernel(void);

#endif
