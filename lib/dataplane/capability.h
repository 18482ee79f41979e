/* SPDX-License-Identifier: GPL-2.0 */
/*
 * May this process do what the command needs?
 */
#ifndef DATAPLANE_CAPABILITY_H
#define DATAPLANE_CAPABILITY_H

struct error;

/* CAPABILITY_READ: programs and maps by id take CAP_SYS_ADMIN. CAPABILITY_ATTACH: and
 * CAP_NET_ADMIN. */
enum capability_need { CAPABILITY_READ, CAPABILITY_ATTACH };

/* 0, or -EPERM naming the first capability that is missing. */
int capability_check(enum capability_need need, struct error *err);

#endif
