// SPDX-License-Identifier: GPL-2.0
/*
 * How is a prefix of etcd's keys followed?
 *
 * All keys are read, in pages of one revision, and then what is changed after that revision is
 * watched. Each key is an owner (claims.h) whose version is the revision at which it was changed
 * last: a value that is known is not read again. Whenever a watch begins anew, what is known is
 * compared with the server first, because a store that was restored from a backup, and has grown
 * since, would never tell what it has lost.
 */
#include <source/source.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <source/claims.h>
#include <source/delivery.h>
#include <source/etcd_client.h>
#include <source/etcd_value.h>
#include <source/stop.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/backoff.h>
#include <util/clock.h>
#include <util/error.h>

/* Changes that come faster than this become one. */
#define DELIVERY_MS 200
/* How soon a node is noticed that hangs, or has lost the others. */
#define PROBE_MS 30000
#define PROBE_S 10
/* A watch that ends sooner is short. After several of them pauses are made. */
#define STEADY_MS 10000
/* etcd tells a silent watch every 10 to 11 minutes that it is alive. */
#define WATCH_SILENCE_S (12 * 60)

#define PAGE_S 300
#define PAGE_BYTES ((size_t)4 << 20)
#define PAGE_FIRST 16 /* keys: each may have more than 1 MiB */
#define PAGE_MOST 10000
#define READ_TRIES 5

/* Warnings about keys between two deliveries. */
#define WARNINGS_MOST 10

/* In a version, above the revision: how often another store was found. */
#define STORE_SHIFT 56

struct following {
	const struct job *job;
	FILE *out;
	struct etcd_client *client;
	struct claims *claims;
	const char *prefix;
	size_t prefix_size;
	char *end;  /* of the keys: the first one after them */
	bool whole; /* all keys up to `revision` are known */
	uint64_t cluster;
	uint64_t revision;
	uint64_t stores; /* found so far */
	uint64_t page;   /* keys that are asked for at once */
	bool partial;    /* the rest of the last changes is still to come */
	bool changed;    /* since the last delivery */
	uint64_t delivered_ms;
	uint64_t probe_ms; /* when the next probe is due */
	uint64_t begun_ms; /* when the watch began; 0: it has not, or is steady */
	struct backoff backoff;
	size_t failures;      /* since a watch began */
	size_t short_watches; /* since the last steady one */
	bool stale;           /* the last try ended because all is to be read again */
	size_t warnings;      /* since the last delivery */
	bool fatal;           /* sync has gone, or memory is short */
	char trouble[sizeof(((struct error *)0)->text)]; /* as sync knows it; "": none */
};

/* --- What is delivered ------------------------------------------------------------------------ */

static int fatal(struct following *following, int ret)
{
	if (ret)
		following->fatal = true;
	return ret;
}

static int warn_of_more(struct following *following, struct error *err)
{
	struct error text;
	size_t more = following->warnings > WARNINGS_MOST ? following->warnings - WARNINGS_MOST : 0;

	following->warnings = 0;
	if (!more)
		return 0;
	error_set(&text, 0, "%s: the same is true of %zu more keys", following->prefix, more);
	return fatal(following, delivery_warning(following->out, text.text, err));
}

/* Returns 1 where something was written. */
static int deliver(struct following *following, struct error *err)
{
	int ret = claims_deliver(following->claims, following->out, NULL, tick_now(), err);

	if (ret < 0 || warn_of_more(following, err))
		return fatal(following, ret < 0 ? ret : -EIO);
	following->changed = false;
	if (ret) {
		following->delivered_ms = clock_monotonic_ms();
		following->trouble[0] = '\0';
	}
	return ret;
}

static void be_steady(struct following *following)
{
	following->begun_ms = 0;
	following->short_watches = 0;
	backoff_reset(&following->backoff);
}

