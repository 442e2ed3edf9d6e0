/* balancer.h - which instance? One function per way of choosing.
 *
 * A balancer looks at the positions of service->list and asks `usable` about each that it fancies. O(1) or
 * O(log n) in the usual case, whatever the number of instances; only `hash` looks at all.
 */
#ifndef SIDECAR_BALANCER_H
#define SIDECAR_BALANCER_H

#include "sidecar/service.h"

enum { NO_POSITION = UINT32_MAX };

/* How picky: each level gives up one wish. */
enum pick_level {
    PICK_FRESH,   /* up, and not tried by this exchange */
    PICK_ALLOWED, /* up */
    PICK_ANY,     /* even ejected: better than nothing (panic) */
    PICK_LEVELS,
};

struct balancer_ops {
    const char *name;
    /* A usable position, or NO_POSITION when there is none at this level. */
    uint32_t (*pick)(struct service *s, const struct exchange *x, enum pick_level level);
};

/* By enum balancer_kind of settings.h. */
const struct balancer_ops *balancer_of(int kind);
bool balancer_usable(struct service *s, const struct exchange *x, uint32_t position,
                     enum pick_level level);
/* All levels in turn, from the first that the panic rule leaves. */
uint32_t balancer_pick(struct service *s, const struct exchange *x);
/* The position of the instance of that id, or NO_POSITION. */
uint32_t balancer_find(const struct service *s, struct slice id);
/* A hash that is the same in every process. */
uint32_t balancer_hash(struct slice key);

#endif
