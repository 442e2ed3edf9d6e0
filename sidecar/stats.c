#include "sidecar/stats.h"

const uint32_t latency_bounds_ms[LATENCY_BUCKETS - 1] = {
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000};

void stats_latency(struct service_stats *s, uint64_t ms)
{
    unsigned at = 0;

    while (at < LATENCY_BUCKETS - 1 && ms > latency_bounds_ms[at])
        at++;
    s->latency[at]++;
    s->latency_sum_ms += ms;
}

/* All members are uint64_t. */
void stats_add(struct service_stats *sum, const struct service_stats *s)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)s;

    for (unsigned i = 0; i < sizeof(*s) / sizeof(uint64_t); i++)
        to[i] += from[i];
}
