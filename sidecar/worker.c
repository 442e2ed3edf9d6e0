#include "sidecar/worker.h"

#include <assert.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "sidecar/connection.h"
#include "sidecar/downstream.h"
#include "sidecar/egress.h"
#include "sidecar/port_internal.h"
#include "sidecar/worker_letters.h"

enum {
    SWEEP_MS = 10 * 1000,
    FORGET_MS = 60 * 1000, /* a service without instances that nobody asks for */
    WANT_AGAIN_MS = 20 * 1000,
    UNLISTED_LIMIT = 4096, /* names without instances, at once */
    CROWD = 1000,          /* clients at once, whose memory is worth giving back */
    LOOKS = 64,            /* for one that is not in use, where all places are taken */
};

/* ---- services ---- */

static void want(struct worker *w, struct service *s)
{
    uint64_t now = loop_now(&w->loop);

    if (s->asked_ms && now - s->asked_ms < WANT_AGAIN_MS)
        return;
    s->asked_ms = now;
    worker_post_want(w, s->name);
}

static void on_ejection(struct service *s, const struct upstream *u)
{
    struct worker *w = s->owner;

    if (w->workers > 1)
        worker_post_ejected(w, s->name, u->id);
}

static bool is_forgettable(const struct service *s, uint64_t now, uint64_t age_ms)
{
    return s->in_flight == 0 && now - s->used_ms >= age_ms;
}

static void forget(struct worker *w, struct service *s)
{
    w->unlisted_count -= !list_empty(&s->unlisted);
    map_remove(&w->services, slice_of(s->name));
    service_drop(s);
}

