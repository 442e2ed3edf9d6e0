#include "sidecar/worker.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "sidecar/connection.h"
#include "sidecar/downstream.h"
#include "sidecar/port_internal.h"
#include "sidecar/worker_letters.h"
#include "sidecar/worker_services.h"

enum {
    SWEEP_MS = 10 * 1000,
    CROWD = 1000, /* clients at once, whose memory is worth giving back */
};

/* ---- turns ---- */

void worker_enter(struct worker *w)
{
    w->feeding++;
}

static struct downstream *next_to_advance(struct worker *w)
{
    struct downstream *d = w->advance.first;

    if (!d)
        return NULL;
    w->advance.first = d->advance;
    if (!d->advance)
        w->advance.end = &w->advance.first;
    d->advances = false;
    return d;
}

/* The row is empty when the outermost feeding ends, before any handle's `closed` can come: nobody in it is freed. */
void worker_leave(struct worker *w)
{
    struct downstream *d;

    assert(w->feeding > 0);
    while (w->feeding == 1 && (d = next_to_advance(w)))
        downstream_next(d);
    w->feeding--;
}

void worker_advance(struct worker *w, struct downstream *d)
{
    if (!d->advances) {
        d->advances = true;
        d->advance = NULL;
        *w->advance.end = d;
        w->advance.end = &d->advance;
    }
    if (w->feeding)
        return;
    worker_enter(w);
    worker_leave(w);
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
    const struct worker *w = c->worker;

    return is_inbound(c) ? slice_from(w->ingress_via, w->ingress_via_size)
                         : slice_from(w->via, w->via_size);
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

    worker_sweep_services(w);
    give_back_memory(w);
    timer_start(t, &w->loop.clock, SWEEP_MS);
}

static void close_clients(struct worker *w)
{
    list_each(at, after, &w->downstreams)
        downstream_close(container_of(at, struct downstream, all));
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

void worker_close_listenings(struct worker *w, const enum gateway_kind *only)
{
    list_each(at, after, &w->listenings)
    {
        struct listening *l = container_of(at, struct listening, all);

        if (!only || l->gateway.kind == *only)
            listening_close(l);
    }
}

/* On its own thread: everything that keeps the loop alive goes; the loop then runs out. */
void worker_halt(struct worker *w)
{
    w->closing = true;
    timer_stop(&w->sweep, &w->loop.clock);
    worker_close_listenings(w, NULL);
    close_clients(w);
    close_connections(w);
    worker_close_services(w);
    access_log_flush(&w->access_log);
}

void worker_end(struct worker *w)
{
    mailbox_close(&w->mailbox, NULL);
}

void worker_close_all(struct worker *w)
{
    worker_halt(w);
    worker_end(w);
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
    w->advance.end = &w->advance.first;
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
    w->via_size = (uint8_t)strlen(w->via);
    w->ingress_via_size = (uint8_t)strlen(w->ingress_via);
    random_init(&w->random, 0);
    arena_pool_init(&w->blocks, 64);
    timer_init(&w->sweep, on_sweep);
    e = loop_open(&w->loop, 0);
    if (e)
        return why(why_text, e, "could not make an event loop: %s", err_text(e));
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

/* Signals are the main thread's: it alone decides when they may come. */
static int start_thread(struct worker *w)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = uv_thread_create(&w->thread, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
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
    if (uv_sem_init(&w->halted, 0) == 0) {
        if (!start_thread(w))
            return ERR_OK;
        uv_sem_destroy(&w->halted);
    }
    worker_close_all(w);
    worker_run(w);
    return why(why_text, ERR_NO_MEMORY, "could not start a worker thread");
}

/* Nobody's letter box closes before all have stopped handing clients over. */
void workers_stop(struct worker *workers, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        worker_post_halt(&workers[i]);
    for (unsigned i = 0; i < count; i++)
        uv_sem_wait(&workers[i].halted);
    for (unsigned i = 0; i < count; i++)
        worker_post_end(&workers[i]);
    for (unsigned i = 0; i < count; i++) {
        uv_thread_join(&workers[i].thread);
        uv_sem_destroy(&workers[i].halted);
    }
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

void worker_take_drain(struct worker *w, bool refuse)
{
    w->draining = true;
    w->refusing |= refuse;
    list_each(at, after, &w->downstreams)
        downstream_drain(container_of(at, struct downstream, all));
}
