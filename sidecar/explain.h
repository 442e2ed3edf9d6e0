/* explain.h - what a call to a service would do now, and why. Pure: from what is known to JSON.
 *
 *   {"service", "verdict", "because": ["..."], "urls": {...}, "policy": {...}, "registries": [...],
 *    "instances": [...], "balancer": {...}, "in_flight", "waiting", "retry_tokens"}
 */
#ifndef SIDECAR_EXPLAIN_H
#define SIDECAR_EXPLAIN_H

#include <jansson.h>

#include "discovery/catalog.h"
#include "sidecar/report.h"
#include "sidecar/settings.h"

struct explain {
    const char *service;
    const struct settings *settings;
    struct catalog *catalog;
    const struct report_service *pool; /* NULL: nobody called it yet */
    const char *endpoint;              /* "http://127.0.0.1:8081", or "" */
    unsigned workers;
    bool draining;
    uint64_t now;
};

/* A new reference, or NULL when out of memory. */
json_t *explain_json(const struct explain *e);

#endif
