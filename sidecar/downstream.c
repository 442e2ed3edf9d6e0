/* Its life: from the listener's offer to the last byte, and what the socket tells meanwhile. */
#include "sidecar/downstream_parts.h"

#include <assert.h>
#include <stdlib.h>

#include "sidecar/handover.h"
#include "sidecar/port.h"
#include "sidecar/worker.h"

static struct downstream *of_stream(struct stream *s)
{
    return container_of(s, struct downstream, socket.stream);
}

bool downstream_is_busy(const struct downstream *d)
{
    return d->call && d->call->started;
}

/* ---- the end ---- */

void downstream_drop_call(struct downstream *d)
{
    struct call *c = d->call;

    if (c && c->started && !c->finished)
        exchange_on(&c->x, EV_GONE);
    if (!d->call)
        return;
    d->call = NULL;
    call_recycle(c);
}

static void end(struct downstream *d, void (*how)(struct stream *s))
{
    if (d->closing)
        return;
    d->closing = true;
    timer_stop(&d->timer, &downstream_worker(d)->loop.clock);
    how(&d->socket.stream);
    if (!d->feeding)
        downstream_drop_call(d);
}

void downstream_close(struct downstream *d)
{
    end(d, stream_close);
}

void downstream_abort(struct downstream *d)
{
    end(d, stream_abort);
}

static void on_closed(struct stream *s)
{
    struct downstream *d = of_stream(s);
    struct worker *w = downstream_worker(d);

    assert(!d->call);
    downstream_drop_tail(d);
    list_remove(&d->all);
    w->downstream_count--;
    handover_count(w, -1);
    listening_unref(d->listening);
    free(d);
}

void downstream_linger(struct downstream *d)
{
    d->lingering = true;
    downstream_read(d);
    stream_finish(&d->socket.stream);
    downstream_watch_linger(d);
}

void downstream_close_when_sent(struct downstream *d)
{
    if (stream_queued(&d->socket.stream) == 0)
        downstream_close(d);
    else if (!d->lingering)
        downstream_linger(d);
}

/* ---- events ---- */

static void on_data(struct stream *s, struct slice bytes)
{
    struct downstream *d = of_stream(s);

    if (d->lingering)
        return;
    d->active_ms = loop_now(&downstream_worker(d)->loop);
    if (d->call && d->call->tunnel && d->call->request_read)
        port_tunnel_data(d->call, bytes);
    else
        downstream_feed(d, bytes);
}

static void on_drained(struct stream *s)
{
    struct downstream *d = of_stream(s);

    if (d->call && d->call->started && !d->call->finished) {
        port_downstream_drained(d->call);
        return;
    }
    worker_enter(downstream_worker(d));
    downstream_next(d);
    worker_leave(downstream_worker(d));
}

static void on_ended(struct stream *s, enum err e)
{
    struct downstream *d = of_stream(s);

    if (e)
        downstream_close(d);
    else
        downstream_input_ended(d);
}

static const struct stream_events downstream_events = {
    .data = on_data,
    .drained = on_drained,
    .ended = on_ended,
    .closed = on_closed,
};

/* ---- the beginning ---- */

static bool is_full(const struct worker *w)
{
    uint32_t most = w->settings->limits.connections;

    return most > 0 && w->downstream_count >= (most + w->workers - 1) / w->workers;
}

struct socket *downstream_offer(struct listening *l)
{
    struct worker *w = l->worker;
    struct downstream *d = is_full(w) ? NULL : calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    d->listening = listening_ref(l);
    list_push_back(&w->downstreams, &d->all);
    w->downstream_count++;
    if (w->downstream_most < w->downstream_count)
        w->downstream_most = w->downstream_count;
    timer_init(&d->timer, downstream_on_timer);
    socket_init(&d->socket, &w->loop, &downstream_events);
    return &d->socket;
}

void downstream_accepted(struct socket *s)
{
    struct downstream *d = container_of(s, struct downstream, socket);

    d->active_ms = loop_now(&downstream_worker(d)->loop);
    downstream_watch_idle(d);
}

void downstream_drain(struct downstream *d)
{
    const struct call *c = d->call;
    bool is_idle = !c || (!c->started && !reader_in_message(&c->reader));

    if (!d->closing && !d->lingering && is_idle)
        downstream_linger(d);
}
