/* After a 101: bytes both ways, until both sides have said their FIN. */
#include "sidecar/connection.h"
#include "sidecar/downstream.h"
#include "sidecar/port_internal.h"
#include "sidecar/worker.h"

static enum err write_head(struct call *c)
{
    struct response_rules rules = {
        .via = call_via(c),
        .instance = slice_of(c->x.instance->id),
        .attempts = c->x.attempts,
        .client_minor = 1,
        .tunnel = true,
    };
    struct slice head = rewrite_response(&c->arena, c->response, &rules);

    if (!head.base)
        return ERR_NO_MEMORY;
    c->x.answered = true;
    return stream_write(&c->down->socket.stream, head) ? ERR_CLIENT_GONE : ERR_OK;
}

/* What the client said without waiting for the 101. */
static enum err forward_tail(struct call *c)
{
    struct queue *tail = c->down->tail;
    struct slice bytes;
    enum err e = ERR_OK;

    while (!e && tail && queue_peek(tail, &bytes, 1)) {
        c->bytes_in += bytes.size;
        e = stream_write(&c->up->socket.stream, bytes) ? ERR_TRUNCATED : ERR_OK;
        queue_consume(tail, &c->worker->loop.chunks, bytes.size);
    }
    return e;
}

enum when port_tunnel(struct exchange *x)
{
    struct call *c = call_of(x);

    c->close_down = true;
    x->error = write_head(c);
    if (!x->error)
        x->error = forward_tail(c);
    if (x->error)
        return FAILED;
    c->status = 101;
    c->tunnel = true;
    c->moved_ms = loop_now(&c->worker->loop);
    downstream_read(c->down);
    port_watch_idle(c);
    return LATER;
}

void port_tunnel_data(struct call *c, struct slice bytes)
{
    struct stream *up = &c->up->socket.stream;

    c->moved_ms = loop_now(&c->worker->loop);
    c->bytes_in += bytes.size;
    if (stream_write(up, bytes))
        exchange_fail(&c->x, ERR_TRUNCATED);
    else if (stream_full(up))
        port_pause_down(c);
}

void port_tunnel_up_data(struct call *c, struct slice bytes)
{
    struct stream *down = &c->down->socket.stream;

    c->bytes_out += bytes.size;
    if (stream_write(down, bytes)) {
        exchange_on(&c->x, EV_GONE);
        return;
    }
    if (stream_full(down))
        port_pause_up(c);
}

static void done_when_both_ended(struct call *c)
{
    if (c->tunnel_up_ended && c->tunnel_down_ended)
        exchange_on(&c->x, EV_DONE);
}

void port_tunnel_ended(struct call *c)
{
    c->tunnel_down_ended = true;
    stream_finish(&c->up->socket.stream);
    done_when_both_ended(c);
}

void port_tunnel_up_ended(struct call *c, enum err e)
{
    if (e) {
        exchange_fail(&c->x, ERR_TRUNCATED);
        return;
    }
    c->tunnel_up_ended = true;
    stream_finish(&c->down->socket.stream);
    done_when_both_ended(c);
}