/* The source is back. */
static int be_well(struct following *following, struct error *err)
{
	int ret = deliver(following, err);

	following->begun_ms = clock_monotonic_ms();
	following->failures = 0;
	following->stale = false;
	if (ret < 0 || !following->trouble[0])
		return ret < 0 ? ret : 0;
	following->trouble[0] = '\0';
	return fatal(following, delivery_same(following->out, err));
}

static int tell_trouble(struct following *following, const char *text, struct error *err)
{
	if (!strcmp(text, following->trouble))
		return 0;
	snprintf(following->trouble, sizeof(following->trouble), "%s", text);
	return fatal(following, delivery_trouble(following->out, text, err));
}

/* --- Keys ------------------------------------------------------------------------------------- */

static uint64_t version_of(const struct following *following, uint64_t revision)
{
	return following->stores << STORE_SHIFT | revision;
}

static int warn(struct following *following, const struct etcd_answer_pair *pair,
		const char *problem, struct error *err)
{
	char name[ETCD_VALUE_NAME_SIZE];
	struct error text;

	if (++following->warnings > WARNINGS_MOST)
		return 0;
	error_set(&text, 0, "key %s%s is not used, and the rules that it had stay: %s",
		  following->prefix, etcd_value_name(pair, following->prefix_size, name), problem);
	return fatal(following, delivery_warning(following->out, text.text, err));
}

/* A value that is wrong does not take away the rules that were right. */
static int keep_key(struct following *following, const struct etcd_answer_pair *pair,
		    const void *owner, size_t size, const char *problem, struct error *err)
{
	const uint64_t version = version_of(following, pair->revision);
	int ret = warn(following, pair, problem, err);

	if (ret || claims_keep(following->claims, owner, size, version))
		return ret;
	return fatal(following, claims_set(following->claims, owner, size, version, NULL, 0, err));
}

static int read_key(struct following *following, const struct etcd_answer_pair *pair,
		    const void *owner, size_t size, struct error *err)
{
	char name[ETCD_VALUE_NAME_SIZE];
	struct input input;
	struct error problem = { 0 };
	int ret = etcd_value_read(pair, following->prefix_size, following->job,
				  etcd_value_name(pair, following->prefix_size, name), &input,
				  &problem);

	if (ret == -ENOMEM)
		ret = fatal(following, error_no_memory(err));
	else if (ret)
		ret = keep_key(following, pair, owner, size, problem.text, err);
	else
		ret = fatal(following, claims_set(following->claims, owner, size,
						  version_of(following, pair->revision),
						  input.rules, input.count, err));
	input_done(&input);
	return ret;
}

/* The key is there, or is gone. */
static int take_key(struct following *following, const struct etcd_answer_pair *pair,
		    struct error *err)
{
	const uint8_t *owner = pair->key + following->prefix_size;
	const size_t size = pair->key_size - following->prefix_size;
	uint64_t version;

	if (pair->key_size < following->prefix_size ||
	    memcmp(pair->key, following->prefix, following->prefix_size) != 0)
		return error_set(err, -EPROTO, "etcd sent a key that was not asked for");
	following->changed = true;
	if (pair->deleted)
		return fatal(following, claims_remove(following->claims, owner, size, err));
	if (claims_version(following->claims, owner, size, &version) &&
	    version == version_of(following, pair->revision)) {
		claims_keep(following->claims, owner, size, version);
		return 0;
	}
	return read_key(following, pair, owner, size, err);
}

static int take_keys(struct following *following, const struct etcd_answer *answer,
		     struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < answer->count && !ret; i++)
		ret = take_key(following, &answer->pairs[i], err);
	return ret;
}

/* --- All keys --------------------------------------------------------------------------------- */

/* Revisions of another store, or of one that was restored, say nothing about those known. */
static bool is_other_store(const struct following *following, const struct etcd_answer *answer)
{
	return answer->cluster != following->cluster || answer->revision < following->revision;
}

