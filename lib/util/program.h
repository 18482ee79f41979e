/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is this program called?
 */
#ifndef UTIL_PROGRAM_H
#define UTIL_PROGRAM_H

#define PROGRAM_NAME "xdp-ipfilter"

#endif
