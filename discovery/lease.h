/* lease.h - keeps one app's record alive in the catalog's registries, whatever happens to them.
 *
 *                    start                       put done
 *   ABSENT ----------------------> PUTTING --------------------> HELD --heartbeat--> RENEWING --ok--> HELD
 *      ^                            ^  | failed: back off          |                    | not found: PUTTING
 *      |                            '--' 1 s * 2^n <= 30 s ±20 %   | stop               | failed: back off, then PUTTING
 *      '----------- remove done ---------- REMOVING <--------------'
 *
 * The back-off is never longer than a heartbeat.
 *
 * One `lease` stands for a registration in all writing registries; each has a state machine of its own. A lost
 * record (registry restarted, TTL passed while the host slept) is found by the next heartbeat at the latest.
 * lease_stop() is idempotent, gives up after `stop_ms` and then says done anyway.
 */
#ifndef DISCOVERY_LEASE_H
#define DISCOVERY_LEASE_H

#include "discovery/catalog.h"

enum lease_state {
    LEASE_ABSENT,
    LEASE_PUTTING,
    LEASE_HELD,
    LEASE_RENEWING,
    LEASE_BACKING_OFF,
    LEASE_REMOVING
};

struct lease; /* one registration in all registries */

struct lease_events {
    /* Held in all registries it can be, or no longer. For readiness, logs and metrics. */
    void (*changed)(struct lease *l, bool held);
    void (*stopped)(
        struct lease *l); /* after lease_stop(): no record is left, or we gave up */
};

/* A deep copy of `r`. */
enum err lease_open(struct lease **l, struct catalog *c, const struct registration *r,
                    const struct lease_events *events, void *owner);
void *lease_owner(const struct lease *l);
enum err lease_start(struct lease *l);
/* Takes the record for ours, whoever put it, so that lease_stop() removes it. In place of lease_start(). */
void lease_claim(struct lease *l);
/* Again, with less time left: that holds. */
void lease_stop(struct lease *l, uint64_t stop_ms);
/* Another registration of the same service and id, a deep copy: put anew where it is held. On failure the old one
 * stays. */
enum err lease_update(struct lease *l, const struct registration *r);
/* State in registry number `at`; *why_text (may be NULL) is the last error or "". */
enum lease_state lease_state(const struct lease *l, unsigned at, const char **why_text);
const char *lease_state_name(enum lease_state s);
const struct registration *lease_registration(const struct lease *l);
/* Only when stopped (or never started), and before the catalog closes. */
void lease_free(struct lease *l);

#endif
