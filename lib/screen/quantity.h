/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are large numbers written in a narrow column?
 */
#ifndef SCREEN_QUANTITY_H
#define SCREEN_QUANTITY_H

#include <stdint.h>

/* Up to five characters: 9999 as it is, then with three digits and a unit of 1,000: "12.3k",
 * "1.23M", "123G". */
#define QUANTITY_TEXT_SIZE 8
const char *quantity_format(uint64_t number, char text[QUANTITY_TEXT_SIZE]);

#endif
