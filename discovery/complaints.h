/* complaints.h - strangers' mistakes in the log: each once, and no flood of them.
 *
 *     if (complaints_may_log(&c, loop_now(l), slice_of(subject), slice_of(reason), &held_back))
 *         log_warn("registry.bad_record", "... held_back=%u", ..., held_back);
 *
 * The last COMPLAINTS_KEPT are remembered; a new one is let through at most each COMPLAINTS_PAUSE_MS, those between are
 * counted. A zeroed struct is ready. Pure. */
#ifndef DISCOVERY_COMPLAINTS_H
#define DISCOVERY_COMPLAINTS_H

#include "sidecar/core/slice.h"

enum { COMPLAINTS_KEPT = 64, COMPLAINTS_BURST = 8, COMPLAINTS_PAUSE_MS = 10 * 1000 };

struct complaints {
    uint32_t logged[COMPLAINTS_KEPT]; /* hashes */
    unsigned next;
    unsigned burst; /* let through since there was a pause */
    uint64_t quiet_until;
    unsigned held_back;
};

/* Whether to log it, and how many were not since the last that was. */
bool complaints_may_log(struct complaints *c, uint64_t now, struct slice who,
                        struct slice what, unsigned *held_back);

#endif
