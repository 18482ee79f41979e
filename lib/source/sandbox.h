/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can a source program do to this machine?
 *
 * It parses what others send, so it must be worth nothing to whoever takes it over.
 */
#ifndef SOURCE_SANDBOX_H
#define SOURCE_SANDBOX_H

struct error;

/* Becomes the user nobody, without groups and without any capability, for good: no program that it
 * might run gets any back. Nobody can trace it, and it leaves no core. Called before the first byte
 * is read and the first thread is made; sandbox_files.h and sandbox_calls.h say what else it gives
 * up. Returns 0; or a negative errno and sets *err, and then the program must end. */
int sandbox_enter(struct error *err);

/* The same for a program whose parent cannot change users: it stays the user, and reaches any file
 * until sandbox_close(). */
int sandbox_enter_as_user(struct error *err);

/* From here on, the program can open no file and no socket. Returns as above. */
int sandbox_close(struct error *err);

#endif
