/* access_log.h - one line for each exchange, with everything: who, what, where to, how often, why.
 *
 * Lines are gathered and written once per loop turn at most (log_write), so that the request path never waits for a
 * log; what can't be written is dropped and counted.
 *
 *   text: 2026-11-25T10:00:00.123Z ACCESS local GET /items/7 200 service=orders instance=orders-1 attempts=1
 *         in=0 out=512 ms=3 trace=4bf9... [error=... retry=...]
 */
#ifndef SIDECAR_ACCESS_LOG_H
#define SIDECAR_ACCESS_LOG_H

#include "sidecar/core/clock.h"
#include "sidecar/core/text.h"

struct call;

struct access_log {
    struct clock *clock;
    struct text lines;
    struct timer flush;
    bool json;
    bool on;
    uint64_t dropped;
};

void access_log_init(struct access_log *a, struct clock *clock);
void access_log_configure(struct access_log *a, bool on, bool json);
void access_log_write(struct access_log *a, const struct call *c);
/* Writes what is there. */
void access_log_flush(struct access_log *a);
void access_log_fini(struct access_log *a);

#endif
