/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can a program do to this machine that parses what others send?
 *
 * It must be worth nothing to whoever takes it over.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

struct error;

/* What is it for? */
enum sandbox_use {
	SANDBOX_ASKS,    /* it asks servers: looks up names, checks certificates */
	SANDBOX_ANSWERS, /* it answers those that connect to a socket that it was given */
};

/* Becomes the user nobody, without groups and without any capability, for good: no program that it
 * might run gets any back. Nobody can trace it, and it leaves no core. Called before the first byte
 * is read and the first thread is made; sandbox_files.h and sandbox_calls.h say what else it gives
 * up. Returns 0; or a negative errno and sets *err, and then the program must end. */
int sandbox_enter(enum sandbox_use use, struct error *err);

/* As SANDBOX_ASKS, for a program whose parent cannot change users: it stays the user, and reaches
 * any file until sandbox_close(). */
int sandbox_enter_as_user(struct error *err);

/* From here on, the program can open no file and no socket. Returns as above. */
int sandbox_close(struct error *err);

#endif
