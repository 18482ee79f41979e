/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does libxdp call the pins of a chain?
 *
 * Each chain has a folder in bpffs, dispatch-IFINDEX-PROGRAM, with the number of its interface and
 * the id of its dispatcher. In it, progN-link and progN-prog are the component at position N + 1:
 * the link that puts it into the dispatcher, and its program.
 */
#ifndef DATAPLANE_PIN_NAME_H
#define DATAPLANE_PIN_NAME_H

#include <dataplane/bpffs.h>
#include <linux/types.h>
#include <stdbool.h>

/* The folder of these folders, and the file that is locked for all of them. */
#define PIN_NAME_ROOT BPFFS_PATH "/xdp"

/* Has room for each path below. */
#define PIN_NAME_SIZE 96

/* Which chain a folder belongs to. */
struct pin_name_chain {
	unsigned int ifindex;
	__u32 main_id; /* the dispatcher's program id */
};

enum pin_name_kind { PIN_NAME_OTHER, PIN_NAME_PROGRAM, PIN_NAME_LINK };

/* The path of a chain's folder, and the part of that path after PIN_NAME_ROOT "/". */
const char *pin_name_of_chain(const struct pin_name_chain *chain, char path[PIN_NAME_SIZE]);

/* The path of a component's pin; `kind` is not PIN_NAME_OTHER, `position` counts from 1. */
void pin_name_of_component(const struct pin_name_chain *chain, unsigned int position,
			   enum pin_name_kind kind, char path[PIN_NAME_SIZE]);

/* Which chain is the folder of this name of? False: it is not the folder of a chain. */
bool pin_name_parse(const char *name, struct pin_name_chain *out);

/* What is pinned under this name in the folder of a chain? */
enum pin_name_kind pin_name_kind_of(const char *name);

/* Is this, in PIN_NAME_ROOT, what libxdp pins for a moment to learn what the kernel can do? */
bool pin_name_is_probe(const char *name);

#endif