static void begin_reading(struct following *following, const struct etcd_answer *answer)
{
	if (is_other_store(following, answer))
		following->stores++;
	following->cluster = answer->cluster;
	following->revision = answer->revision;
}

/* Pages of about PAGE_BYTES. Grows slowly: small keys may be followed by large ones. */
static void size_page(struct following *following, const struct etcd_answer *answer)
{
	size_t bytes = 1;
	uint64_t fit;

	for (size_t i = 0; i < answer->count; i++)
		bytes += answer->pairs[i].key_size + answer->pairs[i].value_size;
	fit = PAGE_BYTES * answer->count / bytes;
	if (fit > following->page * 4)
		fit = following->page * 4;
	if (fit > PAGE_MOST)
		fit = PAGE_MOST;
	following->page = fit ? fit : 1;
}

/* The key right after that one. */
static int key_after(const struct etcd_answer_pair *last, char **from, size_t *size,
		     struct error *err)
{
	char *next = malloc(last->key_size + 1);

	if (!next)
		return error_no_memory(err);
	memcpy(next, last->key, last->key_size);
	next[last->key_size] = '\0';
	free(*from);
	*from = next;
	*size = last->key_size + 1;
	return 0;
}

/* One page, of which `from` is the first key. Sets *more where another one follows. */
static int read_page(struct following *following, char **from, size_t *size, uint64_t *revision,
		     bool *more, struct error *err)
{
	const struct etcd_client_range range = {
		.key = *from,
		.key_size = *size,
		.end = following->end,
		.end_size = following->prefix_size,
		.limit = following->page,
		.revision = *revision,
		.total_s = PAGE_S,
	};
	struct etcd_answer answer;
	int ret = etcd_client_range(following->client, &range, &answer, err);

	if (ret == -EFBIG && following->page > 1) {
		following->page = following->page / 8 + 1;
		return 0;
	}
	if (ret)
		return ret;
	if (!*revision)
		begin_reading(following, &answer);
	*revision = following->revision;
	*more = answer.more && answer.count;
	ret = take_keys(following, &answer, err);
	if (!ret && *more)
		ret = key_after(&answer.pairs[answer.count - 1], from, size, err);
	size_page(following, &answer);
	etcd_answer_done(&answer);
	return ret;
}

static int read_pages(struct following *following, struct error *err)
{
	auto_free char *from = strdup(following->prefix);
	size_t size = following->prefix_size;
	uint64_t revision = 0;
	bool more = true;
	int ret = 0;

	if (!from)
		return error_no_memory(err);
	claims_begin_round(following->claims);
	while (!ret && more)
		ret = read_page(following, &from, &size, &revision, &more, err);
	return ret ? ret : fatal(following, claims_end_round(following->claims, err));
}

static int read_all(struct following *following, struct error *err)
{
	int ret = -ESTALE;

	/* Compacted while it was read: from the beginning, at a later revision. */
	for (int i = 0; i < READ_TRIES && ret == -ESTALE; i++)
		ret = read_pages(following, err);
	following->whole = !ret;
	/* Not a reason to read at once again. */
	return ret == -ESTALE ? -EAGAIN : ret;
}

/* --- Is it still the same store? -------------------------------------------------------------- */

static int must_read_all(struct following *following, const char *why, struct error *err)
{
	following->whole = false;
	return error_set(err, -ESTALE, "%s", why);
}

static int check_store(struct following *following, const struct etcd_answer *answer,
		       struct error *err)
{
	if (answer->cluster != following->cluster)
		return must_read_all(following, "another cluster answers", err);
	if (answer->revision < following->revision)
		return must_read_all(following, "the store was restored from a backup", err);
	return 0;
}

/* Was the key changed last at this revision, as far as the store knows? */
static int check_key(struct following *following, const void *owner, size_t size, uint64_t version,
		     struct error *err)
{
	const size_t key_size = following->prefix_size + size;
	auto_free char *key = malloc(key_size);
	const struct etcd_client_range range = {
		.key = key,
		.key_size = key_size,
		.keys_only = true,
		.revision = following->revision,
		.total_s = PROBE_S,
	};
	struct etcd_answer answer;
	bool same;
	int ret;

