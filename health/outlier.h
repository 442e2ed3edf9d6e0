/* outlier.h - keeps requests away from an instance that keeps failing.
 *
 *            `failures` in a row                        after rest * n, at most rest_max
 *   CLOSED ----------------------> OPEN (ejected) -----------------------------> HALF_OPEN
 *     ^                              ^                                               | one request at a time
 *     |   the probing one succeeds   '------------- the probing one fails: n + 1 ----+
 *     '------------------------------------------------------------------------------'
 *
 * A property of an instance that the balancer respects, not a wall: an ejected one sends the request somewhere
 * else. How many may be ejected at once is the balancer's business (max_ejected). n shrinks by one for each
 * `rest` without failure.
 *
 * Pure: no clock, no loop, no allocation; `now` is ms and comes from the caller. An outcome carries the ticket
 * of its attempt, so a late answer of an attempt sent before the ejection changes nothing.
 */
#ifndef HEALTH_OUTLIER_H
#define HEALTH_OUTLIER_H

#include <stdbool.h>
#include <stdint.h>

struct outlier_settings {
    uint32_t failures; /* 0: never eject */
    uint64_t rest_ms;
    uint64_t rest_max_ms;
};

enum outlier_state { OUTLIER_CLOSED, OUTLIER_OPEN, OUTLIER_HALF_OPEN };

struct outlier {
    enum outlier_state state;
    uint32_t failures;  /* in a row */
    uint32_t ejections; /* n */
    uint32_t epoch;     /* tickets of another epoch are late */
    bool probing;       /* HALF_OPEN: the one request is out */
    uint64_t until_ms;  /* OPEN: the end of the rest; CLOSED: when n shrinks next */
};

/* A zeroed outlier is a closed one. */

/* May a request go there now? OPEN turns HALF_OPEN here when the rest is over. Changes nothing else. */
bool outlier_allows(struct outlier *o, uint64_t now);
/* It goes: gives the ticket to report with. Only when allowed. */
uint32_t outlier_enter(struct outlier *o);
enum outlier_outcome {
    OUTCOME_OK,
    OUTCOME_FAILED,
    OUTCOME_NEITHER /* cancelled, or our own refusal */
};
/* Returns true when this report ejected the instance. */
bool outlier_report(struct outlier *o, const struct outlier_settings *s, uint64_t now,
                    uint32_t ticket, enum outlier_outcome outcome);
/* Another worker's ejection. */
void outlier_eject(struct outlier *o, const struct outlier_settings *s, uint64_t now);

#endif
