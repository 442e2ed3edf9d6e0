#include "discovery/gossip_exchange.h"

#include <stdio.h>
#include <stdlib.h>

static struct gossip_exchange *exchange_of(struct stream *s)
{
    return container_of(s, struct gossip_exchange, socket.stream);
}

/* --- the end, of which there is one; the first reason counts --- */

static void end(struct gossip_exchange *x, enum err e)
{
    if (x->is_over)
        return;
    x->is_over = true;
    x->result = e;
    timer_stop(&x->timer, &x->link->loop->clock);
    stream_close(&x->socket.stream);
}

static void tell_end(struct gossip_exchange *x, struct gossip_heard *heard)
{
    void (*answered)(struct gossip_exchange *, enum err, struct gossip_heard *) =
        x->request.answered;

    x->request.answered = NULL;
    if (answered && !x->link->is_closing)
        answered(x, x->result, heard);
}

static void fail(struct gossip_exchange *x, enum err e)
{
    char to[ADDRESS_TEXT];

    if (x->is_over)
        return;
    if (!x->why.text[0])
        why(&x->why, e, "%s",
            x->socket.error ? uv_strerror(x->socket.error) : err_text(e));
    why_in(&x->why, "%s", address_format(&x->peer, to));
    end(x, e);
}

static void on_closed(struct stream *s)
{
    struct gossip_exchange *x = exchange_of(s);
    struct gossip_link *l = x->link;

    if (x->result)
        tell_end(x, NULL);
    list_remove(&x->node);
    l->exchange_count--;
    l->exchange_bytes -= x->in.size;
    l->guest_count -= x->is_guest;
    gossip_stream_fini(&x->stream);
    text_fini(&x->in);
    text_fini(&x->out);
    free(x);
    gossip_link_exchange_ended(l);
}

static void on_timeout(struct timer *t)
{
    struct gossip_exchange *x = container_of(t, struct gossip_exchange, timer);

    why(&x->why, ERR_TIMEOUT, "no answer in time");
    fail(x, ERR_TIMEOUT);
}

/* --- writing --- */

static enum err send_sealed(struct gossip_exchange *x, struct slice plain)
{
    enum err e = ERR_OK;

    if (!x->link->crypt->count)
        return stream_write(&x->socket.stream, plain);
    text_clear(&x->out);
    e = gossip_seal_stream(x->link->crypt, &x->out, plain);
    return e ? e : stream_write(&x->socket.stream, text_slice(&x->out));
}

/* A push/pull's answer may be long: the other side reads on after our FIN. */
void gossip_exchange_reply(struct gossip_exchange *x, struct slice message)
{
    enum err e = send_sealed(x, message);

    x->is_answered = true;
    if (e)
        fail(x, e);
    else
        stream_finish(&x->socket.stream);
}

/* As memberlist does: so the other side can tell its user that it is the key. */
static void refuse_guest(struct gossip_exchange *x, enum err e)
{
    struct gossip_message m = {.type = GOSSIP_ERROR};
    struct text error;

    if (!x->why.text[0])
        why(&x->why, e, "a message that makes no sense");
    x->link->events->refused(x->link, &x->peer, e, x->why.text);
    m.payload = slice_of(x->why.text);
    text_init(&error, sizeof x->why.text + 64);
    gossip_message_write(&error, &m);
    gossip_exchange_reply(x, text_slice(&error));
    text_fini(&error);
}

/* --- reading --- */

static enum err error_said(struct gossip_exchange *x, struct gossip_heard *heard)
{
    char text[200];
    size_t size = heard->message.payload.size;

    size = size < sizeof text ? size : sizeof text - 1;
    for (size_t i = 0; i < size; i++) {
        char c = heard->message.payload.base[i];

        text[i] = c >= ' ' && c < 127 ? c : '.';
    }
    text[size] = 0;
    return why(&x->why, ERR_DENIED, "it answered \"%s\"", text);
}

static void take(struct gossip_exchange *x, struct gossip_heard *heard)
{
    if (x->is_guest) {
        x->link->events->heard(x->link, x, heard);
        if (!x->is_answered)
            end(x, ERR_OK);
        return;
    }
    if (heard->message.type == GOSSIP_ERROR) {
        fail(x, error_said(x, heard));
        return;
    }
    x->result = ERR_OK;
    tell_end(x, heard);
    end(x, ERR_OK);
}

static void hold(struct gossip_exchange *x, struct slice bytes)
{
    if (x->link->exchange_bytes + bytes.size > GOSSIP_EXCHANGES_BYTES) {
        x->in.failed = true;
        return;
    }
    text_add(&x->in, bytes);
    if (!x->in.failed)
        x->link->exchange_bytes += bytes.size;
}