	if (!key)
		return error_no_memory(err);
	memcpy(key, following->prefix, following->prefix_size);
	memcpy(key + following->prefix_size, owner, size);
	ret = etcd_client_range(following->client, &range, &answer, err);
	if (ret)
		return ret;
	same = answer.count == 1 && version_of(following, answer.pairs[0].revision) == version;
	etcd_answer_done(&answer);
	return same ? 0 : must_read_all(following, "the store has another history", err);
}

/* Are there as many keys as are known? */
static int check_count(struct following *following, struct error *err)
{
	const struct etcd_client_range range = {
		.key = following->prefix,
		.key_size = following->prefix_size,
		.end = following->end,
		.end_size = following->prefix_size,
		.revision = following->revision,
		.count_only = true,
		.total_s = PAGE_S,
	};
	struct etcd_answer answer;
	int ret = etcd_client_range(following->client, &range, &answer, err);

	if (ret)
		return ret;
	ret = check_store(following, &answer, err);
	if (!ret && answer.total != claims_owners(following->claims))
		ret = must_read_all(following, "the store has another history", err);
	etcd_answer_done(&answer);
	return ret;
}

/* A store that lost its newest changes, and has got others since, differs at the revision that is
 * known: in the newest key, or, where the lost ones were only of keys that are gone, in the number
 * of keys. */
static int check_history(struct following *following, struct error *err)
{
	const void *owner;
	size_t size;
	uint64_t version;
	int ret = check_count(following, err);

	if (!ret && claims_newest(following->claims, &owner, &size, &version))
		ret = check_key(following, owner, size, version, err);
	if (ret == -ESTALE)
		following->whole = false;
	return ret;
}

/* --- A watch ---------------------------------------------------------------------------------- */

static int be_cancelled(struct following *following, const struct etcd_answer *answer,
			struct error *err)
{
	if (answer->compacted)
		return must_read_all(following, "the changes since were compacted", err);
	/* The token may be the reason. */
	etcd_client_forget_token(following->client);
	return error_set(err, -EREMOTEIO, "etcd cancelled the watch: %s", answer->reason);
}

static int take_line(void *context, const struct etcd_answer *answer, struct error *err)
{
	struct following *following = context;
	int ret;

	if (answer->cancelled)
		return be_cancelled(following, answer, err);
	/* A watch from a revision that is still to come would be silent until then. */
	ret = check_store(following, answer, err);
	if (!ret && answer->created)
		ret = be_well(following, err);
	if (!ret)
		ret = take_keys(following, answer, err);
	if (ret)
		return ret;
	/* A watch that is cut between the fragments begins before them again. */
	following->partial = answer->fragment;
	for (size_t i = 0; i < answer->count && !answer->fragment; i++)
		if (answer->pairs[i].revision > following->revision)
			following->revision = answer->pairs[i].revision;
	/* Only a watch that has caught up says how far it is without an event. */
	if (!answer->count && !answer->created)
		following->revision = answer->revision;
	return 0;
}

/* Asks the node that is watched whether it and the others are still there. */
static int probe(struct following *following, struct error *err)
{
	const struct etcd_client_range range = {
		.key = following->prefix,
		.key_size = following->prefix_size,
		.count_only = true,
		.total_s = PROBE_S,
	};
	struct etcd_answer answer;
	int ret;

	following->probe_ms = clock_monotonic_ms() + backoff_jitter_ms(PROBE_MS);
	ret = etcd_client_range(following->client, &range, &answer, err);
	if (ret)
		return ret;
	ret = check_store(following, &answer, err);
	etcd_answer_done(&answer);
	return ret;
}

