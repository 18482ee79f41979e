/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does a filter drop, or does it only observe what it would drop?
 *
 * One word of its root says so. Packets read it once, so each has the verdict of one state. It
 * stays through all changes of the rules, because those change other words.
 */
#ifndef DATAPLANE_ENFORCEMENT_H
#define DATAPLANE_ENFORCEMENT_H

struct error;
struct filter;
struct ipf_root;

enum enforcement {
	ENFORCEMENT_ON,
	ENFORCEMENT_OFF, /* the filter observes: what is to be dropped is counted so, and passes */
};

/* That of a filter whose root is mapped to read. */
enum enforcement enforcement_of(const struct ipf_root *root);

/* The same of a filter. Returns 0 or a negative errno. */
int enforcement_read(const struct filter *filter, enum enforcement *out);

/* Switches it by one store, for every packet that arrives from now on. The root is mapped to
 * write. */
void enforcement_switch(struct ipf_root *root, enum enforcement to);

/* The same for a filter. Returns 0, or a negative errno and sets *err. */
int enforcement_set(const struct filter *filter, enum enforcement to, struct error *err);

#endif
