/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a source program say what it found?
 *
 * It writes lines of text to its standard output, and nothing else. receiver.h reads them, checks
 * them, and trusts none.
 *
 *	list            all rules of the source follow
 *	change          what is different from what was delivered before follows
 *	+RULE           a rule, as a line of a rule file: [pass|drop] PREFIX [timeout SECONDS]
 *	-PREFIX         in a change, there is no rule for this prefix any more
 *	end VALIDATOR   the end of a list or a change; the validator is for the next job
 *	same            the source answered: nothing is different
 *	trouble TEXT    the source cannot be read; the program tries again, or ends
 *	later SECONDS   before trouble: the server is not to be asked again sooner
 *	warning TEXT    something that an operator should know
 *	counters        asks for lines of counters on standard input
 *	alive           nothing but that the program does not hang (alive.h), also within a list
 *
 * A change names a prefix once.
 */
#ifndef SOURCE_DELIVERY_H
#define SOURCE_DELIVERY_H

#include <ruleset/rule.h>
#include <stdint.h>
#include <stdio.h>

struct error;

/* Each of these returns 0, or a negative errno and sets *err: sync has gone. What has begun is
 * complete, and sent, after delivery_end(). */
int delivery_begin_list(FILE *out, struct error *err);
int delivery_begin_change(FILE *out, struct error *err);
/* Its verdict is an enum verdict: VERDICT_BY_POLICY, unless the source names one. A rule that has
 * ended by tick `now` is left out. */
int delivery_add(FILE *out, const struct rule *rule, __u32 now, struct error *err);
int delivery_remove(FILE *out, const struct prefix *prefix, struct error *err);
/* The validator may be NULL. */
int delivery_end(FILE *out, const char *validator, struct error *err);

int delivery_same(FILE *out, struct error *err);
/* Control characters in the text become \xNN. */
int delivery_trouble(FILE *out, const char *text, struct error *err);
/* At most DELIVERY_LATER_MAX_S count. */
#define DELIVERY_LATER_MAX_S (24 * 3600)
int delivery_later(FILE *out, uint64_t seconds, struct error *err);
int delivery_warning(FILE *out, const char *text, struct error *err);
int delivery_ask_counters(FILE *out, struct error *err);
int delivery_alive(FILE *out, struct error *err);

#endif