static unsigned int until(uint64_t due, uint64_t now, unsigned int most)
{
	if (due <= now)
		return 0;
	return due - now < most ? (unsigned int)(due - now) : most;
}

static int tick(void *context, unsigned int *wait_ms, struct error *err)
{
	struct following *following = context;
	uint64_t now = clock_monotonic_ms();
	int ret = 0;

	if (!following->partial && now >= following->delivered_ms + DELIVERY_MS)
		ret = deliver(following, err);
	if (following->begun_ms && now >= following->begun_ms + STEADY_MS)
		be_steady(following);
	if (ret >= 0 && now >= following->probe_ms)
		ret = probe(following, err);
	if (following->changed && !following->partial)
		*wait_ms = until(following->delivered_ms + DELIVERY_MS, now, *wait_ms);
	return ret < 0 ? ret : 0;
}

static int watch(struct following *following, struct error *err)
{
	const struct etcd_client_watch what = {
		.prefix = following->prefix,
		.prefix_size = following->prefix_size,
		.end = following->end,
		.revision = following->revision + 1,
		.silence_s = WATCH_SILENCE_S,
		.line = take_line,
		.tick = tick,
		.context = following,
	};

	following->partial = false;
	following->begun_ms = 0;
	following->probe_ms = clock_monotonic_ms() + backoff_jitter_ms(PROBE_MS);
	return etcd_client_watch(following->client, &what, err);
}

/* --- The source ------------------------------------------------------------------------------- */

/* From whatever is known to whatever ends it. */
static int try(struct following *following, struct error *err)
{
	int ret = following->whole ? check_history(following, err) : read_all(following, err);

	if (!ret)
		ret = deliver(following, err);
	if (ret < 0 || following->job->once)
		return ret < 0 ? ret : 0;
	return watch(following, err);
}

/* The other nodes are asked at once. When all have failed, or watches begin but do not last, a
 * pause is made. Returns true where the program is to end. */
static bool recover(struct following *following, int failure, struct error *err)
{
	const size_t nodes = following->job->location.url_count;
	bool tired;

	if (following->begun_ms)
		following->short_watches++;
	following->begun_ms = 0;
	tired = following->short_watches >= 2 * nodes;
	if (failure == -ESTALE && !following->stale && !tired) {
		following->stale = true;
		return false;
	}
	etcd_client_turn(following->client);
	if (++following->failures % nodes && !tired)
		return false;
	if (tell_trouble(following, err->text, err))
		return true;
	return stop_wait(backoff_next_ms(&following->backoff));
}

static int follow(struct following *following, struct error *err)
{
	int ret;

	do {
		error_clear(err);
		ret = try(following, err);
		if (!ret || ret == -ECANCELED)
			return 0;
		if (following->fatal || ret == -ENOMEM)
			return ret;
		/* One round for all nodes, then sync is told. */
		if (following->job->once &&
		    following->failures + 1 >= following->job->location.url_count)
			return ret;
	} while (!recover(following, ret, err));
	return following->fatal ? -EIO : 0;
}

/* The prefix ends with a /, and the next byte is 0. */
static int name_end(struct following *following, struct error *err)
{
	following->end = strdup(following->prefix);
	if (!following->end)
		return error_no_memory(err);
	following->end[following->prefix_size - 1]++;
	return 0;
}

int source_run_etcd(const struct job *job, FILE *out, struct error *err)
{
	struct following following = {
		.job = job,
		.out = out,
		.prefix = job->location.prefix,
		.prefix_size = strlen(job->location.prefix),
		.page = PAGE_FIRST,
	};
	int ret = name_end(&following, err);

	if (!ret)
		ret = etcd_client_open(job, &following.client, err);
	if (!ret)
		ret = claims_open(&following.claims, err);
	if (!ret)
		ret = follow(&following, err);
	claims_close(following.claims);
	etcd_client_close(following.client);
	free(following.end);
	return ret;
}
