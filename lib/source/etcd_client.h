/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is etcd asked?
 *
 * By the JSON gateway of one of its nodes, as the job's user if it names one. A token that is no
 * longer good is renewed.
 */
#ifndef SOURCE_ETCD_CLIENT_H
#define SOURCE_ETCD_CLIENT_H

#include <source/etcd_answer.h>
#include <source/http.h>
#include <source/job.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct etcd_client;

/* Returns 0, or a negative errno and sets *err. The job must outlive the client. */
int etcd_client_open(const struct job *job, struct etcd_client **out, struct error *err);
void etcd_client_close(struct etcd_client *client); /* NULL: nothing */

/* The next requests go to the next node. */
void etcd_client_turn(struct etcd_client *client);
/* The next requests get a new token. */
void etcd_client_forget_token(struct etcd_client *client);

struct etcd_client_range {
	const void *key;
	size_t key_size;
	const void *end; /* the first key after the range; NULL: only the key */
	size_t end_size;
	uint64_t limit;    /* 0: none */
	uint64_t revision; /* at which the store is read; 0: now */
	bool count_only;
	bool keys_only;
	unsigned int total_s; /* until the answer is there */
};

/* Each returns 0; -ECANCELED where the program is to end; -ESTALE where the revision cannot be had:
 * it was compacted, or is still to come; -EFBIG for an answer that is too large; or another
 * negative errno. All but -ECANCELED set *err. */

/* Release *out with etcd_answer_done(). */
int etcd_client_range(struct etcd_client *client, const struct etcd_client_range *range,
		      struct etcd_answer *out, struct error *err);

/* Follows what is changed from `revision` on. `line` is called for each answer, which it must not
 * keep, `tick` as http.h says: there the client may be asked for ranges. Does not return while the
 * watch goes on. */
struct etcd_client_watch {
	const char *prefix;
	size_t prefix_size;
	const char *end;
	uint64_t revision;
	unsigned int silence_s; /* without a line at most */
	int (*line)(void *context, const struct etcd_answer *answer, struct error *err);
	http_tick tick;
	void *context;
};
int etcd_client_watch(struct etcd_client *client, const struct etcd_client_watch *watch,
		      struct error *err);

#endif
