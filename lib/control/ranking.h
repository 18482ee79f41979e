/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which sources send the filters of several interfaces the most packets, as far as samples tell?
 *
 * Packets are counted in rounds. A round ends with ranking_measure(), which reads how many packets
 * there were in all; then the sources can be read, until ranking_clear() begins the next round.
 */
#ifndef CONTROL_RANKING_H
#define CONTROL_RANKING_H

#include <control/iface.h>
#include <control/looking.h>
#include <ipfilter/abi.h>
#include <ruleset/talkers.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

#define RANKING_RATE 1000u /* at most so many samples in a second, of each CPU */

enum ranking_only { RANKING_ALL, RANKING_DROP, RANKING_PASS };

struct ranking_wish {
	enum ranking_only only;
	unsigned int sample;             /* look at one of so many packets */
	unsigned int bits[IPF_FAMILIES]; /* group sources by prefixes of these lengths */
};

/* How many there were in a second, by enum ipf_verdict: from the totals. */
struct ranking_rates {
	double packets[2], bytes[2];
};

/* What an interface has seen in this round. */
struct ranking_iface {
	const struct iface *iface;
	struct talkers talkers;
	uint64_t samples[2];                 /* by enum ipf_verdict */
	struct ipf_counter last[IPF_TOTALS]; /* when the round began */
	struct ranking_rates rates;          /* of the round that was measured last */
	bool observes;                       /* when it was measured: what is dropped, passes */
};

struct ranking {
	const struct ifaces *ifaces;
	struct ranking_wish wish;
	struct looking looking;
	struct ranking_iface *items; /* one for each interface */
	uint64_t began_ms;           /* this round */
};

/* Begins the first round. The filters of the interfaces are open and stay so. Returns 0, or a
 * negative errno and sets *err, with nothing to release. Release with ranking_close(). */
int ranking_open(const struct ifaces *ifaces, const struct ranking_wish *wish, struct ranking *out,
		 struct error *err);
void ranking_close(struct ranking *ranking);

/* Counts the samples since the last call. Call it every EVENTS_READ_MS. Returns as
 * looking_read(). */
int ranking_read(struct ranking *ranking, struct error *err);

/* Ends the round at this moment, by clock_monotonic_ms(). Returns 0, or a negative errno and sets
 * *err. */
int ranking_measure(struct ranking *ranking, uint64_t now_ms, struct error *err);
void ranking_clear(struct ranking *ranking);

/* Wishes something else from now on, and begins a round. Returns 0, or a negative errno and sets
 * *err. */
int ranking_change(struct ranking *ranking, const struct ranking_wish *wish, struct error *err);

/* Wishes one of so many packets that about half of RANKING_RATE is looked at, of the interface with
 * the most packets in the round that was measured; then begins the next round. So packets need not
 * be skipped for the rate, which takes them longer than not to be due. Returns 0, or a negative
 * errno and sets *err. */
int ranking_adapt(struct ranking *ranking, struct error *err);

/* How many packets in a second had a verdict that is wished for? After ranking_measure(). */
double ranking_packets_per_s(const struct ranking *ranking, const struct ranking_iface *seen);

/* An estimate for a source: its share of the samples, times what the filter has counted. */
struct ranking_estimate {
	uint64_t packets, error, bytes; /* each second */
	unsigned int share; /* of its interface's packets of the verdicts wished for, in % */
};
struct ranking_estimate ranking_estimate(const struct ranking *ranking,
					 const struct ranking_iface *seen,
					 const struct talker *talker);

#endif
