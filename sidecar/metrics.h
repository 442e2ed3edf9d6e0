/* metrics.h - what is counted, as Prometheus reads it (text format 0.0.4).
 *
 * Label sets are closed: a service is one that a registry knows, or "_unknown"; at most METRICS_SERVICES of them
 * stand under their names, the others under "_other"; requests that named none under "_none". (No service's name
 * begins with '_'.) Classes, codes and states come from tables. Pure but for metrics_process_read().
 */
#ifndef SIDECAR_METRICS_H
#define SIDECAR_METRICS_H

#include "sidecar/core/text.h"
#include "sidecar/report.h"

enum { METRICS_SERVICES = 500 };

struct metrics_process {
    double cpu_seconds;
    double started_seconds; /* since 1970 */
    uint64_t resident_bytes, virtual_bytes;
    uint64_t open_fds, max_fds;
};

struct metrics_registry {
    const char *url;
    bool reachable;
    uint64_t failures;
};

struct metrics_app {
    const char *name, *id;
    bool up, registered;
};

struct metrics_lease {
    const char *service, *id;
    bool held;
};

struct metrics {
    const struct report *report; /* NULL: nothing was counted yet */
    /* Is it a service that a registry knows? */
    bool (*is_known)(const void *owner, const char *service);
    const void *owner;
    const struct metrics_registry *registries;
    unsigned registry_count;
    const struct metrics_app *apps;
    unsigned app_count;
    const struct metrics_lease *leases; /* kept for others */
    unsigned lease_count;
    struct metrics_process process;
    const char *version;
    uint64_t reloads, reloads_failed;
    uint64_t log_dropped;
    bool ready, draining;
};

void metrics_print(const struct metrics *m, struct text *out);
/* Of this process, from /proc. */
void metrics_process_read(struct metrics_process *p);

#endif
