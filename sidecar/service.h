/* service.h - what one worker knows of a service and of its instances.
 *
 * The list comes from discovery, immutable; what the worker learns (connections, ejections, averages, requests
 * in flight) lives in an `upstream` per instance, made when an instance is first picked and found by the
 * instance's stable index. Belongs to one loop; no locks.
 *
 *   upstream: one reference for its place in the list, one for each attempt and each connection. An instance
 *   that left the list is `removed`: it gets no new request and goes with its last reference.
 */
#ifndef SIDECAR_SERVICE_H
#define SIDECAR_SERVICE_H

#include "discovery/instance.h"
#include "health/outlier.h"
#include "sidecar/core/random.h"
#include "sidecar/policies.h"
#include "sidecar/rewrite.h"
#include "sidecar/settings.h"
#include "sidecar/stats.h"

struct service;
struct balancer_ops;

struct upstream {
    unsigned references;
    struct service *service; /* NULL once removed */
    char *id;
    uint32_t id_size;
    struct address address;
    char host[REQUEST_HOST_ROOM]; /* address:port, for Host */
    uint8_t host_size;
    uint32_t index;
    uint32_t in_flight;
    bool removed;
    struct outlier outlier;
    double ewma_us;
    uint64_t ewma_at_ms;
    /* pool.h */
    struct list idle;
    uint32_t idle_count;
    uint64_t idle_limit_ms;
    uint64_t requests, failures;
};

struct service {
    struct list node;     /* in the worker's ring */
    struct list unlisted; /* of those without instances, least recently used first */
    char *name;
    struct clock *clock;
    struct random *random;
    struct settings *settings; /* a reference: `policy` points into it */
    const struct service_settings *policy;
    struct instance_list *list; /* a reference; NULL: nothing heard yet */
    uint64_t *weights; /* running sums over list->instances, only when weights differ */
    struct upstream **places; /* by instance index */
    uint32_t place_count;
    uint32_t ejected;          /* as last counted: read service_ejected() */
    uint64_t ejected_until_ms; /* when it must be counted again */
    uint32_t turn;             /* round robin */
    const struct balancer_ops *balancer;
    struct policies policies;
    struct list pending; /* exchanges that wait for the first list */
    uint32_t in_flight;
    uint64_t used_ms;
    uint64_t asked_ms; /* when discovery was last asked for it */
    bool outside;      /* no service of a registry: see egress.h */
    struct list
        egress; /* hosts that wait for its first list; of such a host: its place there */
    bool fixed; /* an ingress's app: its list is ours, never forgotten */
    struct service_stats stats;
    /* Told when an instance is ejected (so that other workers learn of it). May be NULL. */
    void (*ejection)(struct service *s, const struct upstream *u);
    void *owner;
};

/* `workers` share the limits. */
struct service *service_make(struct slice name, struct settings *settings,
                             const struct service_settings *policy, unsigned workers,
                             struct clock *clock, struct random *random);
/* With no exchange left in it. */
void service_drop(struct service *s);
/* A new list; takes its own reference. Resumes who waited for it. */
void service_update(struct service *s, struct instance_list *list);
/* Nobody keeps its list up to date any more: the next request waits for a new one. */
void service_unlearn(struct service *s);
/* New settings; policies in flight keep what they took at admission. */
void service_configure(struct service *s, struct settings *settings,
                       const struct service_settings *policy, unsigned workers);
/* Another worker ejected it: so do we, within the same bounds. */
void service_eject(struct service *s, struct slice id);
/* Instances that rest now. */
uint32_t service_ejected(struct service *s);
/* May one more rest? At most max_ejected percent at once, and never the last one. */
bool service_may_eject(struct service *s);
/* An outlier's state has changed. */
void service_count_ejected(struct service *s);

/* The upstream of the instance at a position of the list, made if need be; NULL: no memory. */
struct upstream *service_upstream(struct service *s, uint32_t position);
/* The same, or NULL when none was made yet. */
struct upstream *service_peek(const struct service *s, uint32_t position);
static inline uint32_t service_count(const struct service *s)
{
    return s->list ? s->list->count : 0;
}

void upstream_unref(struct upstream *u);

static inline struct upstream *upstream_ref(struct upstream *u)
{
    u->references++;
    return u;
}

#endif
