/* clock.h - what time it is, and timers. The only place time comes from.
 *
 * A clock belongs to one loop. Its owner moves it: the real one is transport/loop.c (one
 * libuv timer for all of ours), a test calls clock_advance() and never sleeps.
 *
 *   timer:  INACTIVE --timer_start--> ACTIVE --due--> INACTIVE, then fire()
 *               ^------timer_stop-------'
 *
 * A timing wheel of 1 ms ticks, four levels: start and stop are O(1), no allocation. A timer
 * is embedded in its owner, who stops it before the memory goes. Starting an active timer
 * moves it. fire() may start and stop any timer, its own too. Timers due in the same tick fire
 * in the order they were started. Starting one never fires it inside the call, even for 0 ms.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

#include "sidecar/core/list.h"

enum { CLOCK_LEVELS = 4, CLOCK_SLOTS = 64 };

struct timer {
    struct list node;
    uint64_t due; /* ms of the clock; 0: inactive */
    void (*fire)(struct timer *t);
};

struct clock {
    uint64_t now; /* ms, monotonic, from an arbitrary start > 0; cached for a loop turn */
    /* Asks the owner to call clock_advance() at `due` at the latest. NULL in tests. */
    void (*wake)(struct clock *c, uint64_t due);
    uint64_t wake_at;  /* what was last asked for, 0: nothing */
    uint64_t position; /* all ticks up to it have fired */
    uint64_t occupied[CLOCK_LEVELS];
    struct list slots[CLOCK_LEVELS][CLOCK_SLOTS];
    struct list far; /* beyond the wheel (about 4 hours) */
};

void clock_init(struct clock *c, uint64_t now,
                void (*wake)(struct clock *, uint64_t due));

static inline uint64_t clock_now(const struct clock *c)
{
    return c->now;
}

/* Moves `now` (never backwards) and fires what is due. Asks for the next wake. */
void clock_advance(struct clock *c, uint64_t now);
/* When the next timer is due, at the earliest; UINT64_MAX: none is active. */
uint64_t clock_next(const struct clock *c);

void timer_init(struct timer *t, void (*fire)(struct timer *t));
void timer_start(struct timer *t, struct clock *c, uint64_t delay_ms);
/* Harmless for one that is inactive, a zeroed one too. */
void timer_stop(struct timer *t, struct clock *c);

static inline bool timer_active(const struct timer *t)
{
    return t->due != 0;
}

/* Milliseconds since 1970, for logs and files only; jumps when the host's clock does. */
uint64_t clock_wall_ms(void);

#endif
