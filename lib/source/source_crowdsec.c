// SPDX-License-Identifier: GPL-2.0
/*
 * Which addresses does CrowdSec ban?
 *
 * Its local API is asked for all decisions once, and then for what has changed since its last
 * answer. What an answer left out is lost, so all are asked for again after anything that went
 * wrong, and every hour: the API does not say everything, for example when the longer of two
 * decisions is deleted.
 */
#include <source/source.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <source/claims.h>
#include <source/tally.h>
#include <source/decision.h>
#include <source/delivery.h>
#include <source/http.h>
#include <source/stop.h>
#include <source/usage.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/backoff.h>
#include <util/clock.h>
#include <util/error.h>

#define POLL_S 10 /* without a number in the job */
#define ALL_AGAIN_MS UINT64_C(3600000)

/* While many decisions are made, the API forgets to tell of some: each has the time at which the
 * making began, which may be before the last answer. So all are asked for soon after that. */
#define MANY_DECISIONS 100
#define ALL_SOON_MS UINT64_C(60000)

#define REPORT_MS UINT64_C(900000)

/* A database may take its time for all decisions. */
#define SILENCE_S 120

/* Ends that differ by less are equal: an answer says how long a decision lasts from some moment
 * while it was written. */
#define SAME_TICKS ((__u32)((2 * CLOCK_NS_PER_S) >> IPF_TICK_SHIFT))

struct answer {
	char *text;
	size_t length, capacity;
};

struct follower {
	const struct job *job;
	FILE *out;
	const char *host; /* a URL without its path */
	struct http *http;
	char *key; /* a header; NULL: a certificate says who we are */
	struct answer answer;

	/* The version of an owner is the end of its decision, then the origin: so the decision that
	 * ends last is the one that counts. */
	struct claims *claims;
	struct decision_origins origins;

	bool partial;       /* what is known is complete: only changes are asked for */
	uint64_t all_at_ms; /* when all are asked for again */
	struct backoff backoff;
	struct error told; /* the trouble that sync knows of; empty: there is none */

	struct usage usage;
	uint64_t report_at_ms;
	bool asked;      /* sync, for counters */
	bool no_reports; /* the API has no place for them */
	bool warned_of_reports;
};

/* --- Asking the API --------------------------------------------------------------------------- */

static int receive(void *context, const char *bytes, size_t count, struct error *err)
{
	struct answer *answer = context;

	if (array_reserve(&answer->text, &answer->capacity, answer->length + count, 1))
		return error_no_memory(err);
	memcpy(answer->text + answer->length, bytes, count);
	answer->length += count;
	return 0;
}

/* Says why the API refused something. */
static int refused(const struct follower *follower, const char *path,
		   const struct http_response *response, struct error *err)
{
	if (response->status != 401 && response->status != 403)
		return error_set(err, -EBADMSG, "%s%s: status %ld: %.200s", follower->host, path,
				 response->status, response->body);
	if (follower->key)
		return error_set(err, -EACCES,
				 "%s: the API refuses the key (status %ld); 'cscli bouncers add "
				 "NAME' makes one for the file that key-file names",
				 follower->host, response->status);
	return error_set(err, -EACCES,
			 "%s: the API refuses the certificate (status %ld); name one that it knows "
			 "by cert and key, or an API key by key-file",
			 follower->host, response->status);
}

/* Makes a request below the host. `post` and `receive` as in http.h. */
static int perform(struct follower *follower, const char *path, const char *query, const char *post,
		   http_receive receive_answer, struct http_response *response, struct error *err)
{
	const char *const headers[] = { follower->key, NULL };
	auto_free char *url = NULL;
	struct http_request request = {
		.post = post,
		.headers = headers,
		.receive = receive_answer,
		.context = &follower->answer,
		.max_bytes = follower->job->max_bytes,
		.once = true,
		.silence_s = SILENCE_S,
	};

	if (asprintf(&url, "%s%s%s", follower->host, path, query) < 0) {
		url = NULL;
		return error_no_memory(err);
	}
	request.url = url;
	return http_perform(follower->http, &request, response, err);
}

/* Gets the next answer. *pause_ms becomes how long the API wants to be left alone. */
static int pull(struct follower *follower, struct decision_answer *out, uint64_t *pause_ms,
		struct error *err)
{
	static const char path[] = "/v1/decisions/stream";
	struct http_response response;
	int ret;

