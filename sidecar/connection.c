#include "sidecar/connection.h"

#include <assert.h>
#include <stdlib.h>

#include "sidecar/pool.h"
#include "sidecar/port.h"
#include "sidecar/worker.h"

enum { FINISH_MS = 5000 }; /* for a chunk of what is queued to go */

static struct connection *of_stream(struct stream *s)
{
    return container_of(s, struct connection, socket.stream);
}

static void on_data(struct stream *s, struct slice bytes)
{
    struct connection *c = of_stream(s);

    if (c->call)
        port_upstream_data(c->call, bytes);
    else
        connection_close(c); /* bytes nobody asked for: never used again */
}

static void on_drained(struct stream *s)
{
    struct connection *c = of_stream(s);

    if (c->call)
        port_upstream_drained(c->call);
}

static void on_ended(struct stream *s, enum err e)
{
    struct connection *c = of_stream(s);

    if (c->call) {
        port_upstream_ended(c->call, e);
        return;
    }
    if (!c->finishing)
        pool_learn_end(c->upstream, loop_now(&c->worker->loop) - c->idle_since_ms);
    connection_close(c);
}

static void on_closed(struct stream *s)
{
    struct connection *c = of_stream(s);
    struct worker *w = c->worker;

    reader_fini(&c->reader);
    upstream_unref(c->upstream);
    list_remove(&c->all);
    free(c);
    worker_connection_closed(w);
}

static const struct stream_events connection_events = {
    .data = on_data,
    .drained = on_drained,
    .ended = on_ended,
    .closed = on_closed,
};

static void on_connected(struct socket *s, enum err e)
{
    struct connection *c = container_of(s, struct connection, socket);

    timer_stop(&c->timer, &c->worker->loop.clock);
    c->connected = !e;
    if (c->call)
        port_connected(c->call, e ? ERR_CONNECT_FAILED : ERR_OK);
    else
        connection_close(c);
}

static void on_finishing(struct connection *c)
{
    size_t queued = stream_queued(&c->socket.stream);

    if (queued == 0 || queued == c->queued) {
        connection_close(c);
        return;
    }
    c->queued = queued;
    timer_start(&c->timer, &c->worker->loop.clock, FINISH_MS);
}

/* Not connected yet: too late. Idle: has it been for too long? In use: look again later. */
static void on_timer(struct timer *t)
{
    struct connection *c = container_of(t, struct connection, timer);
    uint64_t now = loop_now(&c->worker->loop), limit = pool_idle_limit(c->upstream);

    if (c->finishing) {
        on_finishing(c);
        return;
    }
    if (!c->connected && c->call) {
        port_connected(c->call, ERR_CONNECT_TIMEOUT);
        return;
    }
    if (!c->call && now - c->idle_since_ms >= limit) {
        connection_close(c);
        return;
    }
    timer_start(t, &c->worker->loop.clock,
                c->call ? limit : limit - (now - c->idle_since_ms));
}

static void end_use(struct connection *c)
{
    assert(!c->closing);
    c->closing = true;
    c->call = NULL;
    timer_stop(&c->timer, &c->worker->loop.clock);
    pool_forget(c);
}

void connection_close(struct connection *c)
{
    end_use(c);
    stream_close(&c->socket.stream);
}

void connection_finish(struct connection *c)
{
    c->call = NULL;
    c->finishing = true;
    c->queued = stream_queued(&c->socket.stream);
    if (c->queued == 0)
        connection_close(c);
    else
        timer_start(&c->timer, &c->worker->loop.clock, FINISH_MS);
}

struct connection *connection_open(struct worker *w, struct upstream *u,
                                   struct call *call, uint64_t connect_timeout_ms,
                                   enum err *e)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (!c) {
        *e = ERR_NO_MEMORY;
        return NULL;
    }
    c->worker = w;
    c->upstream = upstream_ref(u);
    c->call = call;
    list_init(&c->idle);
    list_push_back(&w->connections, &c->all);
    timer_init(&c->timer, on_timer);
    reader_init(&c->reader, HTTP_RESPONSES, &port_response_events, &w->scratch);
    socket_init(&c->socket, &w->loop, &connection_events);
    w->connection_count++;
    *e = socket_connect(&c->socket, &u->address, on_connected);
    if (*e != ERR_LATER) {
        connection_close(c);
        return NULL;
    }
    timer_start(&c->timer, &w->loop.clock, connect_timeout_ms);
    return c;
}
