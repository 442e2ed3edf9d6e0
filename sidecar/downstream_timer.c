/* Its one timer, which waits for one thing at a time. */
#include "sidecar/downstream_parts.h"
#include "sidecar/worker.h"

enum {
    LINGER_MS = 2000,
    HALF_CLOSED_MS = 1000, /* a client that said FIN and is waited for, or gone? */
};

static void set_timer(struct downstream *d, enum downstream_timer mode, uint64_t delay_ms)
{
    d->timer_mode = mode;
    timer_start(&d->timer, &downstream_worker(d)->loop.clock, delay_ms);
}

static uint64_t idle_limit(const struct downstream *d)
{
    return downstream_worker(d)->settings->limits.keepalive;
}

void downstream_watch_idle(struct downstream *d)
{
    set_timer(d, TIMER_IDLE, idle_limit(d));
}

/* A head in pieces has its own limit, from its first byte on. */
void downstream_watch_head(struct downstream *d)
{
    if (d->call && !d->call->started && reader_in_message(&d->call->reader) &&
        d->timer_mode != TIMER_HEAD)
        set_timer(d, TIMER_HEAD, downstream_worker(d)->settings->limits.head_timeout);
}

void downstream_watch_half_closed(struct downstream *d)
{
    d->mark = d->call->bytes_out;
    set_timer(d, TIMER_HALF_CLOSED, HALF_CLOSED_MS);
}

void downstream_watch_linger(struct downstream *d)
{
    set_timer(d, TIMER_LINGER, LINGER_MS);
}

static void on_idle(struct downstream *d)
{
    uint64_t idle = loop_now(&downstream_worker(d)->loop) - d->active_ms,
             limit = idle_limit(d);

    if (downstream_is_busy(d))
        set_timer(d, TIMER_IDLE, limit);
    else if (idle < limit)
        set_timer(d, TIMER_IDLE, limit - idle);
    else
        downstream_close(d);
}

/* Nothing was wanted of it since its FIN: it has gone. One that reads slowly has not: what it was sent and has not
 * taken would have been answered with a reset. */
static void on_half_closed(struct downstream *d)
{
    struct call *c = d->call;

    if (!downstream_is_busy(d) || c->finished ||
        (c->bytes_out == d->mark && socket_unsent(&d->socket) == 0)) {
        downstream_close(d);
        return;
    }
    downstream_watch_half_closed(d);
}

static void on_linger(struct downstream *d)
{
    uint64_t now = loop_now(&downstream_worker(d)->loop);
    uint64_t limit = downstream_worker(d)->settings->defaults.idle_timeout;
    size_t queued = stream_queued(&d->socket.stream);

    if (queued != d->mark)
        d->active_ms = now;
    d->mark = queued;
    if (queued > 0 && (limit == 0 || now - d->active_ms < limit))
        downstream_watch_linger(d);
    else
        downstream_close(d);
}

void downstream_on_timer(struct timer *t)
{
    struct downstream *d = container_of(t, struct downstream, timer);

    switch ((enum downstream_timer)d->timer_mode) {
    case TIMER_IDLE:
        on_idle(d);
        return;
    case TIMER_HEAD:
        downstream_refuse(d, ERR_REQUEST_TIMEOUT, "the head did not end in time");
        return;
    case TIMER_HALF_CLOSED:
        on_half_closed(d);
        return;
    case TIMER_LINGER:
        on_linger(d);
        return;
    }
}
