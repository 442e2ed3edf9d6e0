/* report.h - a copy of what a worker counted and knows, made on its thread for others to read.
 *
 * Plain data of its own, freed with report_free(). Reports of several workers are added up by report_merge().
 */
#ifndef SIDECAR_REPORT_H
#define SIDECAR_REPORT_H

#include "health/outlier.h"
#include "sidecar/stats.h"
#include "transport/address.h"

struct service;
struct worker;

struct report_instance {
    char *id;
    char address[ADDRESS_TEXT];
    enum outlier_state state;
    uint32_t ejections;
    uint64_t rest_left_ms;
    uint32_t weight;
    bool draining;
    uint32_t in_flight, idle;
    uint64_t idle_limit_ms;
    uint64_t requests, failures;
    double ewma_us;
};

struct report_service {
    char *name;
    bool inbound; /* an ingress's app */
    struct service_stats stats;
    uint32_t in_flight, waiting;
    double retry_tokens;
    uint32_t instance_count;
    struct report_instance *instances;
};

struct report {
    uint32_t client_connections, upstream_connections, in_flight;
    uint64_t log_dropped;
    uint32_t service_count;
    struct report_service *services; /* sorted by name */
};

/* NULL: no memory. `only`: empty for all services. */
struct report *report_make(struct worker *w, struct slice only);
/* Adds `from` into `into` (both keep their own memory). */
enum err report_merge(struct report *into, const struct report *from);
void report_free(struct report *r);

#endif
