/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a source program deliver, and is it sound?
 *
 * The other end of <source/delivery.h>, in sync, which trusts nothing that comes: whoever writes
 * might have been taken over by those whose lists it reads. Whatever is not a delivery is refused,
 * and then the program is to be ended. Pure: bytes in, events out.
 */
#ifndef SOURCE_RECEIVER_H
#define SOURCE_RECEIVER_H

#include <feed/input.h>
#include <feed/line.h>
#include <ruleset/rule.h>
#include <ruleset/verdict.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

#define RECEIVER_LINE_SIZE 4096 /* with its end */

/* The verdict of a rule of a change that says: there is no rule for this prefix any more. */
#define RECEIVER_REMOVED IPF_NO_VERDICT

enum receiver_kind {
	RECEIVER_LIST,   /* rules: all of them; text: the validator */
	RECEIVER_CHANGE, /* rules: what is different; text: the validator */
	RECEIVER_SAME,
	RECEIVER_TROUBLE,  /* text says what; a list or change that had begun is void */
	RECEIVER_LATER,    /* the server is not to be asked again within later_s */
	RECEIVER_WARNING,  /* text says what */
	RECEIVER_COUNTERS, /* are asked for */
	RECEIVER_ALIVE,    /* nothing else; also within a list */
};

struct receiver_event {
	enum receiver_kind kind;
	/* In the order in which they came; the last one for a prefix counts. Their verdict is an
	 * enum verdict or RECEIVER_REMOVED. Valid during the call, and may be sorted. */
	struct rule *rules;
	size_t count;
	const char *text; /* "": none */
	uint64_t later_s;
};

/* Returns 0 to go on, or a negative errno and sets *err. */
typedef int (*receiver_call)(void *context, struct receiver_event *event, struct error *err);

struct receiver {
	enum verdict verdict; /* of rules that name none */
	size_t max_rules;     /* of a list or a change */
	receiver_call call;
	void *context;
	/* Private: */
	enum { RECEIVER_BETWEEN, RECEIVER_IN_LIST, RECEIVER_IN_CHANGE } state;
	struct input input; /* the rules of what has begun */
	struct line line;
	void *format_state;
	char text[RECEIVER_LINE_SIZE]; /* the beginning of a line */
	size_t length;
};

/* The caller has set the first members, and zeroed the others. Returns 0, or -ENOMEM and sets
 * *err. Release with receiver_done(), also after a failure. */
int receiver_init(struct receiver *receiver, struct error *err);
void receiver_done(struct receiver *receiver);

/* Another program begins to deliver: forgets what had begun. */
void receiver_restart(struct receiver *receiver);

/* Takes the next bytes, and calls for each event that is complete by them. Time-outs of rules count
 * from tick `now`. Returns 0; -EPROTO and sets *err, which quotes what is wrong; or what a call
 * returned. After a failure, only receiver_restart() and receiver_done() may follow. */
int receiver_take(struct receiver *receiver, const char *bytes, size_t count, __u32 now,
		  struct error *err);

#endif
