#include "discovery/nats_client.h"

#include <stdlib.h>

#include "discovery/nats_client_parts.h"
#include "sidecar/core/log.h"

static void on_step(struct timer *t);
static void on_tick(struct timer *t);

static void step_after(struct nats_client *c, uint64_t ms)
{
    timer_stop(&c->step, nats_clock(c));
    timer_start(&c->step, nats_clock(c), ms);
}

/* --- trying --- */

static uint64_t backoff(struct nats_client *c)
{
    unsigned rounds = c->attempts / c->servers.count;
    uint64_t ms = NATS_BACKOFF_LIMIT_MS;

    if (rounds > 0 && rounds < 8)
        ms = (uint64_t)NATS_BACKOFF_MS << (rounds - 1);
    ms = ms < NATS_BACKOFF_LIMIT_MS ? ms : NATS_BACKOFF_LIMIT_MS;
    return random_jitter(c->settings.random, ms, NATS_BACKOFF_JITTER);
}

/* Of all that went wrong in a round, a refusal is what people should hear of. */
static void note(struct nats_client *c, enum err e)
{
    if (c->round_error == ERR_DENIED)
        return;
    c->round_error = e;
    c->round_why = c->why;
}

static bool round_is_over(const struct nats_client *c)
{
    return c->attempts % c->servers.count == 0;
}

static void tell_unreachable(struct nats_client *c)
{
    enum err e = c->round_error;

    c->round_error = ERR_OK;
    c->settings.events->unreachable(c->settings.owner, e, &c->round_why);
}

static void rest(struct nats_client *c, enum err e)
{
    c->attempts++;
    note(c, e);
    if (!round_is_over(c)) {
        step_after(c, 0);
        return;
    }
    step_after(c, backoff(c));
    tell_unreachable(c);
}

static void try_next(struct nats_client *c)
{
    enum err e;

    c->server = *nats_servers_next(&c->servers);
    why(&c->why, ERR_UNAVAILABLE, "%s: no answer", c->server.name);
    c->state = NATS_CONNECTING;
    step_after(c, NATS_CONNECT_MS);
    e = nats_connection_open(c);
    if (e != ERR_LATER)
        nats_client_fail(c, e);
}

static void end_connection(struct nats_client *c)
{
    struct nats_connection *connection = c->connection;

    c->connection = NULL;
    c->state = NATS_RESTING;
    timer_stop(&c->step, nats_clock(c));
    timer_stop(&c->tick, nats_clock(c));
    if (connection)
        nats_connection_close(connection);
}

/* --- ready, and lost --- */

void nats_client_ready(struct nats_client *c)
{
    c->state = NATS_READY;
    c->ready_since = loop_now(c->settings.loop);
    c->round_error = ERR_OK;
    c->unanswered = 0;
    timer_stop(&c->step, nats_clock(c));
    timer_start(&c->tick, nats_clock(c), NATS_TICK_MS);
    nats_traffic_restore(c);
    c->settings.events->connected(c->settings.owner);
}

/* One that broke at once counts as one that never was, or we would try without a pause. */
static void lost(struct nats_client *c, enum err e)
{
    bool lasted = loop_now(c->settings.loop) - c->ready_since >= NATS_STABLE_MS;

    nats_traffic_lost(c, e);
    if (!c->is_closing)
        c->settings.events->lost(c->settings.owner, e, &c->why);
    if (c->is_closing)
        return;
    if (!lasted) {
        rest(c, e);
        return;
    }
    c->attempts = 0;
    step_after(c, 0);
}

void nats_client_fail(struct nats_client *c, enum err e)
{
    bool was_ready = c->state == NATS_READY;

    end_connection(c);
    log_debug("nats.failed", "server=%s reason=\"%s\"", c->server.name, c->why.text);
    if (was_ready)
        lost(c, e);
    else
        rest(c, e);
}

static void on_step(struct timer *t)
{
    struct nats_client *c = container_of(t, struct nats_client, step);

    if (c->is_closing)
        nats_client_connection_closed(c);
    else if (c->state == NATS_RESTING)
        try_next(c);
    else
        nats_client_fail(c, c->state == NATS_READY ? ERR_UNAVAILABLE : ERR_TIMEOUT);
}

static void on_tick(struct timer *t)
{
    struct nats_client *c = container_of(t, struct nats_client, tick);

    if (c->pinged == c->ponged && nats_ping(c) == ERR_OK) {
        c->unanswered = 0;
    } else if (++c->unanswered >= NATS_TICKS_UNANSWERED) {
        why(&c->why, ERR_UNAVAILABLE, "%s: silent for %d ms", c->server.name,
            NATS_TICKS_UNANSWERED * NATS_TICK_MS);
        nats_client_fail(c, ERR_UNAVAILABLE);
        return;
    }
    timer_start(&c->tick, nats_clock(c), NATS_TICK_MS);
}

/* --- life --- */

static enum err start(struct nats_client *c, struct why *w)
{
    enum err e = nats_servers_init(&c->servers, c->settings.servers, w);

    if (!e && c->settings.is_tls)
        e = tls_client_open(&c->tls, c->settings.tls, w);
    return e;
}

enum err nats_client_open(struct nats_client **out, const struct nats_client_settings *s,
                          struct why *w)
{
    struct nats_client *c = calloc(1, sizeof *c);
    enum err e;

    if (!c)
        return why(w, ERR_NO_MEMORY, "out of memory");
    c->settings = *s;
    e = start(c, w);
    if (e) {
        free(c);
        return e;
    }
    list_init(&c->closing);
    list_init(&c->subscriptions);
    list_init(&c->flushes);
    timer_init(&c->step, on_step);
    timer_init(&c->tick, on_tick);
    step_after(c, 0);
    *out = c;
    return ERR_OK;
}

void nats_client_connection_closed(struct nats_client *c)
{
    const struct nats_client_events *events = c->settings.events;
    void *owner = c->settings.owner;

    if (!c->is_closing || !list_empty(&c->closing))
        return;
    timer_stop(&c->step, nats_clock(c));
    tls_client_close(c->tls);
    free(c);
    events->closed(owner);
}

static void forget_all(struct list *l)
{
    while (list_pop_front(l))
        ;
}

void nats_client_close(struct nats_client *c)
{
    c->is_closing = true;
    forget_all(&c->subscriptions);
    forget_all(&c->flushes);
    end_connection(c);
    if (list_empty(&c->closing))
        step_after(c, 0);
}

bool nats_client_is_connected(const struct nats_client *c)
{
    return c->state == NATS_READY;
}

const char *nats_client_server(const struct nats_client *c)
{
    return c->server.name;
}
