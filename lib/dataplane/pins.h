/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is pinned for the chains of an interface, and which filter do pins hold that runs no more?
 *
 * libxdp pins each chain in a folder of its own (<dataplane/bpffs.h>). A pinned link keeps its
 * component and the dispatcher, so a chain that is taken off the interface by another hand ('ip link
 * set IFNAME xdp off') stays in the kernel whole, rules, places and neighbours too.
 *
 * A loader that was started under umask 0777 leaves folders and pins without any permission, which only
 * CAP_DAC_OVERRIDE enters. Their owner gives them back what root needs, as soon as they are met.
 */
#ifndef DATAPLANE_PINS_H
#define DATAPLANE_PINS_H

#include <dataplane/netdev.h>
#include <dirent.h>
#include <stdbool.h>

struct error;

#define PINS_PATH_SIZE 96

/* The folder of one chain, as its name tells. */
struct pinned_chain {
	unsigned int ifindex;
	__u32 main_id;
	char name[48];
};

void pins_folder(const struct pinned_chain *chain, char path[PINS_PATH_SIZE]);

/* `what` is "prog" or "link", `slot` the place in the chain from 0. */
void pins_path(unsigned int ifindex, __u32 main_id, unsigned int slot, const char *what,
	       char path[PINS_PATH_SIZE]);

/* Is that pinned, so that it can be opened? */
bool pins_has(unsigned int ifindex, __u32 main_id, unsigned int slot, const char *what);

/* Returns a descriptor, or a negative errno. */
int pins_open_program(unsigned int ifindex, __u32 main_id, unsigned int slot);

/* Locks as libxdp does while it works on pins, by flock(2) on their folder, which is made where it is
 * missing. Returns a descriptor, or a negative errno with the words. */
int pins_lock(struct error *err);

/* Directories; NULL where there is none, or none that we may see. Close them with pins_close(). */
DIR *pins_open(void);
DIR *pins_open_chain(DIR *pins, const struct pinned_chain *chain);
void pins_close(DIR **folder);
#define auto_pins __attribute__((cleanup(pins_close)))

/* The next chain in the directory; false after the last. */
bool pins_next_chain(DIR *pins, struct pinned_chain *out);

/* The next component's pin in the folder of a chain: its name, and the program that it pins or that the
 * link it pins puts into the dispatcher, -1 where that cannot be opened. The caller closes it. NULL
 * after the last. */
const char *pins_next_component(DIR *folder, const struct pinned_chain *chain, int *program);

/* Was anything pinned or unpinned in the folder of that chain in the last `seconds`? What is dated farther in the
 * future than that is from before the system's clock was set back, and old. */
bool pins_changed_since(DIR *pins, const struct pinned_chain *chain, unsigned int seconds);

/* A filter of ours that runs no more on the interface, though the kernel has it still. */
struct held_filter {
	__u32 program_id;    /* 0: there is none */
	__u32 main_id;       /* of the chain that it is pinned in */
	__u32 dispatcher_id; /* the same where the kernel has that dispatcher still, else 0 */
	bool fresh; /* perhaps no leftover: its pins are as young as those of a loader at work */
};

/* Both leave *out as it is where they find nothing. In the chain that runs, one of ours among the components
 * that it lost. */
void pins_find_lost(const struct netdev *dev, __u32 main_id, struct held_filter *out);

/* In chains of this interface that do not run, the newest that was loaded on this very interface. */
void pins_find_turned_off(const struct netdev *dev, __u32 main_id, struct held_filter *out);

#endif
