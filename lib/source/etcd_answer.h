/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does etcd answer?
 *
 * By its JSON gateway: keys and values are base64, numbers of 64 bits are texts, and what is zero,
 * empty or false is left out. Pure: text in, facts out.
 */
#ifndef SOURCE_ETCD_ANSWER_H
#define SOURCE_ETCD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

struct etcd_answer_pair {
	const uint8_t *key;
	size_t key_size;
	const uint8_t *value;
	size_t value_size;
	uint64_t revision; /* at which it was changed last */
	bool deleted;      /* a watch says: the key is gone */
};

/* To a range, or one line of a watch. */
struct etcd_answer {
	uint64_t cluster;
	uint64_t revision; /* of the whole store, when it was answered */
	struct etcd_answer_pair *pairs;
	size_t count;
	uint64_t total; /* of a range: how many keys there are in it */
	bool more;      /* of a range: the limit has cut it off */
	/* Of a watch: */
	bool created;
	bool cancelled;
	bool fragment;      /* the next line belongs to the same changes */
	uint64_t compacted; /* what is before this revision cannot be had */
	char reason[256];   /* why it was cancelled */
	void *bytes;        /* those of the pairs */
};

/* Each returns 0; or a negative errno and sets *err, with *out zeroed. Release with
 * etcd_answer_done(). */
int etcd_answer_range(const char *text, size_t length, struct etcd_answer *out, struct error *err);
/* -EREMOTEIO: the line says that the watch has failed, and *err says why. */
int etcd_answer_watch(const char *text, size_t length, struct etcd_answer *out, struct error *err);
void etcd_answer_done(struct etcd_answer *answer);

/* The token for a user, which the caller frees. Returns as above. */
int etcd_answer_token(const char *text, size_t length, char **token, struct error *err);

/* What a refusal says, in one line: etcd's message, else the beginning of the text. */
#define ETCD_ANSWER_REFUSAL_SIZE 256
void etcd_answer_refusal(const char *text, char message[ETCD_ANSWER_REFUSAL_SIZE]);

#endif