	follower->answer.length = 0;
	ret = perform(follower, path, follower->partial ? "?startup=false" : "?startup=true", NULL,
		      receive, &response, err);
	*pause_ms = response.retry_after_s * 1000;
	if (ret)
		return ret;
	if (response.status != 200)
		return refused(follower, path, &response, err);
	ret = decision_read(follower->answer.text, follower->answer.length, &follower->origins, out,
			    err);
	return ret ? error_prefix(err, ret, "%s%s", follower->host, path) : 0;
}

/* --- Keeping the decisions -------------------------------------------------------------------- */

static uint64_t version_of(__u32 expires, __u32 origin)
{
	return (uint64_t)expires << 32 | origin;
}

static __u32 expires_of(uint64_t version)
{
	return (__u32)(version >> 32);
}

static __u32 origin_of(uint64_t version)
{
	return (__u32)version;
}

static bool is_same(uint64_t a, uint64_t b)
{
	__u32 x = expires_of(a), y = expires_of(b);

	return origin_of(a) == origin_of(b) && (x > y ? x - y : y - x) <= SAME_TICKS;
}

static int claim(struct follower *follower, const struct decision *decision, uint64_t version,
		 struct error *err)
{
	auto_free struct rule *rules = calloc(decision->prefixes.count, sizeof(*rules));

	if (!rules)
		return error_no_memory(err);
	/* A ban is not an exception from the policy: where the policy is to deny, it drops too. */
	for (size_t i = 0; i < decision->prefixes.count; i++)
		rules[i] = (struct rule){
			.prefix = decision->prefixes.items[i],
			.verdict = VERDICT_DROP,
			.expires = expires_of(version),
		};
	return claims_set(follower->claims, decision->owner, strlen(decision->owner), version,
			  rules, decision->prefixes.count, err);
}

static int apply_fresh(struct follower *follower, const struct decision *decision, __u32 now,
		       struct error *err)
{
	uint64_t left_ns = (uint64_t)decision->left_ns, version, known;

	if (decision->left_ns <= 0)
		return 0;
	version = version_of(tick_after(now, (left_ns + CLOCK_NS_PER_S - 1) / CLOCK_NS_PER_S),
			     decision->origin);
	if (claims_version(follower->claims, decision->owner, strlen(decision->owner), &known) &&
	    is_same(known, version)) {
		claims_keep(follower->claims, decision->owner, strlen(decision->owner), known);
		return 0;
	}
	return claim(follower, decision, version, err);
}

static int apply_all(struct follower *follower, const struct decision_list *fresh, __u32 now,
		     struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < fresh->count && !ret; i++)
		ret = apply_fresh(follower, &fresh->items[i], now, err);
	return ret;
}

static int apply_deleted(struct follower *follower, const struct decision_list *deleted,
			 struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < deleted->count && !ret; i++)
		ret = claims_remove(follower->claims, deleted->items[i].owner,
				    strlen(deleted->items[i].owner), err);
	return ret;
}

static int apply(struct follower *follower, const struct decision_answer *answer, __u32 now,
		 struct error *err)
{
	int ret;

	if (follower->partial) {
		ret = apply_deleted(follower, &answer->deleted, err);
		return ret ? ret : apply_all(follower, &answer->fresh, now, err);
	}
	claims_begin_round(follower->claims);
	ret = apply_all(follower, &answer->fresh, now, err);
	return ret ? ret : claims_end_round(follower->claims, err);
}

/* --- Delivering them -------------------------------------------------------------------------- */

static int warn_of_unreadable(struct follower *follower, const struct decision_answer *answer,
			      struct error *err)
{
	struct error text = { 0 };

	if (!answer->unreadable)
		return 0;
	error_set(&text, 0, "%s: %zu bans that cannot be read are left out; the first: %s",
		  follower->host, answer->unreadable, answer->first_unreadable);
	return delivery_warning(follower->out, text.text, err);
}

static int deliver(struct follower *follower, const struct decision_answer *answer,
		   struct error *err)
{
	const __u32 now = tick_now();
	int ret = apply(follower, answer, now, err);