static void on_data(struct stream *s, struct slice bytes)
{
    struct gossip_exchange *x = exchange_of(s);
    struct gossip_heard heard;
    enum err e;

    if (x->is_over || x->is_heard) /* no second message */
        return;
    hold(x, bytes);
    e = x->in.failed
            ? ERR_TOO_LARGE
            : gossip_stream_read(&x->stream, text_slice(&x->in), &heard, &x->why);
    if (e == ERR_LATER)
        return;
    x->is_heard = true;
    if (e && x->is_guest)
        refuse_guest(x, e);
    else if (e)
        fail(x, e);
    else
        take(x, &heard);
}

/* Who asked us goes when he has his answer; who got our message goes when he has read it. */
static void on_ended(struct stream *s, enum err e)
{
    struct gossip_exchange *x = exchange_of(s);

    if (x->is_guest || (x->request.no_answer && e == ERR_OK)) {
        x->result = ERR_OK;
        if (!x->is_over)
            tell_end(x, NULL);
        end(x, ERR_OK);
        return;
    }
    if (!x->why.text[0])
        why(&x->why, ERR_RESET, "it closed the connection without an answer");
    fail(x, ERR_RESET);
}

static const struct stream_events events = {
    .data = on_data,
    .ended = on_ended,
    .closed = on_closed,
};

static struct gossip_exchange *exchange_new(struct gossip_link *l, uint64_t limit_ms)
{
    struct gossip_exchange *x = calloc(1, sizeof *x);

    if (!x)
        return NULL;
    x->link = l;
    text_init(&x->in, GOSSIP_STREAM_LIMIT);
    text_init(&x->out, 2 * GOSSIP_STREAM_LIMIT);
    gossip_stream_init(&x->stream, l->crypt);
    socket_init(&x->socket, l->loop, &events);
    timer_init(&x->timer, on_timeout);
    timer_start(&x->timer, &l->loop->clock, limit_ms);
    list_push_back(&l->exchanges, &x->node);
    l->exchange_count++;
    return x;
}

/* --- others connect --- */

static struct socket *on_offer(struct listener *listener)
{
    struct gossip_link *l = listener->owner;
    struct gossip_exchange *x;

    if (l->is_closing || l->guest_count >= GOSSIP_GUESTS_LIMIT)
        return NULL;
    x = exchange_new(l, GOSSIP_EXCHANGE_MS);
    if (!x)
        return NULL;
    x->is_guest = true;
    l->guest_count++;
    return &x->socket;
}

static void on_accepted(struct listener *listener, struct socket *s)
{
    struct gossip_exchange *x = exchange_of(&s->stream);

    (void)listener;
    (void)socket_peer(s, &x->peer);
}

void gossip_exchanges_serve(struct gossip_link *l)
{
    l->listener.offer = on_offer;
    l->listener.accepted = on_accepted;
}

void gossip_exchanges_close(struct gossip_link *l)
{
    list_each(at, after, &l->exchanges)
    {
        end(container_of(at, struct gossip_exchange, node), ERR_CANCELLED);
    }
}

/* --- we connect --- */

static void on_connected(struct socket *s, enum err e)
{
    struct gossip_exchange *x = exchange_of(&s->stream);

    if (!e)
        e = stream_write(&s->stream, text_slice(&x->out));
    if (e)
        fail(x, e);
    else if (x->request.no_answer)
        stream_finish(&s->stream);
}

/* What goes out is made at once: who asks need not keep it. */
static enum err write_request(struct gossip_exchange *x, struct slice message)
{
    if (x->link->crypt->count)
        return gossip_seal_stream(x->link->crypt, &x->out, message);
    text_add(&x->out, message);
    return x->out.failed ? ERR_NO_MEMORY : ERR_OK;
}

enum err gossip_exchange_begin(struct gossip_link *l, const struct gossip_request *r)
{
    struct gossip_exchange *x;
    enum err e;

    if (l->is_closing || l->exchange_count >= GOSSIP_EXCHANGES_LIMIT)
        return l->is_closing ? ERR_CLOSED : ERR_OVERLOADED;
    x = exchange_new(l, r->limit_ms ? r->limit_ms : GOSSIP_EXCHANGE_MS);
    if (!x)
        return ERR_NO_MEMORY;
    x->peer = r->to;
    snprintf(x->subject, sizeof x->subject, "%s", r->subject ? r->subject : "");
    e = write_request(x, r->message);
    if (!e)
        e = socket_connect(&x->socket, &r->to, on_connected);
    if (e == ERR_LATER) {
        x->request = *r;
        x->request.message = (struct slice){NULL, 0};
        return e;
    }
    end(x, e);
    return e;
}
