/* drain.h - one idempotent drain with one clock.
 *
 *   RUNNING > DEREGISTERING > SETTLING > STOPPING_CHILD > FINISHING > DONE
 *
 *   DEREGISTERING   not ready any more; the records go
 *   SETTLING        callers learn of it (settle; 0 with `local`); we serve as before
 *   STOPPING_CHILD  the child, if it is ours, gets its stop signal
 *   FINISHING       requests under way may end, up to `finish` from here; outbound stays open until the app has gone
 *   DONE            the process may exit
 *
 * A child that exits by itself jumps to FINISHING (with nothing to finish inbound), once the records have gone.
 * A second signal ends at once.
 */
#ifndef SIDECAR_DRAIN_H
#define SIDECAR_DRAIN_H

#include <stdbool.h>

#include "sidecar/core/clock.h"

enum drain_state {
    DRAIN_RUNNING,
    DRAIN_DEREGISTERING,
    DRAIN_SETTLING,
    DRAIN_STOPPING_CHILD,
    DRAIN_FINISHING,
    DRAIN_DONE
};

/* What a drain asks of the process; a test writes them down. */
struct drain_ops {
    void (*deregister)(void *owner, uint64_t within_ms); /* then drain_deregistered() */
    bool (*has_child)(void *owner);
    void (*stop_child)(void *owner, bool kill); /* then drain_child_gone() */
    void (*finish)(
        void *owner); /* answers carry Connection: close; stop accepting inbound */
    unsigned (*busy)(void *owner); /* requests still under way */
    void (*done)(void *owner);     /* once */
};

struct drain {
    const struct drain_ops *ops;
    void *owner;
    struct clock *clock;
    enum drain_state state;
    struct timer timer;
    uint64_t settle_ms, finish_ms;
    uint64_t finish_by_ms;
    bool child_has_gone; /* while deregistering */
};

void drain_init(struct drain *d, struct clock *clock, const struct drain_ops *ops,
                void *owner);
/* Idempotent. */
void drain_start(struct drain *d, uint64_t settle_ms, uint64_t finish_ms);
void drain_deregistered(struct drain *d);
void drain_child_gone(struct drain *d);
/* At once: a second signal. */
void drain_now(struct drain *d);
bool drain_is_on(const struct drain *d);
const char *drain_state_name(enum drain_state s);

#endif