	if (!ret)
		ret = warn_of_unreadable(follower, answer, err);
	if (!ret)
		ret = claims_deliver(follower->claims, follower->out, NULL, now, err);
	if (!ret)
		ret = delivery_same(follower->out, err);
	return ret < 0 ? ret : 0;
}

/* Times count from the answer, however long sync takes to read what was delivered. */
static void succeed(struct follower *follower, const struct decision_answer *answer,
		    uint64_t answered_ms)
{
	const uint64_t soon_ms = answered_ms + ALL_SOON_MS;

	if (!follower->partial)
		follower->all_at_ms = answered_ms + backoff_jitter_ms(ALL_AGAIN_MS);
	else if (answer->fresh.count >= MANY_DECISIONS && soon_ms < follower->all_at_ms)
		follower->all_at_ms = soon_ms;
	follower->partial = true;
	follower->told.text[0] = '\0';
	backoff_reset(&follower->backoff);
}

/* The same trouble is told once. Returns 0 if the program goes on. */
static int fail(struct follower *follower, int failure, const struct error *trouble,
		struct error *err)
{
	bool known = !strcmp(follower->told.text, trouble->text);

	follower->partial = false;
	/* Only sync can connect to a socket again. */
	if (follower->job->once || failure == -ENOMEM || failure == -ENOTCONN) {
		*err = *trouble;
		return failure;
	}
	follower->told = *trouble;
	return known ? 0 : delivery_trouble(follower->out, trouble->text, err);
}

/* Asks the API once, and delivers what it says. *pause_ms becomes the time until the next. Returns
 * -ECANCELED if the program is to end. */
static int take_turn(struct follower *follower, uint64_t *pause_ms, struct error *err)
{
	struct decision_answer answer = { 0 };
	struct error trouble = { 0 };
	uint64_t wanted_ms, answered_ms, poll_s = follower->job->poll_s;
	int ret;

	if (clock_monotonic_ms() >= follower->all_at_ms)
		follower->partial = false;
	ret = pull(follower, &answer, &wanted_ms, &trouble);
	if (ret == -ECANCELED)
		return ret;
	if (ret) {
		*pause_ms = backoff_next_ms(&follower->backoff);
		if (wanted_ms > *pause_ms)
			*pause_ms = wanted_ms < BACKOFF_LONGEST_MS ? wanted_ms : BACKOFF_LONGEST_MS;
		return fail(follower, ret, &trouble, err);
	}
	answered_ms = clock_monotonic_ms();
	ret = deliver(follower, &answer, err);
	if (!ret)
		succeed(follower, &answer, answered_ms);
	decision_answer_done(&answer);
	*pause_ms = (poll_s ? poll_s : POLL_S) * 1000;
	return ret;
}

/* --- Reporting the effect --------------------------------------------------------------------- */

struct summing {
	const struct claims *claims;
	struct usage_sums *sums;
};

static void sum_dropped(void *context, const struct prefix *prefix, uint64_t packets,
			uint64_t bytes)
{
	const struct summing *summing = context;
	struct usage_sum *sum;
	uint64_t version;

	/* Whose decision has gone since cannot be told any more. */
	if (!claims_decider(summing->claims, prefix, &version))
		return;
	sum = &summing->sums->by[origin_of(version)][prefix->family];
	sum->packets += packets;
	sum->bytes += bytes;
}

static void sum_decision(void *context, const struct prefix *prefix, uint64_t version)
{
	const struct summing *summing = context;

	summing->sums->by[origin_of(version)][prefix->family].decisions++;
}

static char *make_report(const struct follower *follower, const struct tally *counters,
			 int64_t now_s)
{
	auto_free struct usage_sums *sums = calloc(1, sizeof(*sums));
	struct summing summing = { follower->claims, sums };

	if (!sums)
		return NULL;
	usage_visit(&follower->usage, counters, sum_dropped, &summing);
	claims_visit(follower->claims, sum_decision, &summing);
	return usage_report(&follower->usage, counters, sums, &follower->origins,
			    follower->job->version ? follower->job->version : "0", now_s);
}

/* A report that does not arrive is contained in the next one. */
static int warn_of_report(struct follower *follower, const struct http_response *response,
			  struct error *err)
{
	struct error text = { 0 };

	if (follower->warned_of_reports)
		return 0;
	follower->warned_of_reports = true;
	error_set(&text, 0, "%s: usage metrics are refused: status %ld: %.200s", follower->host,
		  response->status, response->body);
	return delivery_warning(follower->out, text.text, err);
}

