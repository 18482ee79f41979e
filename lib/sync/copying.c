// SPDX-License-Identifier: GPL-2.0
/*
 * With which rules does a set begin, and when is its copy on disk (cache.h) written?
 */
#include <sync/copying.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <source/following.h>
#include <sync/cache.h>
#include <sync/config.h>
#include <sync/joined.h>
#include <util/clock.h>
#include <util/log.h>
#include <util/number.h>

/* A copy is kept so often at most; and keeping it may take so much of the time. */
#define KEEP_MS (60 * 1000)
#define KEEP_SHARE 100

/* --- The beginning ---------------------------------------------------------------------------- */

static int begin_with(struct following *following, const char *set, struct rule *rules,
		      size_t count, const char *of, struct error *err)
{
	char text[NUMBER_COUNT_SIZE];
	int ret = following_restore(following, rules, count, err);

	if (!ret)
		log_verbose("set %s: begins with %s, %s", set, of,
			    number_count(count, "rule", text));
	return ret;
}

/* What the validator of the copy stands for is what the set has only if nothing came after it. */
static void take_validator(struct cache_copy *copy, char **validator)
{
	*validator = copy->validator;
	copy->validator = NULL;
}

static int begin_with_filters(struct copying *copying, const struct config_source *source,
			      struct cache_copy *copy, struct following *following,
			      char **validator, struct error *err)
{
	struct joined live = { 0 };
	int ret = copying->join_live(copying->context, source, &live, err);

	if (!ret && live.count) {
		joined_decide(&live, copy->rules, copy->count);
		ret = begin_with(following, source->set, live.rules, live.count,
				 "what filters have", err);
		copying->differs = !following_says(following, copy->rules, copy->count);
		if (!copying->differs)
			take_validator(copy, validator);
	}
	joined_done(&live);
	return ret;
}

void copying_begin(struct copying *copying, const struct config_source *source,
		   struct following *following, char **validator)
{
	struct cache_copy copy = { 0 };
	struct error err = { 0 };
	int found = cache_read(copying->folder, source, &copy, &err);

	if (err.text[0])
		log_warning("set %s: %s", source->set, err.text);
	error_clear(&err);
	if (found != -ESTALE)
		begin_with_filters(copying, source, &copy, following, validator, &err);
	if (!found && !following_knows(following) &&
	    !begin_with(following, source->set, copy.rules, copy.count, "the copy on disk", &err))
		take_validator(&copy, validator);
	if (err.text[0])
		log_warning("set %s: %s", source->set, err.text);
	cache_copy_done(&copy);
}

/* --- The copy --------------------------------------------------------------------------------- */

/* Says once what keeps it from keeping a copy. */
static void tell_trouble(struct copying *copying, const char *set, const struct error *err)
{
	if (strcmp(copying->trouble.text, err->text) != 0 && err->text[0])
		log_warning("set %s: %s; after a restart there would be no copy of it", set,
			    err->text);
	copying->trouble = *err;
}

/* The validator goes with the rules that the source says; held ones are others. */
static int fill_copy(struct following *following, const char *validator, struct cache_copy *out,
		     struct error *err)
{
	const struct following_time now = following_now();
	int ret = following_make_plan(following, &now, err);

	if (!ret)
		ret = following_rules(following, &out->rules, &out->count, err);
	/* What the validator stands for is joined now. */
	if (!ret && validator && following_state(following) == FOLLOWING_FRESH)
		out->validator = strdup(validator);
	return ret;
}

static void keep(struct copying *copying, const struct config_source *source,
		 struct following *following, const char *validator)
{
	const uint64_t start_ms = clock_monotonic_ms();
	struct cache_copy copy = { 0 };
	struct error err = { 0 };
	uint64_t end_ms;
	int ret = fill_copy(following, validator, &copy, &err);

	if (!ret)
		ret = cache_write(copying->folder, source, &copy, &err);
	cache_copy_done(&copy);
	tell_trouble(copying, source->set, &err);
	copying->differs = ret != 0;
	end_ms = clock_monotonic_ms();
	copying->next_ms = end_ms + clock_later(KEEP_MS, KEEP_SHARE * (end_ms - start_ms));
}

void copying_settle(struct copying *copying, const struct config_source *source,
		    struct following *following, const char *validator, bool at_once)
{
	if (copying->differs && (at_once || clock_monotonic_ms() >= copying->next_ms))
		keep(copying, source, following, validator);
}
