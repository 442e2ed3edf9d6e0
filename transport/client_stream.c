#include "transport/client_stream.h"

#include <stdlib.h>

#include "transport/client_stream_inside.h"

static struct client_stream *stream_of(const struct stream *s)
{
    return container_of(s, struct client_stream, stream);
}

/* --- the end --- */

static void on_gone(struct timer *t)
{
    struct client_stream_inside *i = container_of(t, struct client_stream_inside, timer);
    struct client_stream *s = i->stream;

    if (i->session)
        tls_session_close(i->session);
    free(i->addresses);
    free(i);
    s->inside = NULL;
    if (s->stream.events->closed)
        s->stream.events->closed(&s->stream);
}

void client_stream_end_if_done(struct client_stream_inside *i)
{
    if (!i->closing || i->looking || i->has_socket)
        return;
    timer_init(&i->timer, on_gone);
    timer_start(&i->timer, client_stream_clock(i), 0);
}

static bool begin_closing(struct client_stream_inside *i)
{
    if (i->closing)
        return false;
    i->closing = true;
    timer_stop(&i->timer, client_stream_clock(i));
    timer_stop(&i->pump, client_stream_clock(i));
    if (i->looking)
        uv_cancel((uv_req_t *)&i->lookup);
    return true;
}

static void client_stream_close(struct stream *stream)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    if (!begin_closing(i))
        return;
    if (i->has_socket)
        stream_close(&i->socket.stream);
    client_stream_end_if_done(i);
}

static void client_stream_abort(struct stream *stream)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    if (!begin_closing(i))
        return;
    if (i->has_socket)
        stream_abort(&i->socket.stream);
    client_stream_end_if_done(i);
}

/* --- once it is connected --- */

static enum err client_stream_writev(struct stream *stream, const struct slice *slices,
                                     unsigned count, size_t *sent)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    if (i->is_connected && !i->closing)
        return i->session ? client_stream_write_tls(i, slices, count, sent)
                          : stream_writev(&i->socket.stream, slices, count, sent);
    if (sent)
        *sent = 0;
    return ERR_CLOSED;
}

static void client_stream_read(struct stream *stream, bool on)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    if (!i->is_connected || i->closing)
        return;
    i->reads = on;
    stream_read(&i->socket.stream, on);
    if (i->session && on)
        timer_start(&i->pump, client_stream_clock(i), 0);
}

static void client_stream_finish(struct stream *stream)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    if (!i->is_connected || i->closing)
        return;
    if (i->session) {
        tls_session_finish(i->session);
        (void)client_stream_flush(i); /* a failure ends the stream by itself */
    }
    stream_finish(&i->socket.stream);
}

static size_t client_stream_queued(const struct stream *stream)
{
    struct client_stream_inside *i = stream_of(stream)->inside;

    return i->is_connected && !i->closing ? stream_queued(&i->socket.stream) : 0;
}

static const struct stream_ops client_stream_ops = {
    .writev = client_stream_writev,
    .read = client_stream_read,
    .finish = client_stream_finish,
    .close = client_stream_close,
    .abort = client_stream_abort,
    .queued = client_stream_queued,
};

void client_stream_end(struct client_stream_inside *i, enum err e)
{
    struct client_stream *s = i->stream;

    i->has_end = true;
    if (s->stream.events->ended)
        s->stream.events->ended(&s->stream, e);
}

static void on_pump(struct timer *t)
{
    client_stream_pump(container_of(t, struct client_stream_inside, pump));
}

static void on_data(struct stream *socket, struct slice bytes)
{
    struct client_stream_inside *i = client_stream_inside_of(socket);
    struct client_stream *s = i->stream;

    if (i->session)
        client_stream_feed_tls(i, bytes);
    else
        s->stream.events->data(&s->stream, bytes);
}

static void on_drained(struct stream *socket)
{
    struct client_stream *s = client_stream_inside_of(socket)->stream;

    if (s->stream.events->drained)
        s->stream.events->drained(&s->stream);
}

/* Without TLS's own last word (close_notify) somebody else may have cut the connection. */
static void on_ended(struct stream *socket, enum err e)
{
    struct client_stream_inside *i = client_stream_inside_of(socket);

    if (!i->session)
        client_stream_end(i, e);
    else if (!i->is_connected)
        client_stream_fail_handshake(i, ERR_CONNECT_FAILED,
                                     "closed in the middle of the TLS handshake");
    else if (!i->has_end)
        client_stream_end(i, e ? e : ERR_RESET);
}

static void on_socket_closed(struct stream *socket)
{
    struct client_stream_inside *i = client_stream_inside_of(socket);

    i->has_socket = false;
    if (i->closing)
        client_stream_end_if_done(i);
    else if (i->retries)
        client_stream_try_next(i);
}

const struct stream_events client_stream_socket_events = {
    .data = on_data,
    .drained = on_drained,
    .ended = on_ended,
    .closed = on_socket_closed,
};

enum err client_stream_init(struct client_stream *s, struct loop *l,
                            const struct stream_events *events)
{
    *s = (struct client_stream){
        .stream = {&client_stream_ops, events},
          .loop = l
    };
    why_init(&s->why);
    s->inside = calloc(1, sizeof(*s->inside));
    if (!s->inside)
        return ERR_NO_MEMORY;
    s->inside->stream = s;
    timer_init(&s->inside->pump, on_pump);
    return ERR_OK;
}