/* A crowd of clients has left, and their memory is in pieces: glibc gives none of it back unasked. */
static void give_back_memory(struct worker *w)
{
    if (w->downstream_most < CROWD || w->downstream_count > w->downstream_most / 4)
        return;
    w->downstream_most = w->downstream_count;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static void on_sweep(struct timer *t)
{
    struct worker *w = container_of(t, struct worker, sweep);

    list_each(at, after, &w->unlisted)
    {
        struct service *s = container_of(at, struct service, unlisted);

        if (is_forgettable(s, loop_now(&w->loop), FORGET_MS))
            forget(w, s);
    }
    give_back_memory(w);
    timer_start(t, &w->loop.clock, SWEEP_MS);
}

/* Used just now, or its list has changed: in its place among those without instances, or out of them. */
static void place_unlisted(struct worker *w, struct service *s)
{
    w->unlisted_count -= !list_empty(&s->unlisted);
    list_remove(&s->unlisted);
    if (service_count(s) > 0 && !s->outside)
        return;
    list_push_back(&w->unlisted, &s->unlisted);
    w->unlisted_count++;
}

/* Whoever calls made-up names must not fill the memory: the one that nobody used for longest goes. */
static enum err make_room(struct worker *w)
{
    unsigned looks = 0;

    if (w->unlisted_count < UNLISTED_LIMIT)
        return ERR_OK;
    list_each(at, after, &w->unlisted)
    {
        struct service *s = container_of(at, struct service, unlisted);

        if (is_forgettable(s, loop_now(&w->loop), 0)) {
            forget(w, s);
            return ERR_OK;
        }
        if (++looks == LOOKS)
            break;
    }
    return ERR_OVERLOADED;
}

static struct service *add_service(struct worker *w, struct slice name, enum err *e)
{
    struct service *s;

    *e = make_room(w);
    if (*e)
        return NULL;
    *e = ERR_NO_MEMORY;
    s = service_make(name, w->settings, service_settings_of(w->settings, name),
                     w->workers, &w->loop.clock, &w->random);
    if (!s)
        return NULL;
    s->owner = w;
    s->ejection = on_ejection;
    if (map_put(&w->services, slice_of(s->name), s)) {
        service_drop(s);
        return NULL;
    }
    list_push_back(&w->service_ring, &s->node);
    place_unlisted(w, s);
    return s;
}

struct service *worker_service(struct worker *w, struct slice name, enum err *e)
{
    struct service *s = map_get(&w->services, name);

    if (!s)
        s = add_service(w, name, e);
    else if (!list_empty(&s->unlisted))
        place_unlisted(w, s);
    if (s)
        want(w, s);
    return s;
}

struct service *worker_egress(struct worker *w, struct slice key, enum err *e)
{
    struct service *s = map_get(&w->services, key);

    if (!s)
        s = add_service(w, key, e);
    if (!s)
        return NULL;
    s->outside = true;
    place_unlisted(w, s);
    return s;
}

/* ---- turns ---- */

void worker_enter(struct worker *w)
{
    w->feeding++;
}

void worker_leave(struct worker *w)
{
    struct list *first;

    assert(w->feeding > 0);
    while (w->feeding == 1 && (first = list_pop_front(&w->advance)))
        downstream_next(container_of(first, struct downstream, advance));
    w->feeding--;
}

void worker_connection_closed(struct worker *w)
{
    w->connection_count--;
}

static bool is_inbound(const struct call *c)
{
    return c->down->listening->gateway.kind == GATEWAY_INGRESS;
}

struct slice call_via(const struct call *c)
{
    return slice_of(is_inbound(c) ? c->worker->ingress_via : c->worker->via);
}

void worker_count_busy(struct call *c, int by)
{
    struct worker *w = c->worker;
    unsigned *count = is_inbound(c) ? &w->busy_inbound : &w->busy_outbound;

    __atomic_store_n(count, *count + (unsigned)by, __ATOMIC_RELAXED);
}

unsigned worker_busy_inbound(const struct worker *w)
{
    return __atomic_load_n(&w->busy_inbound, __ATOMIC_RELAXED);
}

unsigned worker_busy_outbound(const struct worker *w)
{
    return __atomic_load_n(&w->busy_outbound, __ATOMIC_RELAXED);
}

/* ---- the thread's life ---- */

static void close_clients(struct worker *w)
{
    list_each(at, after, &w->downstreams)
        downstream_close(container_of(at, struct downstream, all));
}

static void close_services(struct worker *w)
{
    list_each(at, after, &w->service_ring)
        forget(w, container_of(at, struct service, node));
}

static void close_connections(struct worker *w)
{
    list_each(at, after, &w->connections)
    {
        struct connection *c = container_of(at, struct connection, all);

        if (!c->closing)
            connection_close(c);
    }
}

static void on_listener_closed(struct listener *listener)
{
    listening_unref(container_of(listener, struct listening, listener));
}

static void close_listening(struct listening *l)
{
    if (!l->listening)
        return;
    l->listening = false;
    listener_close(&l->listener, on_listener_closed);
}

void worker_close_listenings(struct worker *w, const enum gateway_kind *only)
{
    list_each(at, after, &w->listenings)
    {
        struct listening *l = container_of(at, struct listening, all);

        if (!only || l->gateway.kind == *only)
            close_listening(l);
    }
}

/* On its own thread: everything that keeps the loop alive goes; the loop then runs out. */
void worker_close_all(struct worker *w)
{
    w->closing = true;
    timer_stop(&w->sweep, &w->loop.clock);
    worker_close_listenings(w, NULL);
    close_clients(w);
    close_connections(w);
    close_services(w);
    access_log_flush(&w->access_log);
    mailbox_close(&w->mailbox, NULL);
}

static void free_spares(struct worker *w)
{
    struct list *spare;

    while ((spare = list_pop_front(&w->spare_calls)))
        free(container_of(spare, struct call, spare));
}

static void worker_fini(struct worker *w)
{
    access_log_fini(&w->access_log);
    free_spares(w);
    map_fini(&w->services);
    arena_pool_fini(&w->blocks);
    if (loop_close(&w->loop))
        log_error("worker.leak", "worker=%u reason=\"a handle was left open\"",
                  w->number);
    settings_unref(w->settings);
}

void worker_run(struct worker *w)
{
    loop_run(&w->loop);
    worker_fini(w);
}

static void run(void *argument)
{
    worker_run(argument);
}

static void init_lists(struct worker *w)
{
    list_init(&w->service_ring);
    list_init(&w->unlisted);
    list_init(&w->downstreams);
    list_init(&w->connections);
    list_init(&w->listenings);
    list_init(&w->spare_calls);
    list_init(&w->advance);
}

static void configure_log(struct worker *w)
{
    access_log_configure(&w->access_log, w->settings->log.access,
                         w->settings->log.format == LOG_JSON);
}

enum err worker_open(struct worker *w, unsigned number, unsigned workers,
                     struct settings *settings, const char *via,
                     const struct worker_events *events, struct mailbox *control,
                     void *control_owner, struct why *why_text)
{
    enum err e;

    *w = (struct worker){.number = number,
                         .workers = workers,
                         .events = events,
                         .control = control,
                         .control_owner = control_owner};
    init_lists(w);
    snprintf(w->via, sizeof(w->via), "%s", via);
    snprintf(w->ingress_via, sizeof(w->ingress_via), "%s-in", w->via);
    random_init(&w->random, 0);
    arena_pool_init(&w->blocks, 64);
    timer_init(&w->sweep, on_sweep);
    e = loop_open(&w->loop, 0);
    if (e)
        return why(why_text, e, "could not make an event loop");
    access_log_init(&w->access_log, &w->loop.clock);
    w->settings = settings_ref(settings);
    configure_log(w);
    e = mailbox_open(&w->mailbox, &w->loop, w);
    if (e) {
        worker_fini(w);
        return why(why_text, e, "could not make a letter box");
    }
    timer_start(&w->sweep, &w->loop.clock, SWEEP_MS);
    return ERR_OK;
}

enum err worker_start(struct worker *w, unsigned number, unsigned workers,
                      struct settings *settings, const char *via,
                      const struct worker_events *events, struct mailbox *control,
                      void *control_owner, struct why *why_text)
{
    enum err e = worker_open(w, number, workers, settings, via, events, control,
                             control_owner, why_text);

    if (e)
        return e;
    if (!uv_thread_create(&w->thread, run, w))
        return ERR_OK;
    worker_close_all(w);
    worker_run(w);
    return why(why_text, ERR_NO_MEMORY, "could not start a worker thread");
}

void worker_stop(struct worker *w)
{
    worker_post_stop(w);
    uv_thread_join(&w->thread);
}

/* ---- what letters do, on the worker's thread ---- */

void worker_take_settings(struct worker *w, struct settings *settings)
{
    struct settings *old = w->settings;

    w->settings = settings_ref(settings);
    list_each(at, after, &w->service_ring)
    {
        struct service *s = container_of(at, struct service, node);

        service_configure(s, settings, service_settings_of(settings, slice_of(s->name)),
                          w->workers);
    }
    list_each(at, after, &w->listenings)
        listening_configure(container_of(at, struct listening, all), settings);
    configure_log(w);
    settings_unref(old);
}

void worker_take_list(struct worker *w, struct instance_list *list)
{
    struct service *s = map_get(&w->services, slice_of(list->service));

    if (!s)
        return;
    s->in_flight++; /* those who waited may end, and so might it */
    service_update(s, list);
    egress_answered(w, s);
    s->in_flight--;
    place_unlisted(w, s);
}

/* Several apps may have one name: the port tells them apart. */
static bool is_app_of(const struct service *app, const struct instance_list *list)
{
    const struct address *old = &app->list->instances[0].address;

    return strcmp(app->name, list->service) == 0 &&
           address_port(old) == address_port(&list->instances[0].address);
}

void worker_take_app(struct worker *w, struct instance_list *list)
{
    list_each(at, after, &w->listenings)
    {
        struct listening *l = container_of(at, struct listening, all);

        if (l->app && is_app_of(l->app, list))
            service_update(l->app, list);
    }
}

/* In use it stays, and its list is asked for again. */
void worker_take_forget(struct worker *w, struct slice service)
{
    struct service *s = map_get(&w->services, service);

    if (!s)
        return;
    if (is_forgettable(s, loop_now(&w->loop), 0)) {
        forget(w, s);
        return;
    }
    service_unlearn(s);
    place_unlisted(w, s);
    want(w, s);
}

void worker_take_drain(struct worker *w, bool refuse)
{
    w->draining = true;
    w->refusing |= refuse;
    list_each(at, after, &w->downstreams)
        downstream_drain(container_of(at, struct downstream, all));
}
