/* SPDX-License-Identifier: GPL-2.0 */
/*
 * On which socket are clients waited for?
 */
#ifndef METRICS_LISTENER_H
#define METRICS_LISTENER_H

struct error;

/* Opens the socket that a text means: ADDRESS:PORT with a numeric address ([::1]:9000); :PORT, of
 * the loopback interface; or "systemd", the socket that systemd has opened for this process
 * (sd_listen_fds(3)). Returns a descriptor that never blocks, which the caller closes, or a
 * negative errno and sets *err: ERROR_USAGE if the text is none of these. */
int listener_open(const char *text, struct error *err);

/* Is the text one of these? */
#define LISTENER_DEMAND "ADDRESS:PORT, :PORT or systemd"

#endif
