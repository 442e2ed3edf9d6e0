#include "sidecar/report.h"

#include <stdlib.h>

#include "sidecar/core/log.h"
#include "sidecar/worker.h"

static void copy_known(struct report_instance *to, const struct upstream *u, uint64_t now)
{
    to->state = u->outlier.state;
    to->ejections = u->outlier.ejections;
    to->rest_left_ms = u->outlier.state == OUTLIER_OPEN && u->outlier.until_ms > now
                           ? u->outlier.until_ms - now
                           : 0;
    to->in_flight = u->in_flight;
    to->idle = u->idle_count;
    to->idle_limit_ms = u->idle_limit_ms;
    to->requests = u->requests;
    to->failures = u->failures;
    to->ewma_us = u->ewma_us;
}

static enum err copy_instances(struct report_service *to, const struct service *s)
{
    uint32_t count = service_count(s);

    to->instances = calloc(count ? count : 1, sizeof(*to->instances));
    if (!to->instances)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++, to->instance_count++) {
        const struct instance *from = &s->list->instances[i];
        const struct upstream *u = service_peek(s, i);

        to->instances[i].id = slice_dup(slice_of(from->id));
        if (!to->instances[i].id)
            return ERR_NO_MEMORY;
        address_format(&from->address, to->instances[i].address);
        to->instances[i].weight = from->weight;
        to->instances[i].draining = from->draining;
        if (u)
            copy_known(&to->instances[i], u, clock_now(s->clock));
    }
    return ERR_OK;
}

static enum err copy_service(struct report *r, const struct service *s, bool inbound)
{
    struct report_service *to = &r->services[r->service_count++];

    to->name = slice_dup(slice_of(s->name));
    to->inbound = inbound;
    to->stats = s->stats;
    to->in_flight = s->in_flight;
    to->waiting = s->policies.limit.waiting;
    to->retry_tokens = s->policies.retry.tokens;
    r->in_flight += s->in_flight;
    return to->name ? copy_instances(to, s) : ERR_NO_MEMORY;
}

static int by_name(const void *a, const void *b)
{
    const struct report_service *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : x->inbound - y->inbound;
}

/* Requests that named no service stand under the empty name. */
static enum err copy_unrouted(struct report *r, const struct worker *w)
{
    struct report_service *to = &r->services[r->service_count++];

    to->name = slice_dup(SLICE(""));
    to->stats = w->unrouted;
    return to->name ? ERR_OK : ERR_NO_MEMORY;
}

static enum err fill(struct report *r, struct worker *w, struct slice only)
{
    enum err e = only.size ? ERR_OK : copy_unrouted(r, w);

    map_each(at, &w->services)
    {
        const struct service *s = at->value;

        if (!e && (only.size == 0 || slice_is(only, s->name)))
            e = copy_service(r, s, false);
    }
    list_each(at, after, &w->listenings)
    {
        const struct listening *l = container_of(at, struct listening, all);

        if (!e && l->app && only.size == 0)
            e = copy_service(r, l->app, true);
    }
    return e;
}

struct report *report_make(struct worker *w, struct slice only)
{
    struct report *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->client_connections = w->downstream_count;
    r->upstream_connections = w->connection_count;
    r->log_dropped = w->access_log.dropped;
    r->services =
        calloc(w->services.count + w->listening_count + 1, sizeof(*r->services));
    if (!r->services || fill(r, w, only)) {
        report_free(r);
        return NULL;
    }
    qsort(r->services, r->service_count, sizeof(*r->services), by_name);
    return r;
}

static void service_fini(struct report_service *s)
{
    for (uint32_t i = 0; i < s->instance_count; i++)
        free(s->instances[i].id);
    free(s->instances);
    free(s->name);
}

void report_free(struct report *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; r->services && i < r->service_count; i++)
        service_fini(&r->services[i]);
    free(r->services);
    free(r);
}

/* ---- adding up ---- */

static void merge_instance(struct report_instance *into,
                           const struct report_instance *from)
{
    if (from->state == OUTLIER_OPEN) {
        into->state = OUTLIER_OPEN;
        into->ejections =
            from->ejections > into->ejections ? from->ejections : into->ejections;
        into->rest_left_ms = from->rest_left_ms > into->rest_left_ms ? from->rest_left_ms
                                                                     : into->rest_left_ms;
    }
    into->in_flight += from->in_flight;
    into->idle += from->idle;
    into->requests += from->requests;
    into->failures += from->failures;
    if (from->ewma_us > into->ewma_us)
        into->ewma_us = from->ewma_us;
}

/* Lists are usually the same in all workers: the same place is looked at first. */
static const struct report_instance *same_instance(const struct report_service *s,
                                                   const char *id, uint32_t hint)
{
    if (hint < s->instance_count && strcmp(s->instances[hint].id, id) == 0)
        return &s->instances[hint];
    for (uint32_t i = 0; i < s->instance_count; i++)
        if (strcmp(s->instances[i].id, id) == 0)
            return &s->instances[i];
    return NULL;
}

static void merge_service(struct report_service *into, const struct report_service *from)
{
    stats_add(&into->stats, &from->stats);
    into->in_flight += from->in_flight;
    into->waiting += from->waiting;
    into->retry_tokens += from->retry_tokens;
    for (uint32_t i = 0; i < into->instance_count; i++) {
        const struct report_instance *other =
            same_instance(from, into->instances[i].id, i);

        if (other)
            merge_instance(&into->instances[i], other);
    }
}

/* Among the first `count`, which are sorted. */
static struct report_service *same_service(struct report *r, uint32_t count,
                                           const struct report_service *s)
{
    return count ? bsearch(s, r->services, count, sizeof(*s), by_name) : NULL;
}

static enum err copy_report_service(struct report_service *to,
                                    const struct report_service *from)
{
    *to = *from;
    to->instance_count = 0;
    to->name = slice_dup(slice_of(from->name));
    to->instances =
        calloc(from->instance_count ? from->instance_count : 1, sizeof(*to->instances));
    if (!to->name || !to->instances)
        return ERR_NO_MEMORY;
    for (; to->instance_count < from->instance_count; to->instance_count++) {
        struct report_instance *i = &to->instances[to->instance_count];

        *i = from->instances[to->instance_count];
        i->id = slice_dup(slice_of(i->id));
        if (!i->id)
            return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

static enum err add_service(struct report *into, const struct report_service *from)
{
    struct report_service *grown =
        realloc(into->services, (into->service_count + 1) * sizeof(*into->services));
    enum err e;

    if (!grown)
        return ERR_NO_MEMORY;
    into->services = grown;
    e = copy_report_service(&grown[into->service_count], from);
    if (e)
        service_fini(&grown[into->service_count]);
    into->service_count += !e;
    return e;
}

enum err report_merge(struct report *into, const struct report *from)
{
    uint32_t sorted = into->service_count;
    enum err e = ERR_OK;

    into->client_connections += from->client_connections;
    into->upstream_connections += from->upstream_connections;
    into->in_flight += from->in_flight;
    into->log_dropped += from->log_dropped;
    for (uint32_t i = 0; i < from->service_count && !e; i++) {
        struct report_service *same = same_service(into, sorted, &from->services[i]);

        if (same)
            merge_service(same, &from->services[i]);
        else
            e = add_service(into, &from->services[i]);
    }
    if (into->service_count > sorted)
        qsort(into->services, into->service_count, sizeof(*into->services), by_name);
    return e;
}
