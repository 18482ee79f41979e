/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a service tell systemd how it is doing?
 *
 * By a datagram to the socket that $NOTIFY_SOCKET names, as sd_notify(3) describes: too little to
 * load libsystemd for. Without that variable, and where a message cannot be sent, nothing happens:
 * a service never fails for want of a listener.
 */
#ifndef UTIL_NOTIFY_H
#define UTIL_NOTIFY_H

#include <stdint.h>

struct error;
struct loop;

/* It does its work now: after its start, and after each notify_reloading(). */
void notify_ready(void);

/* It reads its configuration again. */
void notify_reloading(void);

void notify_stopping(void);

/* One line for `systemctl status`. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often notify_alive() is due: twice as often as the unit's WatchdogSec= demands. 0: never. */
uint64_t notify_interval_ns(void);
void notify_alive(void);

/* Has the loop call it that often. Returns as loop_add_timer(). */
int notify_alive_by(struct loop *loop, struct error *err);

#endif
