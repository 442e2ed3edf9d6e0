/* stats.h - what is counted, per service and worker. Plain numbers of one thread: a report (report.h) is a
 * copy made on that thread, so nothing here is atomic. */
#ifndef SIDECAR_STATS_H
#define SIDECAR_STATS_H

#include <stdint.h>

#include "sidecar/core/err.h"

enum { LATENCY_BUCKETS = 14 };

/* Upper bounds in ms of the request duration histogram; the last is +Inf. */
extern const uint32_t latency_bounds_ms[LATENCY_BUCKETS - 1];

struct service_stats {
    uint64_t requests;            /* finished */
    uint64_t by_class[6];         /* status / 100; 0: the client never got one */
    uint64_t by_error[ERR_COUNT]; /* answers of our own making, and broken-off ones */
    uint64_t attempts;
    uint64_t retries;
    uint64_t retries_denied_budget;
    uint64_t ejections;
    uint64_t connects;
    uint64_t reuses;
    uint64_t bytes_in, bytes_out; /* body bytes from and to the client */
    uint64_t latency[LATENCY_BUCKETS];
    uint64_t latency_sum_ms;
};

void stats_latency(struct service_stats *s, uint64_t ms);
void stats_add(struct service_stats *sum, const struct service_stats *s);

#endif
