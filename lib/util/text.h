/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which text may go to a terminal?
 */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

#include <stddef.h>

/* Copies text to out, at most size bytes with the NUL. Bytes that a terminal would act on
 * (controls, DEL, bytes above 126) are written as \xNN. */
void text_printable(const char *text, char *out, size_t size);

#endif