static int send_report(struct follower *follower, struct tally *counters, struct error *err)
{
	const int64_t now_s = time(NULL);
	auto_free char *report = make_report(follower, counters, now_s);
	struct http_response response;
	int ret;

	if (!report)
		return error_no_memory(err);
	/* That the API cannot be reached is told by the next pull. */
	ret = perform(follower, "/v1/usage-metrics", "", report, NULL, &response, NULL);
	if (ret)
		return ret == -ECANCELED ? ret : 0;
	follower->no_reports = response.status == 404;
	if (response.status >= 200 && response.status <= 299)
		usage_advance(&follower->usage, counters, now_s);
	else if (response.status >= 400 && response.status <= 499 && !follower->no_reports)
		return warn_of_report(follower, &response, err);
	return 0;
}

/* sync has begun to answer. */
static int take_counters(struct follower *follower, struct error *err)
{
	struct tally counters;
	int ret = tally_read(&counters, stdin, err);

	if (ret)
		return ret;
	follower->asked = false;
	if (follower->usage.begun)
		ret = send_report(follower, &counters, err);
	else
		usage_advance(&follower->usage, &counters, time(NULL));
	tally_done(&counters);
	return ret;
}

/* At first, to know what was counted before, and then for each report; also where sync could not
 * answer the last time. */
static int ask_for_counters(struct follower *follower, struct error *err)
{
	const uint64_t now_ms = clock_monotonic_ms();

	if (follower->no_reports || !follower->partial || now_ms < follower->report_at_ms)
		return 0;
	follower->report_at_ms = now_ms + REPORT_MS;
	follower->asked = true;
	return delivery_ask_counters(follower->out, err);
}

/* --- Following -------------------------------------------------------------------------------- */

static int wait(struct follower *follower, uint64_t ms, struct error *err)
{
	const uint64_t end = clock_monotonic_ms() + ms;
	bool readable;
	int ret;

	do {
		const uint64_t now = clock_monotonic_ms();

		if (stop_wait_for(follower->asked ? STDIN_FILENO : -1, now < end ? end - now : 0,
				  &readable))
			return -ECANCELED;
		ret = readable ? take_counters(follower, err) : 0;
	} while (!ret && readable);
	return ret;
}

static int follow(struct follower *follower, struct error *err)
{
	uint64_t pause_ms;
	int ret;

	do {
		ret = take_turn(follower, &pause_ms, err);
		if (!ret && follower->job->once)
			break;
		if (!ret)
			ret = ask_for_counters(follower, err);
		if (!ret)
			ret = wait(follower, pause_ms, err);
	} while (!ret);
	return ret == -ECANCELED ? 0 : ret;
}

static int open_follower(struct follower *follower, struct error *err)
{
	const struct job *job = follower->job;
	int ret;

	if (!job->api_key && !job->cert)
		return error_set(err, -EINVAL,
				 "%s: the API wants a key; 'cscli bouncers add NAME' makes one for "
				 "the file that key-file names",
				 job->location.text);
	if (job->api_key && asprintf(&follower->key, "X-Api-Key: %s", job->api_key) < 0) {
		follower->key = NULL;
		return error_no_memory(err);
	}
	follower->host = job->location.path ? "http://localhost" : job->location.urls[0];
	ret = claims_open(&follower->claims, err);
	if (ret)
		return ret;
	claims_decide_by_version(follower->claims);
	return http_open(job, false, job->location.path ? JOB_DESCRIPTOR : -1, &follower->http,
			 err);
}

static void close_follower(struct follower *follower)
{
	usage_done(&follower->usage);
	http_close(follower->http);
	claims_close(follower->claims);
	decision_origins_done(&follower->origins);
	free(follower->answer.text);
	if (follower->key)
		explicit_bzero(follower->key, strlen(follower->key));
	free(follower->key);
}

int source_run_crowdsec(const struct job *job, FILE *out, struct error *err)
{
	struct follower follower = { .job = job, .out = out };
	int ret;

	follower.usage.started_s = time(NULL);
	ret = open_follower(&follower, err);
	if (!ret)
		ret = follow(&follower, err);
	close_follower(&follower);
	return ret;
}
