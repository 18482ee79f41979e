/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is pinned for the chains of the system's interfaces?
 *
 * A loader that was started under umask 0777 leaves folders and pins without any permission, which
 * only CAP_DAC_OVERRIDE could enter. Root owns them, so we give them root's permissions back when
 * we meet them.
 */
#ifndef DATAPLANE_PINS_H
#define DATAPLANE_PINS_H

#include <dataplane/pin_name.h>
#include <dirent.h>
#include <stdbool.h>

struct error;

/* Locks the pins as libxdp does while it works on them: by flock(2) on their folder, which is made
 * where it is missing. Returns a descriptor, or a negative errno with a message. */
int pins_lock(struct error *err);

/* -- One component; `position` counts from 1 -- */

/* Is that pinned, and can it be opened? */
bool pins_has(const struct pin_name_chain *chain, unsigned int position, enum pin_name_kind kind);

/* Returns a descriptor, or a negative errno; -ENOENT: no program is pinned there. */
int pins_open_program(const struct pin_name_chain *chain, unsigned int position);

/* Pins a component by descriptors of its link and its program, and makes the folder of the chain
 * where it is missing. An existing pin stays. */
int pins_add(const struct pin_name_chain *chain, unsigned int position, int link, int program);

/* Removes the pin of the program, if there is one. */
void pins_remove_program(const struct pin_name_chain *chain, unsigned int position);

/* -- All that is pinned -- */

/* The folder of all chains, and that of one; NULL if there is none, or none that we have permission
 * to see. Close them with pins_close(). */
DIR *pins_open(void);
DIR *pins_open_chain(DIR *pins, const struct pin_name_chain *chain);
void pins_close(DIR **folder);
#define pins_auto __attribute__((cleanup(pins_close)))

/* Reads the next chain in the folder of all. Returns false after the last. */
bool pins_next_chain(DIR *pins, struct pin_name_chain *out);

struct pins_component {
	/* The path of the pin. Valid until the next one is read. */
	const char *name;
	/* The program that is pinned, or that the pinned link puts into the dispatcher. The caller
	 * closes it. Negative: it cannot be opened. */
	int program;
	/* The dispatcher into which the pinned link puts it; 0: not a link, or not in one. */
	__u32 dispatcher_id;
};

/* Reads the next pin in the folder of a chain. Returns false after the last. */
bool pins_next_component(DIR *folder, const struct pin_name_chain *chain,
			 struct pins_component *out);

/* Was anything pinned or unpinned in the folder of this chain in the last `seconds`? A date further
 * in the future than that is from before the clock was set back, so it counts as old. */
bool pins_changed_since(const struct pin_name_chain *chain, unsigned int seconds);

#endif
